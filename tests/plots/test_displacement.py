from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.displacement import plot_displacement

EDGES = np.array([0.0, 1, 2, 4])
QUANTILES = np.outer([-2.0, -1, 0.5, 1, 3], [1.0, 2, 3])


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
    ("arguments", "text"),
    [
        ((EDGES, QUANTILES[:3]), "quantiles has shape"),
        ((EDGES, np.full((5, 3), np.nan)), "no bin has events"),
        ((EDGES, np.full((5, 3), np.inf)), r"quantiles\[0\]\[0\]: inf"),
    ],
)
def test_refused(raw, message, arguments, text):
    with pytest.raises(InputError, match=text) as error:
        raw(plot_displacement, *arguments)
    message(error)


def test_a_logarithmic_axis_has_no_zero(raw):
    with pytest.raises(InputError, match=r"edges\[0\]: 0"):
        raw(plot_displacement, EDGES, QUANTILES, log_x=True)
