"""Scores of recent events, so that the same event is not computed twice.

The key of an event is a hash of the artefact's digest and of all its numbers: another model, or another last bit of one
number, is another event. Only the score is kept. What it means depends on settings, and is cheap to say.
"""

from __future__ import annotations

import hashlib
import math
import struct
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from neyman.serve.redis_link import RedisLink

MOST_ROWS = 256
"""Larger requests are computed: looking up thousands of events costs as much."""

_SCORE = struct.Struct("<d")


@runtime_checkable
class Cache(Protocol):
    """Scores by key; it may forget at any time. Used by many threads at once."""

    @property
    def remote(self) -> bool:
        """Whether it asks another computer, so that an event loop should not wait for it."""

    def get(self, keys: Sequence[bytes]) -> list[float | None]:
        """The score of each key, None where it is not known."""

    def put(self, keys: Sequence[bytes], scores: Sequence[float]) -> None:
        """Remember the scores of keys."""


def event_keys(digest: str, x: Float[np.ndarray, "n d"]) -> list[bytes]:
    """A key of 16 bytes for each event.

    Args:
        digest: Of the artefact, hexadecimal.
        x: Raw features, one row an event.
    """
    salt = bytes.fromhex(digest)[:32]
    return [hashlib.blake2b(row.tobytes(), digest_size=16, key=salt).digest() for row in x]


class MemoryCache:
    """The events of this process that were asked for last.

    Args:
        events: How many.
    """

    remote = False

    def __init__(self, events: int) -> None:
        self._events = events
        self._scores: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> list[float | None]:
        """The score of each key, None where it is not known."""
        with self._lock:
            found = [self._scores.get(key) for key in keys]
            for key, score in zip(keys, found, strict=True):
                if score is not None:
                    self._scores.move_to_end(key)
        return found

    def put(self, keys: Sequence[bytes], scores: Sequence[float]) -> None:
        """Remember the scores of keys, and forget those that were not asked for the longest."""
        with self._lock:
            for key, score in zip(keys, scores, strict=True):
                self._scores[key] = score
                self._scores.move_to_end(key)
            while len(self._scores) > self._events:
                self._scores.popitem(last=False)


class RedisCache:
    """Events of all servers that share a Redis. While it is away, nothing is known.

    Args:
        link: The server.
        ttl_seconds: How long it keeps an event.
    """

    remote = True

    def __init__(self, link: RedisLink, ttl_seconds: float) -> None:
        self._link, self._milliseconds = link, math.ceil(1000 * ttl_seconds)

    def get(self, keys: Sequence[bytes]) -> list[float | None]:
        """The score of each key, None where it is not known; one round trip."""
        found = self._link.ask(lambda client: client.mget([_PREFIX + key for key in keys]))
        return [None] * len(keys) if found is None else [_score(value) for value in found]

    def put(self, keys: Sequence[bytes], scores: Sequence[float]) -> None:
        """Remember the scores of keys; one round trip."""

        def store(client: Any) -> None:  # noqa: ANN401 - the client of redis-py
            pipeline = client.pipeline(transaction=False)
            for key, score in zip(keys, scores, strict=True):
                pipeline.set(_PREFIX + key, _SCORE.pack(score), px=self._milliseconds)
            pipeline.execute()

        self._link.ask(store)


_PREFIX = b"neyman:score:"


def _score(value: bytes | None) -> float | None:
    """What was stored, unless somebody else wrote there."""
    if value is None or len(value) != _SCORE.size:
        return None
    score: float = _SCORE.unpack(value)[0]
    return score if math.isfinite(score) else None
