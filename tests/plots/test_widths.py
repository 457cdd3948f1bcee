from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots import plot_width_scaling, plot_widths


def test_widths_and_means():
    rng = np.random.default_rng(1)
    exact_mean, exact_sd = rng.normal(4, 0.5, 60), rng.uniform(0.1, 0.2, 60)
    figure = plot_widths(exact_mean + 0.1 * exact_sd, 1.05 * exact_sd, exact_mean, exact_sd, label="$C_9$")
    left, right = figure.axes
    diagonal, tests = left.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(tests.get_xydata(), np.stack([exact_sd, 1.05 * exact_sd], axis=1))
    assert left.get_title() == "mean ratio 1.050"
    assert right.get_title() == "mean +0.100, rms 0.100"
    assert left.get_xlabel() == "exact sd of $C_9$"


def test_equal_posteriors_can_be_drawn():
    one = np.ones(3)
    assert plot_widths(one, one, one, one).axes[1].get_title() == "mean +0.000, rms 0.000"


def test_scaling_shows_the_ratio_to_the_bound():
    n = np.array([100.0, 1000, 10_000])
    width = 5.5 / np.sqrt(n)
    upper, lower = plot_width_scaling(n, width, bound_at_one=5.0, exact=5.25 / np.sqrt(n), spread=0.1 * width).axes
    line, exact, learned = upper.lines[:3]
    np.testing.assert_allclose(line.get_ydata() * np.sqrt(line.get_xdata()), 5.0)
    np.testing.assert_allclose(exact.get_ydata(), 5.25 / np.sqrt(n))
    np.testing.assert_allclose(learned.get_ydata(), width)
    np.testing.assert_allclose(lower.lines[1].get_ydata(), 1.05)
    np.testing.assert_allclose(lower.lines[2].get_ydata(), 1.1)
    assert upper.get_xscale() == upper.get_yscale() == "log"


def test_refused():
    one = np.ones(3)
    with pytest.raises(DataError, match="one number per test"):
        plot_widths(one, np.full(3, np.nan), one, one)
    with pytest.raises(DataError, match="above zero"):
        plot_width_scaling(one, -one, bound_at_one=1.0)
