"""The OpenAPI document of a server: made of the messages that requests are decoded into and answers encoded from.

It knows the models that are served: how many columns an event has, which names there are, how many rows a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from neyman._version import __version__
from neyman.core.descriptions import describe
from neyman.serve.api import messages
from neyman.serve.api.batch import MOST_LISTED
from neyman.serve.api.errors import title
from neyman.serve.api.messages import FLOAT32_MAX
from neyman.serve.backend import Backend
from neyman.serve.jobs import MAX_IDEMPOTENCY_KEY
from neyman.serve.settings import Settings

Schema = dict[str, Any]

_MESSAGES = (
    messages.ScoreRequest, messages.ScoreReply, messages.ExplainRequest, messages.ExplainReply, messages.BatchRequest,
    messages.Submitted, messages.JobReply, messages.JobsReply, messages.ModelsReply, messages.Health, messages.Problem,
)  # fmt: skip

_ARROW: Schema = {
    "application/vnd.apache.arrow.stream": {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": "An Arrow IPC stream, uncompressed. Events: the columns of the model by name, in any order,"
            " and `model` in the metadata of the schema where a name is needed. Scores: `score`, `p_value`, `flag`.",
        }
    }
}
_ADDRESS = "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/?#%].{0,1023}$"  # of those, the service refuses some more
_BODY = (400, 408, 413, 415, 422)  # what can be wrong with a body
_KEY = (401, 403, 429, 503)  # and with who asks, or with the parts behind


def document(settings: Settings, models: Mapping[str, Backend]) -> bytes:
    """The document as JSON, version 3.1.

    Args:
        settings: Of the service.
        models: Its models by name.
    """
    _, components = msgspec.json.schema_components(_MESSAGES, ref_template="#/components/schemas/{name}")
    for message in messages.__dict__.values():
        if isinstance(message, type) and message.__name__ in components:
            describe(components[message.__name__], message)
    _narrow(components, settings, models)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "neyman serve",
                "version": __version__,
                "description": "Scores of events: how unlike background they are, with error rates that hold.",
                "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
            },
            "paths": _paths(),
            "components": {
                "schemas": components,
                "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`ny_ID_SECRET`"}},
            },
        }
    )


def _paths() -> Schema:
    job = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}
    idempotency = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key with the same request is the same job, however often it is sent.",
        "schema": {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY},
    }
    limit = {
        "name": "limit",
        "in": "query",
        "description": "How many jobs at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": 100},
    }
    return {
        "/api/v1/score": {"post": _operation("Score events", "ScoreReply", _BODY, body="ScoreRequest", arrow=True)},
        "/api/v1/explain": {"post": _operation("Explain an event", "ExplainReply", _BODY, body="ExplainRequest")},
        "/api/v1/models": {"get": _operation("What can be asked", "ModelsReply")},
        "/api/v1/score/batch": {
            "post": _operation(
                "Score a file",
                "Submitted",
                (*_BODY, 409),
                body="BatchRequest",
                parameters=[idempotency],
                status=202,
            ),
            "get": _operation("Jobs of the caller (admin: all), newest first", "JobsReply", (422,), parameters=[limit]),
        },
        "/api/v1/score/batch/{job_id}": {
            "get": _operation("How a job stands", "JobReply", (404,), parameters=[job]),
            "delete": _operation("Cancel a job", "JobReply", (404,), parameters=[job]),
        },
        "/health": {"get": _operation("Whether the server answers", "Health", free=True)},
        "/ready": {"get": _operation("Whether all its parts answer", "Health", (503,), free=True)},
        "/metrics": {"get": _plain("Counters for Prometheus", "text/plain", {"type": "string"})},
        "/openapi.json": {"get": _plain("This document", "application/json", {"type": "object"})},
    }


def _operation(
    summary: str,
    answer: str,
    problems: Sequence[int] = (),
    *,
    body: str | None = None,
    parameters: Sequence[Schema] = (),
    status: int = 200,
    free: bool = False,
    arrow: bool = False,
) -> Schema:
    more = _ARROW if arrow else {}
    responses = {str(status): {"description": HTTPStatus(status).phrase, "content": _json(answer) | more}}
    for problem in sorted({*problems, *(() if free else _KEY)}):
        content = {"application/problem+json": {"schema": _reference("Problem")}}
        responses[str(problem)] = {"description": title(HTTPStatus(problem)), "content": content}
    operation: Schema = {"summary": summary, "responses": responses, "security": [] if free else [{"key": []}]}
    if parameters:
        operation["parameters"] = list(parameters)
    if body:
        operation["requestBody"] = {"required": True, "content": _json(body) | more}
    return operation


def _plain(summary: str, media_type: str, schema: Schema) -> Schema:
    return {
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": "OK", "content": {media_type: {"schema": schema}}}},
    }


def _json(name: str) -> Schema:
    return {"application/json": {"schema": _reference(name)}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _narrow(components: Mapping[str, Schema], settings: Settings, models: Mapping[str, Backend]) -> None:
    """What a schema cannot say in general, and this server knows."""
    widths = {len(model.names) for model in models.values()}
    number = {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX}
    event = {"type": "array", "items": number, "minItems": min(widths), "maxItems": max(widths)}
    events = {"type": "array", "items": event, "minItems": 1, "maxItems": settings.limits.rows}
    for name, key, schema in (("ScoreRequest", "events", events), ("ExplainRequest", "event", event)):
        components[name]["properties"][key].update(schema)
    components["BatchRequest"]["properties"]["events_file"]["pattern"] = _ADDRESS
    for name in ("ScoreRequest", "ExplainRequest", "BatchRequest"):
        components[name]["properties"]["model"]["enum"] = list(models)
        if settings.model_name(None) is None:
            components[name]["required"].append("model")
