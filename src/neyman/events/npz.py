"""Rows of `.npz` files of NumPy; `array_columns` says how a table may be laid out.

NumPy reads whole arrays, so the columns that are read have to fit into memory. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError
from neyman.events.array_columns import NAMES, Layout, Slices, as_text, damage, in_chunks, layout_of, some_rows
from neyman.events.parquet_rows import Chunk

KIND = "a .npz"


def columns_and_rows(path: Path) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the number of rows.

    Raises:
        DataError: If the file is damaged or holds no table.
    """
    with _opened(path) as (_, layout):
        return tuple(layout.columns), layout.rows


def rows(path: Path, names: Collection[str], start: int, stop: int) -> Chunk:
    """Some rows of some columns.

    Raises:
        DataError: If the file is damaged, or a column does not hold numbers.
    """
    with _opened(path) as (slices, layout):
        return some_rows(layout, slices, names, start, stop, where=str(path))


def chunks(path: Path, names: Collection[str] | None, size: int) -> Generator[Chunk, None, None]:
    """A file in its order, at most `size` rows at a time; one chunk of no rows if it has none.

    Args:
        path: The file.
        names: Columns to read; None for all.
        size: Rows in a chunk.

    Raises:
        DataError: If the file is damaged, or a column does not hold numbers.
    """
    with _opened(path) as (slices, layout):
        yield from in_chunks(layout, slices, names, size, where=str(path))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Slices, Layout]]:
    """What gives rows of an array, and the layout, for which only the headers are read."""
    read: dict[str, np.ndarray] = {}
    # NumPy would leave a file that it opens itself open when it is damaged.
    with damage(path, KIND), path.open("rb") as handle, zipfile.ZipFile(handle) as archive:
        handle.seek(0)
        with np.load(handle, allow_pickle=False) as arrays:
            shapes = {name: _shape(archive, name, path) for name in arrays.files}
            names = as_text(arrays[NAMES]) if NAMES in shapes and 2 in map(len, shapes.values()) else None
            if names is not None:
                del shapes[NAMES]

            def slices(name: str, start: int, stop: int) -> np.ndarray:
                if name not in read:
                    read[name] = arrays[name]
                return read[name][start:stop]

            yield slices, layout_of(shapes, names, where=str(path))


def _shape(archive: zipfile.ZipFile, name: str, path: Path) -> tuple[int, ...]:
    with archive.open(f"{name}.npy") as member:
        header: Any = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if header == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(member)
    if name == NAMES and kind.hasobject:  # a pickle, which can do anything when it is opened
        raise DataError(
            f"array '{name}' holds Python objects",
            where=str(path),
            expected="text",
            hint="np.savez(..., columns=names.astype(str))",
        )
    return tuple(shape)


def write(path: Path, table: dict[str, np.ndarray]) -> None:
    """Write each column as an array, in the order of the table."""
    with path.open("wb") as handle:
        contents: dict[str, Any] = dict(table)
        np.savez(handle, **contents)
