"""Rows of Parquet files, a chunk at a time: read, and written again with more columns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError
from neyman.events.parquet import opened

Chunk = Any
"""Rows of a file: a `pyarrow.RecordBatch` or `pyarrow.Table`, which have no types."""


def columns_and_rows(path: Path) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the number of rows.

    Raises:
        DataError: If the file cannot be read.
    """
    with opened(path) as file:
        return tuple(file.schema_arrow.names), int(file.metadata.num_rows)


def parquet_rows(path: Path, names: Collection[str], start: int, stop: int) -> Chunk:
    """Some rows of some columns; only the row groups that hold them are read.

    Raises:
        DataError: If the file is damaged, or a column stands twice.
    """
    with opened(path) as file:
        _refuse_twice(names, file.schema_arrow.names, path)
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        ends = np.cumsum(sizes, dtype=int)
        groups = np.flatnonzero((ends > start) & (ends - sizes < stop))
        before = int(ends[groups[0]] - sizes[groups[0]]) if len(groups) else start
        return file.read_row_groups(groups.tolist(), columns=list(names)).slice(start - before, stop - start)


def parquet_chunks(path: Path, names: Collection[str] | None, size: int) -> Generator[Chunk, None, None]:
    """A file in its order, at most `size` rows at a time; one chunk of no rows if it has none.

    Args:
        path: The file.
        names: Columns to read; None for all.
        size: Rows in memory at a time.

    Raises:
        DataError: If the file is damaged, or a column stands twice.
    """
    import pyarrow as pa

    with opened(path) as file:
        schema = file.schema_arrow
        _refuse_twice(schema.names if names is None else names, schema.names, path)
        if file.metadata.num_rows == 0:
            yield pa.RecordBatch.from_pylist([], schema=schema)
        else:
            yield from file.iter_batches(batch_size=size, columns=None if names is None else list(names))


@contextlib.contextmanager
def parquet_writer(path: Path, old: Path | None) -> Iterator[Callable[[Chunk | None, Mapping[str, np.ndarray]], None]]:
    """Write a new Parquet file.

    Args:
        path: The file.
        old: The file whose columns and metadata it keeps; None to have the new columns alone.

    Yields:
        What writes a chunk and the new columns of its rows; each becomes a row group.

    Raises:
        DataError: If the old file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([])
    if old is not None:
        with opened(old) as file:
            schema = file.schema_arrow
    with contextlib.ExitStack() as stack:
        writer = None

        def append(chunk: Chunk | None, new: Mapping[str, np.ndarray]) -> None:
            nonlocal writer, schema
            added = pa.table(dict(new))
            if writer is None:
                for column in added.schema:
                    schema = schema.append(column)
                writer = stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
            kept = [] if chunk is None else chunk.columns
            writer.write_table(pa.Table.from_arrays([*kept, *added.columns], schema=schema))

        yield append


def flat_column(chunk: Chunk, name: str, *, where: str) -> np.ndarray:
    """A column of a chunk of which each row is one number.

    Raises:
        DataError: If it holds lists, text or something else, or has nulls.
    """
    import pyarrow.types as kinds

    column = chunk.column(name)
    kind = column.type
    if not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind)):
        raise DataError(f"column '{name}' does not hold numbers, but {kind}", where=where, expected="one number a row")
    if column.null_count:
        raise DataError(
            f"column '{name}' is null in {column.null_count} rows", where=where, expected="a number in each"
        )
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _refuse_twice(names: Collection[str], present: list[str], path: Path) -> None:
    twice = sorted({name for name in names if present.count(name) > 1})
    if twice:
        raise DataError(f"column '{twice[0]}' stands twice", where=str(path), expected="each column once")
