from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.patches import StepPatch
from scipy.stats import chi2

from neyman.core.errors import InputError
from neyman.plots.toys import Law, plot_toys

B = chi2.rvs(2, size=2000, random_state=1)
SB = chi2.rvs(8, size=1000, random_state=2)
X = np.linspace(0, 30, 61)


def steps(axes):
    return [patch for patch in axes.patches if isinstance(patch, StepPatch) and not patch.get_fill()]


def test_histograms_are_densities(entries):
    figure = plot_toys({"b": B, "s + b": SB}, observed=6.5)
    (axes,) = figure.axes
    for patch, toys in zip(steps(axes), (B, SB), strict=True):
        values, edges, _ = patch.get_data()
        counts = np.histogram(toys, edges)[0]
        np.testing.assert_allclose(values, counts / len(toys) / np.diff(edges))
        beyond = len(toys) - counts.sum()
        assert any(text.endswith(f"{len(toys)} toys" + f", {beyond} beyond" * bool(beyond)) for text in entries(figure))
    (line,) = [line for line in axes.lines if line.get_label() == "observed: 6.5"]
    assert line.get_xdata() == [6.5, 6.5]


def test_the_asymptotic_law_lies_on_the_toys():
    (axes,) = plot_toys({"b": B}, laws={"b": Law(X, chi2.pdf(X, 2))}).axes
    values, edges, _ = steps(axes)[0].get_data()
    law = axes.lines[-1]
    centre = 0.5 * (edges[1:] + edges[:-1])
    many = values * len(B) * np.diff(edges) > 50
    np.testing.assert_allclose(values[many], np.interp(centre, *law.get_xydata().T)[many], rtol=0.3)
    assert same_color(law.get_color(), steps(axes)[0].get_edgecolor())


def test_error_bars_are_poisson():
    (axes,) = plot_toys({"b": np.array([1.0, 2.0, 3.0])}, bins=1).axes
    ((x0, low), (x1, high)) = axes.collections[0].get_segments()[0]
    width = np.ptp(steps(axes)[0].get_data().edges)
    tail = 0.158655253931457
    assert x0 == x1
    assert (low, high) == pytest.approx((chi2.ppf(tail, 6) / 6 / width, chi2.ppf(1 - tail, 8) / 6 / width))


def test_goodness_of_fit_on_a_linear_axis(entries):
    figure = plot_toys({"toys": SB}, observed=55.0, laws={"χ², 8 dof": Law(X, chi2.pdf(X, 8))}, log_y=False)
    axes = figure.axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_xlim()[1] > 55
    assert entries(figure)[1:] == ["χ², 8 dof", "observed: 55"]


def test_a_failed_toy_does_not_press_the_rest_flat(entries):
    figure = plot_toys({"b": np.append(B, 1e7)})
    assert figure.axes[0].get_xlim()[1] < 30
    assert "beyond" in entries(figure)[0]


def test_equal_toys_can_be_drawn(tidy):
    tidy(plot_toys({"b": np.zeros(5)}))


def test_nothing_overlaps(tidy):
    toys = {"background_only_hypothesis": B, "signal_plus_background": SB}
    laws = {name: Law(X, chi2.pdf(X, 4)) for name in toys}
    tidy(plot_toys(toys, observed=3.0, laws=laws, title="SR_2b", style="lhcb"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"toys": {}}, "nothing to draw"),
        ({"toys": {"b": B}, "bins": 0}, "nothing to draw"),
        ({"toys": {"b": B[:0]}}, "toys of 'b' is empty"),
        ({"toys": {"b": np.array([1.0, np.nan])}}, r"toys of 'b'\[1\]: nan"),
        ({"toys": {"b": np.array([1.0, np.inf])}}, r"toys of 'b'\[1\]: inf"),
        ({"toys": {"b": B}, "observed": np.nan}, "observed is nan"),
    ],
)
def test_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        plot_toys(**arguments)


@pytest.mark.parametrize(
    ("density", "text"), [(X[:-1], "shape"), (X - 1, r"density\[0\]: -1"), (X + np.nan, r"density\[0\]: nan")]
)
def test_laws_refused(raw, density, text):
    with pytest.raises(InputError, match=text):
        raw(Law, X, density)
