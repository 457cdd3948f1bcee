"""POST /api/v1/score: events in, scores out."""

from __future__ import annotations

import msgspec

from neyman.serve.api.arrow import EventStream
from neyman.serve.api.arrow import encode as encode_arrow
from neyman.serve.api.bodies import ARROW, JSON, media_type, wanted_type
from neyman.serve.api.call import Answer, Call
from neyman.serve.api.decoding import decode, event_array
from neyman.serve.api.messages import ScoreReply, ScoreRequest
from neyman.serve.api.parts import Parts

SMALL = 16 * 1024
"""Bytes of a request that takes less time than to hand it to a thread is worth."""

_decoder = msgspec.json.Decoder(ScoreRequest)
_encoder = msgspec.json.Encoder()


async def score(call: Call) -> Answer:
    """Score events.

    Raises:
        ProblemError: For what is not a request.
    """
    kind = media_type(call.headers, JSON, ARROW)
    wanted = wanted_type(call.headers, kind)
    body = await call.body()
    if call.parts.quick and len(body) <= SMALL:
        return _answer(call.parts, body, kind, wanted)
    return await call.parts.compute(_answer, call.parts, body, kind, wanted)


def _answer(parts: Parts, body: bytes, kind: bytes, wanted: bytes) -> Answer:
    most = parts.settings.limits.rows
    if kind == JSON:
        request = decode(_decoder, body)
        model = parts.model(request.model)
        x = event_array(request.events, model.backend.names, most)
    else:
        stream = EventStream(body)
        model = parts.model(stream.model)
        x = stream.events(model.backend.names, most)
    scored = parts.score(model, x)
    if wanted == ARROW:
        return Answer(encode_arrow(scored, model.identity), media_type=ARROW)
    flags = None if scored.flags is None else scored.flags.tolist()
    reply = ScoreReply(scored.scores.tolist(), flags, scored.p_values.tolist(), model.identity)
    return Answer(_encoder.encode(reply))
