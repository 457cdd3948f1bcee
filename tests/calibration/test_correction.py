import copy

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from neyman.calibration import correction as module
from neyman.calibration.correction import Correction
from neyman.calibration.polish import Polish, Table
from neyman.calibration.scaling import ConditionScale, Scaling, VariableScale
from neyman.calibration.training import in_double
from neyman.core.errors import DataError
from neyman.learning.paired_flows import PairedFlow

SCALING = Scaling(
    (VariableScale("a", "log", 0.3, 0.8), VariableScale("b", "none", 1.0, 2.0)),
    (ConditionScale("pt", "log", None, 3.0, 0.5, 5.0, 200.0), ConditionScale("phi", "none", 6.0, 0.0, 1.0, -3.0, 3.0)),
)


@pytest.fixture(scope="module")
def correction():
    """Two variables, random flows, and a polish of both samples: nothing is the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        flow = PairedFlow(2, SCALING.inputs, bins=8, hidden=(16,), transforms=2)
        for parameter in flow.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    wide = Table(np.array([-1.5, -1.0, 1.0, 1.5]), np.array([-2.0, -1.0, 1.0, 1.7]))
    narrow = Table(np.array([-1.0, 1.0, 2.0]), np.array([-1.0, 1.0, 1.5]))
    polish = Polish({"simulation": (wide, narrow), "data": (narrow, wide)})
    return Correction(SCALING, in_double(flow), polish)


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(1)
    x = np.stack([np.exp(0.3 + 0.8 * rng.standard_normal(500)), 1 + 2 * rng.standard_normal(500)], axis=1)
    return x, np.stack([rng.uniform(10, 100, 500), rng.uniform(-3, 3, 500)], axis=1)


def test_there_and_back(correction, events):
    x, c = events
    z = correction(x, c)
    assert np.abs(z / x - 1).mean() > 0.05  # it does something
    assert correction.inverse(z, c) == pytest.approx(x, rel=1e-5)
    for which in ("simulation", "data"):
        assert correction.from_latent(correction.to_latent(x, c, which), c, which) == pytest.approx(x, rel=1e-5)


def test_it_is_one_flow_after_the_other(correction, events):
    x, c = events
    u = correction.to_latent(x, c, "simulation")
    assert correction(x, c) == pytest.approx(correction.from_latent(u, c, "data"), rel=1e-12)
    assert correction.displacement(x, c) == pytest.approx(correction(x, c) - x)


def test_the_log_determinant_is_that_of_finite_differences(correction, events):
    x, c = (each[:100] for each in events)
    jacobian = np.empty((100, 2, 2))
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-5
        jacobian[:, :, j] = (correction(x + step, c) - correction(x - step, c)) / 2e-5
    expected = np.log(np.abs(np.linalg.det(jacobian)))
    close = np.abs(correction.log_abs_det(x, c) - expected) < 1e-3
    assert close.mean() > 0.9  # the others sit on a knot of a table


def test_arrays_come_in_pieces(correction, events, monkeypatch):
    x, c = events
    whole = correction(x, c), correction.log_abs_det(x, c)
    monkeypatch.setattr(module, "CHUNK", 77)
    assert correction(x, c) == pytest.approx(whole[0], rel=1e-12)
    assert correction.log_abs_det(x, c) == pytest.approx(whole[1], abs=1e-10)
    assert correction(x[:0], c[:0]).shape == (0, 2)


def test_what_goes_in_stays_as_it_is(correction, events):
    x, c = (copy.deepcopy(each) for each in events)
    correction(x, c)
    assert (x == events[0]).all()
    assert (c == events[1]).all()


def test_without_training_it_is_the_identity(events):
    x, c = events
    with torch.random.fork_rng(devices=[]):
        flow = in_double(PairedFlow(2, SCALING.inputs))
    assert Correction(SCALING, flow, Polish.none(2))(x, c) == pytest.approx(x, rel=1e-12)


@pytest.mark.parametrize(
    ("array", "row", "column", "value", "parts"),
    [
        (0, 3, 1, np.nan, ["variable 'b': nan in row 3 (1 of 500 rows)", "finite"]),
        (0, 4, 0, 0.0, ["variable 'a': 0 in row 4", "above zero"]),
        (0, 4, 0, -2.0, ["variable 'a': -2 in row 4"]),
        (1, 5, 1, np.inf, ["condition 'phi': inf in row 5"]),
    ],
)
def test_bad_values_are_named(correction, events, array, row, column, value, parts, message):
    arrays = [each.copy() for each in events]
    arrays[array][row, column] = value
    for apply in (correction, correction.inverse, correction.log_abs_det, correction.displacement):
        with pytest.raises(DataError) as error:
            apply(*arrays)
        message(error, *parts)


def test_shapes_must_fit(correction, events, message):
    with pytest.raises(DataError) as error:
        correction(events[0][:, :1], events[1])
    message(error, "(500, 1) and (500, 2)", "(500, 2) and (500, 2)")


def test_a_trained_latent_is_standard_normal(trained, muons):
    x, c = muons("data", 4000, 77)
    u = trained.nominal.to_latent(x, c, "data")
    assert kstest(u[:, 0], "norm").statistic < 0.03
    assert kstest(trained.nominal.to_latent(x, c, "simulation")[:, 0], "norm").statistic > 0.06  # the other flow
