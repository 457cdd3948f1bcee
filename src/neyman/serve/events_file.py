"""Files of events that somebody else wrote: Parquet, checked before and while it is read.

Columns are found by their names, in any order; others are not read. A row group is read as a whole and decoded a piece
at a time, so the limits of row groups are the limits of memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError, near
from neyman.serve.settings import Limits
from neyman.serve.storage.protocol import Stream, storage_errors
from neyman.serve.storage.uri import ObjectURI

PIECE = 8192
"""Rows at a time: they stay in the cache between decoding and scoring."""

_LARGEST = float(np.finfo(np.float32).max)
_SHOWN = 8  # names of columns in a message


@dataclass(frozen=True)
class Span:
    """Row groups that are scored together.

    Attributes:
        number: Counts from 0.
        groups: Their numbers.
        rows: In all of them.
    """

    number: int
    groups: range
    rows: int


@dataclass(frozen=True)
class Piece:
    """Some events of a row group.

    Attributes:
        x: The events, shape `(n, d)`.
        where: Which they are, for messages.
    """

    x: Float[np.ndarray, "n d"]
    where: str


class EventsFile:
    """An open Parquet file with the columns of a model.

    Args:
        stream: The object.
        uri: Its address, for messages.
        names: Columns of an event, in the order that the model wants.
        limits: On rows and bytes.

    Raises:
        DataError: If it is no Parquet file, has no rows or too many, or its columns are not numbers of those names.
        StorageUnavailableError: If the storage is away.
    """

    def __init__(self, stream: Stream, uri: ObjectURI, names: Sequence[str], limits: Limits) -> None:
        import pyarrow.parquet as pq

        self._uri, self._names = uri, tuple(names)
        with self._reading("its footer"):
            self._file = pq.ParquetFile(stream, pre_buffer=True)
        metadata = self._file.metadata
        self._sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self.rows = sum(self._sizes)
        if self.rows == 0:
            raise self._error("no events", expected="at least one row")
        if self.rows > limits.batch_rows:
            raise self._error(f"{self.rows:,} events", expected=f"at most {limits.batch_rows:,}", hint="several files")
        self._dtype = self._require_columns()
        self._require_row_groups(limits)

    def spans(self, rows: int) -> list[Span]:
        """The row groups in order, gathered until there are so many rows; the same file always has the same spans."""
        spans: list[Span] = []
        begin = gathered = 0
        for group, size in enumerate(self._sizes):
            gathered += size
            if gathered >= rows or group == len(self._sizes) - 1:
                spans.append(Span(len(spans), range(begin, group + 1), gathered))
                begin, gathered = group + 1, 0
        return spans

    def pieces(self, span: Span) -> Iterator[Piece]:
        """The events of a span, some at a time: float32 if all columns are, else float64.

        Raises:
            DataError: For nulls, NaN, infinities, values beyond single precision, with column and row group, and for
                damaged data.
            StorageUnavailableError: If the storage is away.
        """
        for group in span.groups:
            done = 0
            with self._reading(f"row group {group}"):
                batches = self._file.iter_batches(
                    PIECE, row_groups=[group], columns=list(self._names), use_threads=False
                )  # fmt: skip
            while True:
                with self._reading(f"row group {group}"):
                    batch = next(batches, None)
                if batch is None:
                    break
                if batch.num_rows:
                    yield Piece(self._array(batch, group, done), f"{self._uri}, row group {group}, rows from {done}")
                done += batch.num_rows
            if done != self._sizes[group]:
                raise self._error(f"row group {group} is damaged: {done} rows", expected=f"{self._sizes[group]}")

    def _array(self, batch: Any, group: int, done: int) -> Float[np.ndarray, "n d"]:  # noqa: ANN401 - no types
        columns = np.empty((len(self._names), batch.num_rows), dtype=self._dtype)
        for at, name in enumerate(self._names):
            column = batch.column(name)
            if column.null_count:
                row = done + int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False)))
                raise self._error(
                    f"column '{name}' is null in row {row} of row group {group}", expected="a number in each row"
                )
            columns[at] = column.to_numpy(zero_copy_only=False)
        if not (columns.min() >= -_LARGEST and columns.max() <= _LARGEST):  # NaN is neither
            row, at = np.argwhere(~(np.abs(columns.T) <= _LARGEST))[0]
            raise self._error(
                f"column '{self._names[at]}' is {columns[at, row]} in row {done + row} of row group {group}",
                expected="finite numbers of single precision",
            )
        return np.ascontiguousarray(columns.T)

    def _require_columns(self) -> type[np.floating[Any]]:
        import pyarrow.types as kinds

        schema = self._file.schema_arrow
        present = schema.names
        missing = [name for name in self._names if name not in present]
        if missing:
            shown = ", ".join(map(_short, present[:_SHOWN])) + (", ..." if len(present) > _SHOWN else "")
            raise self._error(
                f"missing column '{missing[0]}'" + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""),
                expected=f"the {len(self._names)} columns of the model; found {shown or 'none'}",
                hint=_short(near(missing[0], [name for name in present if name not in self._names]), 160),
            )
        for name in self._names:
            if present.count(name) > 1:
                raise self._error(f"column '{name}' stands twice", expected="each column once")
            kind = schema.field(name).type
            if not (kinds.is_integer(kind) or kinds.is_floating(kind)):
                raise self._error(f"column '{name}' holds {_short(str(kind))}", expected="one number a row")
        types = [schema.field(name).type for name in self._names]
        return np.float32 if all(kinds.is_float32(kind) or kinds.is_float16(kind) for kind in types) else np.float64

    def _require_row_groups(self, limits: Limits) -> None:
        metadata = self._file.metadata
        paths = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
        ours = [paths.index(name) for name in self._names]
        for group, rows in enumerate(self._sizes):
            if rows > limits.row_group_rows:
                raise self._error(
                    f"row group {group} has {rows:,} rows",
                    expected=f"at most {limits.row_group_rows:,}",
                    hint="pyarrow.parquet.write_table(..., row_group_size=100_000)",
                )
            row_group = metadata.row_group(group)
            size = sum(row_group.column(at).total_uncompressed_size for at in ours)
            if size > limits.row_group_bytes:
                raise self._error(
                    f"row group {group} has {size:,} bytes",
                    expected=f"at most {limits.row_group_bytes:,} in the columns of the model",
                    hint="pyarrow.parquet.write_table(..., row_group_size=100_000)",
                )

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        import pyarrow as pa

        try:
            with storage_errors(self._uri):
                yield
        except (pa.ArrowException, OSError) as error:
            raise self._error(
                f"no Parquet file, or a damaged one: {what} cannot be read", expected="a complete Parquet file"
            ) from error

    def _error(self, found: str, *, expected: str, hint: str = "") -> DataError:
        return DataError(found, where=str(self._uri), expected=expected, hint=hint)


def _short(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
