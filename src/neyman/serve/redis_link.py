"""A Redis server that may be away: then there is no answer, and nobody waits for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from neyman.core.errors import ConfigError, require

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 0.25
"""A server that does not answer within this time is away."""

RETRY_SECONDS = 1.0
"""How long a server that was away is not asked."""


class RedisLink:
    """A connection that does without: for what is shared if it can be. Used by many threads at once.

    Args:
        url: `redis://HOST:PORT/NUMBER`, also `rediss:` and `unix:`.

    Attributes:
        failures: How often there was no answer.

    Raises:
        ConfigError: If it is no such address.
        MissingDependencyError: If redis is not installed.
    """

    def __init__(self, url: str) -> None:
        redis = require("redis", job="serve")
        options = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS, "retry": None}
        try:
            self._client: Any = redis.Redis.from_url(url, **options)
            pool = self._client.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # looks at the options in the address, and connects nothing
        except (ValueError, TypeError):  # their words would show parts of a password
            raise ConfigError(
                "no address of a Redis", where="cache.url", expected="redis://:PASSWORD@HOST:PORT/NUMBER",
                hint="%2F, %40, %3A in a password for /, @, :",
            ) from None  # fmt: skip
        self._errors = (redis.RedisError, OSError)
        self._not_before = 0.0
        self.failures = 0

    def ask(self, question: Callable[[Any], Answer]) -> Answer | None:
        """The answer to a question, which gets the client; None if the server is away."""
        if time.monotonic() < self._not_before:
            return None
        try:
            return question(self._client)
        except self._errors:
            self._not_before = time.monotonic() + RETRY_SECONDS
            self.failures += 1
            return None

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()
