"""What the commands of a model answer; the numbers against pyhf."""

import json
from pathlib import Path

import numpy as np
import pyhf
import pytest

from neyman.likelihood.outcomes import UpperLimit
from neyman.likelihood.results import BestFit, Scan

# pyhf 0.7 validates with a part of jsonschema that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")

WS = Path(__file__).parent / "fit_workspace.json"


@pytest.fixture
def fit(neyman):
    """`fit("limit", ...)`: the JSON that a command prints, of the workspace unless another is given."""

    def call(command, *arguments, ws=WS):
        done = neyman("fit", command, ws, "--json", *arguments)
        assert (done.code, done.err) == (0, ""), done.err
        return json.loads(done.out)

    return call


@pytest.fixture
def text(neyman):
    """`text("limit", ...)`: the lines that a command prints."""

    def call(command, *arguments, ws=WS):
        done = neyman("fit", command, ws, *arguments)
        assert (done.code, done.err) == (0, ""), done.err
        return done.out.splitlines()

    return call


@pytest.fixture(scope="module")
def theirs():
    """pyhf's model and data."""
    workspace = pyhf.Workspace(json.loads(WS.read_text()))
    model = workspace.model()
    return model, workspace.data(model)


@pytest.fixture
def minuit():
    """pyhf with Minuit, which it needs for errors."""
    backend, optimizer = pyhf.get_backend()
    pyhf.set_backend(backend, pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    yield
    pyhf.set_backend(backend, optimizer)


def test_bestfit_is_pyhfs(fit, theirs, minuit):
    found = fit("bestfit")
    model, data = theirs
    fitted, twice_nll = pyhf.infer.mle.fit(data, model, return_uncertainties=True, return_fitted_val=True)
    assert found["converged"]
    assert list(found["parameters"]) == model.config.par_names
    assert found["twice_nll"] == pytest.approx(float(twice_nll), abs=1e-5)
    values = [each["value"] for each in found["parameters"].values()]
    assert values == pytest.approx(fitted[:, 0].tolist(), abs=5e-3)
    errors = [each["error"] for each in found["parameters"].values()]
    assert errors == pytest.approx(fitted[:, 1].tolist(), rel=0.03)  # Minuit's Hessian is numerical
    assert not found["blinded"]


def test_cls_is_pyhfs(fit, theirs):
    model, data = theirs
    for value in (1.0, 3.0):
        found = fit("cls", "--poi-value", value)
        observed, expected = pyhf.infer.hypotest(value, data, model, test_stat="qtilde", return_expected_set=True)
        assert found["cls_obs"] == pytest.approx(float(observed), abs=2e-4)
        assert found["cls_exp"] == pytest.approx([float(each) for each in expected], abs=2e-4)


def test_limit_is_where_pyhfs_cls_crosses_the_level(fit, theirs):
    model, data = theirs
    found = fit("limit")
    limits = [found["obs"], found["exp"][0], found["exp"][4]]
    tests = [pyhf.infer.hypotest(each, data, model, test_stat="qtilde", return_expected_set=True) for each in limits]
    assert float(tests[0][0]) == pytest.approx(0.05, abs=2e-4)
    assert float(tests[1][1][0]) == pytest.approx(0.05, abs=2e-4)
    assert float(tests[2][1][4]) == pytest.approx(0.05, abs=2e-4)
    assert sorted(found["exp"]) == found["exp"]
    assert fit("limit", "--level", 0.1)["obs"] < found["obs"]


def test_significance_follows_from_two_fits(fit):
    found = fit("significance")
    rise = fit("bestfit", "--fix", "mu=0")["twice_nll"] - fit("bestfit")["twice_nll"]
    assert found["q0"] == pytest.approx(rise, abs=1e-6)
    assert found["observed"] == pytest.approx(np.sqrt(rise), abs=1e-6)


def test_scan_is_a_fit_at_each_value(fit):
    found = fit("scan", "--parameter", "mu", "--range", 0, 3, "--points", 4, "--stat-only")
    assert found["values"] == [0, 1, 2, 3]
    best = fit("bestfit")["twice_nll"]
    for value, rise in zip(found["values"], found["delta_twice_nll"], strict=True):
        assert rise == pytest.approx(fit("bestfit", "--fix", f"mu={value}")["twice_nll"] - best, abs=1e-6)
    assert all(low >= all_ - 1e-9 for low, all_ in zip(found["stat_only"], found["delta_twice_nll"], strict=True))
    assert fit("scan", "--parameter", "k", "--points", 3)["parameter"] == "k"


def test_fixed_parameters_stay_in_every_command(fit):
    """Also a single bin of a name that has several."""
    found = fit("bestfit", "--fix", "stat[1]=1.05", "--fix", "jes=-0.5")
    assert found["parameters"]["stat[1]"] == {"value": 1.05, "error": 0}
    assert found["parameters"]["jes"] == {"value": -0.5, "error": 0}
    assert found["parameters"]["stat[0]"]["error"] > 0
    free, fixed = (fit("limit", *options)["exp"][2] for options in ([], ["--fix", "k=1", "--fix", "jes=0"]))
    assert fixed < free
    assert {each["name"] for each in fit("impacts", "--fix", "k=1")["impacts"]} == {
        "jes", "eff", "stat[0]", "stat[1]", "stat[2]",
    }  # fmt: skip


def test_impacts_of_groups(fit):
    found = fit("impacts", "--group", "stat=stat*", "--group", "one=stat[0]", "--group", "rest=jes,eff")
    alone = fit("impacts", "--group", "all=stat*, jes, eff")
    assert found["groups"].keys() == {"stat", "one", "rest"}
    assert found["groups"]["one"] < found["groups"]["stat"] < alone["groups"]["all"]
    error = fit("bestfit")["parameters"]["mu"]["error"]
    held = [f"--fix={name}={found['value']}" for name, found in fit("bestfit")["parameters"].items() if "stat" in name]
    assert found["groups"]["stat"] ** 2 == pytest.approx(
        error**2 - fit("bestfit", *held)["parameters"]["mu"]["error"] ** 2, abs=1e-6
    )


def test_goodness_of_fit_counts_degrees_of_freedom(fit):
    found = fit("gof")
    assert found["degrees_of_freedom"] == 4 - 2
    assert fit("gof", "--toys", 20, "--seed", 3)["toys"] == 20


def test_neyman_construction(fit):
    """It compares the profile with pseudo-experiments at the values of the scan."""
    options = ("--parameter", "mu", "--range", 0, 4, "--points", 5)
    found = fit("neyman", *options, "--toys", 40, "--seed", 3)
    assert found["observed"] == pytest.approx(fit("scan", *options)["delta_twice_nll"], abs=1e-6)
    assert found["asymptotic_critical"] == [1, 4]
    assert found == fit("neyman", *options, "--toys", 40, "--seed", 3)
    assert found["interval_68"]["lower"] < fit("bestfit")["parameters"]["mu"]["value"] < found["interval_68"]["upper"]
    assert (found["toys"], found["seed"], found["statistic"]) == (40, 3, "t")
    one_sided = fit("neyman", *options, "--toys", 20, "--one-sided")
    assert (one_sided["statistic"], one_sided["interval_95"]["lower"]) == ("qtilde", None)
    assert one_sided["observed"][0] == 0


def test_a_neyman_construction_is_drawn(fit, neyman, tmp_path):
    options = ("--parameter", "mu", "--range", 0, 4, "--points", 3, "--toys", 20)
    fit("neyman", *options, "--figure", tmp_path / "belt.svg")
    assert (tmp_path / "belt.svg").stat().st_size > 5000
    done = neyman("fit", "neyman", WS, *options, "--figure", tmp_path / "belt.gif")
    assert (done.code, done.out) == (2, "")
    assert ".png, .pdf or .svg" in done.err


def test_toys_are_those_of_the_seed(fit):
    found = fit("toys", "--toys", 20, "--seed", 3, "--at", "mu=2")
    assert found == fit("toys", "--toys", 20, "--seed", 3, "--at", "mu=2")
    assert found["values"] != fit("toys", "--toys", 20, "--seed", 4, "--at", "mu=2")["values"]
    assert found["parameters"]["mu"]["truth"] == 2
    assert (found["toys"], found["seed"]) == (20, 3)


def test_cls_from_toys_is_near_the_formulae(fit):
    asymptotic, toys = fit("cls", "--poi-value", 3), fit("cls", "--poi-value", 3, "--toys", 300, "--seed", 1)
    assert (toys["method"], toys["toys"]) == ("toys", 300)
    assert abs(toys["cls_obs"] - asymptotic["cls_obs"]) < 4 * toys["cls_obs_error"] + 0.02


def test_contour_has_the_best_fit_inside(fit):
    found = fit("contour", "--parameters", "mu", "k", "--points", 9)
    assert found["parameters"] == ["mu", "k"]
    assert np.shape(found["delta_twice_nll"]) == (9, 9)
    best = fit("bestfit")["parameters"]
    assert found["best"] == [best["mu"]["value"], best["k"]["value"]]


def test_another_measurement_or_parameter_of_interest(fit):
    assert fit("bestfit", "--measurement", "other")["poi"] == "k"
    assert fit("bestfit", "--poi", "k")["poi"] == "k"
    assert fit("impacts", "--poi", "k")["parameter"] == "k"


def test_interpolation_is_pyhfs(fit, theirs):
    workspace = pyhf.Workspace(json.loads(WS.read_text()))
    codes = {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code0"}}
    model = workspace.model(modifier_settings=codes)
    point = [0.7, 1.1, 1.5, -0.6, 1.02, 1.0, 0.97]
    expected = float(-2 * model.logpdf(point, workspace.data(model))[0])
    held = [f"--fix={name}={value}" for name, value in zip(model.config.par_names, point, strict=True)]
    found = fit("bestfit", "--interpolation", "normsys=code1,histosys=code0", *held)
    assert found["twice_nll"] == pytest.approx(expected, abs=1e-9)
    assert fit("bestfit", *held)["twice_nll"] != pytest.approx(expected, abs=1e-3)


def test_minuit_agrees(fit):
    newton, minuit = fit("bestfit"), fit("bestfit", "--minimiser", "minuit")
    assert minuit["minimiser"] == "minuit"
    assert minuit["twice_nll"] == pytest.approx(newton["twice_nll"], abs=1e-5)
    for command in ("cls", "significance"):
        assert fit(command, "--minimiser", "minuit") == fit(command)


def test_patches_change_the_model(fit, tmp_path):
    patch = tmp_path / "patch.json"
    patch.write_text('[{"op": "replace", "path": "/channels/0/samples/0/data", "value": [8.0, 18.0, 6.0]}]')
    once, twice = (fit("bestfit", *options)["parameters"]["mu"]["value"] for options in ([], ["--patch", patch]))
    assert twice == pytest.approx(once / 2, rel=1e-5)


def test_a_fit_that_finds_no_minimum_is_an_answer_but_no_limit(neyman, tmp_path):
    """An event where nothing can be expected."""
    workspace = json.loads(WS.read_text())
    for sample in workspace["channels"][0]["samples"]:
        sample["data"][0] = 0.0
        sample["modifiers"] = [each for each in sample["modifiers"] if each["type"] == "normfactor"]
    (tmp_path / "ws.json").write_text(json.dumps(workspace))
    done = neyman("fit", "bestfit", tmp_path / "ws.json", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert not found["converged"]
    assert "try" in found["message"]
    for command in ("cls", "limit", "impacts"):
        done = neyman("fit", command, tmp_path / "ws.json", "--json")
        assert (done.code, done.out) == (1, ""), command
        assert 1 <= len(done.err.splitlines()) <= 5


def test_json_comes_back_as_the_result(neyman, tmp_path):
    for command, kind in (("bestfit", BestFit), ("limit", UpperLimit), ("scan", Scan)):
        out = neyman("fit", command, WS, "--json").out
        (tmp_path / "answer.json").write_text(out)
        assert kind.load(tmp_path / "answer.json").to_json() + "\n" == out


def test_bestfit_as_text(text, fit):
    lines = text("bestfit", "--fix", "k=1")
    found = fit("bestfit", "--fix", "k=1")
    mu = found["parameters"]["mu"]
    assert lines[0].split() == ["parameter", "value", "error"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:8]}
    assert list(rows) == list(found["parameters"])
    assert rows["k"] == ["1", "fixed"]
    assert rows["mu"] == [f"{mu['value']:.2f}", "±", f"{mu['error']:.2f}"]
    assert lines[-2] == f"−2 ln L = {found['twice_nll']:.8g}"
    assert lines[-1] == "minimum found"


def test_a_parameter_at_a_bound_is_told(text, tmp_path):
    workspace = json.loads(WS.read_text())
    workspace["observations"][0]["data"] = [38.0, 18.0, 18.0]
    (tmp_path / "low.json").write_text(json.dumps(workspace))
    lines = text("bestfit", ws=tmp_path / "low.json")
    (row,) = [line for line in lines if line.startswith("mu ")]
    assert row.endswith("at a bound")
    assert "mu at a bound" in lines[-1]


def test_forty_parameters_are_enough(text, tmp_path):
    workspace = json.loads(WS.read_text())
    bins = 50
    workspace["channels"][1]["samples"][0] = {
        "name": "background",
        "data": [50.0] * bins,
        "modifiers": [{"name": "stat_CR", "type": "staterror", "data": [2.0] * bins}],
    }
    workspace["observations"][1]["data"] = [51.0] * bins
    (tmp_path / "many.json").write_text(json.dumps(workspace))
    short, everything = text("bestfit", ws=tmp_path / "many.json"), text("bestfit", "--all", ws=tmp_path / "many.json")
    assert "and 17 more, which --all shows" in short
    assert len(everything) == len(short) - 1 + 17
    assert sum("±" in line for line in everything) == 57


@pytest.mark.parametrize(
    ("command", "options", "parts"),
    [
        ("cls", [], ["CLs of mu = 1", "expected, median"]),
        ("cls", ["--toys", 20], ["from 20 pseudo-experiments of each hypothesis"]),
        ("limit", [], ["upper limit on mu at 95 % CL", "expected, +2σ"]),
        ("significance", [], ["observed", "σ", "p-value"]),
        ("scan", ["--points", 3, "--stat-only"], ["−2 Δln L", "stat. only", "68.3 %: 1.0"]),
        ("contour", ["--parameters", "mu", "k", "--points", 4], ["of 16 points"]),
        ("impacts", ["--group", "JES=jes"], ["mu = 1.76 ± 0.78", "impact up", "JES", "statistical"]),
        ("gof", [], ["degrees of freedom", "p-value, from χ²"]),
        (
            "neyman",
            ["--points", 3, "--toys", 25],
            ["68.3 %  error", "asymptotic", "from 25 pseudo-experiments at each"],
        ),
        ("toys", ["--toys", 5], ["5 of 5 fits converged", "in 68 %"]),
    ],
)
def test_tables_say_what_they_show(text, command, options, parts):
    found = "\n".join(text(command, *options))
    for part in parts:
        assert part in found
    assert "nan" not in found


def test_as_a_process(shell, tmp_path):
    done = shell("fit", "bestfit", WS, "--json", cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["converged"]
    done = shell("fit", "sort", "ws.json", "--out", "out.json", cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "neyman: ws.json: no such file\n")
