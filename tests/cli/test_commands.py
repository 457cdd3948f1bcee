"""What each command answers."""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from neyman.core.runs import Run
from neyman.events import read_parquet
from neyman.posterior.inference import infer
from neyman.posterior.results import RunResult
from neyman.posterior.trained import TrainedPosterior
from neyman.simulation.datasets import Dataset


@pytest.fixture(scope="module")
def artefact(tiny_run):
    return tiny_run / "artefact"


@pytest.fixture(scope="module")
def trained(artefact):
    return TrainedPosterior.load(artefact)


@pytest.fixture(scope="module")
def dataset(tiny_run, neyman, tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "data"
    done = neyman("posterior", "simulate", tiny_run.parent / "tiny.yaml", "--out", folder, "--sets", 120, "--seed", 7)
    assert (done.code, done.out) == (0, f"{folder}: 120 sets of 200 events\n")
    return folder


def test_run_leaves_the_whole_story(tiny_run):
    assert {file.name for file in tiny_run.iterdir()} == {
        "artefact",
        "observed.parquet",
        "report.html",
        "results.json",
        "run.json",
    }
    result, kept = RunResult.load(tiny_run / "results.json"), Run.load(tiny_run / "run.json")
    assert (kept.command, kept.status, kept.attempts) == ("posterior run", "finished", 1)
    assert result.config["events"] == [50, 200]
    assert [size.n_events for size in result.check.sizes] == [50, 100, 200]
    assert result.inference.n_events == len(pq.read_table(tiny_run / "observed.parquet")) == 100
    assert result.truth == pytest.approx({"C9": 4.27342842})  # EOS's Standard Model
    assert result.training.artefact == result.check.artefact == result.inference.artefact
    assert "<html" in (tiny_run / "report.html").read_text()


def test_run_says_the_answer_on_stdout_and_the_rest_on_stderr(tiny_run):
    found = RunResult.load(tiny_run / "results.json").inference.parameters["C9"]
    out, err = ((tiny_run.parent / name).read_text() for name in ("stdout", "stderr"))
    assert out.splitlines()[0].startswith(f"C9 = {found.mean:.3f} ± {found.sd:.3f} from 100 events")
    assert out.splitlines()[1:] == ["report: run/report.html"]
    assert "trained in" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("method", ["flow", "exact"])
def test_infer_from_a_plain_file(neyman, artefact, trained, write, method):
    """A file without neyman's metadata, in single precision, with one more column, in another order."""
    plain = write()
    columns = pq.read_table(plain).to_pydict()
    single = {name: np.float32(columns[name]) for name in reversed(columns)}
    other = write("other.parquet", without=columns, run=np.arange(100), **single)
    assert pq.read_schema(other).metadata is None
    done = neyman("posterior", "infer", artefact, "--observed", other, "--json", "--method", method)
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    expected = infer(trained, read_parquet(plain, trained.schema), method=method)
    assert answer["schema_version"] == 1
    assert (answer["n_events"], answer["method"]) == (100, method)
    assert answer["parameters"]["C9"] == pytest.approx(expected.parameters["C9"].model_dump(), abs=1e-4)
    assert [line.removeprefix("warning: ") for line in done.err.splitlines()] == answer["warnings"]


def test_infer_in_words_says_the_same_as_in_json(neyman, artefact, write):
    found = json.loads(neyman("posterior", "infer", artefact, "--observed", write(), "--json").out)["parameters"]["C9"]
    words = neyman("posterior", "infer", artefact, "--observed", write())
    numbers = (f"{found[key]:.4f}" for key in ("mean", "sd", "q16", "q84"))
    assert words.out.startswith("C9 = {} ± {}  (68 %: {} to {})".format(*numbers))
    assert found["q16"] < found["q50"] < found["q84"]


@pytest.mark.parametrize("method", ["flow", "exact"])
def test_draws_are_from_the_posterior_that_is_printed(neyman, artefact, write, tmp_path, method):
    command = ["posterior", "infer", artefact, "--observed", write(), "--json", "--method", method]
    answer = json.loads(neyman(*command, "--samples", tmp_path / "new" / "a.parquet").out)["parameters"]["C9"]
    table = pq.read_table(tmp_path / "new" / "a.parquet")
    assert table.column_names == ["C9"]
    draws = table["C9"].to_numpy()
    assert len(draws) == 10_000
    assert draws.mean() == pytest.approx(answer["mean"], abs=4 * answer["sd"] / 100)
    assert np.quantile(draws, [0.16, 0.84]) == pytest.approx([answer["q16"], answer["q84"]], abs=0.05 * answer["sd"])
    contents = []
    for seed in (0, 0, 1):
        neyman(*command, "--samples", tmp_path / "b.parquet", "--draws", 50, "--seed", seed)
        contents.append((tmp_path / "b.parquet").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_one_set_of_a_data_set_is_chosen_by_number(neyman, artefact, trained, dataset):
    data = Dataset.open(dataset)
    assert (data.sets, data.events, data.manifest.seed) == (120, 200, 7)
    assert ((data.theta > 3) & (data.theta < 5)).all()
    done = neyman("posterior", "infer", artefact, "--observed", dataset / "shard-00000.parquet", "--set", 5, "--json")
    estimate = trained.estimator.log_prob(np.full((1, 1, 1), 4.0), [data.read(np.array([5]))[0]])
    curve = json.loads(done.out)["density"]["C9"]
    assert np.interp(4.0, curve["grid"], curve["log_density"]) == pytest.approx(float(estimate[0, 0]), abs=0.01)


def test_the_events_of_a_data_set_have_one_line_of_choice(neyman, artefact, dataset):
    done = neyman("posterior", "infer", artefact, "--observed", dataset / "shard-00000.parquet")
    assert done.code == 2
    assert "120 sets of events" in done.err
    assert "--set 0" in done.err


def test_train_on_a_data_set(neyman, tiny_run, dataset, artefact, tmp_path):
    done = neyman("posterior", "train", tiny_run.parent / "tiny.yaml", "--data", dataset, "--out", tmp_path / "a")
    assert done.code == 0, done.err
    assert [file.name for file in tmp_path.iterdir()] == ["a"]  # the state of training is gone
    assert "set_encoder trained in" in done.out
    weights = (tmp_path / "a" / "weights.safetensors").read_bytes()
    assert weights != (artefact / "weights.safetensors").read_bytes()


def test_sets_shorter_than_training_likes_are_still_used(neyman, tmp_path):
    """Sets of 60 events, where the statistic is learned on sets of 20 to 100 by default."""
    (tmp_path / "c.yaml").write_text(
        "prior: {C9: [3, 5]}\nevents: [20, 60]\n"
        "training: {statistic: {epochs: 1, steps_per_epoch: 2}, flow: {epochs: 1, steps_per_epoch: 2}}\n"
    )
    assert neyman("posterior", "simulate", tmp_path / "c.yaml", "--out", tmp_path / "d", "--sets", 100).code == 0
    done = neyman("posterior", "train", tmp_path / "c.yaml", "--data", tmp_path / "d", "--out", tmp_path / "a")
    assert done.code == 0, done.err


def test_check_finds_that_seconds_of_training_are_not_enough(neyman, artefact):
    options = ["--sets", 100, "--exact-sets", 10, "--size", 60]
    answer = json.loads(neyman("posterior", "check", artefact, "--json", *options).out)
    assert [size["n_events"] for size in answer["sizes"]] == [60]
    assert len(answer["verdicts"]) == 5
    assert answer["passed"] is False
    assert not all(verdict["passed"] for verdict in answer["verdicts"])
    words = neyman("posterior", "check", artefact, *options)
    assert words.code == 0  # a finding, not an error
    failed = sum(not verdict["passed"] for verdict in answer["verdicts"])
    assert words.out.count("FAILED  ") == failed
    assert words.out.splitlines()[-1] == f"{failed} of 5 FAILED"


def test_check_without_the_exact_posterior(neyman, artefact):
    done = neyman("posterior", "check", artefact, "--json", "--sets", 100, "--exact-sets", 0, "--size", 60)
    answer = json.loads(done.out)
    assert answer["sizes"][0]["exact"] is None
    assert len(answer["verdicts"]) == 3


def test_json_is_the_only_thing_on_stdout(shell, artefact, write, tmp_path, monkeypatch):
    """Also where EOS is asked anew because the cache is empty."""
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path / "cache"))
    done = shell(
        "posterior", "infer", artefact, "--observed", write(), "--json", cwd=tmp_path, capture_output=True, timeout=300
    )
    numbers = json.loads(done.stdout)["parameters"]["C9"].values()
    assert all(map(math.isfinite, numbers))
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines())


def test_doctor_names_what_is_installed(neyman):
    done = neyman("doctor")
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines() if line.startswith("posterior")] == [["posterior", "ready"]]
