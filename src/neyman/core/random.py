"""Named random streams: the same seed and names give the same numbers, whatever ran before."""

from __future__ import annotations

import hashlib

import numpy as np

from neyman.core.errors import InputError


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the seed and the names, and on nothing else.

    Work that is cut into pieces draws each piece from a stream of its own, so that the result depends
    neither on the number of workers nor on where an interrupted run was resumed.

    Args:
        seed: The seed of the whole run.
        names: What the numbers are for, e.g. `("train", "batch", 17)`.

    Raises:
        InputError: If the seed is negative.

    Examples:
        >>> float(stream(1, "train", 0).random()) == float(stream(1, "train", 0).random())
        True
        >>> float(stream(1, "train", 0).random()) == float(stream(1, "train", 1).random())
        False
    """
    if seed < 0:
        raise InputError(f"seed {seed}", expected="a whole number, zero or above")
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([seed, *np.frombuffer(digest, dtype="<u4").tolist()]))


def seed_from(rng: np.random.Generator) -> int:
    """A seed for a library that takes an integer, drawn from a generator."""
    return int(rng.integers(2**31 - 1))
