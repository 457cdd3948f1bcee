"""A job in hand: kept alive by a heartbeat, and let go of when it is lost or the worker must stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from neyman.serve.claims import Claim, ClaimTable, Part
from neyman.serve.database import away

_FIRST, _LONGEST = 0.1, 5.0  # seconds between tries while the database is away

log = logging.getLogger(__name__)

T = TypeVar("T")


class JobLostError(Exception):
    """The job was cancelled, or another worker has it: nothing that is done for it counts any more."""


class StoppingError(Exception):
    """The worker was asked to stop."""


def persistently(action: Callable[[], T], stop: threading.Event) -> T:
    """Do something to the database as soon as it is there.

    Args:
        action: What can be done twice without harm, as its answer may be lost.
        stop: Ends the wait.

    Raises:
        StoppingError: If `stop` is set before the database is back.
    """
    pause = _FIRST
    while True:
        try:
            return action()
        except SQLAlchemyError as error:
            if not away(error):
                raise
            log.warning("the database is away; the next try is in %.1f s", pause)
            if stop.wait(pause):
                raise StoppingError from error
            pause = min(2 * pause, _LONGEST)


class Held:
    """A claim for as long as a `with` statement lasts, during which a thread extends its lease.

    Args:
        claim: The job.
        table: Where it stands.
        lease: Seconds that the claim lasts without a beat.
        interval: Seconds between beats.
        stop: Set when the worker must stop.
    """

    def __init__(
        self, claim: Claim, table: ClaimTable, *, lease: float, interval: float, stop: threading.Event
    ) -> None:
        self.claim = claim
        self._table, self._lease, self._interval, self._stop = table, lease, interval, stop
        self._lost, self._over = threading.Event(), threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"heartbeat of {claim.job_id}", daemon=True)

    def __enter__(self) -> Held:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._heart.join()

    def check(self) -> None:
        """To be called often.

        Raises:
            JobLostError: If the job is no longer this worker's.
            StoppingError: If the worker must stop.
        """
        if self._lost.is_set():
            raise JobLostError
        if self._stop.is_set():
            raise StoppingError

    def start(self, fingerprint: str, rows_total: int) -> None:
        """As `ClaimTable.start`.

        Raises:
            JobLostError: As `check`.
            StoppingError: As `check`.
        """
        self._require(lambda: self._table.start(self.claim, fingerprint, rows_total))

    def parts(self) -> list[Part]:
        """As `ClaimTable.parts`.

        Raises:
            StoppingError: As `check`.
        """
        return persistently(lambda: self._table.parts(self.claim), self._stop)

    def record_part(self, part: Part, rows_done: int) -> None:
        """As `ClaimTable.record_part`.

        Raises:
            JobLostError: As `check`.
            StoppingError: As `check`.
        """
        self._require(lambda: self._table.record_part(self.claim, part, rows_done))

    def finish(self, results_file: str) -> None:
        """As `ClaimTable.finish`.

        Raises:
            JobLostError: As `check`.
            StoppingError: As `check`.
        """
        self._require(lambda: self._table.finish(self.claim, results_file))

    def _require(self, write: Callable[[], bool]) -> None:
        if not persistently(write, self._stop):
            raise JobLostError

    def _beat(self) -> None:
        while not self._over.wait(self._interval):
            try:
                if not self._table.beat(self.claim, self._lease):
                    self._lost.set()
                    return
            except SQLAlchemyError as error:  # the fence holds without it; the next beat may come through
                log.warning("no heartbeat: %s", type(error).__name__)
