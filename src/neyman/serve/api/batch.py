"""/api/v1/score/batch: files that are scored in the background."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs

import msgspec

from neyman.core.errors import InputError
from neyman.serve.api.bodies import JSON, media_type
from neyman.serve.api.call import Answer, Call
from neyman.serve.api.decoding import decode
from neyman.serve.api.errors import ProblemError, shown, wrong_content
from neyman.serve.api.messages import BatchRequest, JobError, JobModel, JobReply, JobsReply, Progress, Submitted
from neyman.serve.jobs import MAX_IDEMPOTENCY_KEY, IdempotencyConflictError, Job, NoSuchJobError
from neyman.serve.storage.uri import parse_uri

MOST_LISTED = 1000
"""Jobs in one answer."""

_LISTED = 100
_decoder = msgspec.json.Decoder(BatchRequest)
_PRINTABLE = re.compile(rb"[!-~]+")
_JOB_ID = re.compile(r"[0-9a-f]{32}")


async def submit(call: Call) -> Answer:
    """Take a job.

    Raises:
        ProblemError: For what is not a request, a place that is not allowed, or an idempotency key that came before
            with another request.
    """
    media_type(call.headers, JSON)
    key = _idempotency_key(call)
    body = await call.body()
    job = await call.parts.ask(_submit, call, body, key)
    return Answer(msgspec.json.encode(Submitted(job.id, job.status)), HTTPStatus.ACCEPTED)


async def look(call: Call) -> Answer:
    """How a job stands.

    Raises:
        ProblemError: 404 if it is not the caller's.
    """
    return await _told(call, call.parts.jobs.get)


async def cancel(call: Call) -> Answer:
    """End a job; one that has ended stays as it is.

    Raises:
        ProblemError: 404 if it is not the caller's.
    """
    return await _told(call, call.parts.jobs.cancel)


async def listing(call: Call) -> Answer:
    """The caller's jobs, of an admin everybody's, the newest first.

    Raises:
        ProblemError: 422 for a limit that is no number of jobs.
    """
    jobs = await call.parts.ask(call.parts.jobs.list, _owner(call), _limit(call))
    return Answer(msgspec.json.encode(JobsReply([_reply(job) for job in jobs])))


async def _told(call: Call, of: Callable[[str, str | None], Job]) -> Answer:
    """A job that the caller may see, after something was done with it."""
    nothing = ProblemError(HTTPStatus.NOT_FOUND, "no such job; expected: the job_id of one of your jobs")
    if not _JOB_ID.fullmatch(call.argument):  # a database might not even take it: PostgreSQL has no NUL
        raise nothing
    try:
        job = await call.parts.ask(of, call.argument, _owner(call))
    except NoSuchJobError:
        raise nothing from None
    return Answer(msgspec.json.encode(_reply(job)))


def _submit(call: Call, body: bytes, key: str | None) -> Job:
    request = decode(_decoder, body)
    model = call.parts.model(request.model)
    try:
        uri = parse_uri(request.events_file)
        call.parts.places.allow(uri)
    except InputError as error:
        raise wrong_content(error, "$.events_file") from None
    meant = msgspec.json.encode([str(uri), model.identity.name])  # whatever the order of keys
    try:
        return call.parts.jobs.submit(
            call.key.id, model.identity.name, model.identity.digest, str(uri),
            key=key, body_hash=hashlib.sha256(meant).hexdigest(),
        )  # fmt: skip
    except IdempotencyConflictError as error:
        raise ProblemError(HTTPStatus.CONFLICT, error.found, where="Idempotency-Key") from None


def _owner(call: Call) -> str | None:
    """Whose jobs a caller can see; None for everybody's."""
    return None if "admin" in call.key.scopes else call.key.id


def _idempotency_key(call: Call) -> str | None:
    key = call.headers.get(b"idempotency-key")
    if key is None:
        return None
    if len(key) > MAX_IDEMPOTENCY_KEY or not _PRINTABLE.fullmatch(key):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"a key of {len(key)} characters; expected: 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters",
            where="Idempotency-Key",
        )
    return key.decode()


def _limit(call: Call) -> int:
    """How many jobs were asked for; nothing else can be."""
    query = parse_qs(call.query.decode("latin-1"), keep_blank_values=True)
    unknown = [name for name in query if name != "limit"]
    asked = query.get("limit", [str(_LISTED)])
    if unknown:
        detail, where = "no such parameter; expected: limit", shown(unknown[0])
    elif len(asked) > 1 or not re.fullmatch(r"[0-9]{1,4}", asked[0]) or not 1 <= int(asked[0]) <= MOST_LISTED:
        detail, where = f"a limit of {shown(', '.join(asked))}; expected: 1 to {MOST_LISTED}", "limit"
    else:
        return int(asked[0])
    raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, where=where)


def _reply(job: Job) -> JobReply:
    return JobReply(
        job.id,
        job.status,
        Progress(job.rows_done, job.rows_total, job.fraction),
        job.results_file,
        None if job.error is None else JobError(job.error),
        JobModel(job.model, job.digest),
        _rfc3339(job.submitted_at),
        None if job.finished_at is None else _rfc3339(job.finished_at),
    )


def _rfc3339(seconds: float) -> str:
    """Text of a time, e.g. `2026-11-22T22:13:20.123Z`."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
