"""Columns in files of named arrays, HDF5 and `.npz`, which lay out a table in one of these ways.

- Each one-dimensional array is a column.
- A two-dimensional array, of which there is one at most, holds as many columns as it is wide. Their names are in its
  attribute `columns` or, in a `.npz`, in an array `columns`; without it they are `column_0`, `column_1` and so on.

All are of one length.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError, NeymanError
from neyman.events.parquet_rows import Chunk

NAMES = "columns"
"""Of the attribute or array with the names of the columns of a two-dimensional array."""

Slices = Callable[[str, int, int], np.ndarray]
"""`slices(array, start, stop)` are some rows of a named array."""


@dataclass(frozen=True)
class Stored:
    """Where a column is.

    Attributes:
        array: The name of its array.
        index: Which column of it; None if the array is one-dimensional.
    """

    array: str
    index: int | None = None


@dataclass(frozen=True)
class Layout:
    """The columns of a file of arrays.

    Attributes:
        columns: Where each is, in order.
        rows: How many rows all of them have.
    """

    columns: Mapping[str, Stored]
    rows: int


def layout_of(shapes: Mapping[str, tuple[int, ...]], names: Sequence[str] | None, *, where: str) -> Layout:
    """The columns that arrays of these shapes make up.

    Args:
        shapes: Of each array, without that of `names`.
        names: Those of the columns of the two-dimensional array; None if the file has none.
        where: The file, for messages.

    Raises:
        DataError: If there is no array, or two of two dimensions, or one of more or none; if lengths differ, names do
            not fit, or one stands twice.

    Examples:
        >>> layout_of({"x": (5, 2), "y": (5,)}, None, where="").columns["column_1"]
        Stored(array='x', index=1)
    """
    expected = "one-dimensional arrays of one length, and at most one two-dimensional"
    odd = [name for name, shape in shapes.items() if len(shape) not in (1, 2)]
    tables = [name for name, shape in shapes.items() if len(shape) == 2]
    if odd or len(tables) > 1 or not shapes:
        found = ", ".join(f"'{name}' of shape {shapes[name]}" for name in [*odd, *tables][:2]) or "no arrays"
        raise DataError(found, where=where, expected=expected)
    lengths = {name: shape[0] for name, shape in shapes.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}: {length}" for name, length in list(lengths.items())[:6])
        raise DataError(f"columns of different length: {shown}", where=where, expected="one length")
    found_columns: list[tuple[str, Stored]] = []
    for name, shape in shapes.items():
        if len(shape) == 1:
            found_columns.append((name, Stored(name)))
            continue
        own = [f"{NAMES[:-1]}_{index}" for index in range(shape[1])] if names is None else names
        if len(own) != shape[1]:
            raise DataError(f"{len(own)} names for {shape[1]} columns of '{name}'", where=where, expected="one each")
        found_columns += [(column, Stored(name, index)) for index, column in enumerate(own)]
    all_names = [name for name, _ in found_columns]
    twice = sorted({name for name in all_names if all_names.count(name) > 1})
    if twice:
        raise DataError(f"column '{twice[0]}' stands twice", where=where, expected="each column once")
    return Layout(dict(found_columns), next(iter(lengths.values())))


def some_rows(layout: Layout, slices: Slices, names: Collection[str], start: int, stop: int, *, where: str) -> Chunk:
    """Some rows of some columns, as a table of Arrow; each array is read once.

    Raises:
        DataError: If a column does not hold numbers.
    """
    import pyarrow as pa

    arrays = {array: slices(array, start, stop) for array in {layout.columns[name].array for name in names}}
    columns = {}
    for name in names:
        stored = layout.columns[name]
        values = arrays[stored.array]
        columns[name] = _numbers(values if stored.index is None else values[:, stored.index], name, where)
    return pa.table(columns)


def in_chunks(
    layout: Layout, slices: Slices, names: Collection[str] | None, size: int, *, where: str
) -> Generator[Chunk, None, None]:
    """All rows in their order, at most `size` at a time; one chunk of no rows if there are none.

    Raises:
        DataError: If a column does not hold numbers.
    """
    wanted = layout.columns if names is None else names
    for start in range(0, max(layout.rows, 1), size):
        yield some_rows(layout, slices, wanted, start, min(start + size, layout.rows), where=where)


@contextlib.contextmanager
def damage(path: Path, kind: str) -> Iterator[None]:
    """Whatever a library raises for wrong bytes becomes a DataError."""
    try:
        yield
    except NeymanError:
        raise
    except Exception as error:  # zlib.error, BadZipFile, OSError, KeyError: wrong bytes may raise anything
        reason = " ".join(str(error).split())[:100]
        raise DataError(
            f"cannot be read: {reason or type(error).__name__}", where=str(path), expected=f"{kind} file of numbers"
        ) from error


def as_text(names: Any) -> list[str]:  # noqa: ANN401 - whatever the file holds
    """Names that are stored as text or bytes."""
    return [name.decode() if isinstance(name, bytes) else str(name) for name in np.asarray(names).ravel().tolist()]


def _numbers(values: np.ndarray, name: str, where: str) -> np.ndarray:
    kind = values.dtype
    if kind.kind not in "iufb":
        found = "text or lists" if kind.kind == "O" else kind
        raise DataError(f"column '{name}' does not hold numbers, but {found}", where=where, expected="one number a row")
    if kind.itemsize > 8:
        return values.astype(np.float64)
    return np.ascontiguousarray(values, dtype=kind.newbyteorder("="))
