import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.calibration.config import CalibrationConfig
from neyman.calibration.sample import Sample
from neyman.calibration.scaling import Scaling, VariableScale, nearest_to_normal, takes
from neyman.events.columns import Column, Schema

CONFIG = CalibrationConfig.model_validate({
    "data": {"kind": "files", "data": "d", "simulation": "s"},
    "variables": ["flat", "positive", {"name": "fraction", "transform": "logit"}],
    "conditions": ["pt", {"name": "phi", "period": 2 * np.pi}, "angle"],
})  # fmt: skip
SCHEMA = Schema((
    *(Column(name=name) for name in ("flat", "positive", "fraction", "pt", "phi")),
    Column(name="angle", low=0, high=360, periodic=True),
))  # fmt: skip


def make(rng, n=4000):
    z = rng.standard_normal((n, 3))
    x = np.stack([3 + 2 * z[:, 0], np.exp(z[:, 1]), 1 / (1 + np.exp(-2 * z[:, 2]))], axis=1)
    c = np.stack([20 + rng.exponential(20, n), rng.uniform(-np.pi, np.pi, n), rng.uniform(0, 360, n)], axis=1)
    return Sample(x, c, np.ones(n), CONFIG.variable_names, CONFIG.condition_names)


@pytest.fixture(scope="module")
def sample():
    return make(np.random.default_rng(1))


@pytest.fixture(scope="module")
def scaling(sample):
    return Scaling.fit(sample, make(np.random.default_rng(2)), CONFIG, SCHEMA)


def test_transforms_are_those_that_look_normal(scaling):
    assert [scale.transform for scale in scaling.variables] == ["none", "log", "logit"]
    assert [scale.period for scale in scaling.conditions] == [None, pytest.approx(2 * np.pi), 360]


def test_the_flow_sees_numbers_of_order_one(scaling, sample):
    y = scaling.standardise(sample.x)
    assert np.abs(np.median(y, axis=0)).max() < 0.1
    assert y.std(axis=0) == pytest.approx(1, abs=0.1)
    inputs = scaling.network_inputs(sample.c)
    assert inputs.shape == (len(sample), scaling.inputs) == (len(sample), 9)
    assert np.abs(inputs).max() < 12


def test_far_tails_stay_within_the_splines():
    x = np.random.default_rng(1).standard_t(1.5, 20_000)
    config = CalibrationConfig.model_validate(CONFIG.model_dump() | {"variables": ["x"], "conditions": ["c"]})
    sample = Sample(x[:, None], x[:, None], np.ones(len(x)), ("x",), ("c",))
    scaling = Scaling.fit(sample, sample, config, Schema((Column(name="x"), Column(name="c"))))
    assert (np.abs(scaling.standardise(sample.x)) < 6).mean() > 0.998


def test_there_and_back(scaling, sample):
    assert scaling.restore(scaling.standardise(sample.x)) == pytest.approx(sample.x, rel=1e-9)


def test_slopes_are_those_of_finite_differences(scaling, sample):
    x, step = sample.x[:200], 1e-6
    slopes = (scaling.standardise(x * (1 + step)) - scaling.standardise(x * (1 - step))) / (2 * step * x)
    assert scaling.log_slope(x) == pytest.approx(np.log(np.abs(slopes)).sum(axis=1), abs=1e-5)


@given(st.floats(-1e4, 1e4))
def test_a_fraction_never_reaches_its_edge(y):
    scale = VariableScale("f", "logit", 0.0, 1.0)
    x = scale.inverse(np.array([y]))
    assert takes(x, "logit").all()
    assert np.isfinite(scale.forward(x)).all()


def test_periods_join(scaling, sample):
    further = sample.c + np.array([0, 2 * np.pi, -360])
    assert scaling.network_inputs(further) == pytest.approx(scaling.network_inputs(sample.c))
    assert scaling.outside(further).mean() < 0.01  # no further than a period: but for the outermost events


@pytest.mark.parametrize(
    ("name", "low", "high", "period"),
    [
        ("phi", -np.pi, np.pi, 2 * np.pi),
        ("MU_PHI", 0, 2 * np.pi, 2 * np.pi),
        ("phi", -1.5, 1.5, None),  # half a turn is not one
        ("phi", -180, 180, None),  # degrees are for the config to say
        ("eta", -np.pi, np.pi, None),
    ],
)
def test_an_angle_is_known_by_its_name_and_values(name, low, high, period):
    c = np.random.default_rng(1).uniform(low, high, (2000, 1))
    config = CalibrationConfig.model_validate(CONFIG.model_dump() | {"variables": ["x"], "conditions": [name]})
    sample = Sample(np.abs(c) + 1, c, np.ones(len(c)), ("x",), (name,))
    scaling = Scaling.fit(sample, sample, config, Schema((Column(name="x"), Column(name=name))))
    assert scaling.conditions[0].period == period


@pytest.mark.parametrize(("column", "value"), [(0, 1e4), (0, 19.0), (1, 180.0), (2, -400.0)])
def test_what_the_training_did_not_reach_is_flagged(scaling, sample, column, value):
    c = sample.c[:3].copy()
    c[1, column] = value
    assert scaling.outside(c).tolist() == [False, True, False]
    assert not scaling.outside(sample.c[5:6]).any()


def test_outside_the_edge_counts(scaling):
    scale = scaling.conditions[0]
    low, below = (scaling.network_inputs(np.array([[value, 0.0, 0.0]])) for value in (scale.low, scale.low - 100))
    assert low.tolist() == below.tolist()


def test_the_range_is_what_both_samples_reach(sample):
    half = sample.select(sample.c[:, 0] < 40)
    scaling = Scaling.fit(half, sample, CONFIG, SCHEMA)
    assert scaling.conditions[0].high == half.c[:, 0].max()


def test_json_brings_it_back(scaling):
    assert Scaling.from_json(json.loads(json.dumps(scaling.to_json()))) == scaling


def test_what_is_asked_for_is_taken():
    x = np.exp(np.linspace(-2, 2, 100))
    assert nearest_to_normal(x, ("none", "log"), "none") == "none"
    assert nearest_to_normal(np.linspace(-3, 3, 100), ("none", "log"), "auto") == "none"
