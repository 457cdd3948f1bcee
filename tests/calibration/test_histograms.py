import numpy as np
import pytest

from neyman.calibration.histograms import figure_edges, histograms
from neyman.calibration.sample import Sample


def sample_of(*columns, w=None):
    x = np.stack(columns, axis=1)
    names = ("x", "y")[: len(columns)]
    return Sample(x, np.zeros((len(x), 1)), np.ones(len(x)) if w is None else w, names, ("c",))


def test_all_have_the_weight_of_the_data(rng):
    data = sample_of(rng.normal(size=5000), w=np.where(rng.random(5000) < 0.1, -1.0, 1.0))
    simulation = sample_of(rng.normal(0.5, 1, 20_000), w=np.full(20_000, 0.1))
    corrected = simulation.with_x(simulation.x - 0.5)
    found = histograms(data, simulation, corrected, None)["x"]
    assert (found.up, found.down) == (None, None)
    assert not found.logarithmic
    for each in (found.data, found.simulation, found.corrected):
        assert sum(each) == pytest.approx(data.w.sum(), rel=0.01)
    counts, squares = (np.histogram(data.x[:, 0], found.edges, weights=w)[0] for w in (data.w, data.w**2))
    assert found.data == counts.tolist()
    assert found.data_error == np.sqrt(squares).tolist()
    scale = data.w.sum() / simulation.w.sum()
    assert sum(found.simulation) / sum(np.square(found.simulation_error)) == pytest.approx(1 / (0.1 * scale))
    pulls = (np.array(found.corrected) - found.data) / np.maximum(found.data_error, 1)
    assert found.corrected_error == pytest.approx(np.sqrt(0.1 * scale * np.array(found.corrected)))
    assert np.nanmax(np.abs(np.array(found.displacement) + 0.5)) < 1e-12
    assert np.abs(pulls).max() < 4.5 < np.abs(np.array(found.simulation) - found.data).max() / 10


def test_the_band_is_the_spread_of_the_variations(rng):
    data = sample_of(rng.normal(size=2000))
    varied = np.stack([data.x, data.x + 0.1, data.x + 0.2])
    found = histograms(data, data, data, varied)["x"]
    counts = [np.histogram(each, found.edges)[0] for each in varied]
    assert np.subtract(found.up, found.corrected) == pytest.approx(np.std(counts, axis=0, ddof=1))
    assert np.subtract(found.corrected, found.down) == pytest.approx(np.std(counts, axis=0, ddof=1))


def test_a_long_tail_has_bins_of_equal_width_in_the_logarithm(rng):
    data = sample_of(rng.lognormal(0, 1, 5000), rng.gamma(9, 1, 5000))
    edges, logarithmic = figure_edges(data, data, 0)
    assert logarithmic
    assert np.diff(np.log(edges)) == pytest.approx(np.full(50, np.log(edges[-1] / edges[0]) / 50))
    assert not figure_edges(data, data, 1)[1]
    assert not figure_edges(sample_of(data.x[:, 0] - 1), data, 0)[1]  # negative values


def test_the_axis_spans_both(rng):
    edges, _ = figure_edges(sample_of(rng.normal(-5, 1, 5000)), sample_of(rng.normal(5, 1, 5000)), 0)
    assert edges[0] < -7
    assert edges[-1] > 7


def test_values_that_are_all_the_same_have_an_axis():
    edges, _ = figure_edges(sample_of(np.ones(50)), sample_of(np.ones(50)), 0)
    assert (np.diff(edges) > 0).all()
