"""Events: immutable named columns, with weights and a schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import DataError
from neyman.events.columns import Schema


class Events:
    """A set of events: one array per column, all of one length, none of which can be changed.

    Args:
        columns: The values of each column of the schema, arrays of shape `(n,)`.
        schema: Names, units and ranges. Values outside are refused.
        weights: One weight per event, of either sign; None if all are one.
        where: Where the values come from, for messages.

    Raises:
        DataError: If a column is missing, is not numeric, differs in length, or has values that the
            schema does not allow.
    """

    __slots__ = ("_columns", "schema", "weights")

    def __init__(
        self,
        columns: Mapping[str, np.ndarray | Sequence[float]],
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
        self.schema = schema
        self._columns = {name: _frozen(columns[name], name, where) for name in schema.names}
        lengths = {name: len(values) for name, values in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"columns of different length: {lengths}", where=where, expected="one length")
        for name, values in self._columns.items():
            schema.check(name, values, where=where)
        self.weights = None if weights is None else _frozen(weights, "weights", where)
        if self.weights is not None and (len(self.weights) != len(self) or not np.isfinite(self.weights).all()):
            raise DataError(
                f"{len(self.weights)} weights, {int((~np.isfinite(self.weights)).sum())} of them not finite",
                where=where,
                expected=f"{len(self)} finite weights, one per event",
            )

    @classmethod
    def from_matrix(cls, matrix: Float[np.ndarray, "n d"], schema: Schema, *, where: str = "") -> Events:
        """Events from an array with one row per event and the schema's columns in order."""
        if matrix.shape[1] != len(schema.columns):
            raise DataError(
                f"{matrix.shape[1]} columns", where=where, expected=f"{len(schema.columns)}: {', '.join(schema.names)}"
            )
        return cls(dict(zip(schema.names, matrix.T, strict=True)), schema, where=where)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> Float[np.ndarray, " n"]:
        if name not in self._columns:
            raise DataError(f"no column '{name}'", expected=f"one of {', '.join(self._columns)}")
        return self._columns[name]

    def __repr__(self) -> str:
        return f"Events({len(self)} × [{', '.join(self._columns)}]{', weighted' if self.weights is not None else ''})"

    @property
    def matrix(self) -> Float[np.ndarray, "n d"]:
        """All columns side by side, in the order of the schema: a copy of shape `(n, d)`."""
        return np.stack(list(self._columns.values()), axis=1)

    def select(self, rows: Bool[np.ndarray, " n"] | Int[np.ndarray, " m"] | slice) -> Events:
        """The events at the given rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Events({name: values[rows] for name, values in self._columns.items()}, self.schema, weights=weights)


def _frozen(values: np.ndarray | Sequence[float], name: str, where: str) -> Float[np.ndarray, " n"]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"column '{name}' does not hold numbers", where=where, expected="one number a row") from None
    if array.ndim != 1:
        raise DataError(f"column '{name}' has shape {array.shape}", where=where, expected="one number a row")
    array.setflags(write=False)
    return array
