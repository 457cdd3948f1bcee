"""A request on its way to an answer, and the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from neyman.serve.api.bodies import JSON, Headers, Receive, read_body
from neyman.serve.api.parts import Parts
from neyman.serve.keys import Key, Scope


class Call(NamedTuple):
    """A request that may be answered.

    Attributes:
        parts: Of the server.
        headers: By name in lower case.
        receive: Where the body comes from.
        key: Who asks.
        argument: The last part of the path, for endpoints that have one there.
        query: What stands behind the question mark.
    """

    parts: Parts
    headers: Headers
    receive: Receive
    key: Key
    argument: str
    query: bytes

    async def body(self) -> bytes:
        """The bytes of its body.

        Raises:
            ProblemError: As `read_body`.
        """
        return await read_body(self.headers, self.receive, self.parts.settings.limits.body_bytes)


class Answer(NamedTuple):
    """What is sent back.

    Attributes:
        body: The bytes.
        status: HTTP status.
        media_type: Of the body.
        headers: More headers.
    """

    body: bytes
    status: int = 200
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """What answers one method of one path.

    Attributes:
        name: As metrics call it.
        scopes: What a key must be good for, one of these; none if everybody may ask.
        handle: Gives the answer.
    """

    name: str
    scopes: tuple[Scope, ...]
    handle: Callable[[Call], Awaitable[Answer]]
