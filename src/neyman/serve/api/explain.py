"""POST /api/v1/explain: which columns of an event are unlike background."""

from __future__ import annotations

import msgspec
import numpy as np

from neyman.core.errors import DataError
from neyman.serve.api.bodies import JSON, media_type
from neyman.serve.api.call import Answer, Call
from neyman.serve.api.decoding import decode, event_array
from neyman.serve.api.messages import ExplainReply, ExplainRequest
from neyman.serve.api.parts import Parts

_decoder = msgspec.json.Decoder(ExplainRequest)


async def explain(call: Call) -> Answer:
    """Explain an event.

    Raises:
        ProblemError: For what is not a request.
    """
    media_type(call.headers, JSON)
    return await call.parts.compute(_answer, call.parts, await call.body())


def _answer(parts: Parts, body: bytes) -> Answer:
    request = decode(_decoder, body)
    model = parts.model(request.model)
    x = event_array([request.event], model.backend.names, 1, where="$.event")
    scored = model.backend.score(x)
    attribution = model.backend.attribution(x)[0]
    if not np.isfinite(attribution).all():
        raise DataError("an event so far out that nothing can be said of its columns")
    values = dict(zip(model.backend.names, attribution.tolist(), strict=True))
    reply = ExplainReply(float(scored.scores[0]), float(scored.p_values[0]), values, model.identity)
    return Answer(msgspec.json.encode(reply))
