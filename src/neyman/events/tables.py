"""Flat columns of Parquet and ROOT files, whatever else is in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neyman.core.errors import DataError, near
from neyman.core.files import sha256
from neyman.events import parquet_rows, root
from neyman.events.parquet import what_it_is

Table = dict[str, np.ndarray]
"""Columns of equal length, one number a row: float64, or integers and booleans as the file has them."""

Chunk = parquet_rows.Chunk | root.Chunk
"""Rows of all kinds of columns, as the library that read them holds them."""

Append = Callable[[Chunk | None, Table], None]
"""`append(chunk, new)` writes rows: the columns of the chunk, or none, and new columns behind them."""

_POINTER = b"version https://git-lfs"
"""How the file begins that stands in place of one that git-LFS has not fetched."""


@dataclass(frozen=True)
class TableFile:
    """A table in a file: a Parquet file, or a tree of a ROOT file.

    Nothing stays open: it can be handed to a worker process, and each reading opens the file anew.

    Attributes:
        path: The file.
        tree: Name of the tree; None for a Parquet file.
        names: Its columns, also those that are no flat numbers.
        rows: Number of rows.
        others: Other objects of the ROOT file, such as trees and histograms.
        job: The job that reads it, for messages about missing libraries.
    """

    path: Path
    tree: str | None
    names: tuple[str, ...]
    rows: int
    others: tuple[str, ...] = ()
    job: str = ""

    @classmethod
    def open(cls, source: str | Path, *, job: str, tree: str | None = None) -> TableFile:
        """Look into a file: what it is shows in its first bytes, not in its name.

        Args:
            source: `FILE` or `FILE:TREE`; without a tree, a ROOT file must have just one.
            job: The job that reads it, which is also the extra that brings uproot.
            tree: The tree, if it is a ROOT file and `source` names none.

        Raises:
            DataError: If there is no such file or tree, or it is neither Parquet nor ROOT, or damaged.
            MissingDependencyError: If it is a ROOT file and uproot is not installed.
        """
        path, named = _split(source)
        if _is_root(path):
            chosen, others = root.find_tree(path, tree if named is None else named, job=job)
            with root.opened_tree(path, chosen, job=job) as found, root.damage(path):
                return cls(path, chosen, root.column_names(found), int(found.num_entries), others, job)
        if named is not None:
            raise DataError(f"a Parquet file has no tree '{named}'", where=str(path), hint=str(path))
        return cls(path, None, *parquet_rows.columns_and_rows(path), job=job)

    def require(self, names: Collection[str]) -> None:
        """Refuse to go on without these columns.

        Raises:
            DataError: If one is missing; the nearest name is in the message.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise DataError(
                f"no column '{missing[0]}'" + (f", nor {len(missing) - 1} more" if len(missing) > 1 else ""),
                where=str(self),
                expected=f"one of {', '.join(self.names[:12])}",
                hint=near(missing[0], self.names),
            )

    def read(self, names: Collection[str], start: int = 0, stop: int | None = None) -> Table:
        """Columns of one number a row.

        Args:
            names: Which; NaN and infinities are read as they are.
            start: First row.
            stop: The row after the last; None for the end.

        Raises:
            DataError: If a column is missing, or is jagged, text or has nulls, or the file is damaged.
        """
        self.require(names)
        stop = self.rows if stop is None else stop
        if not 0 <= start <= stop <= self.rows:
            raise DataError(f"rows {start} to {stop}", where=str(self), expected=f"within 0 to {self.rows}")
        if self.tree is None:
            return self.flat(parquet_rows.parquet_rows(self.path, names, start, stop), names)
        return self.flat(root.tree_rows(self.path, self.tree, names, start, stop, job=self.job), names)

    def chunks(self, names: Collection[str] | None, size: int) -> Generator[Chunk, None, None]:
        """The rows in their order, at most `size` at a time, as its library holds them; see `flat`.

        Args:
            names: Columns; None for all of them, of any kind.
            size: Rows in memory at a time.

        Yields:
            Awkward arrays or Arrow record batches; one without rows if the file has none.
        """
        if self.tree is None:
            return parquet_rows.parquet_chunks(self.path, names, size)
        return root.tree_chunks(self.path, self.tree, names, size, job=self.job)

    def flat(self, chunk: Chunk, names: Collection[str]) -> Table:
        """Columns of a chunk, one number a row.

        Raises:
            DataError: If a column is jagged, text or has nulls.
        """
        column = parquet_rows.flat_column if self.tree is None else root.flat_column
        return {name: _wide(column(chunk, name, where=str(self))) for name in names}

    def digest(self) -> str:
        """The SHA-256 of the file's bytes."""
        return sha256(self.path)

    def __str__(self) -> str:
        return str(self.path)


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64, copy=False) if values.dtype.kind == "f" else values


def _split(source: str | Path) -> tuple[Path, str | None]:
    """The file and the tree; a colon in the name of a file that is there does not begin a tree."""
    text = str(source)
    file, colon, tree = text.rpartition(":")
    if colon and not Path(text).exists() and Path(file).exists():
        return Path(file), tree
    return Path(text), None


def _is_root(path: Path) -> bool:
    expected = "a Parquet or ROOT file of events"
    try:
        with path.open("rb") as handle:
            start = handle.read(len(_POINTER))
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), expected=expected) from None
    except OSError as error:
        reason, hint = what_it_is(path)
        found = f"cannot be read: {reason or error.strerror}"
        raise DataError(found, where=str(path), expected=expected, hint=hint) from error
    if start[:4] in (b"root", b"PAR1"):
        return start[:4] == b"root"
    if start == _POINTER:
        raise DataError("a git-LFS pointer, not the file itself", where=str(path), hint="git lfs pull")
    reason, hint = what_it_is(path)
    found = f"cannot be read: {reason or ('neither Parquet nor ROOT' if start else 'empty, 0 bytes')}"
    raise DataError(found, where=str(path), expected=expected, hint=hint)
