"""Arrays in files: `.npy`, or a column of a Parquet file; and that a file is the one that was meant."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from neyman.core.errors import DataError, near
from neyman.core.files import sha256
from neyman.events.parquet import read_columns
from neyman.likelihood.workspace.array_checking import NUMPY
from neyman.likelihood.workspace.event_arrays import ArrayReference
from neyman.likelihood.workspace.problems import listed, shown

POINTER = b"version https://git-lfs"
"""How the file begins that stands in place of one that git-LFS has not fetched."""

BLOCK = 1 << 20
"""Numbers that are looked at in one go, so that an array larger than memory may stay in its file."""


def open_array(reference: ArrayReference, folder: Path, *, where: str) -> np.ndarray:
    """The array as its file holds it: one number for each event; a `.npy` file is mapped, not read.

    Args:
        reference: File and column.
        folder: Where a relative path starts.
        where: JSON path, for errors.

    Returns:
        The array, shape (N,), in float32 or float64; whole numbers are converted.

    Raises:
        DataError: If the file is absent, a git-LFS pointer, damaged, or holds something else.
    """
    path = folder / reference.path
    require_file(path, where=where)
    values = _numpy(path, where) if path.suffix.lower() in NUMPY else _column(path, reference.column or "", where)
    if values.ndim != 1:
        raise DataError(f"shape {values.shape}", where=f"{where}: {path}", expected="one number for each event")
    if values.dtype.kind in "iu":
        return values.astype(np.float64)
    if values.dtype.kind != "f" or values.dtype.itemsize not in (4, 8):
        kind = "text or other objects" if values.dtype.kind in "OUS" else str(values.dtype)
        raise DataError(f"found {kind}", where=f"{where}: {path}", expected="float32, float64 or whole numbers")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def require_file(path: Path, *, where: str) -> None:
    """Refuse what is no file, and what only points to one.

    Raises:
        DataError: If it is absent, cannot be read, or is a git-LFS pointer.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(len(POINTER))
    except FileNotFoundError:
        raise DataError(
            "no such file", where=f"{where}: {path}", expected="a file of one number for each event"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot be read: {reason}", where=f"{where}: {path}") from error
    if start == POINTER:
        raise DataError("a git-LFS pointer, not the file itself", where=f"{where}: {path}", hint="run git lfs pull")


def require_hash(path: Path, expected: str, *, where: str) -> None:
    """Refuse a file that is not the one of which the document has the hash.

    Raises:
        DataError: If the hash is another one.
    """
    found = file_hash(path)
    if found != expected.lower():
        raise DataError(
            f"sha256 {found[:12]}..., the file is not the one that was meant",
            where=f"{where}: {path}",
            expected=f"sha256 {expected[:12]}..., says the workspace",
            hint="the files that the workspace was written with; or, if these are meant, write it anew",
        )


def file_hash(path: Path) -> str:
    """The SHA-256 of a file; computed once, as long as the file does not change."""
    state = path.stat()
    return _hash(str(path.absolute()), state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash(path: str, *state: int) -> str:
    del state  # what it was computed for
    return sha256(Path(path))


def require_finite(values: np.ndarray, *, where: str) -> None:
    """Refuse NaN and infinities.

    Raises:
        DataError: With the first of them.
    """
    for start in range(0, len(values), BLOCK):
        bad = np.flatnonzero(~np.isfinite(values[start : start + BLOCK]))
        if len(bad):
            first = start + int(bad[0])
            found = f"event {first} is {shown(float(values[first]))}"
            raise DataError(found, where=where, expected="a finite number for each event")


def _numpy(path: Path, where: str) -> np.ndarray:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0][:100] or type(error).__name__
        raise DataError(f"cannot be read: {reason}", where=f"{where}: {path}", expected="a .npy file") from error
    if not isinstance(values, np.ndarray):
        values.close()
        raise DataError("several arrays, as in a .npz file", where=f"{where}: {path}", expected="a .npy file")
    return values


def _column(path: Path, column: str, where: str) -> np.ndarray:
    import pyarrow.parquet as pq

    try:
        columns = read_columns(path, (column,))
    except DataError as error:
        raise DataError(
            error.found, where=f"{where}: {error.where}", expected=error.expected, hint=error.hint
        ) from error
    if column not in columns:
        names = pq.read_schema(path).names
        raise DataError(
            f"no column {shown(column)}",
            where=f"{where}: {path}",
            expected=f"one of {listed(names)}" if names else "a file with columns",
            hint=near(column, names),
        )
    return np.asarray(columns[column])
