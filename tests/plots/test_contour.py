from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from neyman.core.errors import InputError
from neyman.plots.contour import LEVELS, GridScan, plot_contour

X, Y = np.linspace(-4, 4, 81), np.linspace(-8, 10, 91)
GAUSS = GridScan(X, Y, (X[None, :] - 0.2) ** 2 + ((Y[:, None] - 1) / 2) ** 2, (0.2, 1.0))


def test_levels_are_quantiles_of_two_degrees_of_freedom():
    one, two = (norm.cdf(n) - norm.cdf(-n) for n in (1, 2))
    np.testing.assert_allclose(list(LEVELS.values()), chi2.ppf([one, two], 2))


def test_contours_of_a_gaussian_are_ellipses(entries):
    figure = plot_contour(
        {"data": GAUSS}, labels=("$C_9$", "$C_{10}$"), units=("", "GeV"), references={"SM": (0.0, 0.0)}
    )
    (axes,) = figure.axes
    drawn = [contour for contour in axes.collections if not contour.filled]
    for contour, level in zip(drawn, chi2.ppf([0.682689, 0.9545], 2), strict=True):
        x, y = contour.get_paths()[0].vertices.T
        np.testing.assert_allclose((x - 0.2) ** 2 + ((y - 1) / 2) ** 2, level, rtol=0.01)
        assert x.max() == pytest.approx(0.2 + np.sqrt(level), abs=0.01)
    star, diamond = axes.lines
    np.testing.assert_array_equal(star.get_xydata(), [[0.2, 1.0]])
    np.testing.assert_array_equal(diamond.get_xydata(), [[0, 0]])
    assert entries(figure) == ["data, 68.3 %", "data, 95.4 %", "data, best fit", "SM"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$C_9$", "$C_{10}$ [GeV]")


@pytest.mark.parametrize(("scale", "missing"), [(0.1, 1), (1e-3, 2), (0.0, 2)])
def test_levels_beyond_the_grid_are_said(entries, scale, missing):
    figure = plot_contour({"data": GridScan(X, Y, scale * GAUSS.q)})
    assert sum("beyond the grid" in text for text in entries(figure)) == missing


def test_references_beyond_the_grid_are_seen():
    axes = plot_contour({"data": GAUSS}, references={"far": (6.0, 0.0)}).axes[0]
    assert axes.get_xlim() == (-4, 6)
    assert axes.get_ylim() == (-8, 10)


def test_nothing_overlaps(tidy):
    names = ("observed_data_in_SR_2b", "expected_from_simulation")
    small = GridScan(1e-6 * X, 1e-9 * Y, GAUSS.q)
    tidy(plot_contour(dict.fromkeys(names, small), references={"SM": (4e-6, 1e-8)}, title="long " * 30, style="atlas"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((X[:0], Y, GAUSS.q[:, :0]), "x is empty"),
        ((X, Y[:1], GAUSS.q[:1]), "one value of y"),
        ((X, Y, GAUSS.q.T), r"q has shape \(81, 91\)"),
        ((X[::-1], Y, GAUSS.q), "is followed by"),
        ((X, Y, GAUSS.q + np.nan), r"q\[0\]\[0\]: nan"),
        ((X, Y, GAUSS.q, (np.inf, 0.0)), "best fit is"),
    ],
)
def test_refused(raw, arguments, text):
    with pytest.raises(InputError, match=text):
        raw(GridScan, *arguments)


def test_grids_and_references_are_looked_at():
    with pytest.raises(InputError, match="no grids"):
        plot_contour({})
    with pytest.raises(InputError, match=r"reference 'SM'\[1\]: nan"):
        plot_contour({"a": GAUSS}, references={"SM": (0.0, np.nan)})
