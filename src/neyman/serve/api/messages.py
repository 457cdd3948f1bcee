"""What goes over the wire as JSON: the code that decodes and encodes it and the OpenAPI document are made of these."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]

FLOAT32_MAX = 3.4028234663852886e38
"""The largest number that a float32 holds."""


class ScoreRequest(Struct, forbid_unknown_fields=True):
    """Events to score.

    Attributes:
        events: One row an event, in the order of the model's columns.
        model: Name of a model; may be left out if there is a default.
    """

    events: list[list[float]]
    model: str | UnsetType = UNSET


class ExplainRequest(Struct, forbid_unknown_fields=True):
    """An event to explain.

    Attributes:
        event: Its numbers, in the order of the model's columns.
        model: Name of a model; may be left out if there is a default.
    """

    event: list[float]
    model: str | UnsetType = UNSET


class BatchRequest(Struct, forbid_unknown_fields=True):
    """A file of events to score in the background.

    Attributes:
        events_file: A Parquet file, `s3://bucket/key`; its columns are found by their names.
        model: Name of a model; may be left out if there is a default.
    """

    events_file: str
    model: str | UnsetType = UNSET


class ModelIdentity(Struct):
    """The model that an answer comes from.

    Attributes:
        name: What the server calls it.
        digest: Identity of the artefact.
        score: Which score it is.
    """

    name: str
    digest: str
    score: str


class ScoreReply(Struct):
    """What is said of each event, in the order of the request.

    Attributes:
        scores: Higher is more anomalous.
        flags: Which are above the threshold; null if there are too few calibration events to promise its rate.
        p_values: The fraction of background that scores as high.
        model: The model.
    """

    scores: list[float]
    flags: list[bool] | None
    p_values: list[float]
    model: ModelIdentity


class ExplainReply(Struct):
    """What makes an event anomalous.

    Attributes:
        score: Higher is more anomalous.
        p_value: The fraction of background that scores as high.
        feature_attribution: How far each column is above (positive) or below what the background has for such events,
            in units of σ.
        model: The model.
    """

    score: float
    p_value: float
    feature_attribution: dict[str, float]
    model: ModelIdentity


class Submitted(Struct):
    """A job that was taken, or had been taken before under the same idempotency key.

    Attributes:
        job_id: What to ask for.
        status: How it stands.
    """

    job_id: str
    status: JobStatus


class Progress(Struct):
    """How far a job is.

    Attributes:
        rows_done: Events that are scored and saved.
        rows_total: Events of the file; null before it was opened.
        fraction: Their ratio; 0 before the file was opened.
    """

    rows_done: int
    rows_total: int | None
    fraction: float


class JobError(Struct):
    """Why a job failed.

    Attributes:
        detail: What was found, and where in the file.
    """

    detail: str


class JobModel(Struct):
    """The model of a job, as it was when the job was taken.

    Attributes:
        name: What the server calls it.
        digest: Identity of the artefact.
    """

    name: str
    digest: str


class JobReply(Struct):
    """A job.

    Attributes:
        job_id: What to ask for.
        status: How it stands.
        progress: How far it is.
        results_file: Where the scores are, once it is done.
        error: Why it failed.
        model: The model.
        submitted_at: RFC 3339, UTC.
        finished_at: RFC 3339, UTC; null before.
    """

    job_id: str
    status: JobStatus
    progress: Progress
    results_file: str | None
    error: JobError | None
    model: JobModel
    submitted_at: str
    finished_at: str | None


class JobsReply(Struct):
    """The caller's jobs.

    Attributes:
        jobs: The newest first.
    """

    jobs: list[JobReply]


class FlagPromise(Struct):
    """What a flag promises: P(false-positive rate > fpr) ≤ delta.

    Attributes:
        fpr: The false-positive rate.
        delta: The probability, over calibration samples, that the true rate is above it.
        threshold: Events with a higher score are flagged; null if there are too few calibration events.
    """

    fpr: float
    delta: float
    threshold: float | None


class ModelReply(Struct):
    """A model that can be asked.

    Attributes:
        name: What the server calls it.
        digest: Identity of the artefact.
        score: Which score it is.
        default: Whether requests that name no model mean it.
        columns: The columns of an event, in the order of the numbers.
        flags: What its flags promise.
        calibration_events: Events that p-values and flags are made of.
    """

    name: str
    digest: str
    score: str
    default: bool
    columns: list[str]
    flags: FlagPromise
    calibration_events: int


class RequestLimits(Struct):
    """How large a request may be.

    Attributes:
        rows: Events.
        body_bytes: Bytes.
    """

    rows: int
    body_bytes: int


class ModelsReply(Struct):
    """All models.

    Attributes:
        models: In the order of the settings.
        limits: What one request may hold.
    """

    models: list[ModelReply]
    limits: RequestLimits


class Health(Struct):
    """The server answers.

    Attributes:
        status: `alive` or `ready`.
    """

    status: Literal["alive", "ready"]


class Problem(Struct, omit_defaults=True):
    """Why a request failed, as RFC 9457 has it.

    Attributes:
        type: `about:blank`: the status says it all.
        title: The status in words.
        status: The HTTP status.
        detail: What was found, and what would have been right.
        where: The place in the request, as `$.events[3][5]`.
    """

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    where: str | UnsetType = UNSET
