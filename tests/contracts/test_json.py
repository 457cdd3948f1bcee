"""The JSON that scripts depend on: keys and types are frozen in `golden/`, the schema of the config in `docs/schema/`.

A key that is added is a change that scripts survive; one that goes or changes its type needs a new `schema_version`.
After either, write the files anew with `UPDATE_GOLDEN=1 python -m pytest tests/contracts/test_json.py`.

In the golden files `*` is any key, a list has the form of its items, and `?` may be null. A number is null if it is not
finite.
"""

import json
import math
import os
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from neyman.abcd.config import AbcdConfig
from neyman.abcd.results import CheckResult as AbcdCheck
from neyman.abcd.results import LimitResult
from neyman.abcd.results import RunResult as AbcdRun
from neyman.anomaly import outcomes as anomaly
from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.results import EvaluationResult
from neyman.calibration.config import CalibrationConfig
from neyman.calibration.results import CheckResult as CalibrationCheck
from neyman.calibration.results import RunResult as CalibrationRun
from neyman.fit.config import FitConfig
from neyman.likelihood.outcomes import GoodnessOfFit, HypothesisTest, NeymanConstruction, Significance, Toys, UpperLimit
from neyman.likelihood.results import BestFit, Contour, Impacts, Scan
from neyman.likelihood.workspace.document import Document
from neyman.posterior.config import PosteriorConfig
from neyman.posterior.results import CheckResult, Curve, InferenceResult, RunResult
from neyman.serve.settings import Settings

HERE = Path(__file__).parent
SCHEMAS = HERE.parents[1] / "docs" / "schema"
WORKSPACE = HERE.parent / "cli" / "fit_workspace.json"
TYPES = {bool: "true or false", int: "integer", float: "number", str: "text", Any: "anything"}
ANSWERS = {"infer": InferenceResult, "check": CheckResult, "results": RunResult}
FITS = {
    "bestfit": (BestFit, [[], ["--fix", "mu=1"]]),
    "cls": (HypothesisTest, [[], ["--toys", "20"]]),
    "contour": (Contour, [["--parameters", "mu", "k", "--points", "3"]]),
    "gof": (GoodnessOfFit, [[], ["--toys", "20"]]),
    "impacts": (Impacts, [[], ["--group", "JES=jes"]]),
    "limit": (UpperLimit, [[]]),
    "neyman": (NeymanConstruction, [["--points", "3", "--toys", "20"]]),
    "scan": (Scan, [["--points", "3"], ["--points", "3", "--stat-only"]]),
    "significance": (Significance, [[]]),
    "toys": (Toys, [["--toys", "5"]]),
}
"""The commands of `neyman fit` that answer, with options to try."""
ABCD = {"abcd_limit": LimitResult, "abcd_check": AbcdCheck, "abcd_results": AbcdRun}
CALIBRATION = {"calibration_check": CalibrationCheck, "calibration_results": CalibrationRun}
ANOMALY = {
    "anomaly_evaluate": EvaluationResult,
    "anomaly_explain": anomaly.Explanation,
    "anomaly_candidates": anomaly.Explanations,
    "anomaly_characterise": anomaly.Characterisation,
    "anomaly_trigger": anomaly.TriggerResult,
    "anomaly_results": anomaly.AnomalyResult,
}
MODELS = ANSWERS | ABCD | CALIBRATION | ANOMALY | {f"fit_{name}": model for name, (model, _) in FITS.items()}


def form(kind):
    """The keys and types of what a model, or an annotation in it, becomes as JSON."""
    inside = [part for part in get_args(kind) if part is not Ellipsis]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {key: form(field.annotation) for key, field in kind.model_fields.items()}
    if get_origin(kind) in (list, tuple):
        return [form(inside[0])]
    if get_origin(kind) is dict:
        return {"*": form(inside[1])}
    if get_origin(kind) in (Union, UnionType):
        value = form(next(part for part in inside if part is not type(None)))
        return f"{value}?" if isinstance(value, str) else {"?": value}
    if get_origin(kind) is Literal:
        return "text"
    return TYPES[inside[0] if hasattr(kind, "__metadata__") else kind]


def misfits(value, expected, path="$"):
    """Where a JSON value differs from a form."""
    if isinstance(expected, dict) and "?" in expected:
        yield from () if value is None else misfits(value, expected["?"], path)
    elif isinstance(expected, dict):
        if not isinstance(value, dict) or ("*" not in expected and value.keys() != expected.keys()):
            yield path
            return
        for key, inner in value.items():
            yield from misfits(inner, expected.get(key, expected.get("*")), f"{path}.{key}")
    elif isinstance(expected, list):
        for index, inner in enumerate(value if isinstance(value, list) else [path]):
            yield from misfits(inner, expected[0], f"{path}[{index}]")
    else:
        name = expected.removesuffix("?")
        allowed = {kind for kind, text in TYPES.items() if text == name} | ({int} if name == "number" else set())
        if name != "anything" and not (type(value) in allowed or (value is None and expected.endswith("?"))):
            yield path


