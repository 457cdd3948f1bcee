from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from neyman.core.errors import InputError
from neyman.plots.ranking import DOWN, UP, Impacts, plot_ranking

NAMES = ("lumi", "jes_Eta_modelling", "k_ttbar")
AFTER = np.array([[-0.1, 0.05, -0.2], [0.12, 0.09, 0.19]])
BEFORE = np.array([[-0.11, 0.06, np.nan], [0.13, 0.1, np.nan]])
PULL, ERROR = np.array([0.3, -1.0, np.nan]), np.array([0.9, 0.5, np.nan])
IMPACTS = Impacts(NAMES, AFTER, BEFORE, PULL, ERROR)


def boxes(axes):
    """Row, shift, colour of each drawn box: open ones, filled ones; in the order of drawing."""
    found = {False: [], True: []}
    for bar in axes.patches:
        row, shift = round(bar.get_y() + 0.5 * bar.get_height()), bar.get_width()
        filled = bar.get_facecolor()[3] > 0
        found[filled].append((row, shift, to_hex(bar.get_facecolor() if filled else bar.get_edgecolor())))
    return found


def test_the_largest_impact_comes_first():
    axes, pulls = plot_ranking(IMPACTS).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["k_ttbar", "lumi", "jes_Eta_modelling"]
    line = pulls.containers[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [np.nan, 0.3, -1.0])
    np.testing.assert_array_equal(line.get_ydata(), [0, 1, 2])
    assert axes.get_ylim() == pulls.get_ylim() == (2.5, -0.5)


def test_boxes_before_and_after():
    found = boxes(plot_ranking(IMPACTS).axes[0])
    order = [2, 0, 1]
    expected = {(row, AFTER[side, column], (DOWN, UP)[side]) for row, column in enumerate(order) for side in (0, 1)}
    assert set(found[True]) == expected
    opened = {(row, shift) for row, shift, _ in found[False] if np.isfinite(shift)}
    assert opened == {(1, -0.11), (1, 0.13), (2, 0.06), (2, 0.1)}


def test_of_two_shifts_to_one_side_the_shorter_is_on_top():
    drawn = [shift for row, shift, _ in boxes(plot_ranking(IMPACTS).axes[0])[True] if row == 2]
    assert drawn == [0.09, 0.05]


def test_zeros_are_in_the_middle_and_the_impacts_on_top():
    axes, pulls = plot_ranking(IMPACTS, poi="$\\mu$", unit="fb").axes
    assert axes.get_xlim()[0] == -axes.get_xlim()[1]
    assert pulls.get_xlim()[0] == -pulls.get_xlim()[1]
    axes.figure.draw_without_rendering()
    top, bottom = axes.xaxis.label.get_window_extent(), pulls.xaxis.label.get_window_extent()
    assert top.y0 > axes.get_window_extent().y1
    assert bottom.y1 < axes.get_window_extent().y0
    assert axes.get_xlabel() == "impact on $\\mu$ [fb]"


def test_the_rest_is_counted():
    axes, pulls = plot_ranking(IMPACTS, most=1).axes
    assert len(axes.get_yticklabels()) == 1
    assert "2 of 3 not shown, with impacts up to 0.12" in pulls.get_xlabel()


@pytest.mark.parametrize(("style", "n"), [("plain", 22), ("atlas", 1)])
def test_nothing_overlaps(tidy, style, n):
    rng = np.random.default_rng(1)
    names = tuple(f"alpha_jes_EtaIntercalibration_modelling_of_the_forward_region_{index}" for index in range(n))
    shifts = rng.normal(0, 1e-4, (2, n))
    tidy(plot_ranking(Impacts(names, shifts, shifts, rng.normal(size=n), np.ones(n)), title="long " * 30, style=style))


def test_no_impact_at_all_can_be_drawn(tidy):
    zero = np.zeros(1)
    tidy(plot_ranking(Impacts(("a",), np.zeros((2, 1)), np.zeros((2, 1)), zero, zero)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"names": ()}, "nothing to draw"),
        ({"names": ("a", "b", "a")}, "stands twice"),
        ({"after": AFTER[:1]}, r"impact after the fit has shape \(1, 3\)"),
        ({"after": BEFORE}, r"impact after the fit\[0\]\[2\]: nan"),
        ({"before": np.where(np.isnan(BEFORE), np.inf, BEFORE)}, r"impact before the fit\[0\]\[2\]: inf"),
        ({"pull": PULL[:2]}, "pull has shape"),
        ({"pull_error": np.array([1.0, np.nan, np.nan])}, r"error of a pull\[1\]: nan"),
        ({"pull_error": np.array([1.0, -1.0, np.nan])}, r"error of a pull\[1\]: -1"),
    ],
)
def test_refused(raw, change, text):
    arguments = {"names": NAMES, "after": AFTER, "before": BEFORE, "pull": PULL, "pull_error": ERROR} | change
    with pytest.raises(InputError, match=text):
        raw(Impacts, **arguments)


def test_rows_are_needed():
    with pytest.raises(InputError, match="most is 0"):
        plot_ranking(IMPACTS, most=0)
