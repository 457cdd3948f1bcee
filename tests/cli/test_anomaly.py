"""`neyman anomaly`: what each command answers, and what it refuses."""

import contextlib
import io
import json
import runpy
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.outcomes import AnomalyResult, Characterisation, Explanations, TriggerResult
from neyman.anomaly.results import EvaluationResult
from neyman.anomaly.runtime import Scorer
from neyman.core.runs import Run
from neyman.events.tables import TableFile

NAMES = ("jet1_pt", "jet1_eta", "jet1_phi", "mass")
CONFIG = """\
data: {kind: files, background: background.parquet, signals: {shifted: signal.parquet}}
network: {width: 32, blocks: 1, noise: {low: 0.1, high: 1.5, levels: 5}}
training: {epochs: 4, steps_per_epoch: 60, batch: 128}
split: {train: 0.45, validation: 0.1, calibration: 0.2}
score: score_norm
error_rate: {fpr: 0.01}
device: cpu
"""
MENU = """\
luminosity: 1.0e+34
samples: [{name: jets, file: background.parquet, cross_section: 1.0e+6, generated: 2000}]
paths: [{name: single jet, jets: {pt: 60}}]
"""


def columns(seed, n, shift=0.0):
    """A jet and a mass that goes with its pT; the signal has another mass."""
    rng = np.random.default_rng(seed)
    pt = np.exp(rng.normal(3.5, 0.5, n))
    mass = 2 * pt * np.exp(rng.normal(0, 0.1, n)) * (1 + shift)
    return dict(zip(NAMES, (pt, rng.normal(0, 1.2, n), rng.uniform(-3, 3, n), mass), strict=True))


