from __future__ import annotations

import dataclasses
import threading
import time

import httpx
import msgspec
import numpy as np
import pytest

from neyman.core.errors import DataError, InputError, NeymanError
from neyman.serve.claims import ClaimTable
from neyman.serve.client import Client

from .live import NAMES, live, settings_for


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    limits = {"requests_per_second": 1e6, "burst": 10**6, "rows": 500}
    with live(settings_for(artefact, tmp_path_factory.mktemp("client"), limits=limits)) as running:
        yield running


@pytest.fixture
def client(service):
    with Client(service.url, service.key) as made:
        yield made


@pytest.mark.parametrize("wire", ["auto", "json", "arrow"])
@pytest.mark.parametrize("n", [1, 17, 1234])
def test_scores_are_those_of_the_model(wire, n, client, service, background):
    x = background(n, 8)
    found, wanted = client.score(x, wire=wire), service.parts.models["tiny"].backend.score(x)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-5)
    np.testing.assert_allclose(found.p_values, wanted.p_values, atol=1e-3)
    assert (found.flags != wanted.flags).mean() < 1e-3
    assert found.model.digest == service.parts.models["tiny"].backend.digest
    np.testing.assert_array_equal(client.score(x.astype(np.float32), "tiny").scores.shape, (n,))


def test_without_a_promise_there_are_no_flags(artefact, tmp_path, background):
    settings = settings_for(artefact, tmp_path, flags={"fpr": 1e-4})
    with live(settings) as service, Client(service.url, service.key) as client:
        for wire in ("json", "arrow"):
            assert client.score(background(3, 1), wire=wire).flags is None


def test_small_limits_only_make_more_requests(artefact, tmp_path, background):
    limits = {"requests_per_second": 1e6, "burst": 10**6, "body_bytes": 4096}
    settings = settings_for(artefact, tmp_path, limits=limits)
    with live(settings) as service, Client(service.url, service.key) as client:
        x = background(100, 1)
        wanted = service.parts.models["tiny"].backend.scores(x)
        for wire in ("json", "arrow"):
            np.testing.assert_allclose(client.score(x, wire=wire).scores, wanted, rtol=1e-5)


