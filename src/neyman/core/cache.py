"""The cache of what takes long to compute, addressed by what it was computed from.

A cache may vanish at any time and must never be able to break a run: a file that is damaged, foreign or
unreadable is computed again, and a folder that cannot be written to is done without.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import InputError
from neyman.core.files import digest, replacing

_KEY = "__key__"
_log = logging.getLogger(__name__)


def cache_directory() -> Path:
    """Where the cache lives: `$NEYMAN_CACHE`, else `$XDG_CACHE_HOME/neyman`, else `~/.cache/neyman`."""
    if own := os.environ.get("NEYMAN_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "neyman"
    return Path.home() / ".cache" / "neyman"


def cached_arrays(
    kind: str, key: Mapping[str, Any], build: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays that belong to a key: from the cache if they are there, else built and kept.

    Args:
        kind: What they are; the folder inside the cache.
        key: All that they depend on, as JSON can hold it: options, versions of libraries, number of the format.
        build: Computes them, as named arrays of numbers.
    """
    path = cache_directory() / kind / f"{digest(dict(key))}.npz"
    text = json.dumps(dict(key), sort_keys=True)
    if (found := _read(path, text)) is not None:
        return found
    arrays = build()
    try:
        with replacing(path) as temporary, temporary.open("wb") as handle:
            contents: dict[str, Any] = {_KEY: np.frombuffer(text.encode(), dtype=np.uint8), **arrays}
            np.savez(handle, **contents)
    except (OSError, InputError) as error:
        _log.warning("the cache cannot be written: %s", error)
    return arrays


def _read(path: Path, text: str) -> dict[str, np.ndarray] | None:
    """The arrays in a file of the cache, None if it is absent, damaged or of another key."""
    try:
        # NumPy would leave a file that it opens itself open when it is damaged.
        with path.open("rb") as handle, zipfile.ZipFile(handle):
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        if arrays.pop(_KEY).tobytes().decode() == text:
            return arrays
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        _log.warning("%s is damaged and will be computed again: %s", path, error)
    return None
