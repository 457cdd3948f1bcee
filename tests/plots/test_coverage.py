from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.diagnostics import central_coverage
from neyman.plots import plot_coverage


@pytest.fixture
def curves():
    rng = np.random.default_rng(1)
    return {f"N = {n}": central_coverage(rng.integers(0, 100, size=n), 99) for n in (200, 1000)}


def test_curves_and_their_difference_to_the_diagonal(curves):
    upper, lower = plot_coverage(curves).axes
    diagonal, *drawn = upper.lines
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    assert len(drawn) == 2
    for line, below, curve in zip(drawn, lower.lines[1:], curves.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata()[1:-1], curve.level)
        np.testing.assert_array_equal(line.get_ydata()[1:-1], curve.coverage)
        np.testing.assert_allclose(below.get_ydata()[1:-1], curve.coverage - curve.level)
    assert len({line.get_linestyle() for line in drawn}) == 2  # apart also without colours


def test_the_legend_has_the_p_values_and_the_fewest_tests(curves):
    figure = plot_coverage(curves, kind="central intervals")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == f"N = 200 (p = {curves['N = 200'].p_value:.2g})"
    assert "99 % band, 200 tests" in texts
    assert figure.axes[1].get_xlabel() == "probability of the central intervals"


def test_no_curves_are_refused():
    with pytest.raises(DataError):
        plot_coverage({})
