"""`neyman serve` as it is typed: in processes of its own, and what it refuses."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.anomaly.runtime import Scorer
from neyman.serve.settings import Settings

NAMES = ("mass", "pt", "phi", "jets", "time", "charge", "run")


@pytest.fixture
def place(tmp_path, artefact):
    """A folder with settings of a service."""
    (tmp_path / "serve.yaml").write_text(
        f"""\
models: {{tiny: {json.dumps(str(artefact))}}}
port: 0
database: sqlite:///serve.sqlite
storage: {{kind: local, root: storage}}
jobs: {{poll_seconds: 0.05}}
"""
    )
    return tmp_path


@pytest.fixture
def started(shell):
    """`with started(folder, "serve", ...) as (process, read)`: a service; `read()` gives its lines up to its URL."""

    @contextlib.contextmanager
    def start(folder, *arguments):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = shell(*arguments, cwd=folder, start=subprocess.Popen, **pipes)

        def read():
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.rstrip().endswith("until Ctrl-C"):
                    return lines
            raise AssertionError(process.stderr.read())

        try:
            yield process, read
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)

    return start


def ended(process, how):
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_one_command_serves(started, artefact, background, tmp_path):
    x = background(5, 3)
    with started(tmp_path, "serve", "--model", f"tiny={artefact}", "--port", 0) as (process, read):
        lines = read()
        url = re.search(r"^(http://127\.0\.0\.1:\d+) until Ctrl-C$", lines[-1])[1]
        (token,) = re.findall(r"^KEY=(\S+) ", "\n".join(lines), re.MULTILINE)
        headers = {"Authorization": f"Bearer {token}"}
        found = httpx.post(f"{url}/api/v1/score", json={"events": x.tolist()}, headers=headers).json()
        assert found["scores"] == pytest.approx(Scorer.open(artefact).score(x), rel=1e-5)
        assert found["model"]["name"] == "tiny"
        (tmp_path / "neyman-serve" / "storage" / "events").rmdir()  # it was made, and is empty
        code, _, err = ended(process, signal.SIGINT)
        assert (code, err) == (0, "stopped\n")
    secret = token.rpartition("_")[2].encode()
    assert not [
        path for path in (tmp_path / "neyman-serve").glob("*") if path.is_file() and secret in path.read_bytes()
    ]
    with started(tmp_path, "serve", "--model", f"tiny={artefact}", "--port", 0) as (process, read):
        text = "\n".join(read())
        assert "KEY=" not in text
        assert "keys in use: 1" in text
        assert ended(process, signal.SIGTERM)[0] == 0


def test_a_key_a_file_and_a_worker_elsewhere(started, place, neyman, background):
    """HTTP in one process without workers, a worker in another, a key made by a third."""
    settings = place / "serve.yaml"
    settings.write_text(settings.read_text().replace("jobs: {", "jobs: {workers: 0, "))
    made = json.loads(
        neyman("serve", "keys", "create", "eve", "--scope", "batch", "--settings", settings, "--json").out
    )
    (place / "storage" / "events").mkdir(parents=True)
    pq.write_table(pa.table(dict(zip(NAMES, background(50, 3).T, strict=True))), place / "storage/events/e.parquet")
    with started(place, "serve", "--settings", settings) as (_, read):
        lines = read()
        assert "KEY=" not in "\n".join(lines)
        url = lines[-1].split()[0]
        with httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {made['key']}"}) as client:
            assert client.get("models").status_code == 403
            job = client.post("score/batch", json={"events_file": "s3://events/e.parquet"}).json()
            assert client.get(f"score/batch/{job['job_id']}").json()["status"] == "queued"
            with started(place, "serve", "worker", "--settings", settings, "--jobs", 1) as (worker, read_worker):
                read_worker()
                give_up = time.monotonic() + 60
                while (state := client.get(f"score/batch/{job['job_id']}").json())["status"] != "done":
                    assert time.monotonic() < give_up, state
                    time.sleep(0.05)
                assert ended(worker, signal.SIGINT)[::2] == (0, "stopped\n")
    results = place / "storage" / state["results_file"].removeprefix("s3://")
    assert pq.read_metadata(results).num_rows == 50


def test_a_job_outlives_the_service_that_is_killed(started, place, neyman, artefact, background):
    """SIGKILL of the HTTP server, three times in the middle of a job: each row is there once, with its score."""
    settings, x = place / "serve.yaml", background(60_000, 3)
    jobs = "jobs: {lease_seconds: 1.5, heartbeat_seconds: 0.3, part_rows: 2000, "
    settings.write_text(settings.read_text().replace("jobs: {", jobs))
    made = json.loads(
        neyman("serve", "keys", "create", "eve", "--scope", "batch", "--settings", settings, "--json").out
    )
    headers = {"Authorization": f"Bearer {made['key']}", "Idempotency-Key": "once"}
    (place / "storage" / "events").mkdir(parents=True)
    table = pa.table(dict(zip(NAMES, x.T, strict=True)))
    pq.write_table(table, place / "storage/events/e.parquet", row_group_size=1000)

    def go_on(kill, seen):
        """Submit under the same key, follow the job, and kill the service as soon as there is more of it."""
        with started(place, "serve", "--settings", settings) as (process, read):
            url = read()[-1].split()[0]
            with httpx.Client(base_url=f"{url}/api/v1/", headers=headers) as client:
                job = client.post("score/batch", json={"events_file": "s3://events/e.parquet"}).json()["job_id"]
                give_up = time.monotonic() + 60
                while True:
                    state = client.get(f"score/batch/{job}").json()
                    rows = state["progress"]["rows_done"]
                    if state["status"] == "done" or (kill and rows > seen):
                        break
                    assert time.monotonic() < give_up, state
                    time.sleep(0.01)
            if kill and state["status"] != "done":
                assert ended(process, signal.SIGKILL)[0] == -signal.SIGKILL
            return job, state, rows

    names, seen, killed = set(), 0, 0
    for kill in (True, True, True, False):
        job, state, rows = go_on(kill, seen)
        killed += state["status"] != "done"
        assert rows >= seen  # what was recorded stays
        names, seen = names | {job}, rows
    assert killed >= 2  # a fast machine may be done before the third
    assert len(names) == 1
    results = pq.read_table(place / "storage" / state["results_file"].removeprefix("s3://"))
    np.testing.assert_allclose(results["score"].to_numpy(), Scorer.open(artefact).score(x), rtol=1e-5)


def test_check_starts_nothing(place, neyman):
    done = neyman("serve", "--settings", place / "serve.yaml", "--check")
    assert (done.code, done.err) == (0, "")
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["model tiny", "database", "storage"]
    assert "flags are null: too few calibration events for 0.001" in done.out
    assert "reads s3://events/; writes s3://results/" in done.out
    assert [path for path in (place / "storage").rglob("*") if path.is_file()] == []


def test_keys_come_and_go(place, neyman):
    settings = ["--settings", place / "serve.yaml"]
    shown = neyman("serve", "keys", "create", "alice", *settings).out.splitlines()
    assert re.fullmatch(r"ny_[0-9a-f]+_\S{32,}", shown[0])
    assert shown[1] == "shown this once; alice may: score"
    both = json.loads(
        neyman("serve", "keys", "create", "b", "--scope", "batch", "--scope", "score", *settings, "--json").out
    )
    assert both["scopes"] == ["batch", "score"]
    listed = neyman("serve", "keys", "list", *settings).out
    assert [line.split()[0] for line in listed.splitlines()] == ["id", shown[0].split("_")[1], both["id"]]
    for token in (shown[0], both["key"]):
        assert token.rpartition("_")[2] not in listed
    for _ in range(2):  # twice is no mistake
        assert neyman("serve", "keys", "revoke", both["id"], *settings).out == f"{both['id']} of b is revoked\n"
    keys = json.loads(neyman("serve", "keys", "list", *settings, "--json").out)["keys"]
    assert [key["revoked_at"] is None for key in keys] == [True, False]
    assert [sorted(key) for key in keys] == [["created_at", "id", "name", "revoked_at", "scopes"]] * 2


def test_schema_of_the_settings_and_openapi(place, neyman):
    assert json.loads(neyman("serve", "schema").out) == Settings.model_json_schema()
    document = json.loads(neyman("serve", "schema", "openapi", "--settings", place / "serve.yaml").out)
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/score", "/api/v1/explain", "/api/v1/score/batch/{job_id}", "/health"} <= set(document["paths"])


def test_a_repository_for_triton(place, neyman):
    done = neyman("serve", "triton", "--settings", place / "serve.yaml", "--out", place / "repository")
    assert done.code == 0
    (folder,) = (place / "repository").iterdir()
    assert done.out.splitlines()[0] == str(folder)
    assert {path.name for path in folder.iterdir()} == {"config.pbtxt", "1"}


def test_neither_nothing_nor_both(neyman, refused, place, artefact):
    refused(neyman("serve", "--check"), "neither --model nor --settings", "neyman demo serve")
    both = ["--model", artefact, "--settings", place / "serve.yaml"]
    refused(neyman("serve", *both), "both --model and --settings", "{NAME: FOLDER} in the file")


@pytest.mark.parametrize(
    ("models", "parts"),
    [
        (["nothing"], ["nothing"]),
        (["a b="], ["--model", "NAME=FOLDER"]),
        (["../x=model"], ["'../x' is no name of a model"]),
        (["=model"], ["is no name of a model"]),
        (["a=model", "a=other"], ["model 'a' twice"]),
    ],
)
def test_models_that_cannot_be_served(neyman, refused, monkeypatch, tmp_path, models, parts):
    monkeypatch.chdir(tmp_path)
    try:
        refused(neyman("serve", *(word for model in models for word in ("--model", model)), "--check"), *parts)
    finally:
        monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["port: 99999", "modles: {}", "database: mysql://localhost/x", "limits: {rows: .nan}"])
def test_settings_that_do_not_fit(neyman, refused, place, text):
    with (place / "serve.yaml").open("a") as file:
        file.write(f"{text}\n")
    (place / "serve.yaml").write_text((place / "serve.yaml").read_text().replace("port: 0\n", "", text.count("port")))
    for command in (["serve", "--check"], ["serve", "keys", "list"], ["serve", "worker"]):
        refused(neyman(*command, "--settings", place / "serve.yaml"), "serve.yaml:", text.split(":")[0])
    refused(neyman("serve", "--settings", place / "absent.yaml"), "no such config file")


def test_a_port_that_is_taken(neyman, refused, place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = neyman("serve", "--settings", place / "serve.yaml", "--port", port)
        refused(done, f"cannot listen on port {port}", "--port 0")
    assert not (place / "serve.sqlite").exists()


def test_options_before_a_command(neyman, refused, place):
    refused(neyman("serve", "--settings", place / "serve.yaml", "keys", "list"), "options before 'keys'")
    assert neyman("serve", "--port", 70000).code == 2


def test_keys_where_no_service_was(neyman, refused, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        for words in (["create", "alice"], ["list"], ["revoke", "ab"]):
            refused(neyman("serve", "keys", *words), "no service was started in this folder", "--settings")
    assert list(tmp_path.iterdir()) == []


def test_keys_that_cannot_be(neyman, refused, place):
    settings = ["--settings", place / "serve.yaml"]
    refused(neyman("serve", "keys", "revoke", "ab12", *settings), "no key of this id")
    refused(neyman("serve", "keys", "create", "", *settings), "a name of 0 characters")
    assert neyman("serve", "keys", "create", "x", "--scope", "root", *settings).code == 2


def test_a_database_that_is_away_or_no_database(neyman, refused, place):
    text = (place / "serve.yaml").read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    url = f"postgresql://eve:geheim@127.0.0.1:{port}/x"
    (place / "serve.yaml").write_text(text.replace("sqlite:///serve.sqlite", url))
    done = neyman("serve", "keys", "list", "--settings", place / "serve.yaml")
    assert (done.code, done.out) == (1, "")
    assert "does not answer" in done.err
    assert "geheim" not in done.err
    assert len(done.err.splitlines()) <= 5
    (place / "serve.yaml").write_text(text)
    (place / "serve.sqlite").write_bytes(np.random.default_rng(1).bytes(5000))
    stopped(neyman("serve", "--check", "--settings", place / "serve.yaml"), "file is not a database")


def stopped(done, *parts):
    """Refused, after the models were told."""
    assert done.code == 2, done
    assert len(done.err.splitlines()) <= 5
    for part in parts:
        assert part in done.err


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("sqlite:///folder", ["folder", "a folder"]),
        ("sqlite:////proc/x.sqlite", ["/proc/x.sqlite", "unable to open"]),
        ("sqlite:///serve.sqlite?mode=ro", ["no address of a database"]),
        ("postgresql://eve:geheim@127.0.0.1:port/x", ["no address of a database"]),
        ("postgresql://eve:gehe@im@127.0.0.1:1/x", ["no address of a database", "%40"]),
        ("postgresql://eve:geheim@127.0.0.1:1/x?geheimnis=1", ["geheimnis"]),
    ],
)
def test_databases_that_cannot_be(neyman, place, url, parts):
    (place / "folder").mkdir()
    text = (place / "serve.yaml").read_text()
    (place / "serve.yaml").write_text(text.replace("sqlite:///serve.sqlite", url))
    before = sorted(place.rglob("*"))
    for command in (["serve"], ["serve", "--check"], ["serve", "keys", "list"], ["serve", "worker"]):
        done = neyman(*command, "--settings", place / "serve.yaml")
        stopped(done, *parts)
        assert not {"geheim@", "gehe@", "im@"} & set(re.findall(r"\w+@", done.err))
    assert sorted(place.rglob("*")) == before


def test_a_service_without_the_keys_of_its_storage_does_not_start(neyman, place, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    text = (place / "serve.yaml").read_text()
    (place / "serve.yaml").write_text(text.replace("{kind: local, root: storage}", "{kind: s3}"))
    for command in (["serve"], ["serve", "--check"], ["serve", "worker"]):
        stopped(neyman(*command, "--settings", place / "serve.yaml"), "AWS_ACCESS_KEY_ID is not set")
    assert not (place / "storage").exists()


def test_openapi_makes_no_database(neyman, place):
    before = sorted(place.rglob("*"))
    assert json.loads(neyman("serve", "schema", "openapi", "--settings", place / "serve.yaml").out)["paths"]
    assert sorted(place.rglob("*")) == before


def test_openapi_of_nothing(neyman, refused):
    refused(neyman("serve", "schema", "openapi"), "no --settings")
