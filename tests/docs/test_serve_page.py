"""The page of the service says what the service does, and its lines for a shell work; so does the example."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from neyman.anomaly.runtime import Scorer
from neyman.serve.api.app import ROUTES
from neyman.serve.database import connect
from neyman.serve.keys import Keys
from neyman.serve.service import running
from neyman.serve.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serve.md").read_text()
NAMES = ("mass", "pt", "phi", "jets", "time", "charge", "run")


@pytest.fixture(scope="module")
def service(artefact, background, tmp_path_factory):
    """A URL, a key, and the folder of its storage, with a file of 600 events."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings.model_validate(
        {
            "models": {"tiny": artefact},
            "port": 0,
            "database": f"sqlite:///{folder}/serve.sqlite",
            "storage": {"kind": "local", "root": folder},
            "flags": {"fpr": 0.01},
            "jobs": {"poll_seconds": 0.05},
        }
    )
    for name in ("events", "events/run3"):
        (folder / name).mkdir()
        table = pa.table(dict(zip(NAMES, background(600, 8).T, strict=True)))
        pq.write_table(table, folder / name / "muons.parquet")
    with running(settings) as url:
        engine = connect(settings.database)
        _, key = Keys(engine).create("tests", ["score", "batch"])
        engine.dispose()
        yield url, key, folder


def curls():
    """The lines of the page that ask with curl."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("curl")]


def test_curl_lines_are_answered(service):
    url, key, _ = service
    environment = os.environ | {"URL": url, "KEY": key, "JOB": ""}
    for line in curls():
        done = subprocess.run(
            f"{line} --fail-with-body" if "#" not in line else line.replace("#", "--fail-with-body #"),
            shell=True,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout)
        job = re.search(r'"job_id": ?"(\w+)"', done.stdout)
        environment["JOB"] = job[1] if job else environment["JOB"]
    assert len(curls()) == 6
    assert environment["JOB"]


def test_defaults_are_the_defaults():
    """The block of all settings is what nobody needs to write."""
    block = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "part_rows" in block)
    written = yaml.safe_load(block)
    plain = Settings(models=written["models"], default_model=written["default_model"])
    assert Settings.model_validate(written) == plain
    missing = set(plain.model_dump()) - set(written)
    assert missing == set()
    for name in ("limits", "jobs", "flags", "archive"):
        assert set(written[name]) == set(plain.model_dump()[name]), name


def test_the_table_of_endpoints_is_that_of_the_service():
    rows = re.findall(r"^\| (`[A-Z]+ /.*?) \| .* \| ([\w, ]+) \|$", PAGE, re.MULTILINE)
    told = {}
    for cell, scopes in rows:
        for method, path in re.findall(r"`([A-Z]+) ([^`?]+)", cell):
            told[method, path] = () if scopes == "none" else tuple(scopes.split(", "))
    there = {(method, path): each.scopes for path, methods in ROUTES.items() for method, each in methods.items()}
    assert told == there


def test_metrics_of_the_page_are_there(service):
    import httpx

    url, key, _ = service
    event = [0.0, 30.0, 0.0, 3.0, 1e6, 1.0, 7.0]
    answer = httpx.post(f"{url}/api/v1/score", json={"events": [event]}, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    text = httpx.get(f"{url}/metrics").text
    for name in re.findall(r"`(neyman_\w+)`", PAGE):
        assert re.search(rf"^{name}(_bucket)?[ {{]", text, re.MULTILINE), name


def test_the_example(service, artefact, capsys):
    url, key, folder = service
    spec = importlib.util.spec_from_file_location("example_serve", ROOT / "examples" / "serve.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    for _ in range(2):
        example.main(url, key, folder / "events" / "muons.parquet")
    first, *_ = lines = capsys.readouterr().out.splitlines()
    jobs = {line.split()[1] for line in lines if line.startswith("job")}
    assert len(jobs) == 1  # asked twice, done once
    (results,) = (folder / "results" / jobs.pop().rstrip(":")).glob("*.parquet")
    x = np.stack([pq.read_table(folder / "events" / "muons.parquet")[name].to_numpy() for name in NAMES], axis=1)
    scores = Scorer.open(artefact).score(x)
    assert pq.read_table(results)["score"].to_numpy() == pytest.approx(scores, rel=1e-5)
    assert lines[1].startswith(f"row {np.argmax(scores)}: ")
    flagged = Scorer.open(artefact).flags(scores, 0.01, 0.05)
    assert first == f"tiny, score_norm of 7 columns: 600 events, {np.mean(flagged):.2%} flagged"
