from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from neyman.core.errors import InputError
from neyman.plots.limits import ClsScan, crossing, plot_cls, plot_limits

MU = np.linspace(0, 6, 241)
# Asymptotic CLs of one Gaussian measurement with unit error: Φ(N − μ) / Φ(N) for the data N standard deviations up.
EXPECTED = np.stack([norm.cdf(n - MU) / norm.cdf(n) for n in (-2, -1, 0, 1, 2)])
MASS = np.array([500.0, 750, 1000, 2000])
LIMITS = np.outer([0.5, 0.7, 1.0, 1.4, 2.0], [10.0, 6, 3, 1])


def reach(collection, x):
    """Lowest and highest point of a band near x."""
    outline = collection.get_paths()[0].vertices
    near = outline[np.abs(outline[:, 0] - x) < 1e-9]
    return near[:, 1].min(), near[:, 1].max()


def test_crossings_are_the_limits(entries):
    figure = plot_cls(ClsScan(MU, EXPECTED, EXPECTED[3]))
    (axes,) = figure.axes
    truth = {"observed": 1 - norm.ppf(0.05 * norm.cdf(1)), "expected": -norm.ppf(0.025)}
    points = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, [[truth["observed"], 0.05], [truth["expected"], 0.05]], rtol=1e-3)
    assert entries(figure)[:2] == [f"{name}: limit {limit:.4g}" for name, limit in truth.items()]


def test_curves_and_bands():
    (axes,) = plot_cls(ClsScan(MU, EXPECTED, EXPECTED[3])).axes
    observed, expected = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 241]
    np.testing.assert_array_equal(observed, EXPECTED[3])
    np.testing.assert_array_equal(expected, EXPECTED[2])
    wide, narrow = axes.collections
    np.testing.assert_allclose(reach(wide, MU[40]), EXPECTED[[0, 4], 40])
    np.testing.assert_allclose(reach(narrow, MU[40]), EXPECTED[[1, 3], 40])


def test_limits_that_are_given_are_drawn(entries):
    figure = plot_cls(ClsScan(MU, EXPECTED, EXPECTED[2], expected_limit=1.9, observed_limit=2.1))
    assert entries(figure)[:2] == ["observed: limit 2.1", "expected: limit 1.9"]


def test_another_level_and_no_limit(entries):
    short = ClsScan(MU[:41], EXPECTED[:, :41])
    assert entries(plot_cls(short))[0] == "expected: no limit in the scan"
    limit = entries(plot_cls(short, level=0.6))[0].removeprefix("expected: limit ")
    assert float(limit) == pytest.approx(-norm.ppf(0.2), rel=1e-3)


def test_the_last_crossing_counts():
    assert crossing(np.arange(5.0), np.array([1.0, 0.0, 1.0, 0.0, 0.0]), 0.5) == 2.5
    assert crossing(np.arange(2.0), np.array([0.01, 0.001]), 0.05) is None


def test_limits_against_mass(entries):
    figure = plot_limits(
        MASS, LIMITS, observed=LIMITS[3], theory={"Z' SSM": 5 * LIMITS[2]}, label="$m$", unit="GeV",
        limit_label="$\\sigma$", limit_unit="fb", log_y=True,
    )  # fmt: skip
    (axes,) = figure.axes
    wide, narrow = axes.collections
    np.testing.assert_allclose(reach(wide, 750), [3, 12])
    np.testing.assert_allclose(reach(narrow, 750), [4.2, 8.4])
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), np.stack([MASS, LIMITS[3]], axis=1))
    assert entries(figure) == ["observed", "expected", "expected ±1 σ", "expected ±2 σ", "Z' SSM"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$m$ [GeV]", "$\\sigma$ [fb]")
    assert axes.get_ylim() == pytest.approx((0.25, 40))


def test_blinded_limits(entries):
    assert entries(plot_limits(MASS, LIMITS))[0] == "expected"
    assert "observed" not in " ".join(entries(plot_cls(ClsScan(MU, EXPECTED))))


def test_a_single_limit_is_a_box():
    (axes,) = plot_limits(MASS[:1], LIMITS[:, :1]).axes
    outline = axes.collections[0].get_paths()[0].vertices
    assert (outline[:, 0].min(), outline[:, 0].max()) == (475, 525)
    assert (outline[:, 1].min(), outline[:, 1].max()) == (5, 20)


def test_nothing_overlaps(tidy):
    tidy(plot_cls(ClsScan(MU, EXPECTED, EXPECTED[3]), title="SR_2b, asymptotic"))
    theory = {f"a_theory_with_a_long_name_{index}": LIMITS[1] for index in range(3)}
    tidy(plot_limits(MASS, LIMITS, observed=LIMITS[3], theory=theory, title="long " * 40, style="cms"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((MU[:0], EXPECTED[:, :0]), "empty"),
        ((MU[:1], EXPECTED[:, :1]), "one point"),
        ((MU, EXPECTED[:3]), r"expected CLs has shape \(3, 241\)"),
        ((MU, EXPECTED[:, ::2]), "expected CLs has shape"),
        ((MU, EXPECTED + 1), r"expected CLs\[0\]\[0\]: 2"),
        ((MU, EXPECTED, np.full(241, np.nan)), r"observed CLs\[0\]: nan"),
        ((MU, EXPECTED, MU[:3]), "observed CLs has shape"),
        ((-MU, EXPECTED), "is followed by"),
        ((MU, EXPECTED, None, np.nan), "expected limit is nan"),
    ],
)
def test_refused(raw, arguments, text):
    with pytest.raises(InputError, match=text):
        raw(ClsScan, *arguments)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"signal": MASS[:0], "expected": LIMITS[:, :0]}, "empty"),
        ({"expected": LIMITS[:, :3]}, "expected limits has shape"),
        ({"expected": np.where(LIMITS > 15, np.inf, LIMITS)}, r"expected limits\[4\]\[0\]: inf"),
        ({"observed": MASS[:2]}, "observed limits has shape"),
        ({"theory": {"SSM": np.full(4, np.nan)}}, r"theory 'SSM'\[0\]: nan"),
        ({"signal": MASS[::-1]}, "is followed by"),
        ({"observed": 0 * MASS, "log_y": True}, r"observed limits\[0\]: 0"),
    ],
)
def test_limits_refused(raw, change, text):
    with pytest.raises(InputError, match=text):
        raw(plot_limits, **({"signal": MASS, "expected": LIMITS} | change))


def test_levels_are_looked_at():
    with pytest.raises(InputError, match="level"):
        plot_cls(ClsScan(MU, EXPECTED), level=1.0)
