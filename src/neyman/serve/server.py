"""The service on a port."""

from __future__ import annotations

import uvicorn

from neyman.serve.api.app import create_app
from neyman.serve.settings import Settings
from neyman.serve.transport import OnePieceProtocol

CONNECTIONS = 1000
"""At once; more are refused with 503."""


def server(settings: Settings) -> uvicorn.Server:
    """A server that has not been started: `server(settings).run()` returns after SIGINT or SIGTERM.

    It starts no workers.

    Raises:
        NeymanError: If a part of the service cannot be had.
    """
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=OnePieceProtocol,
        ws="none",
        interface="asgi3",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
    )
    return uvicorn.Server(config)
