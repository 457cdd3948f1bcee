"""GET /health, /ready and /metrics: what those ask who watch over the service."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from neyman.serve.api.call import Answer, Call
from neyman.serve.api.errors import ProblemError
from neyman.serve.api.messages import Health
from neyman.serve.api.parts import Parts
from neyman.serve.database import alive
from neyman.serve.metrics import CONTENT_TYPE


async def health(_call: Call) -> Answer:
    """The process answers."""
    return Answer(msgspec.json.encode(Health("alive")))


async def ready(call: Call) -> Answer:
    """Models and database answer, so that requests will be.

    Raises:
        ProblemError: 503, with what does not.
    """
    missing = await call.parts.ask(_missing, call.parts)
    if missing:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"no answer from {' and '.join(missing)}")
    return Answer(msgspec.json.encode(Health("ready")))


async def metrics(call: Call) -> Answer:
    """What was counted."""
    return Answer(await call.parts.ask(call.parts.metrics.text), media_type=CONTENT_TYPE)


def _missing(parts: Parts) -> list[str]:
    models = all(model.backend.alive() for model in parts.models.values())
    return [name for name, there in (("the models", models), ("the database", alive(parts.engine))) if not there]
