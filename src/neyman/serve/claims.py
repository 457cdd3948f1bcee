"""Jobs as workers see them: at least once, effects exactly once.

A worker claims a job for a while (its lease) and says again and again that it is alive. One that is killed lets its
lease run out, and another goes on from the parts that were recorded. One that was only frozen wakes up as a zombie:
every write names the worker and the attempt, so that nothing it does counts any more (fencing). The clock is the
database's, and every write can be repeated when its answer was lost.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from sqlalchemy import ColumnElement, Engine, and_, delete, or_, select, update

from neyman.serve.database import arrival, now, reading, writing
from neyman.serve.jobs import ENDED
from neyman.serve.tables import job_parts, jobs


@dataclass(frozen=True)
class Claim:
    """A job in the hands of a worker.

    Attributes:
        job_id: The job.
        worker: Who has it.
        attempt: The token that fences out whoever had it before.
        model: Name of the model.
        digest: Identity of the artefact that must score it.
        events_file: What to score.
        fingerprint: The file as the first attempt found it; None if nobody has looked.
    """

    job_id: str
    worker: str
    attempt: int
    model: str
    digest: str
    events_file: str
    fingerprint: str | None


@dataclass(frozen=True)
class Part:
    """Scores of some of the rows, in an object of their own.

    Attributes:
        number: Counts from 0, in the order of the rows.
        key: Address of the object.
        rows: How many.
        checksum: SHA-256 of the object.
        recipe: What else the numbers depend on.
    """

    number: int
    key: str
    rows: int
    checksum: str
    recipe: str


class ClaimTable:
    """The jobs of a database, for one worker or many.

    Args:
        engine: From `connect`, after `upgrade`.
        max_attempts: A job that was claimed so often in a row without progress has failed.
    """

    def __init__(self, engine: Engine, max_attempts: int = 5) -> None:
        self._engine = engine
        self._max_attempts = max_attempts

    def claim(self, worker: str, lease: float) -> Claim | None:
        """Take the oldest job that waits or whose worker is silent; None if there is none.

        Args:
            worker: Who takes it; no two workers have the same name.
            lease: For how many seconds.
        """
        with writing(self._engine) as connection:
            clock = now(connection.dialect.name)
            waits = and_(jobs.c.status == "queued", jobs.c.not_before <= clock)
            arrived = arrival(jobs, connection.dialect.name)
            silent = and_(jobs.c.status == "running", jobs.c.lease_until < clock)
            oldest = select(jobs).where(or_(waits, silent)).order_by(jobs.c.submitted_at, arrived).limit(1)
            while (row := connection.execute(oldest.with_for_update(skip_locked=True)).first()) is not None:
                this = update(jobs).where(jobs.c.id == row.id)
                if row.tries >= self._max_attempts:
                    reason = row.error or "its worker was lost each time"
                    connection.execute(this.values(
                        status="failed", finished_at=clock, error=f"given up after {row.tries} attempts: {reason}"
                    ))  # fmt: skip
                    continue
                connection.execute(this.values(
                    status="running", worker=worker, lease_until=clock + lease,
                    attempt=row.attempt + 1, tries=row.tries + 1,
                ))  # fmt: skip
                return Claim(
                    row.id, worker, row.attempt + 1, row.model, row.digest, row.events_file, row.fingerprint
                )  # fmt: skip
        return None

    def beat(self, claim: Claim, lease: float) -> bool:
        """Extend the lease; False if the job is no longer this worker's, be it cancelled or taken."""
        return self._write(claim, lease_until=self._clock + lease)

    def start(self, claim: Claim, fingerprint: str, rows_total: int) -> bool:
        """Write down what is scored; False if the job is no longer this worker's."""
        return self._write(claim, fingerprint=fingerprint, rows_total=rows_total)

    def parts(self, claim: Claim) -> list[Part]:
        """The parts that this and earlier attempts have recorded, in order."""
        columns = [job_parts.c[field.name] for field in fields(Part)]
        query = select(*columns).where(job_parts.c.job_id == claim.job_id).order_by(job_parts.c.number)
        with reading(self._engine) as connection:
            return [Part(**row) for row in connection.execute(query).mappings()]

    def record_part(self, claim: Claim, part: Part, rows_done: int) -> bool:
        """Save progress: the part takes the place of an earlier one of its number.

        Args:
            claim: The job.
            part: An object that is complete.
            rows_done: Events up to the end of it.

        Returns:
            False if the job is no longer this worker's; nothing is recorded then.
        """
        with writing(self._engine) as connection:
            progress = {"rows_done": rows_done, "tries": 1, "error": None}
            if connection.execute(update(jobs).where(_has(claim)).values(progress)).rowcount != 1:
                return False
            old = (job_parts.c.job_id == claim.job_id) & (job_parts.c.number == part.number)
            connection.execute(delete(job_parts).where(old))
            connection.execute(job_parts.insert().values(job_id=claim.job_id, **asdict(part)))
        return True

    def finish(self, claim: Claim, results_file: str) -> bool:
        """The commit: from now on, and only now, there are results.

        Args:
            claim: The job.
            results_file: Address of the complete object.

        Returns:
            False if the job is no longer this worker's.
        """
        end = {"status": "done", "finished_at": self._clock, "lease_until": None, "error": None}
        if self._write(claim, results_file=results_file, **end):
            return True
        same = (jobs.c.id == claim.job_id) & (jobs.c.status == "done") & (jobs.c.results_file == results_file)
        with reading(self._engine) as connection:  # it may have been done, and the answer lost
            return connection.execute(select(jobs.c.id).where(same)).first() is not None

    def fail(self, claim: Claim, reason: str) -> bool:
        """End a job that no repetition can mend; False if it is no longer this worker's."""
        end = {"status": "failed", "finished_at": self._clock, "lease_until": None}
        return self._write(claim, error=reason, **end)

    def give_back(self, claim: Claim, reason: str | None = None, *, wait: float = 0.0, blame: bool = False) -> bool:
        """Let others go on with a job.

        Args:
            claim: The job.
            reason: What its owner reads meanwhile.
            wait: Seconds until it may be claimed.
            blame: Whether the job may be at fault: then it counts as an attempt without progress.

        Returns:
            False if the job is no longer this worker's.
        """
        tries = jobs.c.tries if blame else jobs.c.tries - 1
        return self._write(claim, status="queued", error=reason, not_before=self._clock + wait, tries=tries)

    def unswept(self, limit: int = 10) -> list[tuple[str, str | None]]:
        """Jobs that have ended and may have left objects in storage, with nobody at work on them any more.

        Returns:
            Pairs of their names and the addresses of their results.
        """
        over = or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < self._clock)
        ended = and_(jobs.c.swept.is_(False), jobs.c.status.in_(ENDED), over)
        with reading(self._engine) as connection:
            query = select(jobs.c.id, jobs.c.results_file).where(ended).limit(limit)
            return [(job_id, results_file) for job_id, results_file in connection.execute(query)]

    def mark_swept(self, job_id: str) -> None:
        """Nothing but the results of a job is left in storage; its parts are forgotten."""
        with writing(self._engine) as connection:
            connection.execute(delete(job_parts).where(job_parts.c.job_id == job_id))
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(swept=True))

    def expired(self, seconds: float, limit: int = 10) -> list[str]:
        """Jobs that have ended so many seconds ago, and of which nothing but the results is left in storage."""
        old = and_(jobs.c.swept.is_(True), jobs.c.status.in_(ENDED), jobs.c.finished_at < self._clock - seconds)
        with reading(self._engine) as connection:
            return list(connection.scalars(select(jobs.c.id).where(old).limit(limit)))

    def forget(self, job_id: str) -> None:
        """Remove a job and its idempotency key."""
        with writing(self._engine) as connection:
            connection.execute(delete(jobs).where(jobs.c.id == job_id))

    @property
    def _clock(self) -> ColumnElement[float]:
        return now(self._engine.dialect.name)

    def _write(self, claim: Claim, **values: object) -> bool:
        with writing(self._engine) as connection:
            return connection.execute(update(jobs).where(_has(claim)).values(values)).rowcount == 1


def _has(claim: Claim) -> ColumnElement[bool]:
    """The fence: whether the worker still has the job, in this attempt."""
    return and_(
        jobs.c.id == claim.job_id,
        jobs.c.worker == claim.worker,
        jobs.c.attempt == claim.attempt,
        jobs.c.status == "running",
    )
