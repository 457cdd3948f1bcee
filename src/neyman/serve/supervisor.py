"""Workers in processes of their own, of which one that dies is replaced.

A worker gets the settings through a pipe, and works until the pipe is closed: by whoever started it, or by the system
if that process was killed. So no worker outlives its service, and no secret stands in a list of processes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import TracebackType

from neyman.core.errors import NeymanError
from neyman.serve.settings import Settings

_CODE = "from neyman.serve.supervisor import follow; follow()"
_LOOK = 0.2  # seconds between looks at the processes
_QUICK, _LONGEST = 10.0, 30.0  # seconds: who lived for less is replaced after a pause that doubles up to this

log = logging.getLogger(__name__)


class Workers:
    """Worker processes, for as long as a `with` statement lasts.

    On leaving they are asked to stop, and each gives its job back; one that does not within a lease is killed, and its
    job taken up by another.

    Args:
        settings: Of the service.
        number: How many.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings = settings
        self._workers = [_Worker(settings) for _ in range(number)]
        self._leaving = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="workers", daemon=True)

    def __enter__(self) -> Workers:
        for worker in self._workers:
            worker.start()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.set()
        try:
            self._watcher.join()
            for worker in self._workers:
                worker.ask_to_stop()
            deadline = time.monotonic() + self._settings.jobs.lease_seconds
            for worker in self._workers:
                worker.wait(deadline - time.monotonic())
        finally:  # a second Ctrl-C does not wait
            for worker in self._workers:
                worker.kill()

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [worker.process.pid for worker in self._workers if worker.process is not None]

    def _watch(self) -> None:
        while not self._leaving.wait(_LOOK):
            for worker in self._workers:
                try:
                    worker.replace_if_dead()
                except OSError as error:  # no memory or no process just now: there may be later
                    log.warning("a worker cannot be started: %s", error.strerror)


class _Worker:
    """One process after the other."""

    def __init__(self, settings: Settings) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._text = settings.model_dump_json().encode() + b"\n"
        self._started = self._next = 0.0
        self._pause = 1.0

    def start(self) -> None:
        """Start a process; a session of its own keeps Ctrl-C at a terminal from it."""
        self._started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own code, on our own interpreter
            [sys.executable, "-c", _CODE], stdin=subprocess.PIPE, start_new_session=True, bufsize=0
        )
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died already, and will be replaced
                self.process.stdin.write(self._text)

    def replace_if_dead(self) -> None:
        """Start another if this one has ended: at once, or after a while if it did not live long."""
        if self.process is not None and self.process.poll() is not None:
            now = time.monotonic()
            self._pause = min(2 * self._pause, _LONGEST) if now - self._started < _QUICK else 1.0
            self._next = now + self._pause
            log.warning("a worker ended with code %d; another starts in %.0f s", self.process.returncode, self._pause)
            self._close()
            self.process = None
        if self.process is None and time.monotonic() >= self._next:
            self.start()

    def ask_to_stop(self) -> None:
        """Close the pipe."""
        self._close()

    def wait(self, seconds: float) -> None:
        """Wait for the end, but no longer than this."""
        if self.process is not None:
            try:
                self.process.wait(max(0.0, seconds))
            except subprocess.TimeoutExpired:
                log.warning("a worker does not stop; its job is taken up by another")

    def kill(self) -> None:
        """The end, whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._close()

    def _close(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


def follow() -> None:
    """What a worker process does: read the settings, and work until the pipe is closed or SIGTERM comes."""
    from neyman.serve.worker import work

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    text = b""
    while not text.endswith(b"\n"):
        read = os.read(0, 65536)
        if not read:
            return
        text += read

    def listen() -> None:
        os.read(0, 1)  # not through sys.stdin: a thread that waits in it would hold its lock when Python ends
        stop.set()

    threading.Thread(target=listen, name="pipe", daemon=True).start()
    try:
        work(Settings.model_validate_json(text), stop, f"{socket.gethostname()}-{os.getpid()}")
    except NeymanError as error:
        sys.exit(str(error))
