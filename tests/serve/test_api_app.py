"""Routes, health, metrics, models, and what is done about mistakes."""

import json
import threading
import time

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from neyman.serve.api.app import ROUTES
from neyman.serve.api.messages import JobStatus
from neyman.serve.backend import BackendError
from neyman.serve.jobs import Status

from .live import NAMES, is_problem, live, settings_for


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    with live(settings_for(artefact, tmp_path_factory.mktemp("app"))) as running:
        yield running


def test_states_of_jobs_are_those_of_the_table():
    assert JobStatus == Status


def test_what_can_be_asked(service, artefact):
    found = service.http.get("/api/v1/models").json()
    (model,) = found["models"]
    backend = service.parts.models["tiny"].backend
    assert model == {
        "name": "tiny",
        "digest": backend.digest,
        "score": backend.score_name,
        "default": True,
        "columns": list(NAMES),
        "flags": {"fpr": 0.01, "delta": 0.05, "threshold": backend.judge.threshold},
        "calibration_events": len(backend.judge.calibration),
    }
    assert found["limits"] == {"rows": 10_000, "body_bytes": 8 * 2**20}


def test_of_two_models_one_is_named(artefact, tmp_path, background):
    with live(settings_for(artefact, tmp_path, models={"one": artefact, "two": artefact})) as service:
        x = background(1, 1).tolist()
        is_problem(service.http.post("/api/v1/score", json={"events": x}), 422, "no model is named", "one, two")
        named = service.http.post("/api/v1/score", json={"events": x, "model": "two"}).json()
        assert named["model"]["name"] == "two"
        assert not any(model["default"] for model in service.http.get("/api/v1/models").json()["models"])
        required = service.http.get("/openapi.json").json()["components"]["schemas"]["ScoreRequest"]["required"]
        assert "model" in required


def test_health(service):
    assert service.http.get("/health").json() == {"status": "alive"}
    assert service.http.get("/ready").json() == {"status": "ready"}


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/api/v1/score/", "/api/v2/score", "/docs", "/health/", "//health", "/HEALTH",
             "/api/v1/score/batch/", "/api/v1/score/batch/a/b", "/x" * 3000, "/%00", "/../etc/passwd", "/%2e%2e/"]
)  # fmt: skip
def test_paths_that_there_are_not(path, service):
    is_problem(service.http.get(path), 404, "/openapi.json")


@pytest.mark.parametrize(("path", "methods"), [(path, list(methods)) for path, methods in ROUTES.items()])
def test_methods_that_there_are_not(path, methods, service):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"} - set(methods):
        answer = service.http.request(method, path.replace("{job_id}", "1"))
        is_problem(answer, 405)
        assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == set(methods)


def test_head_is_get_without_its_body(service):
    for path in ("/health", "/openapi.json", "/api/v1/models"):
        head, get = service.http.head(path), service.http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


def test_metrics_count_what_happened(service, background):
    def now():
        return (
            service.metric('neyman_requests_total{endpoint="score",status="200"}'),
            service.metric('neyman_requests_total{endpoint="score",status="422"}'),
            service.metric('neyman_requests_total{endpoint="other",status="404"}'),
            service.metric('neyman_events_total{model="tiny"}'),
            service.metric('neyman_flagged_events_total{model="tiny"}'),
            service.metric('neyman_request_seconds_count{endpoint="explain"}'),
            service.metric('neyman_jobs{status="queued"}'),
        )

    before = now()
    x = background(30, 5)
    x[:3, 0] = 1e4
    flags = service.http.post("/api/v1/score", json={"events": x.tolist()}).json()["flags"]
    service.http.post("/api/v1/score", json={"events": []})
    service.http.post("/api/v1/score", json={"events": x[:1].tolist()})
    service.http.get("/nothing")
    service.http.post("/api/v1/explain", json={"event": x[0].tolist()})
    service.http.post("/api/v1/score/batch", json={"events_file": "s3://events/a.parquet"})
    assert np.subtract(now(), before).tolist() == [2, 1, 1, 31, sum(flags) + 1, 1, 1]
    assert sum(flags) >= 3
    families = list(text_string_to_metric_families(service.http.get("/metrics").text))
    assert all(family.documentation for family in families)


def test_a_mistake_of_ours_tells_nothing(service, monkeypatch, caplog):
    backend = service.parts.models["tiny"].backend

    def fail(_self, _x):
        raise RuntimeError("/secret/path is broken")

    monkeypatch.setattr(type(backend), "attribution", fail)
    answer = service.http.post("/api/v1/explain", json={"event": [1, 2, 3, 4, 5, 6, 7]})
    is_problem(answer, 500, "a mistake of the service")
    assert "secret" not in answer.text
    assert "/secret/path is broken" in caplog.text


