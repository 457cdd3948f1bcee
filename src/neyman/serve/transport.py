"""Head and body of an answer in one piece: one system call and one packet, where uvicorn makes two of each."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OnePieceProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn has it, on a connection that gathers what is written at once."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvloop's is no `asyncio.Transport`
        """A connection is open."""
        gathering: Any = _Gathering(transport, self.loop)
        super().connection_made(gathering)


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
