"""Every result of the job survives JSON, and holds nothing that JSON cannot."""

import json
import math

import pytest
from pydantic import ValidationError

from neyman.core.errors import InputError
from neyman.posterior.results import (
    Coverage,
    Curve,
    InferenceResult,
    ParameterSummary,
    SizeCheck,
    StageHistory,
    TrainingResult,
)

SUMMARY = {"mean": 4.0, "sd": 0.1, "q16": 3.9, "q50": 4.0, "q84": 4.1}
CURVE = {"level": [0.5], "coverage": [0.4], "low": [0.3], "high": [0.6], "confidence": 0.99, "n": 9}


def inference(**changes):
    parts = {
        "parameters": {"C9": ParameterSummary(**SUMMARY)},
        "n_events": 3,
        "method": "flow",
        "density": {"C9": Curve(grid=[3.0, 5.0], log_density=[-0.69, None])},
        "prior": {"C9": (3.0, 5.0)},
    }
    return InferenceResult(**{**parts, **changes})


def strict(text):
    def refuse(value):
        raise AssertionError(value)

    return json.loads(text, parse_constant=refuse)


def test_round_trips(tmp_path):
    stage = StageHistory(step=[1], training=[0.5], validation=[0.4], cpu_seconds=[1.0], best=0, stopped_early=False)
    results = [
        inference(warnings=("a", "b"), artefact="x", observed="y"),
        TrainingResult(stages={"flow": stage}, cpu_seconds=1.0, artefact="x", estimator="scores"),
    ]
    for result in results:
        result.save(tmp_path / "r.json")
        assert type(result).load(tmp_path / "r.json") == result
        assert strict(result.to_json())["schema_version"] == 1


def test_what_is_not_a_number_is_null():
    curve = Coverage(**CURVE, max_deviation=0.1, p_value=0.5)
    size = SizeCheck(n_events=5, sets=9, ranks={}, coverage=curve, tarp=curve, width={"C9": None})
    assert strict(inference().to_json())["density"]["C9"]["log_density"] == [-0.69, None]
    for bad in (math.nan, math.inf, -math.inf):
        summary = ParameterSummary(**{**SUMMARY, "sd": bad})
        assert strict(inference(parameters={"C9": summary}).to_json())["parameters"]["C9"]["sd"] is None
    assert size.width["C9"] is None


def test_results_are_frozen_and_closed():
    with pytest.raises(ValidationError, match="frozen"):
        inference().n_events = 4
    with pytest.raises(ValidationError, match="frozen"):
        inference().parameters["C9"].mean = 4.0
    with pytest.raises(ValidationError, match="colour"):
        inference(colour="blue")


def test_a_file_that_holds_something_else(tmp_path, message):
    (tmp_path / "r.json").write_text('{"n_events": "many"}')
    with pytest.raises(InputError) as error:
        InferenceResult.load(tmp_path / "r.json")
    message(error, "not a InferenceResult", "r.json")
