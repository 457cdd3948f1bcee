"""New columns for a file of events: what is in it stays, row by row, however large it is."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection
from pathlib import Path

from neyman.core.errors import DataError, InputError
from neyman.core.files import replacing
from neyman.core.progress import progress
from neyman.events.parquet_rows import parquet_writer
from neyman.events.root_writing import Layout, layout_of, tree_writer
from neyman.events.tables import Append, Table, TableFile

BYTES = 256_000_000
"""Of a file with many columns, fewer rows are in memory at a time: so many bytes, and what decompression needs."""

SAMPLE = 1000
"""Rows by which the width of a row is judged."""

ROOT, PARQUET = "ROOT", "Parquet"
ENDINGS = {".root": ROOT, ".parquet": PARQUET, ".pq": PARQUET}


def add_columns(
    source: TableFile,
    out: Path,
    needs: Collection[str],
    make: Callable[[Table], Table],
    *,
    only_new: bool = False,
    rows_per_chunk: int = 200_000,
) -> int:
    """Write a file again with more columns; the new file is whole or absent.

    Other branches keep their values, types and names, with two exceptions in a TTree, because uproot can write no
    other: `std::vector<float>` becomes a list with a branch that counts it, and what counts becomes `int32`. Titles of
    branches, and the other objects of a ROOT file (`source.others`), are left behind.

    Args:
        source: The file to read.
        out: The file to write, of the same format.
        needs: Columns from which the new ones are computed.
        make: From the needed columns of some rows to the new columns of these rows, always the same ones. It is called
            once, without rows, if the file has none.
        only_new: Write the new columns alone, in the same order of rows: a friend of the tree. Then `out` may be of
            the other format.
        rows_per_chunk: Rows in memory at a time, at most.

    Returns:
        The number of rows.

    Raises:
        DataError: If a column is missing, no flat column of numbers, or there already; if a branch cannot be written
            again; or if the source is damaged.
        InputError: If `out` is the source, or is neither ROOT nor Parquet.
    """
    source.require(needs)
    if not needs or rows_per_chunk < 1:
        found = f"{len(needs)} needed columns, {rows_per_chunk} rows a chunk"
        raise InputError(found, where=str(source), expected="at least one of each")
    kind = _kind(source, out, only_new=only_new)
    names = needs if only_new else None
    size = _chunk_size(source, names, rows_per_chunk)
    new_columns = _NewColumns(make, source)
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(replacing(out))
        advance = stack.enter_context(progress("adding columns", total=source.rows, unit="events"))
        chunks = math.ceil(source.rows / size)
        append = stack.enter_context(_writer(kind, source, temporary, only_new=only_new, chunks=chunks))
        for chunk in stack.enter_context(contextlib.closing(source.chunks(names, size))):
            append(None if only_new else chunk, new_columns(source.flat(chunk, needs), len(chunk)))
            advance(len(chunk))
    return source.rows


class _NewColumns:
    """The new columns of each chunk, checked: the same in each, a value a row, and none that is there already."""

    def __init__(self, make: Callable[[Table], Table], source: TableFile) -> None:
        self.make, self.source = make, source
        self.kinds: dict[str, str] | None = None

    def __call__(self, table: Table, rows: int) -> Table:
        new = self.make(table)
        kinds = {name: values.dtype.name for name, values in new.items()}
        if self.kinds is None:
            self._refuse_present(kinds)
            self.kinds = kinds
        if kinds != self.kinds or not kinds:
            expected = str(self.kinds or "at least one")
            raise DataError(f"new columns {kinds}", where=str(self.source), expected=expected)
        for name, values in new.items():
            if values.shape != (rows,):
                raise DataError(
                    f"new column '{name}' has shape {values.shape}", where=str(self.source), expected=f"({rows},)"
                )
        return new

    def _refuse_present(self, names: Collection[str]) -> None:
        present = [name for name in names if name in self.source.names]
        if present:
            raise DataError(
                f"column '{present[0]}' is there already" + (f", and {len(present) - 1} more" * (len(present) > 1)),
                where=str(self.source),
                expected="a file without the columns that are to be added",
                hint="the file that it was made from",
            )


def _kind(source: TableFile, out: Path, *, only_new: bool) -> str:
    """The format to write, after refusing what cannot be written."""
    if out.exists() and out.samefile(source.path):
        raise InputError("the input itself", where=str(out), expected="another file to write to")
    kind = ENDINGS.get(out.suffix.lower())
    if kind is None:
        raise InputError(f"a name that ends in '{out.suffix}'", where=str(out), expected=f"one of {', '.join(ENDINGS)}")
    here = PARQUET if source.tree is None else ROOT
    if kind != here and not only_new:
        raise InputError(
            f"a {kind} file to be made of a {here} file",
            where=str(out),
            expected=f"a {here} file",
            hint=f"{out.with_suffix('.parquet' if here == PARQUET else '.root').name}, or --only-new",
        )
    return kind


def _chunk_size(source: TableFile, names: Collection[str] | None, rows: int) -> int:
    with contextlib.closing(source.chunks(names, SAMPLE)) as chunks:
        sample = next(iter(chunks))
    return max(1, min(rows, BYTES * len(sample) // max(int(sample.nbytes), 1)) if len(sample) else rows)


def _writer(
    kind: str, source: TableFile, path: Path, *, only_new: bool, chunks: int
) -> contextlib.AbstractContextManager[Append]:
    if kind == PARQUET:
        return parquet_writer(path, None if only_new else source.path)
    if source.tree is None:
        layout = Layout("events")
    elif only_new:
        layout = Layout(source.tree.partition(";")[0])
    else:
        layout = layout_of(source.path, source.tree, job=source.job)
    return tree_writer(path, layout, chunks=chunks, job=source.job)
