"""One model, six ways to ask it: Python, the command line, JSON, Arrow, a file in the background, and Triton.

What Python says is held against the network itself in `tests/anomaly/test_runtime.py`.
"""

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.anomaly.runtime import Scorer
from neyman.serve.database import connect, upgrade
from neyman.serve.keys import Keys
from neyman.serve.service import running
from neyman.serve.settings import LocalStorage, Settings, Triton

from ..serve.triton_server import triton_url  # noqa: F401, TID252 - a fixture of the neighbours

FPR, DELTA = 0.02, 0.05
ARROW = "application/vnd.apache.arrow.stream"
ROWS = 700


@dataclass(frozen=True)
class Answers:
    """What one way says of all events; flags are bool."""

    scores: np.ndarray
    p_values: np.ndarray
    flags: np.ndarray


@dataclass(frozen=True)
class Asked:
    """The service, and where its files are."""

    http: httpx.Client
    storage: Path


@pytest.fixture(scope="module")
def scorer(artefact):
    return Scorer.open(artefact)


@pytest.fixture(scope="module")
def x(background):
    """Background, and events as far out as to be flagged."""
    x = background(ROWS, 31)
    x[::10, 0] += 6
    x[5::10, 1] *= 1e3
    return x


@pytest.fixture(scope="module")
def expected(scorer, x):
    scores = scorer.score(x)
    flags = scorer.flags(scores, FPR, DELTA)
    assert 20 < flags.sum() < ROWS - 20  # both kinds
    return Answers(scores, scorer.p_values(scores), flags)


@contextlib.contextmanager
def served(artefact, folder, **changes):
    """The service with one worker, and a client with a key."""
    settings = Settings(
        port=0,
        models={"anomaly": artefact},
        database=f"sqlite:///{folder / 'serve.sqlite'}",
        storage=LocalStorage(root=folder / "storage"),
        flags={"fpr": FPR, "delta": DELTA},
        jobs={"workers": 1, "poll_seconds": 0.05, "part_rows": 150},
        **changes,
    )
    engine = connect(settings.database)
    upgrade(engine)
    _, key = Keys(engine).create("parity", ["score", "batch"])
    engine.dispose()
    headers = {"Authorization": f"Bearer {key}"}
    with running(settings) as url, httpx.Client(base_url=url, headers=headers, timeout=30) as http:
        yield Asked(http, folder / "storage")


@pytest.fixture(scope="module")
def embedded(artefact, tmp_path_factory):
    """The service with its model inside."""
    with served(artefact, tmp_path_factory.mktemp("embedded")) as asked:
        yield asked


@pytest.fixture(scope="module")
def on_triton(artefact, tmp_path_factory, triton_url):  # noqa: F811
    """The service with its model on a Triton server."""
    with served(artefact, tmp_path_factory.mktemp("on_triton"), backend=Triton(url=triton_url)) as asked:
        yield asked


@pytest.fixture(scope="module")
def file(scorer, x):
    """`file(path)` writes the events, columns in another order and one more, a few rows in a group."""

    def write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {name: x[:, number] for number, name in reversed(list(enumerate(scorer.names)))}
        pq.write_table(pa.table({**columns, "weight": np.ones(len(x))}), path, row_group_size=64)
        return path

    return write


def of_table(table):
    flags = table["flag"].to_numpy()
    return Answers(table["score"].to_numpy(), table["p_value"].to_numpy(), flags.astype(bool))


def by_json(asked, x):
    answer = asked.http.post("/api/v1/score", json={"events": x.tolist()}).raise_for_status().json()
    return Answers(*(np.array(answer[name]) for name in ("scores", "p_values", "flags")))


def one_by_one(asked, x):
    found = [by_json(asked, x[row : row + 1]) for row in range(len(x))]
    return Answers(*(np.concatenate([getattr(each, name) for each in found]) for name in Answers.__annotations__))


