"""Requests to a service, sent again when it is busy or restarting, and its complaints as errors of this library."""

from __future__ import annotations

import re
import time
from typing import Any, TypeVar

import httpx
import msgspec

from neyman.core.errors import DataError, InputError, NeymanError
from neyman.serve.api.messages import Problem

Message = TypeVar("Message", bound=msgspec.Struct)

_LONGEST_WAIT = 30.0  # seconds between two attempts, whatever the service asks for
_BUSY = (429, 503)
_ADDRESS = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[!$->@-~]*)?")


class AwayError(NeymanError):
    """The service is out of reach, or too busy to answer."""


class Link:
    """Connections to a service, as one key has them; good for one thread.

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
        self, url: str, key: str, *, timeout: float, attempts: int, transport: httpx.BaseTransport | None
    ) -> None:
        if not _ADDRESS.fullmatch(url):
            raise _no_address(url)
        if not re.fullmatch(r"[!-~]+", key):
            raise InputError("no key", expected="what `neyman serve keys create` printed: ny_ID_SECRET")
        headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
        if attempts < 1:
            raise InputError(f"{attempts} attempts", expected="one at least")
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        except (httpx.InvalidURL, UnicodeError):
            raise _no_address(url) from None
        self._attempts = attempts

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def ask(self, method: str, path: str, message: type[Message], **options: Any) -> Message:  # noqa: ANN401 - as httpx takes them
        """The answer to a request.

        Raises:
            AwayError: If the service is out of reach or busy, however often it was asked.
            DataError: If it does not take what was sent.
            InputError: If the key is not good for it, or there is no such thing.
            NeymanError: If it stumbles, or is another service.
        """
        if "content" in options:
            options["headers"] = {"Content-Type": "application/json"} | options.get("headers", {})
        answer = self.send(method, path, **options)
        try:
            return msgspec.json.decode(answer.content, type=message)
        except msgspec.DecodeError as error:
            raise NeymanError(
                f"an answer that is none of this service: {error}"[:200], where=str(answer.url)[:200]
            ) from None

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        """The answer to a request before it is decoded; errors as those of `ask`."""
        for attempt in range(1, self._attempts + 1):
            wait = min(_LONGEST_WAIT, 0.1 * 2**attempt)
            try:
                answer = self._http.request(method, path, **options)
            except UnicodeError:  # of a name that no host can have
                raise _no_address(str(self._http.base_url)) from None
            except httpx.RequestError as error:
                if attempt == self._attempts or not isinstance(error, httpx.NetworkError | httpx.ProtocolError):
                    raise AwayError(
                        f"the service is out of reach: {error or type(error).__name__}"[:200],
                        where=str(self._http.base_url)[:200],
                        hint="is it running? `neyman serve` starts it",
                    ) from None
            else:
                if answer.status_code not in _BUSY or attempt == self._attempts:
                    break
                wait = _asked_wait(answer, wait)
            time.sleep(wait)
        if answer.is_success:
            return answer
        raise _error(answer)


def _asked_wait(answer: httpx.Response, otherwise: float) -> float:
    text = answer.headers.get("retry-after", "")
    return min(_LONGEST_WAIT, float(text)) if re.fullmatch(r"[0-9]{1,9}", text) else otherwise


def _no_address(url: str) -> InputError:
    return InputError("no address of a service", where=repr(url)[:80], expected="e.g. http://127.0.0.1:8800")


def _error(answer: httpx.Response) -> NeymanError:
    """What the service says, as one of our errors."""
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except msgspec.DecodeError:
        return NeymanError(f"the service answered {answer.status_code}", where=str(answer.url)[:200])
    where = "" if problem.where is msgspec.UNSET else str(problem.where)
    found, _, expected = problem.detail.partition("; expected: ")
    if answer.status_code in (400, 413, 422):
        return DataError(found, expected=expected, where=where)
    if answer.status_code in _BUSY:
        kind: type[NeymanError] = AwayError
    else:
        kind = NeymanError if answer.is_server_error else InputError
    return kind(found, expected=expected, where=where or str(answer.url)[:200])
