"""Rows of HDF5 files, a chunk at a time; `array_columns` says how a table may be laid out.

The datasets are those of the file itself or, if it has none, of the one group in it. A group that pandas wrote with
`to_hdf(..., format="fixed")` is read as well, if its columns are of one type.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError, require
from neyman.events.array_columns import NAMES, Layout, as_text, damage, in_chunks, layout_of, some_rows
from neyman.events.parquet_rows import Chunk

KIND = "an HDF5"
_PANDAS_ITEMS, _PANDAS_VALUES = "block0_items", "block0_values"


def columns_and_rows(path: Path, *, job: str) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the number of rows.

    Raises:
        DataError: If the file is damaged or holds no table.
        MissingDependencyError: If h5py is not installed.
    """
    with _opened(path, job) as (_, layout):
        return tuple(layout.columns), layout.rows


def rows(path: Path, names: Collection[str], start: int, stop: int, *, job: str) -> Chunk:
    """Some rows of some columns.

    Raises:
        DataError: If the file is damaged, or a column does not hold numbers.
    """
    with _opened(path, job) as (group, layout):
        return some_rows(layout, lambda name, a, b: group[name][a:b], names, start, stop, where=str(path))


def chunks(path: Path, names: Collection[str] | None, size: int, *, job: str) -> Generator[Chunk, None, None]:
    """A file in its order, at most `size` rows at a time; one chunk of no rows if it has none.

    Args:
        path: The file.
        names: Columns to read; None for all.
        size: Rows in memory at a time.
        job: The job that needs it.

    Raises:
        DataError: If the file is damaged, or a column does not hold numbers.
    """
    with _opened(path, job) as (group, layout):
        yield from in_chunks(layout, lambda name, a, b: group[name][a:b], names, size, where=str(path))


@contextlib.contextmanager
def _opened(path: Path, job: str) -> Iterator[tuple[Any, Layout]]:
    """The group of the table, and its layout."""
    h5py = require("h5py", job=job)
    with damage(path, KIND), h5py.File(path, "r") as file:
        group = _table(file, h5py, path)
        arrays = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset)}
        if _PANDAS_VALUES in arrays:
            names: list[str] | None = as_text(arrays[_PANDAS_ITEMS][()])
            arrays = {_PANDAS_VALUES: arrays[_PANDAS_VALUES]}
        else:
            names = _names(arrays)
        yield group, layout_of({name: array.shape for name, array in arrays.items()}, names, where=str(path))


def _names(arrays: dict[str, Any]) -> list[str] | None:
    """The names of the columns of the two-dimensional array; a dataset of names is taken out."""
    tables = [array for array in arrays.values() if array.ndim == 2]
    for table in tables:
        if NAMES in table.attrs:
            return as_text(table.attrs[NAMES])
    return as_text(arrays.pop(NAMES)[()]) if tables and NAMES in arrays else None


def _table(file: Any, h5py: Any, path: Path) -> Any:  # noqa: ANN401 - h5py has no types
    """The group that holds the datasets."""
    groups = [item for item in file.values() if isinstance(item, h5py.Group)]
    if any(isinstance(item, h5py.Dataset) for item in file.values()):
        return file
    if len(groups) != 1:
        raise DataError(f"{len(groups)} groups, and no dataset beside them", where=str(path), expected="datasets")
    (group,) = groups
    if "block1_values" in group:
        raise DataError(
            "a table of pandas with columns of several types",
            where=str(path),
            expected="columns of one type",
            hint="DataFrame.astype('float64') before it is written, or to_parquet",
        )
    return group


def write(path: Path, table: dict[str, np.ndarray], *, job: str) -> None:
    """Write each column as a dataset, in the order of the table."""
    h5py = require("h5py", job=job)
    with h5py.File(path, "w", track_order=True) as file:
        for name, values in table.items():
            file.create_dataset(name, data=values)
