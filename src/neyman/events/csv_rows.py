"""Rows of CSV files, a chunk at a time: numbers, separated by commas, under one line with the names of the columns.

All numbers are read as float64: a CSV file does not say what they are. `nan`, `inf` and `-inf` are read as they are; a
field that is empty is a value that is missing, which `flat_column` refuses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import Any

from neyman.core.errors import DataError
from neyman.events.parquet_rows import Chunk

_OTHERS = (";", "\t", "|")
"""What else separates fields, in other people's files."""

_BLOCK = 1 << 22
"""Bytes that are parsed at a time."""


def columns_and_rows(path: Path) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the number of rows.

    Raises:
        DataError: If the file is no CSV file with a line of names, rows are of different length, or a name stands
            twice.
    """
    with _damage(path):
        import pyarrow as pa

        _refuse_separators(path)
        with _opened(path, None, pa.binary()) as reader:
            names = tuple(reader.schema.names)
        _refuse_names(names, path)
        with _opened(path, names[:1], pa.binary()) as reader:
            return names, sum(len(batch) for batch in reader)


def rows(path: Path, names: Collection[str], start: int, stop: int) -> Chunk:
    """Some rows of some columns; the file is read up to them.

    Raises:
        DataError: If the file is damaged, or a field is no number; its line is in the message.
    """
    import pyarrow as pa

    found, first = [], 0
    with contextlib.closing(chunks(path, names, max(stop, 1))) as batches:
        for batch in batches:
            found.append(batch.slice(min(max(start - first, 0), len(batch)), max(0, stop - max(start, first))))
            first += len(batch)
            if first >= stop:
                break
    return pa.Table.from_batches(found)


def chunks(path: Path, names: Collection[str] | None, size: int) -> Generator[Chunk, None, None]:
    """A file in its order, at most `size` rows at a time; one chunk of no rows if it has none.

    Args:
        path: The file.
        names: Columns to read; None for all.
        size: Rows in a chunk.

    Raises:
        DataError: If the file is damaged, or a field is no number; its line is in the message.
    """
    import pyarrow as pa

    nothing = True
    with _damage(path), _opened(path, names, pa.float64()) as reader:
        for batch in reader:
            for start in range(0, len(batch), size):
                nothing = False
                yield batch.slice(start, size)
        if nothing:
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)


@contextlib.contextmanager
def _opened(path: Path, names: Collection[str] | None, kind: Any) -> Iterator[Any]:  # noqa: ANN401 - Arrow has no types
    """A reader of these columns, None for all, of one type."""
    import pyarrow.csv as pc

    # One thread: else Arrow does not say in which line it found what it cannot read.
    reading = pc.ReadOptions(use_threads=False, block_size=_BLOCK)
    if names is None:
        with pc.open_csv(path, read_options=reading) as reader:
            names = reader.schema.names
    types = dict.fromkeys(names, kind)
    converting = pc.ConvertOptions(include_columns=list(names), column_types=types, null_values=[""])
    with pc.open_csv(path, read_options=reading, convert_options=converting) as reader:
        yield reader


def _refuse_separators(path: Path) -> None:
    with path.open("rb") as handle:
        first = handle.readline(1 << 16).decode(errors="replace").strip()
    other = next((separator for separator in _OTHERS if separator in first and "," not in first), None)
    if other is not None:
        raise DataError(
            f"one column, named {first[:80]!r}",
            where=f"{path}:1",
            expected="names and numbers separated by commas",
            hint=f"write the file with ',' for {other!r}, and '.' for decimals",
        )


def _refuse_names(names: tuple[str, ...], path: Path) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"column '{twice[0]}' stands twice", where=str(path), expected="each column once")
    if all(_is_number(name) for name in names):
        raise DataError(
            f"the first line holds numbers: {', '.join(names[:5])}",
            where=f"{path}:1",
            expected="the names of the columns",
            hint="add a line with names",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read: {str(error).splitlines()[0][:120]}",
            where=str(path),
            expected="a CSV file: a line with the names of the columns, and numbers in rows of one length",
            hint="words such as True or NA, and comments, are no numbers; a field may be empty, and is then missing",
        ) from error
