"""Ctrl-C in real processes: one line, exit code 130, and the same command again ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from neyman.core.runs import Run

LONGER = """\
prior: {C9: [3, 5]}
events: [50, 200]
training:
  statistic: {epochs: 2, steps_per_epoch: 5, events_per_step: 1000}
  flow: {epochs: 30, steps_per_epoch: 10, events: 100000}
"""
SAID = "neyman: interrupted; the same command again keeps what is finished and goes on\n"


@pytest.fixture
def interrupt(shell, tmp_path):
    """Start a command, press Ctrl-C as soon as a file is there, and look at what it leaves."""

    def press(*command, when):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # a session of its own: as for a shell's foreground job, all its processes get Ctrl-C
        with shell(*command, cwd=tmp_path, start=subprocess.Popen, start_new_session=True, **pipes) as process:
            give_up = time.monotonic() + 300
            while not (tmp_path / when).exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < give_up, f"no {when}"
                time.sleep(0.002)
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=300)
        assert (process.returncode, out) == (130, "")
        half = [str(file) for file in tmp_path.rglob("*") if file.name.endswith((".tmp", ".old"))]
        assert not half
        return err

    return press


@pytest.fixture
def finish(shell, tmp_path):
    def go_on(*command):
        done = shell(*command, cwd=tmp_path, capture_output=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done

    return go_on


def contents(folder):
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def test_simulation_on_two_processes(interrupt, neyman, tmp_path):
    (tmp_path / "c.yaml").write_text("prior: {C9: [3, 5]}\n")
    simulate = ["posterior", "simulate", "c.yaml", "--sets", 4, "--events", 1_000_000, "--out", "data", "--workers", 2]
    assert interrupt(*simulate, when="data/shard-00000.parquet") == SAID
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text())
    assert manifest["complete"] is False
    kept = {name: (tmp_path / "data" / name).stat().st_mtime_ns for name in manifest["shards"]}
    again = ["posterior", "simulate", tmp_path / "c.yaml", "--sets", 4, "--events", 1_000_000, "--out"]
    for folder in ("data", "whole"):
        assert neyman(*again, tmp_path / folder).code == 0
    assert {name: (tmp_path / "data" / name).stat().st_mtime_ns for name in kept} == kept
    resumed, whole = contents(tmp_path / "data"), contents(tmp_path / "whole")
    for files in (resumed, whole):
        files["manifest.json"] = json.loads(files["manifest.json"]) | {"provenance": None}
    assert resumed == whole
    assert len(whole) == 4 + 2


@pytest.mark.slow
@pytest.mark.guard
def test_training(interrupt, finish, neyman, tmp_path):
    (tmp_path / "c.yaml").write_text(LONGER)
    train = ["posterior", "train", "c.yaml", "--out"]
    assert interrupt(*train, "a", when="a.training/flow.safetensors") == SAID
    assert {file.name for file in tmp_path.iterdir()} == {"c.yaml", "a.training"}

    (tmp_path / "other.yaml").write_text(LONGER + "seed: 2\n")
    done = neyman("posterior", "train", tmp_path / "other.yaml", "--out", tmp_path / "a")
    assert done.code == 2
    assert "a checkpoint of a run with another config" in done.err

    for folder in ("a", "whole"):
        finish(*train, folder)
    assert {file.name for file in tmp_path.iterdir()} == {"c.yaml", "other.yaml", "a", "whole"}
    resumed, whole = contents(tmp_path / "a"), contents(tmp_path / "whole")
    for name in ("weights.safetensors", "validation.safetensors", "card.md"):
        assert resumed[name] == whole[name], name
    losses = [
        {stage: history["validation"] for stage, history in json.loads(manifest)["metrics"]["histories"].items()}
        for manifest in (resumed["manifest.json"], whole["manifest.json"])
    ]
    assert losses[0] == losses[1]


@pytest.mark.slow
@pytest.mark.guard
def test_run_in_the_middle_of_training_and_after_it(interrupt, finish, tiny_run, tmp_path):
    """Against the one run of all tests, which nobody interrupted."""
    (tmp_path / "tiny.yaml").write_text((tiny_run.parent / "tiny.yaml").read_text())
    run = ["posterior", "run", "tiny.yaml", "--out", "run", "--sets", 100, "--exact-sets", 10]
    assert interrupt(*run, when="run/artefact.training/statistic.safetensors") == SAID
    assert Run.load(tmp_path / "run" / "run.json").status == "interrupted"
    err = interrupt(*run, when="run/artefact/manifest.json")
    assert err.endswith(SAID)
    artefact = contents(tmp_path / "run" / "artefact")
    finish(*run)
    kept = Run.load(tmp_path / "run" / "run.json")
    assert (kept.status, kept.attempts) == ("finished", 3)
    assert contents(tmp_path / "run" / "artefact") == artefact  # trained once
    assert artefact["weights.safetensors"] == (tiny_run / "artefact" / "weights.safetensors").read_bytes()
    assert (tmp_path / "run" / "observed.parquet").read_bytes() == (tiny_run / "observed.parquet").read_bytes()
    found, whole = (json.loads((folder / "results.json").read_text()) for folder in (tmp_path / "run", tiny_run))
    for part in ("check", "inference"):
        for result in (found, whole):
            result[part].pop("artefact")  # its manifest holds the CPU time
    assert found["check"] == whole["check"]
    assert found["inference"] == whole["inference"]
    assert {file.name for file in (tmp_path / "run").iterdir()} == {file.name for file in tiny_run.iterdir()}
