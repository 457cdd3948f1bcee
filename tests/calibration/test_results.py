import json
import math

import pytest
from pydantic import ValidationError

from neyman.calibration.results import Histogram, Metrics, RunResult, TailRatio, TrainingHistory, TrainingResult
from neyman.core.errors import InputError

HISTORY = TrainingHistory(
    step=[10], training=[math.inf], validation=[1.5], cpu_seconds=[0.1], best=0, stopped_early=False
)
TRAINING = TrainingResult(
    histories={"nominal": HISTORY}, simulation_events=6, data_events=7, cpu_seconds=1.0, artefact="abc"
)


def test_numbers_that_are_none_become_null_and_come_back_as_nan(tmp_path):
    TRAINING.save(tmp_path / "training.json")
    assert json.loads((tmp_path / "training.json").read_text())["histories"]["nominal"]["training"] == [None]
    loaded = TrainingResult.load(tmp_path / "training.json")
    assert math.isnan(loaded.histories["nominal"].training[0])
    assert loaded.histories["nominal"].validation == [1.5]


def test_a_ratio_of_nothing_is_null_and_comes_back():
    tail = {"variable": "x", "threshold": 1, "ratio": None, "error": None,
            "effective_events": 0, "effective_events_data": 0}  # fmt: skip
    assert math.isnan(TailRatio.model_validate(tail).ratio)
    assert TailRatio.model_validate(tail).training_error is None


@pytest.mark.parametrize("model", [Histogram, Metrics, RunResult])
def test_fields_nobody_knows_are_refused(model):
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model.model_validate({"surprise": 1})


def test_another_file_is_refused(tmp_path, message):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError) as error:
        TrainingResult.load(tmp_path / "x.json")
    message(error, "not a TrainingResult", "histories")


def test_results_are_frozen():
    with pytest.raises(ValidationError):
        TRAINING.artefact = "other"
