"""Who may ask for what, and how often."""

import threading
import time

import pytest

from .live import is_problem, live, settings_for

EVENT = {"events": [[0.1, 30.0, 0.2, 3, 1e6, 0.5, 7]]}
UNKNOWN = "ny_" + "0" * 12 + "_" + "A" * 43


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    with live(settings_for(artefact, tmp_path_factory.mktemp("auth"))) as running:
        yield running


NEED = [
    ("POST", "/api/v1/score", "score"),
    ("POST", "/api/v1/explain", "score"),
    ("GET", "/api/v1/models", "score"),
    ("POST", "/api/v1/score/batch", "batch"),
    ("GET", "/api/v1/score/batch", "batch"),
    ("GET", "/api/v1/score/batch/0", "batch"),
    ("DELETE", "/api/v1/score/batch/0", "batch"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEED)
def test_without_a_good_key_there_is_no_answer(method, path, scope, service):
    for authorization in (
        None, "", "Bearer", f"Bearer {UNKNOWN}", f"Basic {service.key}", service.key,
        f"Bearer {service.key}x", f"Bearer {service.key[:-1]}", "Bearer " + "x" * 5000, "Bearer é".encode(),
    ):  # fmt: skip
        headers = {} if authorization is None else {"Authorization": authorization}
        request = service.http.build_request(method, path, headers=headers, json=EVENT)
        if authorization is None:
            del request.headers["authorization"]
        answer = service.http.send(request)
        is_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "scope"), NEED)
def test_a_key_is_for_what_it_was_made_for(method, path, scope, service):
    good, _ = service.new_key(scope)
    others = {"score"} if path.startswith("/api/v1/score/batch") else {"batch", "admin"}
    bad, _ = service.new_key(*others)
    assert service.http.request(method, path, json=EVENT, headers=service.as_key(good)).status_code not in (401, 403)
    is_problem(service.http.request(method, path, json=EVENT, headers=service.as_key(bad)), 403, f"not for '{scope}'")


def test_an_admin_looks_after_jobs_and_submits_none(service):
    headers = service.as_key(service.new_key("admin")[0])
    taken = service.http.post("/api/v1/score/batch", json={"events_file": "s3://events/a.parquet"}).json()["job_id"]
    listed = service.http.get("/api/v1/score/batch", headers=headers).json()["jobs"]
    assert taken in [job["job_id"] for job in listed]
    found = service.http.delete(f"/api/v1/score/batch/{taken}", headers=headers)
    assert found.json()["status"] == "cancelled"
    for path in ("/api/v1/score/batch", "/api/v1/score"):
        is_problem(service.http.post(path, json=EVENT, headers=headers), 403)


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/openapi.json"])
def test_what_everybody_may_ask(path, service):
    request = service.http.build_request("GET", path)
    del request.headers["authorization"]
    assert service.http.send(request).status_code == 200


def test_a_revoked_key_is_refused_soon(service):
    token, key_id = service.new_key("score")
    headers = service.as_key(token)
    assert service.http.get("/api/v1/models", headers=headers).status_code == 200
    from neyman.serve.keys import Keys

    Keys(service.parts.engine).revoke(key_id)  # as the command line does it, in another process
    end = time.monotonic() + 30  # a second, if this computer has time for it
    while service.http.get("/api/v1/models", headers=headers).status_code == 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    is_problem(service.http.get("/api/v1/models", headers=headers), 401, "revoked")


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_who_asks_too_often_is_told_when_to_come_back(kind, artefact, tmp_path, request):
    cache = {"kind": kind} | ({"url": request.getfixturevalue("redis")} if kind == "redis" else {})
    limits = {"requests_per_second": 0.5, "burst": 3}
    with live(settings_for(artefact, tmp_path, limits=limits, cache=cache)) as service:
        answers = [service.http.post("/api/v1/score", json=EVENT) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        is_problem(answers[-1], 429, "too many requests")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
        other, _ = service.new_key("score")
        assert service.http.post("/api/v1/score", json=EVENT, headers=service.as_key(other)).status_code == 200
        assert service.http.get("/health").status_code == 200
        assert service.metric('neyman_requests_total{endpoint="score",status="429"}') == 1


@pytest.mark.parametrize(("wait", "told"), [(0.01, "1"), (1.0, "1"), (1.2, "2")])
def test_who_comes_back_when_told_does_not_come_too_early(wait, told, service, monkeypatch):
    monkeypatch.setattr(service.parts.limiter, "take", lambda _key: wait)
    answer = service.http.post("/api/v1/score", json=EVENT)
    is_problem(answer, 429)
    assert answer.headers["retry-after"] == told


def test_a_database_that_is_away_is_503_and_no_open_door(artefact, tmp_path):
    with live(settings_for(artefact, tmp_path)) as service:
        assert service.http.get("/ready").status_code == 200
        hidden = tmp_path / "hidden"
        service.parts.engine.dispose()
        (tmp_path / "serve.sqlite").rename(hidden)
        (tmp_path / "serve.sqlite").mkdir()
        token = UNKNOWN.replace("000", "111")
        answer = service.http.post("/api/v1/score", json=EVENT, headers=service.as_key(token))
        is_problem(answer, 503, "database")
        assert answer.headers["retry-after"] == "1"
        is_problem(service.http.get("/ready"), 503, "the database")
        assert service.http.get("/health").status_code == 200
        assert service.http.get("/metrics").status_code == 200
        (tmp_path / "serve.sqlite").rmdir()
        hidden.rename(tmp_path / "serve.sqlite")
        assert service.http.get("/ready").status_code == 200
        assert service.http.post("/api/v1/score", json=EVENT).status_code == 200


def test_a_database_that_is_frozen_keeps_nobody_waiting(service, monkeypatch):
    monkeypatch.setattr("neyman.serve.api.parts.PATIENCE", 0.2)
    frozen = threading.Event()
    monkeypatch.setattr(type(service.parts.keys), "_look_up", lambda *_: frozen.wait(30))
    try:
        token = UNKNOWN.replace("000", "222")
        for _ in range(10):  # more than there are threads that ask
            answer = service.http.post("/api/v1/score", json=EVENT, headers=service.as_key(token))
            is_problem(answer, 503, "does not answer")
            assert answer.headers["retry-after"] == "1"
        assert service.http.get("/health").status_code == 200
    finally:
        frozen.set()
