"""/api/v1/score/batch: jobs, and whose they are."""

import datetime as dt

import pytest

from .live import is_problem, live, settings_for

PATH = "/api/v1/score/batch"
FILE = "s3://events/run3/muons.parquet"


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    read = [{"bucket": "events", "prefix": "run3"}, {"bucket": "shared"}]
    with live(settings_for(artefact, tmp_path_factory.mktemp("batch"), read=read)) as running:
        yield running


def submit(service, file=FILE, *, key=None, token=None, **more):
    headers = {} if key is None else {"Idempotency-Key": key}
    headers |= service.as_key(token) if token else {}
    return service.http.post(PATH, json={"events_file": file} | more, headers=headers)


def test_a_job_is_taken_and_can_be_asked_for(service):
    answer = submit(service)
    assert answer.status_code == 202
    taken = answer.json()
    assert set(taken) == {"job_id", "status"}
    assert taken["status"] == "queued"
    found = service.http.get(f"{PATH}/{taken['job_id']}").json()
    submitted = dt.datetime.fromisoformat(found.pop("submitted_at"))
    assert abs((dt.datetime.now(dt.UTC) - submitted).total_seconds()) < 60
    assert found == {
        "job_id": taken["job_id"],
        "status": "queued",
        "progress": {"rows_done": 0, "rows_total": None, "fraction": 0.0},
        "results_file": None,
        "error": None,
        "model": {"name": "tiny", "digest": service.parts.models["tiny"].backend.digest},
        "finished_at": None,
    }


def test_what_a_worker_did_is_told(service):
    from neyman.serve.claims import ClaimTable

    taken = submit(service, token=service.new_key("batch")[0]).json()["job_id"]
    table = ClaimTable(service.parts.engine)
    claim = table.claim("worker", 30)
    while claim.job_id != taken:
        table.fail(claim, "column 'pt' is missing")
        claim = table.claim("worker", 30)
    admin = service.as_key(service.new_key("batch", "admin")[0])
    assert service.http.get(f"{PATH}/{taken}", headers=admin).json()["status"] == "running"
    assert table.start(claim, "fingerprint", 100)
    assert table.finish(claim, "s3://results/scores.parquet")
    done = service.http.get(f"{PATH}/{taken}", headers=admin).json()
    assert (done["status"], done["results_file"]) == ("done", "s3://results/scores.parquet")
    assert done["progress"]["fraction"] == 1
    assert done["finished_at"] >= done["submitted_at"]
    failed = [job for job in service.http.get(PATH).json()["jobs"] if job["status"] == "failed"]
    assert failed[0]["error"] == {"detail": "column 'pt' is missing"}


def test_the_same_key_with_the_same_request_is_the_same_job(service):
    first, second = submit(service, key="a-1"), submit(service, key="a-1", model="tiny")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["job_id"] == second.json()["job_id"]
    assert submit(service, key="a-2").json()["job_id"] != first.json()["job_id"]
    assert submit(service).json()["job_id"] != submit(service).json()["job_id"]


def test_the_same_key_with_another_request_is_a_mistake(service):
    submit(service, key="b-1")
    found = is_problem(submit(service, "s3://shared/other.parquet", key="b-1"), 409)
    assert found["where"] == "Idempotency-Key"


def test_the_same_key_with_another_model_is_a_mistake(artefact, tmp_path):
    settings = settings_for(artefact, tmp_path, models={"one": artefact, "two": artefact}, read=[{"bucket": "events"}])
    with live(settings) as service:
        assert submit(service, key="m-1", model="one").status_code == 202
        is_problem(submit(service, key="m-1", model="two"), 409)


def test_keys_of_different_callers_have_nothing_to_do_with_each_other(service):
    other, _ = service.new_key("batch")
    mine, theirs = submit(service, key="c-1"), submit(service, "s3://shared/x", key="c-1", token=other)
    assert theirs.status_code == 202
    assert mine.json()["job_id"] != theirs.json()["job_id"]
    assert submit(service, key="c-1").json() == mine.json()


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é", "a\tb"])
def test_what_is_no_idempotency_key(key, service):
    is_problem(submit(service, key=key.encode()), 422, "Idempotency-Key")


def test_jobs_of_others_are_not_there(service):
    job = submit(service).json()["job_id"]
    other = service.as_key(service.new_key("batch", "score")[0])
    unknown = service.http.get(f"{PATH}/{'0' * 32}").content
    for method in ("GET", "DELETE"):
        answer = service.http.request(method, f"{PATH}/{job}", headers=other)
        is_problem(answer, 404)
        assert answer.content == unknown  # nobody can tell a foreign job from none
    assert service.http.get(PATH, headers=other).json() == {"jobs": []}
    assert service.http.get(f"{PATH}/{job}").json()["status"] == "queued"
    admin = service.as_key(service.new_key("batch", "admin")[0])
    assert service.http.get(f"{PATH}/{job}", headers=admin).json()["job_id"] == job
    assert service.http.delete(f"{PATH}/{job}", headers=admin).json()["status"] == "cancelled"


