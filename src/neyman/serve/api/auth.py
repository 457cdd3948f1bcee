"""Who asks, whether they may, and whether not too often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from http import HTTPStatus

from neyman.serve.api.bodies import Headers
from neyman.serve.api.errors import ProblemError
from neyman.serve.api.parts import Parts
from neyman.serve.keys import Key, Scope

NOBODY = Key("", "", frozenset(), 0.0, None)
"""Who asks where no key is needed."""


async def admitted(parts: Parts, headers: Headers, scopes: Sequence[Scope]) -> Key:
    """The key of a request, which must be good for one of these scopes.

    Raises:
        ProblemError: 401 without a good key, 403 if it is not for this, 429 if it asks too often.
    """
    token = _bearer(headers)
    keys, limiter = parts.keys, parts.limiter
    key = keys.verify(token) if keys.remembers(token) else await parts.ask(keys.verify, token)
    if key is None:
        raise _unknown("no such key, or it was revoked")
    if key.scopes.isdisjoint(scopes):
        raise ProblemError(HTTPStatus.FORBIDDEN, f"this key is not for '{scopes[0]}'")
    wait = await parts.ask(limiter.take, key.id) if limiter.remote else limiter.take(key.id)
    if wait > 0:
        seconds = str(math.ceil(wait)).encode()
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", headers=((b"retry-after", seconds),))
    return key


def _bearer(headers: Headers) -> str:
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    if kind.lower() != b"bearer":
        raise _unknown("no key; expected: the header Authorization: Bearer KEY")
    return token.strip().decode("latin-1")


def _unknown(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers=((b"www-authenticate", b"Bearer"),))
