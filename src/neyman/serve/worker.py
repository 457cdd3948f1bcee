"""What a worker does: claim a job, do it, say how it ended; for as long as nobody asks it to stop.

It may be killed at any moment. What it was asked to stop at it gives back; what fails for want of the storage or the
model waits and is tried again; what no repetition can mend has failed, with the reason.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from neyman.core.errors import DataError, NeymanError
from neyman.serve.backend import Backend, BackendError, backends
from neyman.serve.batch import Batch, Trace, silent, sweep
from neyman.serve.claims import Claim, ClaimTable
from neyman.serve.database import connect, upgrade
from neyman.serve.holding import Held, JobLostError, StoppingError, persistently
from neyman.serve.settings import Settings
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.protocol import StorageUnavailableError

_LONGEST = 60.0  # seconds that a job waits for a storage that is away
_MOST_MISSES = 6  # that make it longer: 2^1024 s would be no number any more
_DAY = 86400.0
_SWEEP = 5.0  # seconds between looks for what is left over

log = logging.getLogger(__name__)


def work(settings: Settings, stop: threading.Event, name: str, *, trace: Trace = silent) -> None:
    """Work on jobs until `stop` is set; then give back the one in hand, within a piece of work.

    Args:
        settings: Of the service.
        stop: Asks the worker to stop.
        name: Who it is, for those who look into the table.
        trace: Is told of points on the way; for tests.

    Raises:
        NeymanError: If a model, the storage or the database cannot be had as the settings say.
    """
    engine = connect(settings.database)
    try:
        persistently(lambda: upgrade(engine), stop)
        Worker(settings, ClaimTable(engine, settings.jobs.max_attempts), name, stop, trace).run()
    except StoppingError:
        pass
    finally:
        engine.dispose()


class Worker:
    """One worker with its models.

    Args:
        settings: Of the service.
        table: Jobs.
        name: Who it is.
        stop: Asks it to stop.
        trace: Is told of points on the way.
    """

    def __init__(
        self, settings: Settings, table: ClaimTable, name: str, stop: threading.Event, trace: Trace = silent
    ) -> None:
        self._settings, self._table, self._stop, self._trace = settings, table, stop, trace
        self._name = f"{name[:80]}-{secrets.token_hex(4)}"  # process ids come again, fences need names that do not
        self._models = backends(settings)
        self._storage = open_storage(settings.storage)
        self._misses = 0  # jobs in a row that the storage or the model was away for
        self._swept = 0.0

    def run(self) -> None:
        """Work until asked to stop.

        Raises:
            StoppingError: If asked while the database was away.
        """
        lease = self._settings.jobs.lease_seconds
        while not self._stop.is_set():
            claim = persistently(lambda: self._table.claim(self._name, lease), self._stop)
            if claim is not None:
                self._trace("claimed")
                self._do(claim)
            if claim is not None or time.monotonic() - self._swept > _SWEEP:
                self._sweep()
            if claim is None:
                self._stop.wait(self._settings.jobs.poll_seconds)

    def _do(self, claim: Claim) -> None:
        jobs = self._settings.jobs
        log.info("job %s, attempt %d", claim.job_id, claim.attempt)
        held = Held(claim, self._table, lease=jobs.lease_seconds, interval=jobs.heartbeat_seconds, stop=self._stop)
        try:
            with held:
                Batch(held, self._model(claim), self._storage, self._settings, self._trace).run()
            self._misses = 0
        except JobLostError:
            log.info("job %s was cancelled, or another worker has it", claim.job_id)
        except StoppingError:
            self._give_back(claim)
        except (StorageUnavailableError, BackendError) as error:
            log.warning("job %s waits: %s", claim.job_id, error)
            what = "storage" if isinstance(error, StorageUnavailableError) else "model"
            wait = min(2.0**self._misses, _LONGEST)
            self._misses = min(self._misses + 1, _MOST_MISSES)
            self._give_back(claim, f"the {what} cannot be reached just now", wait=wait)
        except DataError as error:
            reason = str(error)
            persistently(lambda: self._table.fail(claim, reason), self._stop)
        except Exception as error:  # whatever it is, it must not end the worker, nor show its inside to others
            log.exception("job %s", claim.job_id)
            self._give_back(claim, f"the service failed ({type(error).__name__})", wait=1.0, blame=True)

    def _model(self, claim: Claim) -> Backend:
        model = self._models.get(claim.model)
        if model is None or model.digest != claim.digest:
            raise DataError(
                f"the model '{claim.model}' was {'removed' if model is None else 'replaced'} since the job came",
                hint="submit it again",
            )
        return model

    def _give_back(self, claim: Claim, reason: str | None = None, *, wait: float = 0.0, blame: bool = False) -> None:
        """If the database is away, the lease runs out instead."""
        try:
            self._table.give_back(claim, reason, wait=wait, blame=blame)
        except SQLAlchemyError as error:
            log.warning("job %s is left to its lease: %s", claim.job_id, type(error).__name__)

    def _sweep(self) -> None:
        """Remove what jobs that have ended left in storage, and jobs of long ago; nothing depends on it."""
        self._swept = time.monotonic()
        try:
            for job_id, results_file in self._table.unswept():
                sweep(self._table, self._storage, self._settings, job_id, results_file)
            if (days := self._settings.jobs.keep_days) is not None:
                for job_id in self._table.expired(days * _DAY):
                    log.info("job %s and its results are removed: it ended %g days ago", job_id, days)
                    self._storage.clear(self._settings.results.object(job_id), keep=None)
                    self._table.forget(job_id)
        except (SQLAlchemyError, NeymanError, OSError) as error:
            log.warning("leftovers stay for now: %s", error)