@pytest.mark.parametrize("job", ["%00", "a%00b", "%ff", "x" * 500, "{job_id}", "0" * 31 + "G", "0" * 31 + "%0a"])
def test_what_is_no_job_id(job, artefact, tmp_path, database):
    with live(settings_for(artefact, tmp_path, database=database)) as service:
        for method in ("GET", "DELETE"):
            is_problem(service.http.request(method, f"{PATH}/{job}"), 404, "no such job")


def test_a_cancelled_job_stays_cancelled(service):
    job = submit(service).json()["job_id"]
    first = service.http.delete(f"{PATH}/{job}").json()
    assert first["status"] == "cancelled"
    assert service.http.delete(f"{PATH}/{job}").json() == first


def test_jobs_are_listed_newest_first(service):
    token, _ = service.new_key("batch")
    ids = [submit(service, token=token).json()["job_id"] for _ in range(3)]
    listed = service.http.get(PATH, headers=service.as_key(token)).json()["jobs"]
    assert {job["job_id"] for job in listed} == set(ids)
    times = [job["submitted_at"] for job in listed]
    assert times == sorted(times, reverse=True)
    assert len(service.http.get(f"{PATH}?limit=2", headers=service.as_key(token)).json()["jobs"]) == 2


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1e3", "9" * 5000, "%00", "²"])
def test_what_is_no_limit(limit, service):
    is_problem(service.http.get(f"{PATH}?limit={limit}"), 422, "expected: 1 to 1000")


@pytest.mark.parametrize(("query", "says"), [("limti=3", "'limti'"), ("limit=1&limit=2", "1, 2"), ("%00=", "no such")])
def test_what_is_no_parameter(query, says, service):
    is_problem(service.http.get(f"{PATH}?{query}"), 422, says)


@pytest.mark.parametrize(
    "job_id", ["0", "x" * 5000, "%00", "..", "%2e%2e", "{job_id}", "' OR 1=1 --", "%F0%9F%98%80", "a%2Fb", "\u2028"]
)
def test_ids_that_are_none(job_id, service):
    answer = service.http.get(f"{PATH}/{job_id}")
    assert answer.status_code in (404, 405), answer.text
    is_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "file",
    [
        "", "s3://", "s3://events", "s3://events/", "events/run3/x.parquet", "/etc/passwd", "file:///etc/passwd",
        "s3://events/run3/x.parquet?endpoint_override=127.0.0.1:9", "s3://events/run3/x.parquet#a",
        "s3://user:secret@events/run3/x.parquet", "s3://events/run3/../x.parquet", "s3://events/run3/%2e%2e/x.parquet",
        "s3://events/run3//x.parquet", "s3://events/run3/x\u0000.parquet", "s3://events/run3/x\n.parquet",
        "s3://events/run3\\x.parquet", "gs://events/run3/x", "http://169.254.169.254/latest", "S3://events/run3/x",
        "s3://169.254.169.254/x", "s3://[::1]/x", "s3://2130706433/x", "simplecache::s3://events/run3/x",
        " s3://events/run3/x", "s3://results/run3/x.parquet", "s3://events/run33/x.parquet", "s3://events/x.parquet",
        "s3://events/run3/" + "x" * 4096, "s3://secret/x",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(file, service):
    before = len(service.http.get(PATH).json()["jobs"])
    found = is_problem(submit(service, file), 422)
    assert found["where"] == "$.events_file"
    assert "shared" not in found["detail"]  # what else is allowed is nobody's business
    assert len(service.http.get(PATH).json()["jobs"]) == before


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ("", 400, None),
        ("{", 400, None),
        ("{}", 422, "$"),
        ("[]", 422, "$"),
        ('{"events_file": 3}', 422, "$.events_file"),
        ('{"events_file": null}', 422, "$.events_file"),
        (f'{{"events_file": "{FILE}", "events_file": "{FILE}"}}', 422, "$"),
        (f'{{"events_file": "{FILE}", "callback": "http://127.0.0.1"}}', 422, "$"),
        (f'{{"events_file": "{FILE}", "model": "other"}}', 422, "$.model"),
        ('{"events_file": "\\ud800"}', 400, None),
        ("[" * 10**5, 422, "$"),
    ],
)
def test_what_is_no_request(body, status, where, service):
    answer = service.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert is_problem(answer, status).get("where") == where


def test_a_batch_request_is_json(service):
    is_problem(service.http.post(PATH, content=b"x", headers={"Content-Type": "text/plain"}), 415)
