import numpy as np
import pytest

from neyman.calibration.conditions import match_conditions
from neyman.calibration.sample import Sample
from neyman.core.errors import DataError


def events(rng, n, mean):
    c = rng.normal(mean, 1, (n, 2))
    return Sample(rng.normal(size=(n, 1)) + c[:, :1], c, rng.uniform(0.5, 1.5, n), ("x",), ("pt", "eta"))


def test_simulation_with_the_same_conditions_is_left_alone(rng):
    simulation = events(rng, 4000, 0.0)
    found = match_conditions(simulation, events(rng, 4000, 0.0), z=2.33, rng=rng)
    assert found.simulation is simulation
    assert not found.result.weighted
    assert found.result.auc_weighted is None
    assert found.result.auc == pytest.approx(0.5, abs=2.33 * found.result.auc_error)


def test_other_conditions_are_told_and_weighted_away(rng):
    simulation, data = events(rng, 10_000, 0.3), events(rng, 10_000, 0.0)
    found = match_conditions(simulation, data, z=2.33, rng=rng)
    assert found.result.weighted
    assert found.result.auc > 0.6
    assert abs(found.result.auc_weighted - 0.5) < 3 * found.result.auc_weighted_error
    weighted = found.simulation
    assert np.array_equal(weighted.x, simulation.x)
    assert np.array_equal(weighted.c, simulation.c)
    assert weighted.w.sum() == pytest.approx(simulation.w.sum())
    assert np.average(weighted.c, axis=0, weights=weighted.w) == pytest.approx([0, 0], abs=0.06)


def test_too_few_events(rng, message):
    with pytest.raises(DataError) as error:
        match_conditions(events(rng, 150, 0.0), events(rng, 4000, 0.0), z=2.33, rng=rng)
    message(error, "75 events", "at least 100")
