from __future__ import annotations

import itertools

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.displacement import displacement_quantiles, plot_displacement

EDGES = np.array([0.0, 1, 2, 4])
QUANTILES = np.outer([-2.0, -1, 0.5, 1, 3], [1.0, 2, 3])


def test_quantiles_are_those_of_the_events_of_a_bin(rng):
    x = rng.uniform(-1, 5, 20_000)
    moved = x + x * rng.normal(size=len(x))
    found = displacement_quantiles(x, moved, EDGES)
    for index, (low, high) in enumerate(itertools.pairwise(EDGES)):
        inside = np.sort(moved[(x >= low) & (x < high)])
        below = [(inside < value).mean() for value in found[:, index]]
        np.testing.assert_allclose(below, [0.025, 0.16, 0.5, 0.84, 0.975], atol=2 / len(inside))


def test_a_function_of_x_alone_has_bands_as_wide_as_the_bin_makes_them():
    x = np.linspace(0, 4, 4001)
    found = displacement_quantiles(x, 0.1 * x, EDGES)
    np.testing.assert_allclose(found[4] - found[0], 0.95 * 0.1 * np.diff(EDGES), rtol=1e-2)


def test_bins_without_events_are_nan():
    assert np.isnan(displacement_quantiles(np.array([0.5]), np.array([1.0]), EDGES)[:, 1:]).all()


def test_what_is_drawn_are_the_numbers(entries, tidy):
    truth = np.array([1.0, 2, 3])
    figure = plot_displacement(EDGES, QUANTILES, truth=truth, label="IP", unit="mm", title="mean 2 µm")
    (axes,) = figure.axes
    wide, narrow, median, exact = [patch.get_data() for patch in axes.patches]
    np.testing.assert_array_equal((wide.baseline, wide.values), QUANTILES[[0, 4]])
    np.testing.assert_array_equal((narrow.baseline, narrow.values), QUANTILES[[1, 3]])
    np.testing.assert_array_equal(median.values, QUANTILES[2])
    np.testing.assert_array_equal(exact.values, truth)
    assert entries(figure) == ["median", "68 % of events", "95 % of events", "exact, median"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("IP [mm]", "corrected − uncorrected [mm]")
    tidy(figure)


@pytest.mark.parametrize("style", ["plain", "lhcb"])
def test_holes_and_logarithmic_axes(style, tidy):
    holes = np.where(np.arange(3) == 1, np.nan, 1e-4 * QUANTILES)
    tidy(plot_displacement(np.geomspace(1e-3, 1, 4), holes, log_x=True, unit="mm", style=style))


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        (displacement_quantiles, (np.zeros(3), np.zeros(2), EDGES), "displacement has shape"),
        (displacement_quantiles, (np.array([np.nan]), np.zeros(1), EDGES), r"x\[0\]: nan"),
        (displacement_quantiles, (np.zeros(0), np.zeros(0), EDGES), "empty"),
        (displacement_quantiles, (np.zeros(1), np.zeros(1), EDGES[::-1]), "followed by"),
        (plot_displacement, (EDGES, QUANTILES[:3]), "quantiles has shape"),
        (plot_displacement, (EDGES, np.full((5, 3), np.nan)), "no bin has events"),
        (plot_displacement, (EDGES, np.full((5, 3), np.inf)), r"quantiles\[0\]\[0\]: inf"),
    ],
)
def test_refused(raw, message, function, arguments, text):
    with pytest.raises(InputError, match=text) as error:
        raw(function, *arguments)
    message(error)


def test_a_logarithmic_axis_has_no_zero(raw):
    with pytest.raises(InputError, match=r"edges\[0\]: 0"):
        raw(plot_displacement, EDGES, QUANTILES, log_x=True)
