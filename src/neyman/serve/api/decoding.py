"""JSON into messages and arrays, strictly: what is not exactly a request is refused, with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import numpy as np
from jaxtyping import Float

from neyman.serve.api.errors import ProblemError, shown
from neyman.serve.api.messages import FLOAT32_MAX

Message = TypeVar("Message", bound=msgspec.Struct)

_PLAIN = re.compile(r"[A-Za-z_]{1,20}")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def decode(decoder: msgspec.json.Decoder[Message], body: bytes) -> Message:
    """A message.

    Raises:
        ProblemError: 400 if it is not JSON, 422 if it is but not such a message; with the place.
    """
    try:
        message = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _explain_constants(body)
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8, or too deep"
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"not JSON: {reason[:200]}") from None
    if body.count(b":") != _keys(message):  # a colon in a string, or a key that stands twice
        json.loads(body, object_pairs_hook=_refuse_duplicates)
    return message


def event_array(
    events: Sequence[Sequence[float]], names: Sequence[str], most: int, where: str = "$.events"
) -> Float[np.ndarray, "n d"]:
    """Events as a model takes them, shape `(n, d)`.

    Args:
        events: Rows of numbers.
        names: The d columns.
        most: How many rows there may be.
        where: The place of the rows in the request.

    Raises:
        ProblemError: 413 for too many rows; 422 for none, for rows of another width, and for numbers that a float32
            cannot hold; with row and column.
    """
    if not events:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "no events; expected: at least one", where=where)
    if len(events) > most:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(events)} events; expected: at most {most} in a request; try several, or score a file",
            where=where,
        )
    width = len(names)
    for row, event in enumerate(events):
        if len(event) != width:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{len(event)} numbers; expected: {width}, the columns of the model: {_listed(names)}",
                where=f"{where}[{row}]",
            )
    x = np.array(events, dtype=np.float64)
    require_range(x, names, where)
    return x


def require_range(x: Float[np.ndarray, "n d"], names: Sequence[str], where: str) -> None:
    """Refuse numbers that a float32 cannot hold: networks compute in float32.

    Raises:
        ProblemError: 422, with row and column.
    """
    if np.abs(x).max() <= FLOAT32_MAX:  # never true if there is a NaN
        return
    row, column = np.argwhere(~(np.abs(x) <= FLOAT32_MAX))[0].tolist()
    raise ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"column {shown(names[column])} is {x[row, column]:g}; expected: a number that a float32 can hold",
        where=f"{where}[{row}][{column}]",
    )


def _keys(message: msgspec.Struct) -> int:
    """How many keys a message of one level was written with."""
    return sum(getattr(message, name) is not msgspec.UNSET for name in message.__struct_fields__)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"key {shown(key)} stands twice; expected: each key once", where="$"
            )


def _wrong(text: str) -> ProblemError:
    """What msgspec says, `Expected ... - at `$.events[0]``, without a long echo."""
    reason, _, place = text.rpartition(" - at ")
    reason, where = (reason, place.strip("`")) if reason else (place, "$")
    unknown = _UNKNOWN.fullmatch(reason)
    if unknown:
        reason = f"unknown key {shown(unknown[1])}"
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, reason[:200], where=where[:80])


def _explain_constants(body: bytes) -> None:
    """Python and JavaScript libraries write NaN and Infinity, which JSON does not have: say so, if that is all."""

    class Constant:
        def __init__(self, name: str) -> None:
            self.name = name

    try:
        value = json.loads(body, parse_constant=Constant)
    except (ValueError, RecursionError):
        return
    pending: list[tuple[str, Any]] = [("$", value)]
    while pending:
        place, item = pending.pop()
        if isinstance(item, Constant):
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{item.name}; expected: a finite number", where=place[:80]
            )
        if isinstance(item, list):
            pending.extend((f"{place}[{index}]", each) for index, each in reversed(list(enumerate(item))))
        if isinstance(item, dict):
            pending.extend((f"{place}.{key if _PLAIN.fullmatch(key) else '?'}", each) for key, each in item.items())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
