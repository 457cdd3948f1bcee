"""The commands that make, change and read workspaces."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from neyman.fit.build_result import BuildResult
from neyman.likelihood.workspace import Workspace, combine, inspect, prune, rename, sorted_workspace

WS = Path(__file__).parent / "fit_workspace.json"

CONFIG = """\
General: {Measurement: search, POI: mu, InputPath: "{SamplePath}"}
Regions:
  - {Name: SR, Variable: x, Binning: [0, 1, 2, 4]}
Samples:
  - {Name: data, SamplePath: data.parquet, Data: true}
  - {Name: signal, SamplePath: signal.parquet, Weight: w}
NormFactors:
  - {Name: mu, Samples: signal, Nominal: 1, Bounds: [0, 10]}
"""


@pytest.fixture
def workspace():
    return Workspace.load(WS)


@pytest.fixture
def made(neyman, tmp_path):
    """`made("prune", ...)`: the workspace that a command writes."""

    def call(*words, name="out.json"):
        out = tmp_path / name
        done = neyman("fit", *words, "--out", out)
        assert (done.code, done.err) == (0, "")
        found = Workspace.load(out)
        assert done.out.startswith(f"{out}: {len(found.channels)} channel")
        assert found.digest[:16] in done.out
        return found

    return call


def test_prune(made, workspace):
    assert made("prune", WS, "--channel", "CR").digest == prune(workspace, channels=["CR"]).digest
    found = made("prune", WS, "--modifier", "eff", "--modifier-type", "staterror", "--measurement", "other")
    expected = prune(workspace, modifiers=["eff"], modifier_types=["staterror"], measurements=["other"])
    assert found.digest == expected.digest
    assert found.measurements == ("m",)


def test_rename(made, workspace):
    words = [
        "--channel",
        "SR=signal",
        "--modifier",
        "mu=strength",
        "--sample",
        "background=bkg",
        "--measurement",
        "m=n",
    ]
    found = made("rename", WS, *words)
    expected = rename(
        workspace,
        channels={"SR": "signal"},
        modifiers={"mu": "strength"},
        samples={"background": "bkg"},
        measurements={"m": "n"},
    )
    assert found.digest == expected.digest


def test_combine(made, workspace, tmp_path):
    other = rename(workspace, channels={"SR": "SR2", "CR": "CR2"}, measurements={"m": "m2", "other": "other2"})
    other.save(tmp_path / "other.json")
    assert made("combine", WS, tmp_path / "other.json").digest == combine(workspace, other).digest
    joined = made("combine", WS, WS, "--join", "left outer", "--merge-channels")
    assert joined.digest == workspace.digest


def test_sort_and_replace_in_place(made, workspace, tmp_path):
    (tmp_path / "out.json").write_text(WS.read_text())
    assert made("sort", tmp_path / "out.json").digest == sorted_workspace(workspace).digest


def test_patch_from_a_file_and_from_a_set(made, tmp_path):
    operations = [{"op": "replace", "path": "/observations/1/data", "value": [99.0]}]
    (tmp_path / "patch.json").write_text(json.dumps(operations))
    metadata = {"references": {"hepdata": "ins1234567"}, "description": "test", "labels": ["m"]}
    digests = {"sha256": _digest(json.loads(WS.read_text()))}
    entry = {"metadata": {"name": "m_500", "values": [500]}, "patch": operations}
    patches = {"metadata": metadata | {"digests": digests}, "patches": [entry], "version": "1.0.0"}
    (tmp_path / "set.json").write_text(json.dumps(patches))
    found = made("patch", WS, "--patch", tmp_path / "patch.json")
    assert found.to_dict()["observations"][1]["data"] == [99.0]
    assert made("patch", WS, "--patch", f"{tmp_path / 'set.json'}:m_500").digest == found.digest


def _digest(document):
    from neyman.likelihood.workspace.patching import document_digest

    return document_digest(document, "sha256")


def test_a_patch_that_is_not_in_the_set(neyman, refused, tmp_path):
    (tmp_path / "set.json").write_text((tmp_path / "x").name)
    refused(neyman("fit", "bestfit", WS, "--patch", f"{tmp_path / 'set.json'}:m_1"), "set.json:1: not JSON")
    refused(neyman("fit", "bestfit", WS, "--patch", f"{tmp_path / 'other.json'}:m_1"), "other.json:m_1: no such file")


def test_asimov_data_are_where_they_were_made(made, neyman, tmp_path):
    found = made("asimov", WS, "--at", "mu=2.5")
    assert found.to_dict()["observations"][0]["data"] == pytest.approx([50.0, 52.5, 29.5])  # background + 2.5 signals
    best = json.loads(neyman("fit", "bestfit", tmp_path / "out.json", "--json").out)
    assert best["parameters"]["mu"]["value"] == pytest.approx(2.5, abs=1e-5)


def test_inspect(neyman, workspace):
    assert neyman("fit", "inspect", WS, "--json").out == inspect(workspace).to_json() + "\n"
    lines = neyman("fit", "inspect", WS).out.splitlines()
    assert lines[0].split() == ["channel", "bins", "expected", "observed", "samples"]
    assert lines[1].split() == ["SR", "3", "108", "118", "signal,", "background"]
    assert lines[-1].startswith("warning: ")


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(3)
    pq.write_table(pa.table({"x": rng.uniform(0, 4, 120)}), tmp_path / "data.parquet")
    pq.write_table(pa.table({"x": rng.uniform(0, 4, 400), "w": np.full(400, 0.25)}), tmp_path / "signal.parquet")
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def test_build_and_forget_the_events(neyman, config, tmp_path):
    done = neyman("fit", "build", config, "--out", tmp_path / "ws.json", "--json")
    assert done.code == 0, done.err
    record = BuildResult.model_validate_json(done.out)
    assert record.workspace == Workspace.load(tmp_path / "ws.json").digest
    assert [(each.sample, each.entries) for each in record.yields] == [("data", 120), ("signal", 400)]
    for events in tmp_path.glob("*.parquet"):
        events.unlink()
    found = json.loads(neyman("fit", "bestfit", tmp_path / "ws.json", "--json").out)
    assert found["converged"]
    assert found["measurement"] == "search"
    assert found["parameters"]["mu"]["value"] == pytest.approx(1.2, abs=0.1)  # 120 events where 100 are expected


def test_build_as_text(neyman, config, tmp_path):
    done = neyman("fit", "build", config, "--out", tmp_path / "ws.json")
    lines = done.out.splitlines()
    assert lines[0].split() == ["region", "sample", "yield"]
    assert lines[2].split() == ["SR", "signal", "100", "±", "5"]
    assert lines[-1] == f"{tmp_path / 'ws.json'}: built from 2 files"


def test_a_build_that_fails_leaves_the_old_workspace(neyman, refused, config, tmp_path):
    (tmp_path / "signal.parquet").unlink()
    (tmp_path / "ws.json").write_text(WS.read_text())
    refused(neyman("fit", "build", config, "--out", tmp_path / "ws.json"), "signal.parquet")
    assert (tmp_path / "ws.json").read_text() == WS.read_text()
    assert {each.name for each in tmp_path.iterdir()} == {"config.yaml", "data.parquet", "ws.json"}
