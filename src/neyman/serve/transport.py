"""HTTP/1.1 as uvicorn has it, but for two things.

Head and body of an answer leave in one piece: one system call and one packet, where uvicorn makes two of each. And the
head of a request has an end: uvicorn's quick parser keeps headers in memory for as long as somebody sends them, before
anybody has asked for a key.
"""

from __future__ import annotations

import asyncio
from typing import Any

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 2**18
"""Bytes of all headers of a request, and of what a parser may hold back; a read from the network has no more."""


class OnePieceProtocol(HttpToolsProtocol):
    """HTTP/1.1 on a connection that gathers what is written at once."""

    _head = _held_back = 0

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvloop's is no `asyncio.Transport`
        """A connection is open."""
        gathering: Any = _Gathering(transport, self.loop)
        super().connection_made(gathering)

    def data_received(self, data: bytes) -> None:
        """Bytes came. What they do not complete, the parser keeps."""
        self._held_back += len(data)
        super().data_received(data)
        if self._held_back > 2 * LARGEST_HEAD:
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = self._held_back = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is complete; an error here is answered by 400."""
        self._held_back = 0
        self._head += len(name) + len(value)
        if self._head > LARGEST_HEAD:
            raise HttpParserError("the head of a request is too large")
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._held_back = 0
        super().on_body(body)


class _Gathering:
    """A transport that writes when the event loop comes round; all else is as the transport has it."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:  # noqa: ANN401 - as above
        self._transport, self._loop = transport, loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write later."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Write now, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        if whole and not self._transport.is_closing():
            self._transport.write(whole)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._transport, name)