def test_models_and_explanations(client, background):
    (model,) = client.models()
    assert tuple(model.columns) == NAMES
    event = background(1, 1)[0]
    event[0] += 9
    found = client.explain(event)
    assert max(found.feature_attribution, key=found.feature_attribution.get) == "mass"
    assert found.score == pytest.approx(client.score(event[None]).scores[0], rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_leaves(bad, client, background, message):
    x = background(3, 1)
    x[1, 5] = bad
    with pytest.raises(DataError) as error:
        client.score(x)
    message(error, "column 'charge'", "row 1")
    with pytest.raises(DataError):
        client.explain(x[1])


def test_what_the_service_says_is_told(client, background, message):
    x = background(3, 1)
    x[1, 5] = 1e39
    for wire in ("json", "arrow"):
        with pytest.raises(DataError) as error:
            client.score(x, wire=wire)
        message(error, "1e+39", "[1][5]", "expected: a number that a float32 can hold")
    with pytest.raises(DataError) as error:
        client.score(x[:, :3])
    message(error, "(3, 3)", "(events, 7)")
    with pytest.raises(DataError):
        client.score(x[:0])
    with pytest.raises(InputError) as error:
        client.score(x, "tinny")
    message(error, "no model 'tinny'", "did you mean 'tiny'?")
    with pytest.raises(DataError) as error:
        client.submit("s3://secret/x.parquet")
    message(error, "$.events_file")
    with pytest.raises(InputError) as error:
        client.job("0" * 32)
    message(error, "no such job")
    with pytest.raises(InputError):
        client.job("../models")


def test_keys_that_are_not_good(service, message):
    with Client(service.url, "ny_x") as client, pytest.raises(InputError) as error:
        client.models()
    message(error, "no such key")
    with Client(service.url, service.new_key("batch")[0]) as client, pytest.raises(InputError) as error:
        client.models()
    message(error, "not for 'score'")


def test_a_job_from_submission_to_its_end(client, service):
    job_id = client.submit("s3://events/a.parquet", idempotency_key="once")
    assert client.submit("s3://events/a.parquet", idempotency_key="once") == job_id
    with pytest.raises(InputError):
        client.submit("s3://events/b.parquet", idempotency_key="once")
    assert client.submit("s3://events/a.parquet", "tiny") != job_id
    assert job_id in {job.job_id for job in client.jobs()}
    table = ClaimTable(service.parts.engine)
    claim = table.claim("worker", 30)
    assert claim.job_id == job_id

    def work():
        time.sleep(0.2)
        table.start(claim, "fingerprint", 10)
        table.finish(claim, "s3://results/a.parquet")

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    done = client.wait(job_id, timeout=20, poll=0.05)
    worker.join()
    assert (done.status, done.results_file) == ("done", "s3://results/a.parquet")
    other = client.submit("s3://events/c.parquet")
    with pytest.raises(NeymanError, match=r"after 0\.1 s the job is queued"):
        client.wait(other, timeout=0.1, poll=0.05)
    assert client.cancel(other).status == "cancelled"
    assert client.wait(other).status == "cancelled"


def answering(*answers):
    """A transport that gives these answers in turn, and the requests that it saw."""
    left, seen = list(answers), []

    def handle(request):
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return httpx.MockTransport(handle), seen


TAKEN = httpx.Response(202, json={"job_id": "a1", "status": "queued"})


@pytest.fixture
def naps(monkeypatch):
    taken = []
    monkeypatch.setattr("neyman.serve.link.time.sleep", taken.append)
    return taken


def test_a_busy_service_is_asked_again_when_it_says_so(naps):
    transport, seen = answering(
        httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(503), httpx.ConnectError("refused"),
        httpx.Response(503, headers={"Retry-After": "86400"}), TAKEN,
    )  # fmt: skip
    client = Client("http://there", "key", transport=transport)
    assert client.submit("s3://events/a.parquet") == "a1"
    assert naps[0] == 7
    assert naps[3] == 30
    keys = {request.headers["idempotency-key"] for request in seen}
    assert len(keys) == 1  # however often it is sent, it is one job
    client.close()


@pytest.mark.parametrize("wire", ["json", "arrow"])
def test_scores_of_two_models_are_not_mixed(wire, artefact, tmp_path, background, monkeypatch, message):
    with (
        live(settings_for(artefact, tmp_path, limits={"rows": 10})) as service,
        Client(service.url, service.key) as client,
    ):
        x = background(25, 1)
        whole = client.score(x, wire=wire)
        model, seen = service.parts.models["tiny"], []
        other = dataclasses.replace(model, identity=msgspec.structs.replace(model.identity, digest="0" * 64))

        def changing(_name):
            seen.append(1)
            return model if len(seen) < 3 else other  # the service starts anew with another artefact

        monkeypatch.setattr(service.parts, "model", changing)
        with pytest.raises(NeymanError) as error:
            client.score(x, wire=wire)
        message(error, "changed its model meanwhile", "score the events again")
        assert client.score(x, wire=wire).model.digest == "0" * 64
        np.testing.assert_allclose(whole.scores, model.backend.scores(x), rtol=1e-5)


def models(*columns, digest="0" * 64):
    about = {
        "name": "m", "digest": digest, "score": "energy", "default": True, "columns": columns,
        "flags": {"fpr": 0.1, "delta": 0.1, "threshold": 1.0}, "calibration_events": 9,
    }  # fmt: skip
    return httpx.Response(200, json={"models": [about], "limits": {"rows": 10, "body_bytes": 9999}})


def scored(digest):
    about = {"name": "m", "digest": digest, "score": "energy"}
    more = {"score": 1.0, "p_value": 0.5, "feature_attribution": {"a": 0.0, "b": 0.0}}
    return httpx.Response(200, json={"scores": [1.0], "flags": [False], "p_values": [0.5], "model": about} | more)


@pytest.mark.parametrize("asks", ["score", "explain"])
def test_numbers_are_not_taken_for_those_of_other_columns(asks, message):
    """Another model came after its columns had been asked for; JSON says nothing of columns."""

    def ask(client):
        x = np.array([[1.0, 2.0]])
        return client.explain(x[0]) if asks == "explain" else client.score(x, wire="json")

    transport, _ = answering(models("a", "b"), scored("1" * 64), models("b", "a", digest="1" * 64), scored("1" * 64))
    with Client("http://there", "key", transport=transport) as client:
        with pytest.raises(NeymanError) as error:
            ask(client)
        message(error, "changed its model meanwhile, and its columns")
        assert ask(client).model.digest == "1" * 64
    transport, seen = answering(models("a", "b"), scored("1" * 64), models("a", "b", digest="1" * 64))
    with Client("http://there", "key", transport=transport) as client:
        assert ask(client).model.digest == "1" * 64  # the same columns: nothing was mixed up
    assert len(seen) == 3


def test_a_model_of_another_width_is_noticed():
    transport, _ = answering(models("a"), scored("0" * 64), models("a", "b", digest="1" * 64), scored("1" * 64))
    with Client("http://there", "key", transport=transport) as client:
        client.score(np.array([[1.0]]), wire="json")
        assert client.score(np.array([[1.0, 2.0]]), wire="json").model.digest == "1" * 64


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("neyman.serve.client.time.monotonic", lambda: now[0])
    monkeypatch.setattr("neyman.serve.client.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


JOB = {
    "job_id": "a1", "status": "queued", "progress": {"rows_done": 0, "rows_total": None, "fraction": 0.0},
    "results_file": None, "error": None, "model": {"name": "m", "digest": "0"}, "submitted_at": "",
    "finished_at": None,
}  # fmt: skip


def test_a_wait_lasts_as_long_as_it_was_asked_to(clock):
    looks = []

    def answer(_request):
        looks.append(clock[0])
        return httpx.Response(200, json=JOB)

    with Client("http://there", "key", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(NeymanError, match=r"after 2\.5 s the job is queued, 0% done"):
            client.wait("a1", timeout=2.5, poll=1.0)
        assert looks == [0, 1, 2, 2.5]


def test_a_wait_outlasts_a_restart_of_the_service_and_no_more(clock):
    def answer(_request):
        if 10 <= clock[0] < 200:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=JOB | {"status": "done" if clock[0] >= 200 else "running"})

    with Client("http://there", "key", transport=httpx.MockTransport(answer)) as client:
        assert client.wait("a1", patience=300).status == "done"
        clock[0] = 0.0
        with pytest.raises(NeymanError, match="out of reach"):
            client.wait("a1", patience=100)
        assert 109 <= clock[0] < 120
        clock[0] = 20.0
        with pytest.raises(NeymanError, match="after 30 s the job is out of sight"):
            client.wait("a1", timeout=30)


def test_patience_ends(naps, message):
    problem = {"type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": "too many requests"}
    transport, seen = answering(*[httpx.Response(429, json=problem) for _ in range(3)])
    client = Client("http://there", "key", attempts=3, transport=transport)
    with pytest.raises(NeymanError) as error:
        client.submit("s3://events/a.parquet")
    message(error, "too many requests")
    assert len(seen) == 3
    client.close()


def test_a_mistake_of_the_service_is_not_asked_for_again(naps, message):
    transport, seen = answering(httpx.Response(500))
    client = Client("http://there", "key", transport=transport)
    with pytest.raises(NeymanError) as error:
        client.submit("s3://events/a.parquet")
    message(error, "answered 500")
    assert (len(seen), naps) == (1, [])
    client.close()


def test_a_service_that_is_not_there(naps, message):
    with Client("http://127.0.0.1:1", "key", attempts=2) as client, pytest.raises(NeymanError) as error:
        client.models()
    message(error, "out of reach", "http://127.0.0.1:1", "neyman serve")


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={"models": 3})])
def test_an_answer_of_something_else(answer, message):
    transport, _ = answering(answer)
    client = Client("http://there", "key", transport=transport)
    with pytest.raises(NeymanError) as error:
        client.models()
    message(error, "none of this service")
    client.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "there",
        "file:///etc/passwd",
        "http://a b",
        "",
        "http://there?x",
        "http://a:b@there",
        "http://there/a?b",
        "http://there/a#b",
        "http://999.1.1.1",
        "http://[:]",
    ],
)
def test_what_is_no_address(url, message):
    with pytest.raises(InputError) as error:
        Client(url, "key")
    message(error, "no address of a service")
    with pytest.raises(InputError) as error:
        Client("http://there", "a key\n")
    message(error, "no key", "neyman serve keys create")
    with pytest.raises(InputError) as error:
        Client("http://there", "key", attempts=0)
    message(error, "0 attempts", "one at least")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "xn--"])
def test_a_name_that_no_host_can_have(host, message):
    with pytest.raises(InputError) as error, Client(f"http://{host}", "key") as client:
        client.models()
    message(error, "no address of a service")


@pytest.mark.parametrize("key", ["", "é", "a b", "a\nb: c"])
def test_what_is_no_idempotency_key(key, message):
    transport, seen = answering()
    with Client("http://there", "key", transport=transport) as client, pytest.raises(InputError) as error:
        client.submit("s3://events/a.parquet", idempotency_key=key)
    message(error, "idempotency key", "printable ASCII")
    assert seen == []


def test_an_answer_that_cannot_be_unpacked(naps, message):
    transport, seen = answering(httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Packed()))
    with Client("http://there", "key", transport=transport) as client, pytest.raises(NeymanError) as error:
        client.models()
    message(error, "out of reach")
    assert len(seen) == 1


class Packed(httpx.SyncByteStream):
    def __iter__(self):
        yield b"no gzip"
