from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.methods import Estimates, plot_methods

ROWS = ["> 0.1 mm", "> 0.2 mm", "> 0.3 mm"]


def estimates(*values, error=None):
    return Estimates(np.array(values, float), None if error is None else np.full(len(values), error, float))


TAILS = {
    "uncorrected": estimates(0.3, 0.2, 0.1, error=0.02),
    "corrected": estimates(1.02, 0.97, 0.9, error=0.05),
}


def points(axes):
    """Positions and values of each method's points, in their order."""
    return [container.lines[0].get_xydata() for container in axes.containers]


def arrows(axes):
    return [line for line in axes.lines if line.get_marker() in "<>" and len(line.get_xdata())]


def test_methods_are_in_their_rows(entries):
    figure = plot_methods(ROWS, TAILS, floor=estimates(1.01, 0.99, 1.1, error=0.05), label="over data")
    (axes,) = figure.axes
    first, second = points(axes)
    np.testing.assert_array_equal(first[:, 0], [0.3, 0.2, 0.1])
    np.testing.assert_array_equal(np.round(second[:, 1]), [0, 1, 2])
    assert (second[:, 1] > first[:, 1]).all()  # the legend reads as the row does: from the top
    assert np.abs(second[:, 1] - first[:, 1]).max() < 0.5
    (segments,) = axes.containers[1].lines[2]
    np.testing.assert_allclose([np.ptp(each[:, 0]) for each in segments.get_segments()], 0.1)
    assert entries(figure) == ["uncorrected", "corrected", "floor: data against data"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ROWS
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_without_errors_methods_share_a_line_and_rows_are_narrow():
    close = {name: Estimates(each.value) for name, each in TAILS.items()}
    narrow, wide = plot_methods(ROWS, close), plot_methods(ROWS, TAILS)
    assert [found[:, 1].tolist() for found in points(narrow.axes[0])] == [[0, 1, 2]] * 2
    assert narrow.get_figheight() < wide.get_figheight()


def test_around_what_is_perfect_the_best_method_sets_the_scale():
    (axes,) = plot_methods(ROWS, TAILS, perfect=1.0).axes
    low, high = axes.get_xlim()
    assert 1 - low == pytest.approx(high - 1)
    assert 0.15 < high - 1 < 0.6
    (far,) = arrows(axes)
    assert far.get_marker() == "<"
    assert 0 < far.get_xdata()[0] < 0.1  # of the width
    assert far.get_ydata().tolist() == [row - 0.5 * 0.115 / 0.391 for row in range(3)]
    assert len(points(axes)[0]) == 0
    assert 1.0 in [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata())]


@pytest.mark.parametrize(("largest", "scale"), [(20.0, "log"), (3.0, "linear")])
def test_a_logarithmic_axis_where_numbers_differ_much(largest, scale):
    (axes,) = plot_methods(ROWS, {"a": estimates(1.1, 1.2, largest)}, floor=estimates(1.0, 0.9, 1.1)).axes
    assert axes.get_xscale() == scale
    assert len(points(axes)[0]) == 3


def test_long_names_may_have_two_lines(tidy):
    rows = [f"pt > 34.9, eta ≤ 3.29,\nphi ≤ -{index}, npv ≤ 2" for index in range(9)]
    figure = plot_methods(rows, {"a": Estimates(np.arange(9.0)), "b": Estimates(np.ones(9))})
    tidy(figure)
    assert figure.axes[0].get_yticklabels()[1].get_text() == "pt > 34.9, eta ≤ 3.29,\nphi ≤ −1, npv ≤ 2"


def test_what_is_not_known_is_left_out(tidy):
    figure = plot_methods(ROWS, {"a": estimates(1.0, np.nan, 3), "b": estimates(*[np.nan] * 3)}, perfect=1.0)
    tidy(figure)
    assert [len(found) for found in points(figure.axes[0])] == [2, 0]
    tidy(plot_methods(ROWS, {"a": estimates(*[np.nan] * 3)}, floor=estimates(1.0, np.nan, 1, error=0.1)))


def test_all_are_perfect(tidy):
    tidy(plot_methods(ROWS, {"a": estimates(1.0, 1, 1)}, perfect=1.0))
    tidy(plot_methods(ROWS[:1], {"a": estimates(0.0)}))


@pytest.mark.parametrize("style", ["plain", "atlas", "cms", "lhcb"])
def test_nothing_overlaps(style, tidy):
    rows = [f"{eta} < eta < 4.5, {phi} < phi < 3.14" for eta in (2, 3, 3.5) for phi in (-3.14, -1.57, 0, 1.57)]
    values = np.linspace(1, 20, len(rows))
    names = ["uncorrected", "corrected", "quantile map", "quantile map in cells", "boosted reweighting", "more"]
    methods = {name: Estimates(values * (1 + index)) for index, name in enumerate(names)}
    tidy(plot_methods(rows, methods, floor=Estimates(np.ones(len(rows))), label="χ²/bin", title="t " * 80, style=style))
    tidy(plot_methods(ROWS, TAILS, perfect=1.0, floor=estimates(1.0, 1, 1, error=0.1), label="x", style=style))


@pytest.mark.parametrize(
    ("rows", "methods", "options", "text"),
    [
        ([], TAILS, {}, "no names"),
        (ROWS, {}, {}, "no names"),
        (["a", "a", "b"], TAILS, {}, "'a' stands twice"),
        (ROWS[:2], TAILS, {}, r"uncorrected has shape \(3,\)"),
        (ROWS, {"a": estimates(1, np.inf, 2)}, {}, r"a\[1\]: inf"),
        (ROWS, {"a": estimates(1, 1, 2, error=-1.0)}, {}, r"error of a\[0\]: -1"),
        (ROWS, TAILS, {"floor": estimates(1.0)}, r"floor has shape"),
        (ROWS, {str(index): estimates(1, 2, 3) for index in range(7)}, {}, "7 methods"),
    ],
)
def test_refused(raw, message, rows, methods, options, text):
    with pytest.raises(InputError, match=text) as error:
        raw(plot_methods, rows, methods, **options)
    message(error)
