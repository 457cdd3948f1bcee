"""A client of the service.

    client = Client("http://127.0.0.1:8800", key)
    found = client.score(x)                              # found.scores, found.p_values, found.flags, found.model
    job = client.wait(client.submit("s3://events/muons.parquet"))

A request that finds the service busy or restarting is sent again; nothing happens twice for it.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

import httpx
import msgspec
import numpy as np
from jaxtyping import Bool, Float, Float32

from neyman.anomaly.columns import require_features
from neyman.core.errors import InputError, NeymanError, near
from neyman.serve.api.messages import (
    BatchRequest,
    ExplainReply,
    ExplainRequest,
    JobReply,
    JobsReply,
    ModelIdentity,
    ModelReply,
    ModelsReply,
    ScoreReply,
    ScoreRequest,
    Submitted,
)
from neyman.serve.link import AwayError, Link

Wire = Literal["auto", "json", "arrow"]
Raw = Float[np.ndarray, "n d"] | Float32[np.ndarray, "n d"]

ARROW = "application/vnd.apache.arrow.stream"

_FEW = 16  # rows that JSON carries as quickly as Arrow


@dataclass(frozen=True)
class Scores:
    """What the service says of n events.

    Attributes:
        scores: Higher is more anomalous, shape `(n,)`.
        flags: Which are above the threshold; None if there are too few calibration events to promise its rate.
        p_values: The fraction of background that scores as high.
        model: The model.
    """

    scores: Float[np.ndarray, " n"]
    flags: Bool[np.ndarray, " n"] | None
    p_values: Float[np.ndarray, " n"]
    model: ModelIdentity


class Client:
    """A service, as one key sees it. To be closed, or used in a `with` statement; good for one thread.

    Args:
        url: Where it is, e.g. `http://127.0.0.1:8800`.
        key: As `neyman serve keys create` printed it.
        timeout: Seconds that one attempt may take.
        attempts: How often a request is sent that finds the service busy or out of reach.
        transport: Of httpx; None for the network.

    Raises:
        InputError: If one of them cannot be what it should.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 60.0,
        attempts: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._link = Link(url, key, timeout=timeout, attempts=attempts, transport=transport)
        self._known: ModelsReply | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._link.close()

    def models(self) -> list[ModelReply]:
        """What can be asked.

        Raises:
            InputError: If the key is not good for it.
            NeymanError: If the service is out of reach.
        """
        self._known = self._link.ask("GET", "/api/v1/models", ModelsReply)
        return self._known.models

    def score(self, x: Raw, model: str | None = None, *, wire: Wire = "auto") -> Scores:
        """Score events; many are sent in several requests.

        Args:
            x: Raw features, one row an event, in the order of the model's columns.
            model: Its name; None for the service's default.
            wire: How numbers travel; by default a few as JSON and many as Arrow. The scores are the same.

        Raises:
            DataError: For another width, no events, or values that are not finite, with row and column.
            InputError: If there is no such model, or the key is not good for it.
            NeymanError: If the service is out of reach.
        """
        x = np.asarray(x, dtype=np.float64)
        about, rows = self._model(model, x.shape)
        require_features(x, about.columns)
        pieces = [x[at : at + rows] for at in range(0, len(x), rows)]
        found = [self._score(piece, about, wire) for piece in pieces]
        if len({each.model.digest for each in found}) > 1:
            raise NeymanError("the service changed its model meanwhile", hint="score the events again")
        self._require_columns(about, found[0].model)
        flags = [each.flags for each in found if each.flags is not None]
        return Scores(
            np.concatenate([each.scores for each in found]),
            np.concatenate(flags) if flags else None,
            np.concatenate([each.p_values for each in found]),
            found[0].model,
        )

    def explain(
        self, event: Float[np.ndarray, " d"] | Float32[np.ndarray, " d"], model: str | None = None
    ) -> ExplainReply:
        """Which columns of an event are unlike background, in units of σ.

        Args:
            event: Raw features, in the order of the model's columns.
            model: Its name; None for the service's default.

        Raises:
            DataError: As `score`.
            NeymanError: As `score`.
        """
        event = np.asarray(event, dtype=np.float64)
        about, _ = self._model(model, event.shape)
        require_features(event[None], about.columns)
        body = msgspec.json.encode(ExplainRequest(event.tolist(), about.name))
        reply = self._link.ask("POST", "/api/v1/explain", ExplainReply, content=body)
        self._require_columns(about, reply.model)
        return reply

    def submit(self, events_file: str, model: str | None = None, *, idempotency_key: str | None = None) -> str:
        """Have a file scored in the background.

        Args:
            events_file: A Parquet file that the service can read, `s3://bucket/key`.
            model: Its name; None for the service's default.
            idempotency_key: The same key with the same file is the same job; None for a job of its own.

        Returns:
            The id of the job.

        Raises:
            DataError: If the service does not read that place.
            InputError: If the idempotency key is not printable ASCII without spaces, or came before with another file.
            NeymanError: As `score`.
        """
        body = msgspec.json.encode(BatchRequest(events_file, msgspec.UNSET if model is None else model))
        if idempotency_key is None:
            idempotency_key = secrets.token_hex(16)
        if not re.fullmatch(r"[!-~]+", idempotency_key):
            shown = repr(idempotency_key)[:80]
            raise InputError(f"an idempotency key {shown}", expected="printable ASCII characters without spaces")
        headers = {"Idempotency-Key": idempotency_key}
        return self._link.ask("POST", "/api/v1/score/batch", Submitted, content=body, headers=headers).job_id

    def job(self, job_id: str) -> JobReply:
        """How a job stands.

        Raises:
            InputError: If the caller has no such job.
            NeymanError: As `score`.
        """
        return self._link.ask("GET", _path(job_id), JobReply)

    def jobs(self, limit: int = 100) -> list[JobReply]:
        """The caller's jobs, the newest first.

        Raises:
            NeymanError: As `score`.
        """
        return self._link.ask("GET", f"/api/v1/score/batch?limit={limit}", JobsReply).jobs

    def cancel(self, job_id: str) -> JobReply:
        """End a job; one that has ended stays as it is.

        Raises:
            InputError: If the caller has no such job.
            NeymanError: As `score`.
        """
        return self._link.ask("DELETE", _path(job_id), JobReply)

    def wait(
        self, job_id: str, *, timeout: float | None = None, poll: float = 1.0, patience: float = 300.0
    ) -> JobReply:
        """Wait until a job has ended: done, failed or cancelled; the service may restart meanwhile.

        Args:
            job_id: The job.
            timeout: Seconds to wait at most; None for as long as it takes.
            poll: Seconds between looks.
            patience: Seconds that the service may be out of reach at a time; the job goes on without it.

        Raises:
            InputError: If the caller has no such job.
            NeymanError: If the time or the patience is over, and as `score`.
        """
        seen = time.monotonic()
        deadline = None if timeout is None else seen + timeout
        stands = "out of sight"
        while True:
            try:
                job = self.job(job_id)
            except AwayError:
                if time.monotonic() - seen >= patience:
                    raise
            else:
                if job.status in ("done", "failed", "cancelled"):
                    return job
                seen = time.monotonic()
                stands = f"{job.status}, {job.progress.fraction:.0%} done"
            left = poll if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise NeymanError(
                    f"after {timeout:g} s the job is {stands}", where=job_id, hint="wait longer; it goes on meanwhile"
                )
            time.sleep(min(poll, left))

    def _model(self, name: str | None, shape: tuple[int, ...]) -> tuple[ModelReply, int]:
        """A model for events of this shape, and how many go into one request."""
        about, rows = self._look_up(name)
        if shape[-1:] != (len(about.columns),):  # another may have taken its place
            self._known = None
            about, rows = self._look_up(name)
        return about, rows

    def _require_columns(self, about: ModelReply, found: ModelIdentity) -> None:
        """JSON has numbers without names: where the model has changed, they may have been taken for others."""
        if found.digest == about.digest:
            return
        self._known = None
        if self._look_up(about.name)[0].columns != about.columns:
            changed = "the service changed its model meanwhile, and its columns"
            raise NeymanError(changed, hint="ask again, in the order of its columns")

    def _look_up(self, name: str | None) -> tuple[ModelReply, int]:
        if self._known is None:
            self.models()
        assert self._known is not None  # noqa: S101 - for the type checker
        known = {model.name: model for model in self._known.models}
        default = next((model for model in self._known.models if model.default), None)
        found = default if name is None else known.get(name)
        if found is None:
            raise InputError(
                "no model is named" if name is None else f"no model '{name[:80]}'",
                expected=f"one of {', '.join(known)}",
                hint="" if name is None else near(name, known),
            )
        limits = self._known.limits
        size = 26 * len(found.columns) + 4  # of a row as JSON, at most; as Arrow it is a third
        return found, max(1, min(limits.rows, (limits.body_bytes - 1024 - 8 * sum(map(len, found.columns))) // size))

    def _score(self, x: Float[np.ndarray, "n d"], about: ModelReply, wire: Wire) -> Scores:
        if wire == "json" or (wire == "auto" and len(x) <= _FEW):
            body = msgspec.json.encode(ScoreRequest(x.tolist(), about.name))
            reply = self._link.ask("POST", "/api/v1/score", ScoreReply, content=body)
            flags = None if reply.flags is None else np.array(reply.flags, dtype=bool)
            return Scores(np.array(reply.scores), flags, np.array(reply.p_values), reply.model)
        answer = self._link.send("POST", "/api/v1/score", content=_to_arrow(x, about), headers={"Content-Type": ARROW})
        return _from_arrow(answer.content)


def _path(job_id: str) -> str:
    if not job_id.isalnum():
        raise InputError("no id of a job", where=repr(job_id)[:80], expected="the job_id that `submit` gave")
    return f"/api/v1/score/batch/{job_id}"


def _to_arrow(x: Float[np.ndarray, "n d"], about: ModelReply) -> bytes:
    import pyarrow as pa

    columns = [pa.array(np.ascontiguousarray(column)) for column in x.T]
    schema = pa.schema([(name, pa.float64()) for name in about.columns], metadata={"model": about.name})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _from_arrow(body: bytes) -> Scores:
    import pyarrow as pa

    try:
        table = pa.ipc.open_stream(body).read_all()
        about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
        flags = table["flag"]
        return Scores(
            table["score"].to_numpy(),
            None if flags.null_count else flags.to_numpy(),
            table["p_value"].to_numpy(),
            ModelIdentity(about["model"], about["digest"], about["score"]),
        )
    except (pa.ArrowException, OSError, LookupError, AttributeError) as error:
        raise NeymanError(f"an answer that is none of this service: {type(error).__name__}") from error
