"""What went wrong, as RFC 9457 has it: short, without paths, tracebacks, or long echoes of what came in."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from neyman.core.errors import NeymanError
from neyman.serve.api.messages import Problem

MEDIA_TYPE = b"application/problem+json"

_MOST = 80  # characters of what came in

_encoder = msgspec.json.Encoder()


class ProblemError(Exception):
    """An answer that says why there is no other.

    Args:
        status: HTTP status.
        detail: What was found, and what would have been right.
        where: The place in the request, as `$.events[3][5]`.
        headers: More headers of the answer.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, *, where: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(status, detail)
        self.status, self.detail, self.where, self.headers = status, detail, where, headers

    def body(self) -> bytes:
        """The problem as JSON."""
        where = self.where or msgspec.UNSET
        return _encoder.encode(Problem("about:blank", title(self.status), int(self.status), self.detail, where))


def wrong_content(error: NeymanError, where: str = "") -> ProblemError:
    """What the library says of a caller's input, as a problem."""
    detail = f"{error.found}; expected: {error.expected}" if error.expected else error.found
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, where=where)


def shown(text: str) -> str:
    """What came in, fit to be sent back.

    Examples:
        >>> shown("muons"), len(shown(1000 * "x"))
        ("'muons'", 80)
    """
    quoted = ascii(text[: 2 * _MOST])
    return quoted if len(quoted) <= _MOST else quoted[: _MOST - 3] + "..."


def title(status: HTTPStatus) -> str:
    """The phrase of RFC 9110, which newer Python has under these numbers."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status, status.phrase)
