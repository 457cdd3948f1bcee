import numpy as np
import pytest

from neyman.calibration.baselines import BoostedReweighting, CellQuantileMap, InclusiveQuantileMap
from neyman.calibration.sample import Sample
from neyman.calibration.weighted import effective_events
from neyman.core.errors import ConfigError, DataError


def gaussian(rng, n, *, mean=0.0, slope=0.0, width=1.0):
    c = rng.uniform(-1, 1, (n, 1))
    return Sample(mean + slope * c + width * rng.normal(size=(n, 1)), c, np.ones(n), ("x",), ("c",))


def test_the_inclusive_map_is_the_exact_one(rng):
    found = InclusiveQuantileMap.fit(gaussian(rng, 50_000), gaussian(rng, 50_000, mean=1.0, width=2.0))
    x = np.linspace(-2, 2, 9)[:, None]
    sample = Sample(x, np.zeros((9, 1)), np.arange(9.0), ("x",), ("c",))
    corrected = found.corrected(sample)
    assert corrected.x == pytest.approx(1 + 2 * x, abs=0.15)
    assert np.array_equal(corrected.c, sample.c)
    assert np.array_equal(corrected.w, sample.w)


def test_the_map_of_its_own_events_gives_the_data(rng):
    simulation, data = gaussian(rng, 500), gaussian(rng, 500, mean=3.0)
    corrected = InclusiveQuantileMap.fit(simulation, data).corrected(simulation)
    assert np.sort(corrected.x, axis=0) == pytest.approx(np.sort(data.x, axis=0))


def test_a_map_ends_where_data_end(rng):
    found = InclusiveQuantileMap.fit(gaussian(rng, 500), data := gaussian(rng, 500))
    beyond = Sample(np.array([[-99.0], [99.0]]), np.zeros((2, 1)), np.ones(2), ("x",), ("c",))
    assert found.corrected(beyond).x[:, 0].tolist() == [data.x.min(), data.x.max()]


def test_each_variable_has_its_own_map(rng):
    def two(mean):
        x = rng.normal(mean, 1, (20_000, 2))
        return Sample(x, np.zeros((20_000, 1)), np.ones(20_000), ("x", "y"), ("c",))

    corrected = InclusiveQuantileMap.fit(two([0, 0]), two([1, -2])).corrected(two([0, 0]))
    assert corrected.x.mean(axis=0) == pytest.approx([1, -2], abs=0.05)


def test_a_background_with_negative_weights_is_taken_away(rng):
    n = 20_000
    signal, background = gaussian(rng, n, mean=1.0), gaussian(rng, 2 * n, mean=-4.0)
    data = Sample(np.concatenate([signal.x, background.x]), np.concatenate([signal.c, background.c]),
                  np.repeat([1.0, 1.0, -1.0], n), ("x",), ("c",))  # fmt: skip
    corrected = InclusiveQuantileMap.fit(gaussian(rng, n), data).corrected(gaussian(rng, n))
    assert np.quantile(corrected.x, [0.16, 0.5, 0.84]) == pytest.approx([0, 1, 2], abs=0.1)


def test_in_cells_a_map_follows_the_conditions_and_inclusively_it_does_not(rng):
    simulation, data = gaussian(rng, 30_000), gaussian(rng, 30_000, slope=2.0)
    sample = gaussian(rng, 10_000)
    wanted = sample.x + 2 * sample.c
    inclusive = InclusiveQuantileMap.fit(simulation, data).corrected(sample)
    in_cells = CellQuantileMap.fit(simulation, data).corrected(sample)
    assert np.abs(inclusive.x - wanted).mean() > 0.5
    assert np.abs(in_cells.x - wanted).mean() < 0.1
    edges = CellQuantileMap.fit(simulation, data, {"c": (0.0,)})
    assert len(edges.maps) == 2
    left = sample.c < 0
    assert (edges.corrected(sample).x - sample.x)[left].mean() == pytest.approx(-1, abs=0.1)


def test_cells_with_hardly_any_events_have_the_map_of_all(rng):
    simulation, data = gaussian(rng, 1000), gaussian(rng, 1000, mean=1.0)
    found = CellQuantileMap.fit(simulation, data, {"c": (0.9, 0.95)})
    few = gaussian(rng, 500)
    few = few.select(few.c[:, 0] > 0.9)
    assert np.array_equal(found.corrected(few).x, InclusiveQuantileMap.fit(simulation, data).corrected(few).x)


def test_cells_of_no_condition_are_refused(rng, message):
    with pytest.raises(ConfigError) as error:
        CellQuantileMap.fit(gaussian(rng, 200), gaussian(rng, 200), {"d": (0.0,)})
    message(error, "'d' is no condition")


def test_reweighting_moves_weights_alone(rng):
    simulation, data = gaussian(rng, 20_000), gaussian(rng, 20_000, mean=0.3, slope=0.3)
    sample = gaussian(rng, 20_000)
    found = BoostedReweighting.fit(simulation, data, rng).corrected(sample)
    assert found.x is sample.x
    assert found.w.sum() == pytest.approx(20_000)
    assert np.average(found.x[:, 0], weights=found.w) == pytest.approx(0.3, abs=0.04)
    assert np.average(found.x[:, 0] * found.c[:, 0], weights=found.w) == pytest.approx(0.1, abs=0.03)
    assert effective_events(found.w) < 19_000


def test_without_weight_there_is_no_map(rng, message):
    simulation = gaussian(rng, 200)
    for fit in (
        InclusiveQuantileMap.fit,
        CellQuantileMap.fit,
        lambda *samples: BoostedReweighting.fit(*samples, rng),
    ):
        with pytest.raises(DataError) as error:
            fit(simulation, simulation.with_w(np.zeros(200)))
        message(error, "sum to 0")