def agrees(path, text):
    """The text is that of the golden file, or becomes it if that was asked for."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} has changed: UPDATE_GOLDEN=1 writes it, if that is meant"


@pytest.fixture(scope="module")
def answers(neyman, tiny_run):
    infer = ["posterior", "infer", tiny_run / "artefact", "--observed", tiny_run / "observed.parquet", "--json"]
    check = ["posterior", "check", tiny_run / "artefact", "--json", "--sets", 100, "--exact-sets", 5, "--size", 50]
    return {
        "infer": [neyman(*infer).out, neyman(*infer, "--method", "exact").out],
        "check": [neyman(*check).out, neyman(*check[:-3], 0, *check[-2:]).out],
        "results": [(tiny_run / "results.json").read_text()],
    }


@pytest.mark.parametrize("name", MODELS)
def test_keys_and_types_are_those_that_were_promised(name):
    agrees(HERE / "golden" / f"{name}.json", json.dumps(form(MODELS[name]), indent=2) + "\n")


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_as_promised(name, answers, tmp_path):
    for text in answers[name]:
        keeps_its_promise(name, text, tmp_path / "answer.json")


@pytest.mark.parametrize("blinded", [False, True], ids=["open", "blinded"])
@pytest.mark.parametrize("name", FITS)
def test_answers_of_fits_are_as_promised(name, blinded, neyman, tmp_path):
    workspace = tmp_path / "ws.json"
    workspace.write_text(WORKSPACE.read_text())
    if blinded:
        assert neyman("fit", "blind", workspace).code == 0
    for options in FITS[name][1]:
        if blinded and "--fix" in options:
            continue
        done = neyman("fit", name, workspace, "--json", *options)
        assert (done.code, done.err) == (0, "")
        keeps_its_promise(f"fit_{name}", done.out, tmp_path / "answer.json")
        assert json.loads(done.out)["blinded"] == (blinded and name not in ("gof", "toys"))


@pytest.mark.parametrize("more", [{}, {"observed": {"A": [390], "B": [61], "C": [4010], "D": [510]}, "delta": [0.1]}])
def test_answers_of_abcd_are_as_promised(more, neyman, tmp_path):
    yields = {"A": [400], "B": [50], "C": [4000], "D": [500]}
    signal = {"A": [1], "B": [15], "C": [0.2], "D": [1]}
    (tmp_path / "templates.json").write_text(json.dumps({"background": yields, "signal": signal, **more}))
    done = neyman("abcd", "limit", tmp_path / "templates.json", "--poi-value", "1", "--json")
    assert (done.code, done.err) == (0, "")
    keeps_its_promise("abcd_limit", done.out, tmp_path / "answer.json")
    found = json.loads(done.out)
    assert (found["cls_obs"] is None) == (more == {})
    assert len(found["cls_exp"]) == len(found["mu_limit_exp"]) == 5


def keeps_its_promise(name, text, copy):
    """It has the keys and types of its golden file, and comes back as what it was."""
    golden = json.loads((HERE / "golden" / f"{name}.json").read_text())
    assert "NaN" not in text
    assert "Infinity" not in text
    assert list(misfits(json.loads(text), golden)) == []
    copy.write_text(text)
    assert MODELS[name].load(copy).to_json() == text.rstrip("\n")


def test_the_answer_of_infer_has_what_every_script_needs(answers):
    for text in answers["infer"]:
        found = json.loads(text)
        assert {"schema_version", "parameters", "n_events"} <= set(found)
        assert found["parameters"].keys() == {"C9"}
        assert found["parameters"]["C9"].keys() == {"mean", "sd", "q16", "q50", "q84"}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_numbers_that_are_not_finite_are_null_and_come_back(value, tiny_run, tmp_path):
    result = RunResult.load(tiny_run / "results.json")
    size = result.check.sizes[0]
    broken = size.model_copy(update={"exact": size.exact.model_copy(update={"kl": value})})
    check = result.check.model_copy(update={"sizes": [broken]})
    check.save(tmp_path / "check.json")
    assert json.loads((tmp_path / "check.json").read_text())["sizes"][0]["exact"]["kl"] is None
    back = CheckResult.load(tmp_path / "check.json")
    assert math.isnan(back.sizes[0].exact.kl)
    assert back.to_json() == check.to_json()


CONFIGS = {
    "abcd": AbcdConfig,
    "anomaly": AnomalyConfig,
    "calibration": CalibrationConfig,
    "fit": FitConfig,
    "posterior": PosteriorConfig,
    "serve": Settings,
}


@pytest.mark.parametrize(("job", "config"), CONFIGS.items())
def test_the_schema_of_the_config(neyman, job, config):
    found = neyman(job, "schema").out
    assert json.loads(found) == config.model_json_schema()
    agrees(SCHEMAS / f"{job}.json", found)


def test_the_schema_of_workspaces(neyman):
    found = neyman("fit", "schema", "--workspace").out
    assert json.loads(found) == Document.model_json_schema()
    agrees(SCHEMAS / "workspace.json", found)


def test_the_schema_explains_every_key_and_allows_what_the_documents_show(neyman):
    schema = json.loads(neyman("posterior", "schema").out)
    models = [schema, *schema["$defs"].values()]
    assert len(models) == 7
    for model in models:
        assert "Attributes" not in model["description"]
        for name, entry in model["properties"].items():
            assert entry.get("description"), f"{model['title']}.{name}"
    assert {"enum": ["set_encoder", "scores"]} in schema["properties"]["estimator"]["anyOf"]
    assert schema["required"] == ["prior"]


def test_misfits_are_noticed():
    golden = form(Curve)
    assert golden == {"grid": ["number"], "log_density": ["number?"]}
    assert list(misfits({"grid": [1, 2.5], "log_density": [None, 0.0]}, golden)) == []
    assert list(misfits({"grid": [1, "2"], "log_density": []}, golden)) == ["$.grid[1]"]
    assert list(misfits({"grid": [None], "log_density": 3}, golden)) == ["$.grid[0]", "$.log_density[0]"]
    assert list(misfits({"grid": []}, golden)) == ["$"]
    assert list(misfits({"a": {"b": True}}, {"*": {"?": {"b": "integer"}}})) == ["$.a.b"]
