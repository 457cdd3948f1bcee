"""`neyman calibration`: what each command answers, and what it refuses."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from neyman.calibration.config import CalibrationConfig
from neyman.calibration.results import CheckResult, RunResult
from neyman.calibration.trained import TrainedCalibration
from neyman.core.runs import Run
from neyman.events.parquet import write_parquet
from neyman.simulation.impact_parameter import impact_parameter_sample

CONFIG = """\
data: {kind: files, data: data.parquet, simulation: simulation.parquet}
variables: [{name: ip, transform: log}]
conditions: [eta, phi]
flow: {hidden: [8], bins: 4}
training: {epochs: 2, batch: 200, least_steps: 5}
members: 2
checks: {cells: 2, bins: 10, tail_thresholds: {ip: [0.05]}}
device: cpu
"""
OPTIONS = ["--variables", "ip", "--conditions", "eta,phi"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with `data.parquet`, `simulation.parquet` and `c.yaml`."""
    folder = tmp_path_factory.mktemp("calibration")
    for seed, kind in enumerate(("data", "simulation")):
        write_parquet(folder / f"{kind}.parquet", impact_parameter_sample(kind, 3000, seed))
    (folder / "c.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def finished(neyman, files):
    """The folder with a finished run, and what it printed."""
    done = neyman("calibration", "run", files / "c.yaml", "--out", files / "run")
    assert done.code == 0, done.err
    return files, done


@pytest.fixture(scope="module")
def artefact(finished):
    return finished[0] / "run" / "artefact"


def both(files):
    return ["--data", files / "data.parquet", "--simulation", files / "simulation.parquet"]


def test_run_leaves_the_whole_story(finished):
    folder, done = finished
    assert {file.name for file in (folder / "run").iterdir()} == {"artefact", "run.json", "results.json", "report.html"}
    result = RunResult.load(folder / "run" / "results.json")
    assert Run.load(folder / "run" / "run.json").status == "finished"
    assert result.training.artefact == result.check.artefact
    assert list(result.training.histories) == ["nominal", "member 0", "member 1"]
    assert (result.training.simulation_events, result.training.data_events) == (1800, 1800)
    assert result.check.baselines_fitted_on == "training"
    assert "<html" in (folder / "run" / "report.html").read_text()
    assert "trained in" in done.err
    assert done.out.splitlines()[-1] == f"report: {folder / 'run' / 'report.html'}"


def test_run_again_trains_no_more(finished, neyman):
    folder, done = finished
    before = (folder / "run" / "artefact" / "manifest.json").read_bytes()
    again = neyman("calibration", "run", folder / "c.yaml", "--out", folder / "run")
    assert (again.code, again.out) == (0, done.out)
    assert (folder / "run" / "artefact" / "manifest.json").read_bytes() == before


def test_check_of_the_test_events_is_that_of_the_run(finished, artefact, neyman):
    folder, _ = finished
    done = neyman("calibration", "check", artefact, "--json")
    assert done.code == 0, done.err
    found = CheckResult.model_validate_json(done.out)
    assert found == RunResult.load(folder / "run" / "results.json").check
    contract = json.loads(done.out)
    assert {"corrected", "uncorrected", "quantile_map", "floor"} <= contract.keys()
    assert contract["corrected"]["chi2_per_bin"] < contract["uncorrected"]["chi2_per_bin"]


def test_check_of_files(artefact, files, neyman):
    done = neyman("calibration", "check", artefact, *both(files))
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert any(line.startswith("uncorrected ") for line in lines)
    assert any(line.startswith("floor: data ") for line in lines)
    assert lines[-1].endswith(("passed", "FAILED"))
    assert any(line.startswith("moves ip by 0.0") for line in lines)


def test_options_say_the_same_as_a_config(files, neyman, tmp_path):
    """The flow's options can only be in the config; files and columns can be in either."""
    (tmp_path / "c.yaml").write_text(CONFIG.replace("data: data.parquet", "data: no.parquet").replace("eta, ", ""))
    command = ["calibration", "train", tmp_path / "c.yaml", *both(files), *OPTIONS, "--out", tmp_path / "a"]
    done = neyman(*command)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{tmp_path / 'a'}: trained on 1,800 and 1,800 events in ")
    assert {file.name for file in tmp_path.iterdir()} == {"a", "c.yaml"}  # no state of training is left
    ours = TrainedCalibration.load(tmp_path / "a")
    assert ours.config.condition_names == ("eta", "phi")
    assert [each.name for each in ours.config.variables] == ["ip"]


def test_apply_adds_columns_and_keeps_the_rest(artefact, files, neyman, tmp_path):
    out = tmp_path / "corrected.parquet"
    done = neyman("calibration", "apply", artefact, files / "simulation.parquet", "--out", out, "--variations")
    assert (done.code, done.out) == (0, f"{out}: 3,000 events with ip_corrected\n"), done.err
    before, after = pq.read_table(files / "simulation.parquet"), pq.read_table(out)
    new = ["ip_corrected", "ip_corrected_up", "ip_corrected_down", "outside_training"]
    assert after.column_names == [*before.column_names, *new]
    assert after.select(before.column_names).equals(before)
    down, nominal, up = (after[name].to_numpy() for name in (new[2], new[0], new[1]))
    assert ((down <= nominal) & (nominal <= up)).all()
    trained = TrainedCalibration.load(artefact)
    x, c = (np.stack([before[name].to_numpy() for name in names], axis=1) for names in (["ip"], ["eta", "phi"]))
    np.testing.assert_allclose(nominal, trained.nominal(x, c)[:, 0], rtol=1e-12)


def test_apply_tells_what_a_root_file_had_besides(artefact, files, neyman, tmp_path):
    uproot = pytest.importorskip("uproot")
    columns = pq.read_table(files / "simulation.parquet").slice(0, 50)
    with uproot.recreate(tmp_path / "in.root") as file:
        for tree in ("Decays", "Lumi"):
            file.mktree(tree, {name: columns[name].to_numpy() for name in columns.column_names})
    done = neyman("calibration", "apply", artefact, f"{tmp_path}/in.root:Decays", "--out", tmp_path / "out.root")
    assert (done.code, done.err.splitlines()[-1]) == (0, "not copied: Lumi")


def test_apply_writes_a_friend(artefact, files, neyman, tmp_path):
    out = tmp_path / "new.parquet"
    assert neyman("calibration", "apply", artefact, files / "simulation.parquet", "--out", out, "--only-new").code == 0
    assert pq.read_table(out).column_names == ["ip_corrected", "outside_training"]


def test_the_schema(neyman):
    assert json.loads(neyman("calibration", "schema").out) == CalibrationConfig.model_json_schema()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["neither a config nor --data, --simulation, --variables, --conditions"]),
        (["--data", "a.root:T", "--variables", "ip"], ["neither a config nor --simulation, --conditions"]),
        (["--variables", "ip,,pt"], ["--variables: 'ip,,pt'", "separated by commas"]),
        (["--conditions", "ip"], ["'ip' once, as a variable or as a condition"]),
        (["--conditions", "pz"], ["pz"]),
        (["--weights", "sw"], ["sw"]),
    ],
)
def test_bad_options(neyman, files, refused, tmp_path, arguments, parts):
    # of an option that is given twice the last counts
    options = [] if parts[0].startswith("neither") else [*both(files), *OPTIONS]
    refused(neyman("calibration", "train", *options, *arguments, "--out", tmp_path / "a"), *parts)
    assert list(tmp_path.iterdir()) == []


