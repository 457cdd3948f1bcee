"""The bytes of a request: their type, their size, and how long one waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from neyman.serve.api.errors import ProblemError, shown

Headers = Mapping[bytes, bytes]
Receive = Callable[[], Coroutine[Any, Any, MutableMapping[str, Any]]]
Value = TypeVar("Value")

JSON = b"application/json"
ARROW = b"application/vnd.apache.arrow.stream"

SECONDS = 30.0
"""How long a body may take to arrive."""

_DISCARDED = 64 * 2**20  # bytes of a body that is too large: who still sends does not listen yet


class DisconnectedError(Exception):
    """Whoever asked has gone."""


def media_type(headers: Headers, *known: bytes) -> bytes:
    """The type of a request's body, which must be one of those that are known.

    Raises:
        ProblemError: 415.
    """
    found = headers.get(b"content-type", b"")
    if found in known:
        return found
    kind, _, parameters = found.partition(b";")
    kind = kind.strip().lower()
    if kind not in known:
        expected = " or ".join(each.decode() for each in known)
        text = f"Content-Type {shown(found.decode('latin-1'))}" if found else "no Content-Type"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{text}; expected: {expected}")
    if kind == JSON and b"charset" in parameters.lower() and b"utf-8" not in parameters.lower():
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is UTF-8, and has no other charset")
    return kind


def wanted_type(headers: Headers, default: bytes) -> bytes:
    """The type that an answer should have: JSON or Arrow, whichever is accepted first; as the request if neither."""
    accepted = headers.get(b"accept", b"").lower()
    places = {accepted.find(kind): kind for kind in (JSON, ARROW) if kind in accepted}
    return places[min(places)] if places else default


async def read_body(headers: Headers, receive: Receive, most: int) -> bytes:
    """All bytes of a body.

    Args:
        headers: Of the request.
        receive: Where the bytes come from.
        most: How many there may be.

    Raises:
        ProblemError: 415 if they are compressed, 413 if there are too many, 408 if they do not come.
        DisconnectedError: If the other side is gone.
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a compressed body; expected: no Content-Encoding")
    length = headers.get(b"content-length", b"")
    too_large = length.isdigit() and (len(length) > 18 or int(length) > most)
    if too_large and b"expect" in headers:  # it waits for a word before it sends
        raise _too_large(most)
    begun = _Begun(receive())
    message = begun.result if begun.result is not None else await _in_time(begun)
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
    else:
        body = await _in_time(_gather(message, receive, most))
    if len(body) > most:
        raise _too_large(most)
    return body


class _Begun(Generic[Value]):
    """A coroutine that was begun, and is done if it had nothing to wait for.

    Nearly all bodies are there when they are asked for. A timer costs more than to read them, above all in system
    calls: Python 3.11 looks up its own process whenever it looks up its event loop.
    """

    def __init__(self, coroutine: Coroutine[Any, None, Value]) -> None:
        self.result: Value | None = None
        self._coroutine = coroutine
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as done:
            self.result = done.value

    def __await__(self) -> Generator[Any, None, Value]:
        yield self._waits_for
        return (yield from self._coroutine.__await__())


async def _in_time(waiting: Awaitable[Value]) -> Value:
    try:
        async with asyncio.timeout(SECONDS):
            return await waiting
    except TimeoutError:
        raise ProblemError(
            HTTPStatus.REQUEST_TIMEOUT, f"no whole body after {SECONDS:g} s", headers=((b"connection", b"close"),)
        ) from None


async def _gather(message: MutableMapping[str, Any], receive: Receive, most: int) -> bytes:
    pieces, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        piece = message.get("body", b"")
        size += len(piece)
        if size <= most:
            pieces.append(piece)
        elif size > most + _DISCARDED:
            raise _too_large(most)
        if not message.get("more_body", False):
            break
        message = await receive()
    if size > most:
        raise _too_large(most)
    return b"".join(pieces)


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body of more than {most} bytes; try several requests, or score a file",
        headers=((b"connection", b"close"),),
    )
