from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots.score_distribution import plot_scores

EDGES = np.linspace(0, 4, 5)
CALIBRATION = np.array([60.0, 30, 9, 1])
TEST = np.array([130.0, 55, 14, 1])
SIGNAL = np.array([1.0, 5, 20, 24])


def test_fractions_and_what_is_above(tidy, entries):
    figure = plot_scores(EDGES, CALIBRATION, TEST, signals={"a_4l": SIGNAL}, threshold=2.5, fpr=0.01)
    upper, lower = figure.axes
    np.testing.assert_allclose(upper.lines[0].get_ydata(), TEST / 200)
    assert [line.get_ydata()[0] for line in lower.lines[:2]] == [1.0, 1.0]
    np.testing.assert_allclose(lower.lines[0].get_ydata(), [1, 0.4, 0.1, 0.01])
    np.testing.assert_allclose(lower.lines[1].get_ydata(), [1, 70 / 200, 15 / 200, 1 / 200])
    assert upper.get_yscale() == lower.get_yscale() == "log"
    assert entries(figure) == ["background, calibration", "background, test", "a_4l", "flagged"]
    tidy(figure)


def test_the_flagged_region_begins_at_the_threshold():
    upper, lower = plot_scores(EDGES, CALIBRATION, TEST, threshold=2.5, fpr=0.02).axes
    for axes in (upper, lower):
        (line,) = [each for each in axes.lines if list(each.get_xdata()) == [2.5, 2.5]]
        assert line.get_color() == "#c8102e"
    assert any(list(line.get_ydata()) == [0.02, 0.02] for line in lower.lines)


def test_nothing_is_flagged_without_a_threshold(entries, tidy):
    figure = plot_scores(EDGES, CALIBRATION)
    assert entries(figure) == ["background, calibration"]
    tidy(figure)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((EDGES, CALIBRATION[:3]), ["counts of calibration"]),
        ((EDGES, -CALIBRATION), ["counts of calibration[0]"]),
        ((EDGES, np.zeros(4)), ["calibration: no events in any bin"]),
        ((EDGES[::-1], CALIBRATION), ["edges[0]", "increasing"]),
        ((EDGES, CALIBRATION, np.full(4, np.nan)), ["counts of test[0]", "nan"]),
    ],
)
def test_refusals(arguments, parts, message, raw):
    with pytest.raises(DataError) as error:
        raw(plot_scores, *arguments)
    message(error, *parts)


def test_a_logarithmic_axis(tidy, message):
    figure = plot_scores(np.geomspace(0.1, 100, 5), CALIBRATION, TEST, threshold=30.0, log_x=True)
    assert all(axes.get_xscale() == "log" for axes in figure.axes)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_xdata()[0], np.sqrt(0.1 * 0.1 * 1000**0.25))
    tidy(figure)
    with pytest.raises(DataError) as error:
        plot_scores(EDGES, CALIBRATION, log_x=True)
    message(error, "an edge at 0", "logarithmic")


def test_too_many_signals(message):
    with pytest.raises(DataError) as error:
        plot_scores(EDGES, CALIBRATION, signals={str(number): SIGNAL for number in range(6)})
    message(error, "6 signals")
