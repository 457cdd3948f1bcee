"""Jobs as those see them who submit them: submit, look, cancel. What workers do with them is in `claims.py`.

A job is queued, then running in the hands of a worker, then done or failed; it is queued again when its worker gives it
back, and taken by another when its worker is silent. It can be cancelled until it has ended.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields
from typing import Literal, get_args

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from neyman.core.errors import InputError
from neyman.serve.database import arrival, now, reading, writing
from neyman.serve.tables import idempotency, jobs

Status = Literal["queued", "running", "done", "failed", "cancelled"]

ENDED: tuple[Status, ...] = ("done", "failed", "cancelled")
"""From these there is no way back."""

MAX_IDEMPOTENCY_KEY = 200
"""Characters."""


class NoSuchJobError(InputError):
    """No job of this id, or one of somebody else's: a caller cannot tell which."""


class IdempotencyConflictError(InputError):
    """An idempotency key that came before with another request."""


@dataclass(frozen=True)
class Job:
    """What its owner may know of a job.

    Attributes:
        id: Its name.
        owner: The key that submitted it.
        model: Name of the model.
        digest: Identity of the artefact.
        events_file: What is scored.
        status: Where it stands.
        rows_done: Events whose scores are saved.
        rows_total: Events in the file; None before somebody has looked.
        results_file: Where the scores are; None until all are.
        error: Why it failed, or what it waits for; None if nothing is wrong.
        attempt: How often it was begun.
        submitted_at: Seconds since 1970.
        finished_at: Seconds since 1970; None until it has ended.
    """

    id: str
    owner: str
    model: str
    digest: str
    events_file: str
    status: Status
    rows_done: int
    rows_total: int | None
    results_file: str | None
    error: str | None
    attempt: int
    submitted_at: float
    finished_at: float | None

    @property
    def fraction(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.status == "done":
            return 1.0
        return self.rows_done / self.rows_total if self.rows_total else 0.0


_COLUMNS = [jobs.c[field.name] for field in fields(Job)]


class JobTable:
    """The jobs of a database.

    Args:
        engine: From `connect`, after `upgrade`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def submit(
        self, owner: str, model: str, digest: str, events_file: str, *, key: str | None = None, body_hash: str = ""
    ) -> Job:
        """Add a job, unless the same caller has added it under the same idempotency key: then it is that job.

        Args:
            owner: Id of the API key.
            model: Name of the model.
            digest: Identity of its artefact.
            events_file: Address of the file; already allowed.
            key: Idempotency key of the caller.
            body_hash: Of the request, which must be the same whenever `key` is.

        Raises:
            IdempotencyConflictError: If `key` came before with another request.
            InputError: If `key` is too long.
        """
        if key is not None and not 0 < len(key) <= MAX_IDEMPOTENCY_KEY:
            raise InputError(
                f"an idempotency key of {len(key)} characters", expected=f"1 to {MAX_IDEMPOTENCY_KEY} characters"
            )
        job_id = secrets.token_hex(16)
        with writing(self._engine) as connection:
            values = {
                "id": job_id, "owner": owner, "model": model, "digest": digest, "events_file": events_file,
                "status": "queued", "submitted_at": now(connection.dialect.name),
            }  # fmt: skip
            # The key refers to the job, so the job comes first, and goes again if the key was there before.
            point = connection.begin_nested()
            connection.execute(jobs.insert().values(values))
            if key is not None and not _remember(connection, owner, key, body_hash, job_id):
                point.rollback()
                job_id = _remembered(connection, owner, key, body_hash)
            return Job(**connection.execute(select(*_COLUMNS).where(jobs.c.id == job_id)).mappings().one())

    def get(self, job_id: str, owner: str | None) -> Job:
        """One job.

        Args:
            job_id: Its name.
            owner: Who asks; None for anybody's job.

        Raises:
            NoSuchJobError: If there is none, or it is somebody else's.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(*_COLUMNS).where(jobs.c.id == job_id)).mappings().one_or_none()
        if row is None or owner not in (None, row["owner"]):
            raise NoSuchJobError("no such job", expected="the job_id of one of your jobs")
        return Job(**row)

    def list(self, owner: str | None, limit: int = 100) -> list[Job]:
        """The jobs of a caller (None: of all), the newest first."""
        arrived = arrival(jobs, self._engine.dialect.name).desc()
        query = select(*_COLUMNS).order_by(jobs.c.submitted_at.desc(), arrived).limit(limit)
        if owner is not None:
            query = query.where(jobs.c.owner == owner)
        with reading(self._engine) as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def cancel(self, job_id: str, owner: str | None) -> Job:
        """End a job; one that has ended stays as it is.

        Raises:
            NoSuchJobError: As `get`.
        """
        self.get(job_id, owner)
        with writing(self._engine) as connection:
            clock = now(connection.dialect.name)
            going = (jobs.c.id == job_id) & jobs.c.status.in_(("queued", "running"))
            connection.execute(update(jobs).where(going).values(status="cancelled", finished_at=clock))
        return self.get(job_id, owner)

    def counts(self) -> dict[Status, int]:
        """How many jobs there are of each status."""
        query = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        with reading(self._engine) as connection:
            found = {str(status): int(number) for status, number in connection.execute(query)}
        return {status: found.get(status, 0) for status in get_args(Status)}


def _remember(connection: Connection, owner: str, key: str, body_hash: str, job_id: str) -> bool:
    """Take an idempotency key; False if it is taken, be it by a request of this very moment."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    values = {"owner": owner, "key": key, "body_hash": body_hash, "job_id": job_id}
    taken = insert(idempotency).values(values).on_conflict_do_nothing().returning(idempotency.c.job_id)
    return connection.execute(taken).first() is not None


def _remembered(connection: Connection, owner: str, key: str, body_hash: str) -> str:
    query = select(idempotency).where(idempotency.c.owner == owner, idempotency.c.key == key)
    known = connection.execute(query).one()
    if known.body_hash != body_hash:
        raise IdempotencyConflictError(
            "this idempotency key came before with another request", expected="a new key for a new request"
        )
    return str(known.job_id)
