"""How often a key may ask: a bucket of tokens that fills at a steady rate, of which each request takes one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from neyman.serve.redis_link import RedisLink

_MOST = 10_000  # buckets; those that are full again are forgotten then

_TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(known[1]) or burst, tonumber(known[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(1000 * burst / rate) + 1000)
return string.format('%.6f', wait)
"""  # the clock is that of the server, which all who share it have in common


@runtime_checkable
class Limiter(Protocol):
    """Who may go on, and who has to wait."""

    @property
    def remote(self) -> bool:
        """Whether it asks another computer, so that an event loop should not wait for it."""

    def take(self, key: str) -> float:
        """Take a token of a key: 0 if there was one, else the seconds until there is."""


@dataclass
class _Bucket:
    tokens: float
    at: float


class LocalLimiter:
    """Buckets of this process.

    Args:
        rate: Tokens a second.
        burst: The most that a bucket holds.
        clock: Seconds, from anywhere.

    Examples:
        >>> limiter = LocalLimiter(rate=2, burst=1, clock=lambda: 0.0)
        >>> limiter.take("a"), limiter.take("a"), limiter.take("b")
        (0.0, 0.5, 0.0)
    """

    remote = False

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Take a token of a key: 0 if there was one, else the seconds until there is."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                if len(self._buckets) >= _MOST:
                    self._forget_full(now)
                bucket = self._buckets[key] = _Bucket(self._burst, now)
            bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
            bucket.at = now
            if bucket.tokens < 1:
                return (1 - bucket.tokens) / self._rate
            bucket.tokens -= 1
            return 0.0

    def _forget_full(self, now: float) -> None:
        rest = self._burst / self._rate
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket.at < rest}


class SharedLimiter:
    """Buckets in Redis, for many servers; each has buckets of its own while Redis is away.

    Args:
        link: The server.
        rate: Tokens a second.
        burst: The most that a bucket holds.
    """

    remote = True

    def __init__(self, link: RedisLink, rate: float, burst: int) -> None:
        self._link, self._arguments = link, (rate, burst)
        self._own = LocalLimiter(rate, burst)

    def take(self, key: str) -> float:
        """Take a token of a key: 0 if there was one, else the seconds until there is."""
        wait = self._link.ask(lambda client: client.eval(_TAKE, 1, f"neyman:rate:{key}", *self._arguments))
        return self._own.take(key) if wait is None else float(wait)
