"""`neyman abcd`: what each command answers, and what it refuses."""

import json

import pytest

from neyman.abcd.results import CheckResult, LimitResult, RunResult
from neyman.core.errors import DataError
from neyman.core.runs import Run

CONFIG = """\
data: {kind: toy, background: 4000, signal: 2000}
discriminant: {column: m, edges: [0, 0.5, 1]}
networks: {hidden: [8]}
method:
  kind: cls
  warm_up: {epochs: 2, steps_per_epoch: 30, batch: 800, learning_rate: 0.01}
  training: {epochs: 2, steps_per_epoch: 5}
  constraints: {disco_events: 500, random_cuts: 2}
evaluation: {quantiles: 4, tightest: 0.05, reference: [x0, x2]}
device: cpu
"""
TEMPLATES = {
    "background": {"A": [400], "B": [55], "C": [4000], "D": [500]},
    "signal": {"A": [1], "B": [15], "C": [0.2], "D": [1]},
}


@pytest.fixture(scope="module")
def finished(neyman, tmp_path_factory):
    """The folder of one run, and what it printed."""
    folder = tmp_path_factory.mktemp("abcd")
    (folder / "c.yaml").write_text(CONFIG)
    done = neyman("abcd", "run", folder / "c.yaml", "--out", folder / "run")
    assert done.code == 0, done.err
    return folder, done


@pytest.fixture
def templates(tmp_path):
    def write(text=None, **changes):
        path = tmp_path / "t.json"
        path.write_text(text if text is not None else json.dumps(TEMPLATES | changes))
        return path

    return write


def test_run_leaves_the_whole_story(finished):
    folder, done = finished
    left = {file.name for file in (folder / "run").iterdir()}
    assert left - {"report.html"} == {"artefact", "run.json", "results.json", "templates.json"}
    result = RunResult.load(folder / "run" / "results.json")
    assert Run.load(folder / "run" / "run.json").status == "finished"
    assert result.check.test.mu_limit_exp == pytest.approx(result.limit.mu_limit_exp)
    assert result.training.artefact == result.check.artefact == result.limit.artefact
    assert list(result.training.phases) == ["classifiers", "cls"]
    assert set(result.training.phases["cls"].constraints) == {"closure", "random_closure", "disco", "least_yield"}
    assert "trained in" in done.err
    assert f"mu < {result.limit.mu_limit_exp[2]:.4g} expected at 95 % confidence" in done.out
    assert done.out.splitlines()[-1].endswith(("results.json", "report.html"))


def test_run_again_trains_no_more(finished, neyman):
    folder, done = finished
    before = (folder / "run" / "artefact" / "manifest.json").read_bytes()
    again = neyman("abcd", "run", folder / "c.yaml", "--out", folder / "run")
    assert again.code == 0
    assert (folder / "run" / "artefact" / "manifest.json").read_bytes() == before
    assert again.out == done.out


def test_train_gives_the_same_artefact(finished, neyman, tmp_path):
    folder, _ = finished
    done = neyman("abcd", "train", folder / "c.yaml", "--out", tmp_path / "a")
    assert done.code == 0, done.err
    assert done.out.startswith(f"{tmp_path / 'a'}: cls trained in")
    assert {file.name for file in tmp_path.iterdir()} == {"a"}
    one, other = ((path / "weights.safetensors").read_bytes() for path in (folder / "run" / "artefact", tmp_path / "a"))
    assert one == other


def test_check(finished, neyman):
    folder, _ = finished
    done = neyman("abcd", "check", folder / "run" / "artefact", "--json")
    assert done.code == 0
    found = CheckResult.model_validate_json(done.out)
    kept = RunResult.load(folder / "run" / "results.json").check
    assert found.test == kept.test
    words = neyman("abcd", "check", folder / "run" / "artefact").out.splitlines()
    assert sum(line.startswith(("passed  ", "FAILED  ")) for line in words) == len(found.verdicts)
    assert f"{found.test.mu_limit_exp[2]:.4g}" in words[len(found.verdicts)]
    assert any("cut and count" in line for line in words)
    assert any("best score" in line for line in words)


def test_the_limit_of_an_artefact_is_that_of_its_templates(finished, neyman):
    folder, _ = finished
    one = json.loads(neyman("abcd", "limit", folder / "run" / "artefact", "--json").out)
    other = json.loads(neyman("abcd", "limit", folder / "run" / "templates.json", "--json").out)
    assert one.pop("artefact")
    assert other.pop("artefact") is None
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert other[key] == (pytest.approx(value) if isinstance(value, float | list) else value), key


