"""Files that are either whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import InputError


def make_folder(path: Path) -> None:
    """Make a folder and its parents, unless it is there.

    Raises:
        InputError: If something else is in its place, or it may not be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError("a file is in the way", where=str(path), expected="a folder to write to") from None
    except OSError as error:
        reason = "not allowed" if isinstance(error, PermissionError) else error.strerror or str(error)
        raise InputError(f"cannot make this folder: {reason}", where=str(path), hint="another place") from None


_held: set[Path] = set()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the lock goes with the process, however it ends.

    The same process may hold it twice: a data set is generated inside the folder of its run.

    Raises:
        InputError: If another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    here = folder.resolve()
    if here in _held:
        yield
        return
    handle = os.open(here, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "another process is writing here", where=str(folder), hint="wait for it, or choose another folder"
            ) from None
        except OSError:
            pass  # some network file systems cannot lock a folder
        _held.add(here)
        yield
    finally:
        _held.discard(here)
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder that is locked."""
    for temporary in folder.glob(".*.tmp"):
        if temporary.is_file():
            temporary.unlink()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block succeeds, else remove it.

    Raises:
        InputError: If a folder is at `path`, or its parent cannot be made.
    """
    if path.is_dir():
        raise InputError("a folder is there", where=str(path), expected="the name of a file to write")
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """As `replacing`, for a folder: what is at `path` stays until the new one is complete.

    POSIX cannot exchange two folders in one step, so the old one steps aside first; it comes back if the new
    one cannot take its place.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())
        if path.exists():
            path.rename(aside)
        temporary.rename(path)
    finally:
        if aside.exists() and not path.exists():
            aside.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """Write JSON atomically; NaN and infinities become null, as the JSON standard has neither."""
    write_text(path, json.dumps(finite(value), indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 - anything that JSON can hold
    """Read a JSON file.

    Raises:
        InputError: If the file is absent or is not JSON, with the line of the first mistake.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), expected="a JSON file") from error
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}") from error
    except UnicodeDecodeError as error:
        raise InputError("not a text file", where=str(path), expected="JSON in UTF-8") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets without end
        raise InputError("not JSON that a program would write", where=str(path)) from error


def finite(value: Any) -> Any:  # noqa: ANN401 - anything that JSON can hold
    """The same value in plain Python types, with every non-finite number replaced by None.

    Examples:
        >>> finite({"a": [1.0, float("nan")]})
        {'a': [1.0, None]}
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(value: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """A hash of a JSON value that does not depend on the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any], *, prefix: str = "") -> str:
    """The first key under which two JSON objects differ, with both values, in one line.

    Examples:
        >>> first_difference({"a": {"b": 1}}, {"a": {"b": 2}})
        'a.b was 1, is now 2'
    """
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            return first_difference(before, after, prefix=f"{prefix}{key}.")
        return f"{prefix}{key} was {_short(before)}, is now {_short(after)}"
    return "its digest"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
