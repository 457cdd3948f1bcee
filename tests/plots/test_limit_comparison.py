from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.limit_comparison import plot_limit_comparison

NAMES = ("CLs under constraints", "Double DisCo", "cut and count")
EXPECTED = np.outer([1.0, 1.5, 4.0], [0.6, 0.8, 1.0, 1.3, 1.7])


def spans(axes, container):
    """Left and right end of each bar."""
    return np.array([[bar.get_x(), bar.get_x() + bar.get_width()] for bar in axes.containers[container]])


def test_bars_are_the_bands_and_names_are_beside_them(entries):
    figure = plot_limit_comparison(NAMES, EXPECTED, best=0.7, best_label="best score")
    (axes,) = figure.axes
    np.testing.assert_allclose(spans(axes, 0), EXPECTED[:, [0, 4]])
    np.testing.assert_allclose(spans(axes, 1), EXPECTED[:, [1, 3]])
    medians = np.array([path.vertices for path in axes.collections[0].get_paths()])
    np.testing.assert_allclose(medians[:, :, 0].mean(axis=1), EXPECTED[:, 2])
    np.testing.assert_allclose(medians[:, :, 1].mean(axis=1), [0, 1, 2])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top
    assert [text.get_text() for text in axes.texts] == ["1", "1.5", "4", "median"]
    assert entries(figure) == ["expected median", "±1 σ", "±2 σ", "best score: 0.7"]
    assert axes.lines[-1].get_xdata()[0] == 0.7
    assert axes.get_xlim()[0] == 0


def test_observed_limits_are_points_where_there_are_any(entries):
    figure = plot_limit_comparison(NAMES, EXPECTED, observed=np.array([1.2, np.nan, 3.0]))
    (points,) = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(points.get_xydata(), [[1.2, 0], [3.0, 2]])
    assert entries(figure)[0] == "observed"


def test_a_method_without_a_limit_says_so(tidy):
    expected = EXPECTED.copy()
    expected[1], expected[2, 4] = np.nan, np.nan
    figure = plot_limit_comparison(NAMES, expected)
    (axes,) = figure.axes
    tidy(figure)
    assert [text.get_text() for text in axes.texts][:3] == ["1", "no limit", "4"]
    np.testing.assert_allclose(spans(axes, 0), EXPECTED[:1, [0, 4]])
    np.testing.assert_allclose(spans(axes, 1), EXPECTED[[0, 2]][:, [1, 3]])


def test_no_limits_at_all(tidy):
    tidy(plot_limit_comparison(NAMES[:1], np.full((1, 5), np.nan)))


def test_limits_far_apart_are_on_a_logarithmic_axis(tidy):
    figure = plot_limit_comparison(NAMES, EXPECTED * np.array([[1], [10], [100]]))
    assert figure.axes[0].get_xscale() == "log"
    tidy(figure)


@pytest.mark.parametrize("style", ["plain", "cms"])
def test_nothing_overlaps(tidy, style):
    tidy(plot_limit_comparison(NAMES, EXPECTED, best=0.7, observed=EXPECTED[:, 3], title="long " * 20, style=style))
    tidy(plot_limit_comparison(("a_name_that_is_much_too_long_to_be_read_beside_a_bar",), EXPECTED[:1], style=style))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"names": ()}, "no names"),
        ({"names": ("a", "b", "a")}, "'a' stands twice"),
        ({"expected": EXPECTED[:2]}, r"expected limits has shape \(2, 5\)"),
        ({"expected": EXPECTED.T}, "expected limits has shape"),
        ({"expected": -EXPECTED}, r"expected limits\[0\]\[0\]: -0.6"),
        ({"expected": np.where(EXPECTED > 6, np.inf, EXPECTED)}, r"expected limits\[2\]\[4\]: inf"),
        ({"observed": np.ones(2)}, r"observed limits has shape \(2,\)"),
        ({"best": np.nan}, r"best limit\[0\]: nan"),
    ],
)
def test_refused(raw, change, text):
    with pytest.raises(InputError, match=text):
        raw(plot_limit_comparison, **({"names": NAMES, "expected": EXPECTED} | change))