def test_the_limit_of_the_contract(neyman, templates):
    """Against pyhf: δ = 0.1, observed equal to the background."""
    done = neyman("abcd", "limit", templates(observed=TEMPLATES["background"]), "--poi-value", 1, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["schema_version"] == 1
    assert found["cls_obs"] == pytest.approx(0.2194295, abs=1e-6)
    assert found["cls_exp"][2] == pytest.approx(0.1233081, abs=1e-6)
    assert found["non_closure"] == pytest.approx([0.1])
    assert len(found["cls_exp"]) == len(found["mu_limit_exp"]) == 5
    assert found["mu_limit_exp"] == sorted(found["mu_limit_exp"])
    assert LimitResult.model_validate(found).q_mu == pytest.approx(2.3748, abs=1e-3)


def test_the_limit_is_where_cls_is_the_level(neyman, templates):
    path = templates(variance=TEMPLATES["background"])
    limits = json.loads(neyman("abcd", "limit", path, "--level", 0.1, "--json").out)["mu_limit_exp"]
    at = json.loads(neyman("abcd", "limit", path, "--poi-value", limits[2], "--json").out)
    assert at["cls_exp"][2] == pytest.approx(0.1, rel=1e-5)
    assert at["cls_obs"] is None


def test_the_limit_in_words(neyman, templates):
    words = neyman("abcd", "limit", templates(observed=TEMPLATES["background"])).out.splitlines()
    assert words[0].startswith("mu = 1: expected CLs 0.1233 (")
    assert words[1] == "mu = 1: observed CLs 0.2194"
    assert words[-1] == "non-closure: +10.0 %"


def test_the_workspace_gives_the_same_cls(neyman, templates, tmp_path):
    path = templates(observed=TEMPLATES["background"])
    done = neyman("abcd", "limit", path, "--json", "--workspace", tmp_path / "ws.json")
    assert done.code == 0, done.err
    fit = neyman("fit", "cls", tmp_path / "ws.json", "--json", "--interpolation", "normsys=code1")
    assert fit.code == 0, fit.err
    here, there = json.loads(done.out), json.loads(fit.out)
    assert there["cls_obs"] == pytest.approx(here["cls_obs"], abs=1e-5)
    assert there["cls_exp"] == pytest.approx(here["cls_exp"], abs=1e-5)


def test_theta_may_be_shared(neyman, templates):
    two = {name: {region: 2 * values for region, values in part.items()} for name, part in TEMPLATES.items()}
    each, shared = (
        json.loads(neyman("abcd", "limit", templates(**two), "--theta", theta, "--json").out)["mu_limit_exp"][2]
        for theta in ("per_bin", "shared")
    )
    assert shared > each  # independent parameters average the non-closure away


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"background": {"A": [400], "B": [-1], "C": [4000], "D": [500]}}, ["$.background.B[0]", "zero or above"]),
        ({"background": {"A": [400], "B": [1, 2], "C": [4000], "D": [500]}}, ["$.background.B", "2 bins"]),
        ({"background": {"A": [400], "C": [4000], "D": [500]}}, ["$.background", "no region 'B'"]),
        ({"signal": {"A": [1], "B": [0], "C": [0], "D": [0]}}, ["$.signal.B", "no signal in B"]),
        ({"delta": [0.1, 0.2]}, ["$.delta", "2 bins"]),
        ({"observd": {}}, ["unknown key 'observd'", "did you mean 'observed'?"]),
    ],
)
def test_bad_templates(neyman, templates, refused, change, parts):
    refused(neyman("abcd", "limit", templates(**change), "--json"), *parts)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"background": NaN}', ""])
def test_files_that_hold_no_templates(neyman, templates, refused, text):
    refused(neyman("abcd", "limit", templates(text), "--json"), "t.json")


@pytest.mark.parametrize("options", [["--poi-value", -1], ["--poi-value", "nan"], ["--level", 0], ["--level", 1.5]])
def test_bad_options(neyman, templates, refused, options):
    refused(neyman("abcd", "limit", templates(), *options))


def test_an_absent_file(neyman, refused, tmp_path):
    refused(neyman("abcd", "limit", tmp_path / "no.json"), "no such file")
    refused(neyman("abcd", "check", tmp_path), "no manifest.json")
    refused(neyman("abcd", "train", tmp_path / "no.yaml", "--out", tmp_path / "a"), "no such config file")


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("discriminant: {column: m, edges: [0, 0.5, 0.2]}", [":2: discriminant.edges", "0.2 comes after 0.5"]),
        ("discriminant: {column: m, edges: [3, 4]}", ["column 'm'", "sum to 0 in bin 0, 3 to 4"]),
        ("discriminant: {column: z, edges: [0, 1]}", ["discriminant.column: no column 'z'"]),
    ],
)
def test_bad_jobs_leave_nothing_behind(neyman, refused, tmp_path, line, parts):
    (tmp_path / "c.yaml").write_text("\n".join([CONFIG.splitlines()[0], line, *CONFIG.splitlines()[2:]]))
    refused(neyman("abcd", "train", tmp_path / "c.yaml", "--out", tmp_path / "a"), *parts)
    assert [file.name for file in tmp_path.iterdir()] == ["c.yaml"]


def test_events_that_stop_the_second_phase_leave_nothing_behind(neyman, refused, tmp_path, monkeypatch):
    """Nobody could go on from there: the same config ends there again, and another one is another run."""

    def refuse(*_):
        raise DataError("no signal in B", hint="lower cuts")

    monkeypatch.setattr("neyman.abcd.training.check_templates", refuse)
    (tmp_path / "c.yaml").write_text(CONFIG)
    refused(neyman("abcd", "train", tmp_path / "c.yaml", "--out", tmp_path / "a"), "no signal in B")
    assert [file.name for file in tmp_path.iterdir()] == ["c.yaml"]


def test_what_can_be_resumed_is_kept_if_the_events_are_away(neyman, refused, tmp_path):
    away = "data: {kind: files, signal: [s.parquet], background: [b.parquet]}\nfeatures: [x]"
    (tmp_path / "c.yaml").write_text(CONFIG.replace(CONFIG.splitlines()[0], away).replace("reference: [x0, x2]", ""))
    state = tmp_path / "a.training" / "classifiers.safetensors"
    state.parent.mkdir()
    state.write_bytes(b"hours of work")
    refused(neyman("abcd", "train", tmp_path / "c.yaml", "--out", tmp_path / "a"), "no such file", "s.parquet")
    assert state.read_bytes() == b"hours of work"


def test_what_is_there_is_not_replaced(neyman, refused, tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("")
    refused(neyman("abcd", "train", tmp_path / "c.yaml", "--out", tmp_path / "a"), "something else is there")


def test_the_schema(neyman):
    assert json.loads(neyman("abcd", "schema").out)["title"] == "AbcdConfig"
