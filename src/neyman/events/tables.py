"""Flat columns of files of Parquet, ROOT, CSV, HDF5 and NumPy, whatever else is in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from neyman.core.errors import DataError, near
from neyman.core.files import sha256
from neyman.events import csv_rows, hdf5, npz, parquet_rows, root
from neyman.events.parquet import what_it_is

Table = dict[str, np.ndarray]
"""Columns of equal length, one number a row: float64, or integers and booleans as the file has them."""

Chunk = parquet_rows.Chunk | root.Chunk
"""Rows of all kinds of columns, as the library that read them holds them."""

Append = Callable[[Chunk | None, Table], None]
"""`append(chunk, new)` writes rows: the columns of the chunk, or none, and new columns behind them."""

Kind = Literal["Parquet", "ROOT", "CSV", "HDF5", "npz"]
"""The formats that can be read."""

_STARTS: dict[bytes, Kind] = {b"PAR1": "Parquet", b"root": "ROOT", b"\x89HDF": "HDF5", b"PK\x03\x04": "npz"}
"""How files begin; a CSV file begins with anything."""
_POINTER = b"version https://git-lfs"
"""How the file begins that stands in place of one that git-LFS has not fetched."""


@dataclass(frozen=True)
class TableFile:
    """A table in a file: of Parquet, CSV, HDF5 or NumPy (`.npz`), or a tree of a ROOT file.

    Nothing stays open: it can be handed to a worker process, and each reading opens the file anew.

    Attributes:
        path: The file.
        tree: Name of the tree; None if it is no ROOT file.
        names: Its columns, also those that are no flat numbers.
        rows: Number of rows.
        others: Other objects of the ROOT file, such as trees and histograms.
        job: The job that reads it, for messages about missing libraries.
        kind: The format.
    """

    path: Path
    tree: str | None
    names: tuple[str, ...]
    rows: int
    others: tuple[str, ...] = ()
    job: str = ""
    kind: Kind = "Parquet"

    @classmethod
    def open(cls, source: str | Path, *, job: str, tree: str | None = None) -> TableFile:
        """Look into a file: what it is shows in its first bytes, not in its name; but a CSV file ends in `.csv`.

        Args:
            source: `FILE` or `FILE:TREE`; without a tree, a ROOT file must have just one.
            job: The job that reads it, which is also the extra that brings uproot and h5py.
            tree: The tree, if it is a ROOT file and `source` names none.

        Raises:
            DataError: If there is no such file or tree, or it is of none of the formats, or damaged, or holds no
                table.
            MissingDependencyError: If it is a ROOT or HDF5 file and uproot or h5py is not installed.
        """
        path, named = _split(source)
        kind = _kind(path)
        if kind == "ROOT":
            chosen, others = root.find_tree(path, tree if named is None else named, job=job)
            with root.opened_tree(path, chosen, job=job) as found, root.damage(path):
                return cls(path, chosen, root.column_names(found), int(found.num_entries), others, job, kind)
        if named is not None:
            article = "an" if kind in ("HDF5", "npz") else "a"
            raise DataError(f"{article} {kind} file has no tree '{named}'", where=str(path), hint=str(path))
        return cls(path, None, *_columns_and_rows(path, kind, job), job=job, kind=kind)

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
        return self.flat(self._rows(names, start, stop), names)

    def _rows(self, names: Collection[str], start: int, stop: int) -> Chunk:
        if self.kind == "CSV":
            return csv_rows.rows(self.path, names, start, stop)
        if self.kind == "HDF5":
            return hdf5.rows(self.path, names, start, stop, job=self.job)
        if self.kind == "npz":
            return npz.rows(self.path, names, start, stop)
        if self.tree is None:
            return parquet_rows.parquet_rows(self.path, names, start, stop)
        return root.tree_rows(self.path, self.tree, names, start, stop, job=self.job)

    def chunks(self, names: Collection[str] | None, size: int) -> Generator[Chunk, None, None]:
        """The rows in their order, at most `size` at a time, as its library holds them; see `flat`.

        Args:
            names: Columns; None for all of them: of any kind in Parquet and ROOT, of numbers in the others.
            size: Rows in memory at a time.

        Yields:
            Awkward arrays of a ROOT file, else Arrow tables or record batches; one without rows if the file has none.
        """
        if self.kind == "CSV":
            return csv_rows.chunks(self.path, names, size)
        if self.kind == "HDF5":
            return hdf5.chunks(self.path, names, size, job=self.job)
        if self.kind == "npz":
            return npz.chunks(self.path, names, size)
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


def _columns_and_rows(path: Path, kind: Kind, job: str) -> tuple[tuple[str, ...], int]:
    if kind == "CSV":
        return csv_rows.columns_and_rows(path)
    if kind == "HDF5":
        return hdf5.columns_and_rows(path, job=job)
    return npz.columns_and_rows(path) if kind == "npz" else parquet_rows.columns_and_rows(path)


def _kind(path: Path) -> Kind:
    expected = "a Parquet, ROOT, CSV, HDF5 or .npz file of events"
    try:
        with path.open("rb") as handle:
            start = handle.read(len(_POINTER))
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), expected=expected) from None
    except OSError as error:
        reason, hint = what_it_is(path)
        found = f"cannot be read: {reason or error.strerror}"
        raise DataError(found, where=str(path), expected=expected, hint=hint) from error
    if start[:4] in _STARTS:
        return _STARTS[start[:4]]
    if start == _POINTER:
        raise DataError("a git-LFS pointer, not the file itself", where=str(path), hint="git lfs pull")
    if start and path.suffix.lower() == ".csv":
        return "CSV"
    reason, hint = what_it_is(path)
    found = f"cannot be read: {reason or ('of no known format' if start else 'empty, 0 bytes')}"
    raise DataError(found, where=str(path), expected=expected, hint=hint)
