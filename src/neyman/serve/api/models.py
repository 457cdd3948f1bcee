"""GET /api/v1/models: what can be asked, and how an event looks."""

from __future__ import annotations

import msgspec

from neyman.serve.api.call import Answer, Call
from neyman.serve.api.messages import FlagPromise, ModelReply, ModelsReply, RequestLimits
from neyman.serve.api.parts import Model, Parts


async def models(call: Call) -> Answer:
    """All models."""
    parts, limits = call.parts, call.parts.settings.limits
    replies = [_reply(model, parts) for model in parts.models.values()]
    return Answer(msgspec.json.encode(ModelsReply(replies, RequestLimits(limits.rows, limits.body_bytes))))


def _reply(model: Model, parts: Parts) -> ModelReply:
    identity, judge = model.identity, model.backend.judge
    return ModelReply(
        identity.name,
        identity.digest,
        identity.score,
        identity.name == parts.settings.model_name(None),
        list(model.backend.names),
        FlagPromise(judge.fpr, judge.delta, judge.threshold),
        len(judge.calibration),
    )
