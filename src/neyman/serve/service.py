"""The whole service in one call: HTTP in this process, workers beside it.

`serve` goes on until it is told to stop; `running` lasts as long as a `with` statement, in a notebook, a demo, a test.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

from neyman.core.errors import ConfigError, NeymanError
from neyman.serve.server import server
from neyman.serve.settings import Settings
from neyman.serve.supervisor import Workers

_BACKLOG = 2048


def listening(settings: Settings) -> socket.socket:
    """The open port of a service, which knows its number if any was asked for; connections wait until it serves.

    Raises:
        ConfigError: If the port is taken, or the address is not one of this computer.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:  # UnicodeError: of names that no host can have
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ConfigError(
            f"cannot listen on port {settings.port}: {reason}"[:200],
            where=f"{settings.host}:{settings.port}",
            expected="a free port of an address of this computer",
            hint="--port 0 takes any that is free",
        ) from error


def url_of(listener: socket.socket) -> str:
    """Where an open port is reached.

    Examples:
        >>> with socket.create_server(("127.0.0.1", 0)) as listener:
        ...     url_of(listener).startswith("http://127.0.0.1:")
        True
    """
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM; what was begun is answered, and workers give their jobs back.

    Raises:
        NeymanError: If a part of the service cannot be had.
    """
    with until_stopped():
        made = server(settings)
        with Workers(settings, settings.jobs.workers):
            made.run(sockets=[listener])


@contextlib.contextmanager
def until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block, and no more than the block: to stop a service is no failure."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[str]:
    """A service beside whatever the block does, with its workers.

    Yields:
        Its URL.

    Raises:
        NeymanError: If a part of it cannot be had, or it does not start.
    """
    with listening(settings) as listener:
        made = server(settings)
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]}, name="service", daemon=True)
        with Workers(settings, settings.jobs.workers):
            thread.start()
            try:
                while not made.started:
                    thread.join(0.02)
                    if not thread.is_alive():
                        raise NeymanError("the service did not start", where=url_of(listener), hint="its log says why")
                yield url_of(listener)
            finally:
                made.should_exit = True
                thread.join()