def test_options_that_do_not_fit_the_config(neyman, files, refused, tmp_path):
    done = neyman("calibration", "train", files / "c.yaml", "--variables", "npv", "--out", tmp_path / "a")
    refused(done, "config and options do not fit", "'ip' is none")


def test_one_file_cannot_be_compared(neyman, artefact, files, refused):
    refused(neyman("calibration", "check", artefact, "--data", files / "data.parquet"), "--data alone", "--simulation")


def test_what_is_absent(neyman, refused, tmp_path, artefact):
    refused(neyman("calibration", "check", tmp_path), "no manifest.json")
    refused(neyman("calibration", "train", tmp_path / "no.yaml", "--out", tmp_path / "a"), "no such config file")
    refused(neyman("calibration", "apply", artefact, tmp_path / "no.root:T", "--out", tmp_path / "b.root"), "no.root")


def test_what_is_there_is_not_replaced(neyman, files, refused, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("")
    refused(neyman("calibration", "train", files / "c.yaml", "--out", tmp_path / "a"), "something else is there")


def test_quick_is_a_trial(monkeypatch, neyman, files):
    taken = []
    monkeypatch.setattr("neyman.cli.calibration_steps.run_steps", lambda config, *_, **__: taken.append(config))
    assert neyman("calibration", "run", files / "c.yaml", "--quick", "--out", "x").code == 0
    assert taken == [CalibrationConfig.load(files / "c.yaml").quick()]
