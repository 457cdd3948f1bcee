"""Events: immutable named columns, with weights and a schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import DataError
from neyman.events.columns import Column, Schema


class Events:
    """A set of events: one array per column, all of one length, none of which can be changed.

    Args:
        columns: The values of each column of the schema: arrays of shape `(n,)` or lists; others are ignored.
        schema: Names, units and ranges. Values outside are refused.
        weights: One weight per event, of either sign; None if all are one.
        where: Where the values come from, for messages.

    Raises:
        DataError: If a column is missing, is not numeric, differs in length, or has values that the
            schema does not allow.
    """

    __slots__ = ("_columns", "_schema", "_weights")

    def __init__(
        self,
        columns: Mapping[str, Any],
        schema: Schema,
        *,
        weights: np.ndarray | None = None,
        where: str = "",
    ) -> None:
        missing = [name for name in schema.names if name not in columns]
        if missing:
            raise DataError(
                f"missing {', '.join(missing)}; found {', '.join(columns) or 'no columns'}",
                where=where,
                expected=f"columns {', '.join(schema.names)}",
            )
        self._schema = schema
        self._columns = {name: _frozen(columns[name], f"column '{name}'", where, schema[name]) for name in schema.names}
        lengths = {name: len(values) for name, values in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"columns of different length: {lengths}", where=where, expected="one length")
        for name, values in self._columns.items():
            schema.check(name, values, where=where)
        self._weights = None if weights is None else _frozen(weights, "the array of weights", where)
        if self._weights is not None and (len(self._weights) != len(self) or not np.isfinite(self._weights).all()):
            raise DataError(
                f"{len(self._weights)} weights, {int((~np.isfinite(self._weights)).sum())} of them not finite",
                where=where,
                expected=f"{len(self)} finite weights, one per event",
            )

    @classmethod
    def from_matrix(cls, matrix: Float[np.ndarray, "n d"], schema: Schema, *, where: str = "") -> Events:
        """Events from an array with one row per event and the schema's columns in order."""
        if matrix.ndim != 2 or matrix.shape[1] != len(schema.columns):
            raise DataError(
                f"an array of shape {matrix.shape}",
                where=where,
                expected=f"(events, {len(schema.columns)}): {', '.join(schema.names)}",
            )
        return cls(dict(zip(schema.names, matrix.T, strict=True)), schema, where=where)

    def __reduce__(self) -> tuple[Callable[..., Events], tuple[Mapping[str, np.ndarray], Schema, np.ndarray | None]]:
        """A worker process gets them as immutable as they are here."""
        return _remade, (self._columns, self._schema, self._weights)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> Float[np.ndarray, " n"]:
        if name not in self._columns:
            raise DataError(f"no column '{name}'", expected=f"one of {', '.join(self._columns)}")
        return self._columns[name]

    def __repr__(self) -> str:
        return f"Events({len(self)} × [{', '.join(self._columns)}]{', weighted' if self.weights is not None else ''})"

    @property
    def schema(self) -> Schema:
        """Names, units and ranges of the columns."""
        return self._schema

    @property
    def weights(self) -> Float[np.ndarray, " n"] | None:
        """One weight per event; None if all are one."""
        return self._weights

    @property
    def matrix(self) -> Float[np.ndarray, "n d"]:
        """All columns side by side, in the order of the schema: a copy of shape `(n, d)`."""
        return np.stack(list(self._columns.values()), axis=1)

    def select(self, rows: Bool[np.ndarray, " n"] | Int[np.ndarray, " m"] | slice) -> Events:
        """The events at the given rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Events({name: values[rows] for name, values in self._columns.items()}, self.schema, weights=weights)


def _remade(columns: Mapping[str, np.ndarray], schema: Schema, weights: np.ndarray | None) -> Events:
    return Events(columns, schema, weights=weights)


def _frozen(values: object, name: str, where: str, column: Column | None = None) -> Float[np.ndarray, " n"]:
    try:
        given = np.asarray(values)
    except ValueError:
        raise DataError(f"{name} is ragged", where=where, expected="one number a row") from None
    # NumPy would read "1.5", True and dates as numbers; whoever has them there made a mistake.
    if given.dtype.kind not in "iuf" and given.size:
        kind = type(given.flat[0]).__name__ if given.dtype == object else given.dtype
        raise DataError(f"{name} does not hold numbers, but {kind}", where=where, expected="one number a row")
    if given.ndim != 1:
        raise DataError(f"{name} has shape {given.shape}", where=where, expected="one number a row")
    if np.ma.is_masked(values):
        raise DataError(f"{name} has masked rows", where=where, expected="a number in each")
    array = np.array(given, dtype=np.float64)
    if column is not None and given.dtype.kind == "f" and given.dtype.itemsize < 8:
        for edge in (column.low, column.high):  # π in single precision is above π, but it is meant to be π
            array[array == float(given.dtype.type(edge))] = edge
    array.setflags(write=False)
    return array
