"""Feature grids, components, distances, profiles over noise, rates of a trigger."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots.components import plot_components, plot_distances
from neyman.plots.feature_grid import plot_features
from neyman.plots.sigma_profile import plot_sigma_profile
from neyman.plots.trigger_rates import Rates, plot_trigger_rates

EDGES = np.linspace(0, 1, 6)
COUNTS = np.array([5.0, 3, 2, 1, 0])


def test_a_panel_for_each_feature(tidy, entries):
    names = [f"jet{number}_pt" for number in range(7)]
    figure = plot_features(names, [EDGES] * 7, [COUNTS] * 7, others={"a_4l": [COUNTS[::-1]] * 7})
    assert [axes.get_title() for axes in figure.axes] == names
    assert entries(figure) == ["background", "a_4l"]
    tidy(figure)


def test_the_scatter_of_a_flat_histogram_is_no_structure():
    counts = np.random.default_rng(1).poisson(300, 40).astype(float)
    (axes,) = plot_features(["phi"], [np.linspace(-3, 3, 41)], [counts]).axes
    low, high = axes.get_ylim()
    assert low < counts.min() / counts.sum() / 10
    assert high > counts.max() / counts.sum()


def test_features_that_do_not_fit(message):
    with pytest.raises(DataError) as error:
        plot_features(["a", "b"], [EDGES], [COUNTS])
    message(error, "edges: 1 histograms", "2")


def test_components(tidy, rng):
    figure = plot_components(rng.normal(size=(200, 2)), np.array([0.6, 0.3, 0.1]))
    left, right = figure.axes
    assert "60 %" in left.get_xlabel()
    assert "30 %" in left.get_ylabel()
    np.testing.assert_allclose(right.lines[0].get_ydata(), [60, 90, 100])
    tidy(figure)


def test_distances(tidy):
    tidy(plot_distances(EDGES, COUNTS, COUNTS[::-1].copy()))


def test_a_profile(tidy, entries):
    sigmas = np.geomspace(0.05, 2, 8)
    band = np.stack([np.full(8, value) for value in (1.0, 2.0, 3.0)])
    figure = plot_sigma_profile(sigmas, band, np.stack([10 * sigmas, 5 / sigmas]), ["row 7", "row 9"], scored_at=0.5)
    assert entries(figure) == ["background, median", "68 % of background", "row 7", "row 9", "scored here"]
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), 10 * sigmas)
    tidy(figure)


def test_profiles_that_cannot_be(message):
    with pytest.raises(DataError) as error:
        plot_sigma_profile(np.array([0.0, 1.0]), np.ones((3, 2)), np.ones((1, 2)), ["a"])
    message(error, "noise of zero")


def test_rates(tidy, entries):
    value = np.array([200.0, 0.0, 80.0])
    rates = Rates(value, np.array([150.0, 0, 60]), np.array([260.0, 5, 110]), np.array([200.0, 200, 270]))
    figure = plot_trigger_rates(["muon", "four jets", "met / 10"], rates, crossings=4e7, target=1e3)
    (axes,) = figure.axes
    right = [bar.get_x() + bar.get_width() for bar in axes.patches[:3]]
    assert right[0] == pytest.approx(200)
    assert right[2] == pytest.approx(80)
    assert axes.get_xlim()[1] > 4e7
    assert entries(figure)[-1] == "target"
    tidy(figure)


def test_rates_that_cannot_be(message):
    with pytest.raises(DataError) as error:
        plot_trigger_rates(["a"], Rates(*[np.array([-1.0])] * 4), crossings=4e7)
    message(error, "value[0]")
