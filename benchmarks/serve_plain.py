"""A scoring service as one writes it down with FastAPI and pydantic, for `benchmarks/serve.py` to compare with.

    python benchmarks/serve_plain.py MODEL PORT SHA256_OF_KEY

The same model, protocol, uvicorn with uvloop and httptools, and the same care: a key that is compared in constant time,
limits of body and rows, widths, finite numbers, p-values from a sorted calibration sample, Prometheus counters. It is
given what is known to help: an `async` handler, so that no request waits for a thread; dependencies and no middleware,
which would cost more; no cache, no limit of rates and no database, of which neyman has each.
"""

import hashlib
import hmac
import sys
import time
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from prometheus_client import Counter, Histogram, make_asgi_app
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from neyman.anomaly.runtime import Scorer

BODY, ROWS = 8 * 2**20, 10_000
FPR, DELTA = 1e-3, 0.05

REQUESTS = Counter("plain_requests", "Requests", ["endpoint", "status"])
EVENTS = Counter("plain_events", "Events")
SECONDS = Histogram("plain_seconds", "Seconds of a request", ["endpoint"])


class ScoreRequest(BaseModel):
    """Events to score."""

    model_config = ConfigDict(extra="forbid", strict=True)
    events: list[list[FiniteFloat]] = Field(min_length=1, max_length=ROWS)
    model: str | None = None


class Model(BaseModel):
    """Who has scored them."""

    name: str
    digest: str
    score: str


class ScoreReply(BaseModel):
    """What is said of them."""

    scores: list[float]
    flags: list[bool] | None
    p_values: list[float]
    model: Model


def service(path: str, key_hash: str) -> FastAPI:
    """The application."""
    scorer = Scorer.open(path)
    calibration, cut = np.sort(scorer.calibration), scorer.threshold(FPR, DELTA)
    identity = Model(name="plain", digest=scorer.digest, score=scorer.score_name)
    app = FastAPI()
    app.mount("/metrics", make_asgi_app())

    async def allowed(
        authorization: Annotated[str, Header()] = "", content_length: Annotated[int | None, Header()] = None
    ) -> None:
        found = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
        if not hmac.compare_digest(found, key_hash):
            raise HTTPException(401, "no such key")
        if content_length is None or content_length > BODY:
            raise HTTPException(413, "too large")

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/api/v1/score", dependencies=[Depends(allowed)])
    async def score(request: ScoreRequest) -> ScoreReply:
        began = time.perf_counter()
        if any(len(event) != len(scorer.names) for event in request.events):
            raise HTTPException(422, f"expected {len(scorer.names)} numbers an event")
        scores = scorer.score(np.array(request.events, dtype=np.float64))
        p_values = (1.0 + len(calibration) - np.searchsorted(calibration, scores)) / (len(calibration) + 1.0)
        reply = ScoreReply(
            scores=scores.tolist(), flags=(scores > cut).tolist(), p_values=p_values.tolist(), model=identity
        )
        REQUESTS.labels("score", "200").inc()
        EVENTS.inc(len(scores))
        SECONDS.labels("score").observe(time.perf_counter() - began)
        return reply

    return app


if __name__ == "__main__":
    uvicorn.run(
        service(sys.argv[1], sys.argv[3]), host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools",
        log_level="warning", access_log=False,
    )  # fmt: skip
