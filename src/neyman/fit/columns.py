"""Columns of trees in ROOT files and of Parquet files, a chunk at a time: only those that are asked for."""

from __future__ import annotations

import contextlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import ConfigError, DataError, near, require
from neyman.likelihood.workspace.array_files import POINTER

CHUNK = 250_000
"""Events in memory at a time: ten columns of them are 20 MB."""

PARQUET = (".parquet", ".pq")
Chunk = tuple[int, dict[str, np.ndarray]]


class Table(ABC):
    """Named columns of equal length in a file."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """The columns that are there."""

    @abstractmethod
    def chunks(self, names: Collection[str], size: int) -> Iterator[Chunk]:
        """The number of events and the named columns, as the file holds them, `size` events at a time."""


@contextlib.contextmanager
def open_table(path: Path, tree: str | None, *, where: str = "") -> Iterator[Table]:
    """Open a Parquet file (by its ending), or else a tree of a ROOT file.

    Args:
        path: The file.
        tree: Name of the tree; a Parquet file has none.
        where: Where the config names the tree, for errors.

    Raises:
        DataError: If the file cannot be read, or is a git-LFS pointer.
        ConfigError: If the tree is not in it, or none was named.
    """
    _refuse_pointer(path)
    opened = _parquet(path) if path.suffix.lower() in PARQUET else _root(path, tree, where)
    with opened as table:
        yield table


def read_chunks(table: Table, names: Collection[str], *, size: int = CHUNK, where: str = "") -> Iterator[Chunk]:
    """The number of events and the named columns, in float64, int64 or bool.

    Args:
        table: What to read.
        names: Columns; all of them are there.
        size: Events at a time.
        where: The file, for errors.

    Raises:
        DataError: If a column does not hold one number per event, or the file is damaged.
    """
    with _damage(where):
        for length, columns in table.chunks(sorted(names), size):
            yield length, {name: _plain(name, column, where) for name, column in columns.items()}


def _plain(name: str, column: np.ndarray, where: str) -> np.ndarray:
    """Wide numbers: small integers would wrap around, float32 would be compared with a cut rounded to float32."""
    kinds = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}
    if column.ndim != 1 or column.dtype.kind not in kinds:
        raise DataError(f"column '{name}' does not hold one number per event", where=where, expected="a flat column")
    return column.astype(kinds[column.dtype.kind])


def _refuse_pointer(path: Path) -> None:
    """What stands in place of a file that git-LFS has not fetched is a text, of which no library says so."""
    with _damage(str(path)), path.open("rb") as handle:
        start = handle.read(len(POINTER))
    if start == POINTER:
        raise DataError("a git-LFS pointer, not the file itself", where=str(path), hint="run git lfs pull")


@contextlib.contextmanager
def _damage(where: str, *more: type[Exception]) -> Iterator[None]:
    """What libraries raise for a file that is cut short or overwritten becomes a DataError."""
    import pyarrow as pa

    usual = (OSError, ValueError, EOFError, KeyError, IndexError, RuntimeError, zlib.error, pa.ArrowException)
    try:
        yield
    except (*usual, *more) as error:
        text = str(getattr(error, "message", error)).strip()
        reason = text.splitlines()[0][:100] if text else type(error).__name__
        raise DataError(f"cannot be read: {reason}", where=where, expected="a ROOT or Parquet file") from error


class _ParquetTable(Table):
    def __init__(self, file: Any, path: Path) -> None:  # noqa: ANN401 - pyarrow has no types
        self.file, self.path = file, path

    @property
    def names(self) -> list[str]:
        return list(self.file.schema_arrow.names)

    def chunks(self, names: Collection[str], size: int) -> Iterator[Chunk]:
        for batch in self.file.iter_batches(batch_size=size, columns=list(names)):
            yield batch.num_rows, {name: self._column(batch, name) for name in names}

    def _column(self, batch: Any, name: str) -> np.ndarray:  # noqa: ANN401 - pyarrow has no types
        column = batch.column(name)
        if column.null_count:
            raise DataError(f"column '{name}' has nulls", where=str(self.path), expected="a number in each row")
        return np.asarray(column.to_numpy(zero_copy_only=False))


@contextlib.contextmanager
def _parquet(path: Path) -> Iterator[Table]:
    import pyarrow.parquet as pq

    with contextlib.ExitStack() as stack:
        with _damage(str(path)):
            file = stack.enter_context(pq.ParquetFile(path))
        yield _ParquetTable(file, path)


class _RootTable(Table):
    def __init__(self, tree: Any, path: Path, damage: type[Exception]) -> None:  # noqa: ANN401 - a TTree or an RNTuple
        self.tree, self.path, self.damage = tree, path, damage

    @property
    def names(self) -> list[str]:
        return list(self.tree.keys())

    def chunks(self, names: Collection[str], size: int) -> Iterator[Chunk]:
        if not names:  # uproot would read all
            for start in range(0, self.tree.num_entries, size):
                yield min(size, self.tree.num_entries - start), {}
            return
        wanted = set(names)
        with _damage(str(self.path), self.damage):
            for arrays in self.tree.iterate(filter_name=lambda name: name in wanted, library="np", step_size=size):
                yield len(next(iter(arrays.values()))), {name: arrays[name] for name in wanted}


@contextlib.contextmanager
def _root(path: Path, tree: str | None, where: str) -> Iterator[Table]:
    uproot = require("uproot", job="fit")
    damage = uproot.DeserializationError
    with contextlib.ExitStack() as stack:
        with _damage(str(path), damage):
            file = stack.enter_context(uproot.open(path))
            kinds = file.classnames(cycle=False)
        trees = [name for name, kind in kinds.items() if kind in ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")]
        if tree is None:
            raise ConfigError(
                "a ROOT file, but no Tree is named",
                where=where or str(path),
                expected=f"one of {', '.join(trees)}" if trees else "",
                hint="Tree: in General or in the sample",
            )
        if tree not in trees:
            raise ConfigError(
                f"no tree '{tree}' in {path}",
                where=where,
                expected=f"one of {', '.join(trees[:8])}" if trees else "a file that holds trees",
                hint=near(tree, trees),
            )
        with _damage(str(path), damage):
            opened = file[tree]
        yield _RootTable(opened, path, damage)
