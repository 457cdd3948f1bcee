import numpy as np
import pytest

from neyman.calibration.config import CalibrationConfig
from neyman.calibration.sample import Sample
from neyman.calibration.screening import refuse_strangers, refuse_unusable
from neyman.core.errors import DataError

N = 2000


@pytest.fixture
def config():
    def with_transform(transform="auto", condition="auto"):
        return CalibrationConfig.model_validate({
            "data": {"kind": "files", "data": "d", "simulation": "s"},
            "variables": [{"name": "x", "transform": transform}],
            "conditions": [{"name": "pt", "transform": condition}],
        })  # fmt: skip

    return with_transform


@pytest.fixture
def sample(rng):
    def make(x=None, c=None, w=None):
        x = rng.standard_normal(N) if x is None else np.asarray(x, float)
        c = rng.uniform(1, 2, len(x)) if c is None else np.asarray(c, float)
        return Sample(x[:, None], c[:, None], np.ones(len(x)) if w is None else w, ("x",), ("pt",))

    return make


def changed(values, **places):
    values = values.copy()
    for row, value in places.items():
        values[int(row[1:])] = value
    return values


def test_a_usable_sample_passes(sample, config, rng):
    refuse_unusable(sample(), config(), where="f")
    refuse_unusable(sample(w=rng.choice([1.0, -0.3], N, p=[0.9, 0.1])), config(), where="f")
    refuse_unusable(sample(c=rng.integers(1, 5, N)), config(), where="f")  # a condition may be discrete


def test_each_fault_is_named(sample, config, rng, message):
    normal = rng.standard_normal(N)
    spike = np.where(rng.random(N) < 0.02, 0.0, normal)
    faults = [
        (sample(x=[]), config(), ["f: no events"]),
        (sample(x=changed(normal, r7=np.nan)), config(), ["variable 'x': nan in row 7 (1 of 2000"]),
        (sample(c=changed(normal, r3=np.inf)), config(), ["condition 'pt': inf in row 3"]),
        (sample(w=changed(np.ones(N), r4=np.nan)), config(), ["weights: nan in row 4"]),
        (sample(x=np.ones(N)), config(), ["variable 'x' is 1 in all 2000", "leave it out"]),
        (sample(c=np.ones(N)), config(), ["condition 'pt' is 1 in all 2000"]),
        (sample(w=np.zeros(N)), config(), ["sum to 0; 0 are negative, 2000 zero", "above zero"]),
        (sample(w=-np.ones(N)), config(), ["sum to -2000; 2000 are negative"]),
        (sample(x=normal[:100]), config(), ["60 effective events", "at least 500"]),
        (sample(w=changed(np.full(N, 1e-6), r0=1.0)), config(), ["1 effective events"]),
        (sample(x=spike), config(), ["'x' is exactly 0 in", "of 2000 events", "at most 0.5%", "smear"]),
        (sample(x=np.round(normal)), config(), ["it takes", "values only"]),
        (sample(x=normal), config("log"), ["rows)", "above 0 for its log", "transform: none"]),
        (sample(x=np.abs(normal)), config("logit"), ["between 0 and 1 for its logit"]),
        (sample(c=normal), config("none", "log"), ["'pt' is -", "above 0 for its log"]),
    ]
    for bad, options, parts in faults:
        with pytest.raises(DataError) as error:
            refuse_unusable(bad, options, where="f")
        message(error, *parts)


def test_samples_in_other_units_are_refused(sample, message):
    with pytest.raises(DataError) as error:
        refuse_strangers(sample(), sample(c=np.random.default_rng(1).uniform(1000, 2000, N)))
    message(error, "'pt' is 1.0", "in data", "the same unit in both", "medians")
    refuse_strangers(sample(), sample(x=np.random.default_rng(1).standard_normal(N) + 2))


def test_a_sample_is_not_corrected_to_itself(sample, message):
    events = sample()
    with pytest.raises(DataError) as error:
        refuse_strangers(events, events.select(slice(0, 1500)))
    message(error, "begin with the same events")