def write(path, table):
    pq.write_table(pa.table(table), path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with `background`, `other`, `signal` and `search` in Parquet, and `c.yaml`."""
    folder = tmp_path_factory.mktemp("anomaly")
    write(folder / "background.parquet", columns(1, 2000))
    write(folder / "other.parquet", columns(2, 800))
    write(folder / "signal.parquet", columns(3, 200, 1.5))
    search = {name: np.concatenate([columns(4, 300)[name], columns(5, 20, 1.5)[name]]) for name in NAMES}
    write(folder / "search.parquet", {**search, "run": np.arange(320)})
    (folder / "c.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def finished(neyman, files):
    """The folder with a finished run, and what it printed."""
    with pytest.MonkeyPatch.context() as patch:  # figures take most of the time, and have tests of their own
        patch.setattr("neyman.report.anomaly_candidates.DISPLAYED", 1)
        done = neyman("anomaly", "run", files / "c.yaml", "--out", files / "run", "--workers", 1)
    assert done.code == 0, done.err
    return files, done


@pytest.fixture(scope="module")
def model(finished):
    return finished[0] / "run" / "artefact"


def test_simulated_events_are_a_table(neyman, tmp_path, monkeypatch):
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "signal.csv"
    done = neyman("anomaly", "simulate", "forty_mhz", "--signal", "a_4l", "--events", 5, "--workers", 1, "--out", out)
    assert (done.code, done.out) == (0, f"{out}: 5 events of a_4l, 57 columns, no pile-up\n"), done.err
    table = TableFile.open(out, job="anomaly").read(["electron1_pt", "muon1_pt", "met_eta"])
    assert (np.maximum(table["electron1_pt"], table["muon1_pt"]) > 23).all()


def test_jagged_branches_become_a_table(neyman, tmp_path):
    parts = {f"{kind}_{part}": ak.Array([[30.0], []]) for kind in ("Electron", "Muon", "Jet") for part in ("pt", "eta")}
    branches = parts | {f"{kind}_phi": ak.Array([[1.0], []]) for kind in ("Electron", "Muon", "Jet")}
    branches |= {f"{kind}_eta": ak.Array([[0.5], []]) for kind in ("Electron", "Muon", "Jet")}
    branches |= {"MET_pt": np.array([5.0, 6.0]), "MET_phi": np.zeros(2)}
    with uproot.recreate(tmp_path / "nano.root") as file:
        file.mktree("Events", {name: getattr(value, "type", None) or value.dtype for name, value in branches.items()})
        file["Events"].extend(branches)
    out = tmp_path / "events.parquet"
    done = neyman("anomaly", "nanoaod", tmp_path / "nano.root", "--out", out)
    assert (done.code, done.out) == (0, f"{out}: 1 events with a lepton above 23 GeV, 57 columns\n"), done.err
    assert pq.read_table(out)["muon1_pt"].to_pylist() == [30.0]


def test_the_example_draws_the_run(finished, tmp_path):
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "anomaly.py"))
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        example["main"](finished[0] / "run" / "results.json", tmp_path / "scores.png")
    assert "AUROC" in told.getvalue()
    assert (tmp_path / "scores.png").stat().st_size > 10_000


def test_run_leaves_the_whole_story(finished):
    folder, done = finished
    assert {file.name for file in (folder / "run").iterdir()} == {"artefact", "run.json", "results.json", "report.html"}
    result = AnomalyResult.load(folder / "run" / "results.json")
    assert Run.load(folder / "run" / "run.json").status == "finished"
    assert result.training.training_events == 900
    assert result.training.calibration_events == 400
    assert {each.score for each in result.evaluation.separations} == {"score_norm", "autoencoder", "forest"}
    assert result.candidates.injected["shifted"] > 0
    assert result.candidates.truth.count("shifted") > 0
    page = (folder / "run" / "report.html").read_text()
    assert "What a flag is not" in page
    assert done.out.splitlines()[-1] == f"report: {folder / 'run' / 'report.html'}"
    assert "needs 29,956 calibration events" in done.err


def test_run_again_trains_no_more(finished, neyman, monkeypatch):
    folder, _ = finished
    monkeypatch.setattr("neyman.cli.anomaly_run.evaluated", lambda *_: None)  # what takes time
    monkeypatch.setattr("neyman.report.page.save_page", lambda *_: None)
    before = (folder / "run" / "artefact" / "manifest.json").read_bytes()
    assert neyman("anomaly", "run", folder / "c.yaml", "--out", folder / "run", "--workers", 1).code == 0
    assert (folder / "run" / "artefact" / "manifest.json").read_bytes() == before


def test_train_from_a_file_alone_names_the_defaults(neyman, files, tmp_path):
    done = neyman("anomaly", "train", files / "other.parquet", "--config", files / "c.yaml", "--out", tmp_path / "m")
    assert done.code == 0, done.err
    assert "score_norm of 4 features, trained on 360 events" in done.out
    assert "energy" in done.out
    assert {file.name for file in tmp_path.iterdir()} == {"m"}  # no state of training is left


def test_score_writes_a_row_for_a_row(model, files, neyman, tmp_path):
    out = tmp_path / "scores.parquet"
    done = neyman("anomaly", "score", model, files / "search.parquet", "--out", out)
    assert done.code == 0, done.err
    table = pq.read_table(out)
    assert table.column_names == ["score", "p_value", "flag"]
    assert len(table) == 320
    flags, p_values = table["flag"].to_numpy(), table["p_value"].to_numpy()
    assert f"320 events, {flags.sum():,} flagged; of background at most 0.01 are" in done.out
    assert flags[300:].mean() > flags[:300].mean()
    assert p_values.min() >= 1 / 401


def test_a_rate_that_cannot_be_promised(model, files, neyman, refused, tmp_path):
    out = tmp_path / "scores.parquet"
    done = neyman("anomaly", "score", model, files / "search.parquet", "--out", out, "--fpr", "1e-4")
    refused(done, "400 calibration events", "29,956")
    assert not out.exists()


def test_a_flag_is_null_where_nothing_was_asked_and_nothing_can_be_promised(files, neyman, tmp_path):
    config = CONFIG.replace("fpr: 0.01", "fpr: 0.0001").replace(", signals: {shifted: signal.parquet}", "")
    (tmp_path / "c.yaml").write_text(config)
    trained = neyman("anomaly", "train", files / "other.parquet", "--config", tmp_path / "c.yaml", "--quick",
                     "--out", tmp_path / "m")  # fmt: skip
    assert trained.code == 0, trained.err
    out = tmp_path / "scores.parquet"
    done = neyman("anomaly", "score", tmp_path / "m", files / "search.parquet", "--out", out)
    assert done.code == 0, done.err
    assert "flag is null" in done.out
    assert pq.read_table(out)["flag"].null_count == 320


def test_evaluate(model, files, neyman):
    command = ["anomaly", "evaluate", model, "--background", files / "other.parquet"]
    done = neyman(
        *command, "--signal", files / "signal.parquet", "--signal", f"again={files / 'signal.parquet'}", "--json"
    )
    assert done.code == 0, done.err
    result = EvaluationResult.model_validate_json(done.out)
    assert [each.signal for each in result.separations] == ["signal", "again"]
    assert result.separations[0].auroc.low > 0.6
    assert result.separations[0].working_points[2].signal_efficiency is None  # 99.99 % of 800 events
    assert [each.signal for each in result.errors] == ["signal", "again"]
    lines = neyman(*command, "--signal", files / "signal.parquet").out.splitlines()
    assert lines[1].startswith("signal, score_norm")
    assert "—" in lines[1]


def test_background_that_was_trained_on_is_refused(model, files, neyman, refused):
    done = neyman("anomaly", "evaluate", model, "--background", files / "background.parquet",
                  "--signal", files / "signal.parquet")  # fmt: skip
    refused(done, "trained and calibrated on events of this file")


def test_background_that_was_trained_on_is_recognised_in_another_file(model, files, neyman, refused, tmp_path):
    """By its digest, or by its rows where they come in another format, another order, or beside others."""
    table = pq.read_table(files / "background.parquet").to_pydict()
    order = np.random.default_rng(1).permutation(2000)
    np.savetxt(tmp_path / "copy.csv", np.stack([np.array(table[name])[order] for name in NAMES], axis=1),
               delimiter=",", header=",".join(NAMES), comments="")  # fmt: skip
    more = columns(21, 500)
    write(tmp_path / "more.parquet", {name: np.concatenate([more[name], table[name]]) for name in NAMES})
    judged = {
        "evaluate": lambda path: ("evaluate", model, "--background", path, "--signal", files / "signal.parquet"),
        "characterise": lambda path: ("characterise", model, files / "search.parquet", "--background", path),
    }
    for command in judged.values():
        refused(neyman("anomaly", *command(files / "background.parquet")), "trained and calibrated on events of this")
        refused(neyman("anomaly", *command(tmp_path / "copy.csv")), "100 % of those that it remembers")
    refused(neyman("anomaly", *judged["evaluate"](tmp_path / "more.parquet")), "100 % of those that it remembers")
    part = write(tmp_path / "part.parquet", {name: table[name][:150] for name in NAMES})
    refused(neyman("anomaly", *judged["evaluate"](part)), "trained and calibrated on these events", "of which they are")
    some = {name: np.concatenate([more[name], table[name][:200]]) for name in NAMES}
    done = neyman("anomaly", *judged["evaluate"](write(tmp_path / "some.parquet", some)))
    assert done.code == 0
    assert "of the events that the model was trained on are in it" in done.err
    assert "trained on" not in neyman("anomaly", *judged["evaluate"](files / "other.parquet")).err


def test_an_artefact_without_memory_of_rows_is_trained_again(model, files, neyman, refused, monkeypatch):
    monkeypatch.setattr("neyman.cli.anomaly_judged.SEEN", "calibration/absent")
    done = neyman("anomaly", "evaluate", model, "--background", files / "other.parquet",
                  "--signal", files / "signal.parquet")  # fmt: skip
    refused(done, "does not fit this version", "train it again")


@pytest.fixture(scope="module")
def weighted(neyman, files, tmp_path_factory):
    """A folder with a model that was trained on background of which heavy masses have little weight."""
    folder = tmp_path_factory.mktemp("weighted")
    for name, seed, rows in (("background", 31, 6000), ("other", 32, 6000), ("plain", 33, 3000)):
        table = columns(seed, rows)
        heavy = np.arange(rows) % 2 == 0
        if name != "plain":
            table["mass"] = np.where(heavy, 4 * table["mass"], table["mass"])
            table["w"] = np.where(heavy, 0.02, 1.0)
        write(folder / f"{name}.parquet", table)
    config = CONFIG.replace(", signals: {shifted: signal.parquet}", ", weights: w")
    (folder / "c.yaml").write_text(config)
    done = neyman("anomaly", "train", "--config", folder / "c.yaml", "--out", folder / "model")
    assert done.code == 0, done.err
    assert "taken for a feature" not in done.err
    return folder


def test_events_are_judged_by_their_weights(weighted, files, neyman, refused):
    def judge(background, *more):
        done = neyman("anomaly", "evaluate", weighted / "model", "--background", weighted / background,
                      "--signal", files / "signal.parquet", "--json", *more)  # fmt: skip
        assert done.code == 0, done.err
        return EvaluationResult.model_validate_json(done.out).separations[0], done.err

    found, said = judge("other.parquet")
    assert f"{found.background_events:,} of 6,000 events stay" in said
    assert "no column 'w', so that each event counts the same" in said  # of the signal
    assert found.background_events == pytest.approx(3060, abs=40)
    assert found.promised.measured_fpr.low < found.promised.fpr
    table = pq.read_table(weighted / "other.parquet").rename_columns([*NAMES, "mc_weight"])
    pq.write_table(table, weighted / "renamed.parquet")
    wrong, said = judge("renamed.parquet")
    assert wrong.promised.measured_fpr.low > 0.03  # the heavy half is scarce in training, and not here
    assert "no column 'w'" in said
    again, _ = judge("renamed.parquet", "--weights", "mc_weight")
    assert again.auroc.value == pytest.approx(found.auroc.value, abs=0.02)
    done = neyman("anomaly", "evaluate", weighted / "model", "--background", weighted / "plain.parquet",
                  "--signal", files / "signal.parquet", "--weights", "mc_weight")  # fmt: skip
    refused(done, "no column 'mc_weight'")


def test_a_training_file_is_recognised_though_few_of_its_events_stay(neyman, refused, files, tmp_path):
    """Of weights that are a tenth of the largest, other events stay than stayed in training."""
    table = columns(41, 4000) | {"w": np.append(np.full(3999, 0.1), 1.0)}
    write(tmp_path / "b.parquet", table)
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.replace(", signals: {shifted: signal.parquet}", ", weights: w"))
    done = neyman("anomaly", "train", tmp_path / "b.parquet", "--config", config, "--quick", "--out", tmp_path / "m")
    assert done.code == 0, done.err
    write(tmp_path / "again.parquet", table | {"run": np.arange(4000)})
    done = neyman("anomaly", "evaluate", tmp_path / "m", "--background", tmp_path / "again.parquet",
                  "--signal", files / "signal.parquet")  # fmt: skip
    refused(done, "100 % of those that it remembers")


def test_an_excess_is_judged_by_weights(weighted, neyman):
    """Half of the rows are heavy, and a fiftieth of the events."""
    command = ("anomaly", "characterise", weighted / "model", weighted / "plain.parquet", "--samples", 100)
    done = neyman(*command, "--background", weighted / "other.parquet", "--json")
    assert done.code == 0, done.err
    excess = Characterisation.model_validate_json(done.out).excess
    assert excess.background_events == pytest.approx(3060, abs=40)
    assert excess.global_z < 3


def quickly_trained(neyman, folder, table):
    """What `train` says of a table."""
    write(folder / "b.parquet", table)
    config = folder / "c.yaml"
    config.write_text(CONFIG.replace(", signals: {shifted: signal.parquet}", ""))
    done = neyman("anomaly", "train", folder / "b.parquet", "--config", config, "--quick", "--out", folder / "m")
    assert done.code == 0, done.err
    return done.err


def test_weights_that_nobody_named(model, files, neyman, tmp_path):
    table = columns(2, 800) | {"gen_weight": np.linspace(0.5, 1.5, 800)}
    assert "'gen_weight' is taken for a feature; if" in quickly_trained(neyman, tmp_path, table)
    done = neyman("anomaly", "evaluate", model, "--background", tmp_path / "b.parquet",
                  "--signal", files / "signal.parquet")  # fmt: skip
    assert "'gen_weight' is not looked at; if it has the weights of the events: --weights gen_weight" in done.err


def test_copies_of_events_are_told(neyman, tmp_path):
    table = columns(9, 800)
    assert "copies" not in quickly_trained(neyman, tmp_path, table)
    twice = {name: np.repeat(values[:400], 2) for name, values in table.items()}
    said = quickly_trained(neyman, tmp_path, twice)
    assert "400 of 800 background events are copies of others" in said


def test_what_a_score_does_not_see_is_said(neyman, tmp_path, monkeypatch):
    """A constant, a column beyond `features.most`, and a few values that stand for none."""
    monkeypatch.chdir(tmp_path)
    table = columns(11, 1500) | {"year": np.full(1500, 2024.0)}
    table["twin"] = table["jet1_phi"] / 2
    table["jet1_eta"][:20] = -999999.0
    write(tmp_path / "background.parquet", table)
    config = CONFIG.replace(", signals: {shifted: signal.parquet}", "") + "features: {most: 4}\n"
    (tmp_path / "c.yaml").write_text(config)
    done = neyman("anomaly", "train", "--config", "c.yaml", "--out", "model")
    said = done.out + done.err
    assert "left out, since they never change: year" in said
    assert "left out, since features.most is 4: " in said
    assert "a few values far from all others, which may stand for none: jet1_eta" in said
    card = (tmp_path / "model/card.md").read_text()
    assert "Constant in training, and not looked at: year." in card
    assert "Left out, since 4 were wanted" in card
    assert "With a few values far from all others, which may stand for none: jet1_eta." in card
    other = {name: values[:100] for name, values in table.items()}
    other["year"] = np.repeat([2024.0, 2025.0], [60, 40])
    other["mass"] = np.append(other["mass"][:-1], 1e30)
    write(tmp_path / "other.parquet", other)
    said = "'year' is 2024 in all events of the training, and not in 40 of 100 here: the score does not see it"
    for command in (
        ("score", "model", "other.parquet", "--out", "scores.parquet"),
        ("evaluate", "model", "--background", "other.parquet", "--signal", "s=other.parquet"),
        ("explain", "model", "other.parquet", "--row", "3"),
    ):
        assert said in neyman("anomaly", *command).err
    scores = pq.read_table("scores.parquet")["score"].to_numpy()
    assert np.isfinite(scores).all()
    assert np.argmax(scores) == 99


def test_an_angle_that_is_none_is_said(neyman, tmp_path):
    """A placeholder in an angle would be an ordinary direction."""
    table = columns(14, 800)
    table["jet1_phi"] *= np.pi / 3
    quickly_trained(neyman, tmp_path, table)
    assert Scorer.open(tmp_path / "m").preparation.periods == {"jet1_phi": pytest.approx(2 * np.pi)}
    command = ("anomaly", "score", tmp_path / "m", tmp_path / "b.parquet", "--out", tmp_path / "s.parquet")
    assert "angle" not in neyman(*command).err
    table["jet1_phi"][:7] = -999.0
    write(tmp_path / "b.parquet", table)
    said = "'jet1_phi' is an angle with a period of 6.283, and beyond it in 7 of 800 events"
    assert said in neyman(*command).err


def test_a_run_of_too_few_events_ends_before_it_trains(neyman, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "background.parquet", columns(12, 300))
    (tmp_path / "c.yaml").write_text(CONFIG.replace(", signals: {shifted: signal.parquet}", ""))
    done = neyman("anomaly", "run", "c.yaml", "--out", "run")
    refused(done, "75 background events in the test", "at least 200, as of 800 with this split")
    assert not (tmp_path / "run/artefact").exists()


def test_explain_one_row(model, files, neyman, tmp_path):
    """A mass that does not go with the pT: both features say so, and no angle does."""
    table = columns(6, 30)
    table["mass"][7] *= 4
    write(tmp_path / "x.parquet", table)
    done = neyman("anomaly", "explain", model, tmp_path / "x.parquet", "--row", 7, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert {"score", "p_value", "feature_attribution"} <= found.keys()
    assert {*list(found["feature_attribution"])[:2]} == {"mass", "jet1_pt"}
    assert found["feature_attribution"]["mass"] > 0
    assert found["p_value"] < 0.02


def test_explain_the_highest(model, files, neyman):
    done = neyman("anomaly", "explain", model, files / "search.parquet", "--top", 3, "--json")
    result = Explanations.model_validate_json(done.out)
    scores = [event.score for event in result.events]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3
    lines = neyman("anomaly", "explain", model, files / "search.parquet", "--top", 1).out.splitlines()
    assert lines[0].startswith(f"row {result.events[0].row}: score")
    assert "not nature" in lines[-1]


def test_characterise(model, files, neyman):
    command = ["anomaly", "characterise", model, files / "search.parquet", "--samples", 300]
    done = neyman(*command, "--background", files / "other.parquet", "--json")
    assert done.code == 0, done.err
    result = Characterisation.model_validate_json(done.out)
    assert result.samples.events == 300
    assert len(result.profile.rows) == 5
    assert result.excess.local_z > 2  # one event in sixteen is signal
    assert result.excess.global_p_value >= result.excess.local_p_value
    lines = neyman(*command).out.splitlines()
    assert "no significance" in lines[-1]


def test_export(model, neyman, tmp_path):
    done = neyman("anomaly", "export", model, "--out", tmp_path / "served")
    assert done.code == 0, done.err
    assert {file.name for file in (tmp_path / "served").iterdir()} == {"model.onnx", "model.pt"}


def test_explore(files, neyman, tmp_path):
    done = neyman("anomaly", "explore", files / "search.parquet", "--out", tmp_path / "page.html")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"{tmp_path / 'page.html'}: 5 columns, 320 of 320 rows"
    assert "Correlations" in (tmp_path / "page.html").read_text()


def test_trigger(neyman, tmp_path):
    table = {f"jet{n}_{part}": np.zeros(1000) for n in range(1, 11) for part in ("pt", "eta")}
    table["jet1_pt"] = np.where(np.arange(1000) < 100, 80.0, 20.0)
    write(tmp_path / "background.parquet", table)
    (tmp_path / "menu.yaml").write_text(MENU)
    done = neyman("anomaly", "trigger", tmp_path / "menu.yaml", "--json", "--out", tmp_path / "rates.png")
    assert done.code == 0, done.err
    result = TriggerResult.model_validate_json(done.out)
    assert result.rate == pytest.approx(1e4 * 100 / 2000)
    assert (tmp_path / "rates.png").stat().st_size > 1000
    lines = neyman("anomaly", "trigger", tmp_path / "menu.yaml").out.splitlines()
    assert "single jet" in lines[1]
    assert "no pile-up" in lines[-1]


def test_the_schema(neyman):
    assert json.loads(neyman("anomaly", "schema").out) == AnomalyConfig.model_json_schema()


def test_bad_events_leave_nothing_behind(model, files, neyman, refused, tmp_path):
    good = columns(8, 50)
    cases = {
        "nan": ({**good, "mass": np.where(np.arange(50) == 9, np.nan, good["mass"])}, "'mass' is nan in row 9"),
        "infinite": ({**good, "mass": np.where(np.arange(50) == 9, np.inf, good["mass"])}, "'mass' is inf in row 9"),
        "missing": ({name: good[name] for name in NAMES[:3]}, "no column 'mass'"),
        "none": ({name: values[:0] for name, values in good.items()}, "no events"),
        "text": ({**good, "mass": ["heavy"] * 50}, "mass"),
    }
    out = tmp_path / "out"
    out.mkdir()
    for name, (table, part) in cases.items():
        path = write(tmp_path / f"{name}.parquet", table)
        refused(neyman("anomaly", "score", model, path, "--out", out / "scores.parquet"), part)
        refused(neyman("anomaly", "explain", model, path), part)
        if name != "text":
            refused(neyman("anomaly", "characterise", model, path))
        if name in ("nan", "infinite", "none", "text"):
            refused(neyman("anomaly", "explore", path, "--out", out / "page.html"))
        refused(neyman("anomaly", "train", path, "--out", out / "m")) if name != "missing" else None
        assert list(out.iterdir()) == [], name


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["train", "--out", "m"], ["neither BACKGROUND nor --config"]),
        (["train", "absent.parquet", "--out", "m"], ["absent.parquet", "no such file"]),
        (["train", "--config", "absent.yaml", "--out", "m"], ["absent.yaml", "no such config file"]),
        (["run", "absent.yaml", "--out", "m"], ["absent.yaml", "no such config file"]),
        (["score", "absent", "x.parquet", "--out", "s.parquet"], ["absent", "no such folder"]),
        (["explain", "absent", "x.parquet"], ["absent", "no such folder"]),
        (["evaluate", "absent", "--background", "b", "--signal", "s"], ["absent", "no such folder"]),
        (["characterise", "absent", "x.parquet"], ["absent", "no such folder"]),
        (["export", "absent", "--out", "f"], ["absent", "no such folder"]),
        (["explore", "absent.csv", "--out", "p.html"], ["absent.csv", "no such file"]),
        (["explore", "absent.csv", "--out", "p.pdf"], ["p.pdf", "expected: .html"]),
        (["trigger", "absent.yaml"], ["absent.yaml", "no such config file"]),
        (["trigger", "absent.yaml", "--out", "rates.jpg"], ["rates.jpg", ".png, .pdf or .svg"]),
        (["simulate", "forty_mhs", "--out", "b.parquet"], ["layout 'forty_mhs'", "did you mean 'forty_mhz'"]),
        (["simulate", "forty_mhz", "--out", "b.txt"], ["b.txt", ".parquet"]),
        (["simulate", "forty_mhz", "--signal", "zprime", "--out", "b.parquet"], ["zprime"]),
        (["simulate", "forty_mhz", "--events", "0", "--out", "b.parquet"], ["0"]),
        (["nanoaod", "absent.root", "--out", "b.parquet"], ["absent.root", "no such file"]),
        (["nanoaod", "absent.root", "--out", "b.txt"], ["b.txt", ".parquet"]),
    ],
)
def test_refusals(neyman, refused, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    refused(neyman("anomaly", *arguments), *parts)
    assert list(tmp_path.iterdir()) == []


def test_more_refusals(model, files, neyman, refused, tmp_path):
    search, other = files / "search.parquet", files / "other.parquet"
    refused(neyman("anomaly", "explain", model, search, "--row", 320), "row 320", "0 to 319")
    refused(neyman("anomaly", "explain", model, search, "--top", 0), "at least 1")
    refused(neyman("anomaly", "score", model, search, "--out", tmp_path / "s.csv"), ".parquet")
    refused(neyman("anomaly", "score", model, search, "--out", tmp_path / "s.parquet", "--fpr", 2), "between 0 and 1")
    evaluate = ["anomaly", "evaluate", model, "--background", other]
    refused(neyman(*evaluate, "--signal", f"a={other}", "--signal", f"a={other}"), "signal 'a' twice")
    refused(neyman(*evaluate, "--signal", f"={other}"), "NAME=FILE")
    refused(neyman("anomaly", "characterise", model, search, "--samples", 10), "at least 100")
    refused(neyman("anomaly", "score", files / "run", search, "--out", tmp_path / "s.parquet"), "manifest.json")
    assert list(tmp_path.iterdir()) == []