def by_arrow(asked, x, names):
    table = pa.table({name: x[:, number] for number, name in reversed(list(enumerate(names)))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    headers = {"Content-Type": ARROW}
    answer = asked.http.post("/api/v1/score", content=sink.getvalue().to_pybytes(), headers=headers).raise_for_status()
    return of_table(pa.ipc.open_stream(answer.content).read_all())


def by_job(asked, file):
    file(asked.storage / "events" / "events.parquet")
    sent = asked.http.post("/api/v1/score/batch", json={"events_file": "s3://events/events.parquet"}).raise_for_status()
    job = f"/api/v1/score/batch/{sent.json()['job_id']}"
    until = time.monotonic() + 60
    while (found := asked.http.get(job).raise_for_status().json())["status"] in {"queued", "running"}:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    assert found["status"] == "done", found
    return of_table(pq.read_table(asked.storage / found["results_file"].removeprefix("s3://")))


@pytest.fixture(scope="module")
def answers(request, x, scorer, file, tmp_path_factory):
    """`answers(way)`: what one way says of all events, asked once."""
    known = {}

    def by_command():
        neyman, folder = request.getfixturevalue("neyman"), tmp_path_factory.mktemp("command")
        events, out = file(folder / "events.parquet"), folder / "scores.parquet"
        artefact = request.getfixturevalue("artefact")
        done = neyman("anomaly", "score", artefact, events, "--out", out, "--fpr", FPR, "--delta", DELTA)
        assert done.code == 0, done.err
        return of_table(pq.read_table(out))

    ways = {
        "the command line": by_command,
        "JSON": lambda: by_json(request.getfixturevalue("embedded"), x),
        "JSON, one by one": lambda: one_by_one(request.getfixturevalue("embedded"), x),
        "Arrow": lambda: by_arrow(request.getfixturevalue("embedded"), x, scorer.names),
        "a job": lambda: by_job(request.getfixturevalue("embedded"), file),
        "Triton": lambda: by_json(request.getfixturevalue("on_triton"), x),
        "a job on Triton": lambda: by_job(request.getfixturevalue("on_triton"), file),
    }

    def ask_once(way):
        if way not in known:
            known[way] = ways[way]()
        return known[way]

    return ask_once


WAYS = pytest.mark.parametrize(
    "way", ["the command line", "JSON", "JSON, one by one", "Arrow", "a job", "Triton", "a job on Triton"]
)


@WAYS
def test_scores(way, answers, expected):
    np.testing.assert_allclose(answers(way).scores, expected.scores, rtol=1e-5)


@WAYS
def test_p_values_are_within_one_rank(way, answers, expected, scorer):
    ranks = (len(scorer.calibration) + 1) * np.abs(answers(way).p_values - expected.p_values)
    assert ranks.max() < 1 + 1e-6
    assert (ranks < 1e-6).mean() > 0.9  # the most are the same


@WAYS
def test_flags_differ_at_the_threshold_alone(way, answers, expected, scorer):
    cut = scorer.threshold(FPR, DELTA)
    different = answers(way).flags != expected.flags
    assert (np.abs(expected.scores[different] - cut) <= 1e-5 * abs(cut)).all()


@pytest.mark.parametrize("way", ["JSON", "Triton", "the command line"])
def test_attribution(way, request, scorer, x, artefact, neyman, file, tmp_path):
    rows = range(0, 30, 5)
    if way == "the command line":
        events = file(tmp_path / "events.parquet")
        done = [neyman("anomaly", "explain", artefact, events, "--row", row, "--json") for row in rows]
        answers = [json.loads(each.out) for each in done]
    else:
        http = request.getfixturevalue("embedded" if way == "JSON" else "on_triton").http
        answers = [
            http.post("/api/v1/explain", json={"event": x[row].tolist()}).raise_for_status().json() for row in rows
        ]
    expected = scorer.attribution(x[list(rows)])
    found = [[answer["feature_attribution"][name] for name in scorer.names] for answer in answers]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose([answer["score"] for answer in answers], scorer.score(x[list(rows)]), rtol=1e-5)
    assert np.abs(expected).max() > 0.1  # there is something to compare
