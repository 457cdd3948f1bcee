"""The service as an ASGI application.

Routes are a dictionary and a request is answered by one function: a score of one event takes a tenth of a millisecond,
and no framework should take as much again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from neyman.core.errors import DataError
from neyman.serve.api import batch, explain, health, models, score
from neyman.serve.api.auth import NOBODY, admitted
from neyman.serve.api.bodies import DisconnectedError, Receive
from neyman.serve.api.call import Answer, Call, Endpoint
from neyman.serve.api.errors import MEDIA_TYPE, ProblemError, wrong_content
from neyman.serve.api.openapi import document
from neyman.serve.api.parts import Parts
from neyman.serve.backend import BackendError
from neyman.serve.database import away
from neyman.serve.settings import Settings

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

_ELSEWHERE = "other"  # in metrics: paths that there are not

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/api/v1/score": {"POST": Endpoint("score", ("score",), score.score)},
    "/api/v1/explain": {"POST": Endpoint("explain", ("score",), explain.explain)},
    "/api/v1/models": {"GET": Endpoint("models", ("score",), models.models)},
    "/api/v1/score/batch": {
        "POST": Endpoint("submit", ("batch",), batch.submit),
        "GET": Endpoint("jobs", ("batch", "admin"), batch.listing),
    },
    "/api/v1/score/batch/{job_id}": {
        "GET": Endpoint("job", ("batch", "admin"), batch.look),
        "DELETE": Endpoint("cancel", ("batch", "admin"), batch.cancel),
    },
    "/health": {"GET": Endpoint("health", (), health.health)},
    "/ready": {"GET": Endpoint("ready", (), health.ready)},
    "/metrics": {"GET": Endpoint("metrics", (), health.metrics)},
}
"""What answers which method of which path; a path that ends in braces takes any last part."""


class App:
    """The application.

    Args:
        parts: Of the server; closed when the server stops.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        text = document(parts.settings, {name: model.backend for name, model in parts.models.items()})

        async def openapi(_call: Call) -> Answer:
            return Answer(text)

        routes = {**ROUTES, "/openapi.json": {"GET": Endpoint("openapi", (), openapi)}}
        self._routes = {path: methods for path, methods in routes.items() if not path.endswith("}")}
        self._below = {path.rpartition("/")[0]: methods for path, methods in routes.items() if path.endswith("}")}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or follow the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            begin = time.perf_counter()
            name = _ELSEWHERE
            try:
                endpoint, argument = self._find(scope["method"], scope["path"])
                name = endpoint.name
                answer = await self._answer(endpoint, argument, scope, receive)
            except DisconnectedError:
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, there is an answer
                problem = _problem(error)
                answer = Answer(problem.body(), problem.status, MEDIA_TYPE, problem.headers)
            await _reply(answer, send, head=scope["method"] == "HEAD")
            self.parts.metrics.count(name, answer.status, time.perf_counter() - begin)

    async def _answer(
        self, endpoint: Endpoint, argument: str, scope: MutableMapping[str, Any], receive: Receive
    ) -> Answer:
        headers = dict(scope["headers"])
        key = await admitted(self.parts, headers, endpoint.scopes) if endpoint.scopes else NOBODY
        return await endpoint.handle(Call(self.parts, headers, receive, key, argument, scope["query_string"]))

    def _find(self, method: str, path: str) -> tuple[Endpoint, str]:
        argument = ""
        methods = self._routes.get(path)
        if methods is None:
            above, _, argument = path.rpartition("/")
            methods = self._below.get(above) if argument else None
        if methods is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "nothing is here; see /openapi.json")
        endpoint = methods.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
            raise ProblemError(
                HTTPStatus.METHOD_NOT_ALLOWED, f"expected: {allowed}", headers=((b"allow", allowed.encode()),)
            )
        return endpoint, argument

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.parts.close()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(settings: Settings) -> App:
    """The service: models are read, the database is upgraded, and all of `/api/v1` answers.

    Raises:
        NeymanError: If a part of it cannot be had.
    """
    return App(Parts(settings))


async def _reply(answer: Answer, send: Send, *, head: bool) -> None:
    length = str(len(answer.body)).encode()
    headers = [(b"content-type", answer.media_type), (b"content-length", length), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


def _problem(error: Exception) -> ProblemError:
    """What is told of an error; more of it goes to the log if it is not the caller's."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, DataError):
        return wrong_content(error)
    if isinstance(error, BackendError):
        log.warning("the model is out of reach: %s", error)
        return _later("the model is out of reach")
    if away(error):
        log.warning("the database does not answer: %s", error)
        return _later("the database is out of reach")
    log.error("a request failed", exc_info=error)
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "a mistake of the service, which its log describes")


def _later(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=((b"retry-after", b"1"),))