def test_a_model_that_is_out_of_reach_is_503(service, monkeypatch):
    backend = service.parts.models["tiny"].backend

    def fail(_self, _x):
        raise BackendError("connection refused by 10.0.0.1")

    monkeypatch.setattr(type(backend), "score", fail)
    monkeypatch.setattr(type(backend), "alive", lambda _self: False)
    answer = service.http.post("/api/v1/explain", json={"event": [1, 2, 3, 4, 5, 6, 7]})
    is_problem(answer, 503, "out of reach")
    assert "10.0.0.1" not in answer.text
    is_problem(service.http.get("/ready"), 503, "the models")


def test_others_are_answered_while_a_large_request_is_scored(service, background, monkeypatch):
    backend = service.parts.models["tiny"].backend
    slow = threading.Event()
    score = type(backend).score

    def wait(self, x):
        slow.wait(60)
        return score(self, x)

    monkeypatch.setattr(type(backend), "score", wait)
    answers = []
    body = {"events": background(1000, 1).tolist()}
    thread = threading.Thread(target=lambda: answers.append(service.http.post("/api/v1/score", json=body)), daemon=True)
    thread.start()
    time.sleep(0.1)
    assert service.http.get("/health").status_code == 200
    assert not answers
    slow.set()
    thread.join()
    assert answers[0].status_code == 200


def test_who_finds_a_long_queue_is_told_to_come_back(service, background, monkeypatch):
    monkeypatch.setattr("neyman.serve.api.parts.MOST_WAITING", 0)
    answer = service.http.post("/api/v1/score", json={"events": background(1000, 1).tolist()})
    is_problem(answer, 503, "too many requests wait")
    assert answer.headers["retry-after"] == "1"
    monkeypatch.setattr("neyman.serve.api.parts.MOST_WAITING", 1)
    for event in (
        [0.1, 30.0, 0.2, 3, 1e6, 0.5, 7],
        [3.0] * 6,
        [0.1, 30.0, 0.2, 3, 1e6, 0.5, 7],
    ):  # each leaves it empty
        answer = service.http.post("/api/v1/explain", json={"event": event})
        assert answer.status_code == (200 if event[0] < 1 else 422)


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_an_event_from_the_cache_has_the_same_answer(kind, artefact, tmp_path, background, request):
    cache = {"kind": kind} | ({"url": request.getfixturevalue("redis")} if kind == "redis" else {})
    with live(settings_for(artefact, tmp_path, cache=cache)) as service:
        x = background(9, 2)

        def ask(rows):
            return service.http.post("/api/v1/score", json={"events": x[rows].tolist()}).json()

        known = 'neyman_cached_events_total{model="tiny"}'
        first = ask(slice(0, 6))
        assert service.metric(known) == 0
        assert ask(slice(0, 6)) == first
        assert service.metric(known) == 6
        mixed = ask([5, 8, 0, 7])  # two that are known among two that are not
        assert service.metric(known) == 8
        assert [mixed["scores"][0], mixed["scores"][2]] == [first["scores"][5], first["scores"][0]]
        alone = ask([8])
        assert alone["scores"][0] == mixed["scores"][1]
        fresh = service.parts.models["tiny"].backend.score(x)
        assert mixed["scores"] == pytest.approx(fresh.scores[[5, 8, 0, 7]], rel=1e-5)
        assert mixed["p_values"] == fresh.p_values[[5, 8, 0, 7]].tolist()


def test_a_redis_that_goes_and_comes_back_changes_no_answer(artefact, tmp_path, background, redis, redis_server):
    with live(settings_for(artefact, tmp_path, cache={"kind": "redis", "url": redis})) as service:
        body = {"events": background(3, 2).tolist()}
        before = service.http.post("/api/v1/score", json=body).json()
        redis_server.stop()
        try:
            for _ in range(3):
                assert service.http.post("/api/v1/score", json=body).json() == before
        finally:
            redis_server.start()
        assert service.http.post("/api/v1/score", json=body).json() == before


def test_the_document_has_every_route_and_no_other(service):
    document = service.http.get("/openapi.json").json()
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    routes = {(path, method) for path, methods in ROUTES.items() for method in methods}
    assert described == routes | {("/openapi.json", "GET")}
    for path, methods in ROUTES.items():
        for method, endpoint in methods.items():
            assert bool(document["paths"][path][method.lower()]["security"]) == bool(endpoint.scopes)
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert schema["description"], name
        for key, value in schema.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"
    assert "Attributes:" not in json.dumps(document)
    assert schemas["ScoreRequest"]["properties"]["events"]["items"]["minItems"] == 7
