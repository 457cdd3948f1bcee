from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots.roc import RocCurve, plot_roc

X = np.geomspace(1e-4, 1, 30)


def curve(power=0.4, **change):
    signal = X**power
    found = {
        "background": X,
        "signal": signal,
        "low": 0.9 * signal,
        "high": np.minimum(1.1 * signal, 1),
        "sic": signal / np.sqrt(X),
        "sic_low": 0.8 * signal / np.sqrt(X),
        "sic_high": 1.3 * signal / np.sqrt(X),
    }
    return RocCurve(**(found | change))


def test_what_is_drawn_and_where(tidy, entries):
    figure = plot_roc({"a_4l": curve(), "leptoquark": curve(0.6)}, smallest=1e-3)
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), X**0.4)
    np.testing.assert_allclose(right.lines[1].get_ydata(), X**0.1)
    assert left.get_xscale() == left.get_yscale() == right.get_xscale() == "log"
    assert right.get_ylim()[1] > (X**-0.1).max()
    assert entries(figure) == ["a_4l", "leptoquark", "guessing"]
    tidy(figure)


def test_guessing_is_the_diagonal_and_its_root():
    left, right = plot_roc({"a": curve()}, smallest=1e-3).axes
    x, y = left.lines[-1].get_data()
    np.testing.assert_allclose(x, y)
    x, y = right.lines[-1].get_data()
    np.testing.assert_allclose(np.sqrt(x), y)


def test_what_no_event_can_tell_is_hatched():
    left, _ = plot_roc({"a": curve()}, smallest=1e-3).axes
    assert [patch.get_hatch() for patch in left.patches] == ["////"]
    left, _ = plot_roc({"a": curve()}, smallest=5e-5).axes
    assert not left.patches


def test_an_unknown_improvement_is_left_out():
    gaps = np.where(X < 1e-3, np.nan, X**-0.1)
    figure = plot_roc({"a": curve(sic=gaps, sic_low=0.8 * gaps, sic_high=1.2 * gaps)}, smallest=1e-3)
    assert np.isnan(figure.axes[1].lines[0].get_ydata()[0])


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"signal": X + 1}, ["signal efficiency[0]", "from 0 to 1"]),
        ({"background": X - 1e-3}, ["background efficiency[0]"]),
        ({"background": np.zeros(30)}, ["no background efficiency above zero"]),
        ({"sic": np.full(30, -1.0)}, ["sic[0]"]),
        ({"low": np.full(30, np.nan)}, ["low efficiency[0]", "nan"]),
    ],
)
def test_curves_that_cannot_be(change, parts, message):
    with pytest.raises(DataError) as error:
        curve(**change)
    message(error, *parts)


def test_no_curves_or_too_many(message):
    for curves in ({}, {str(number): curve() for number in range(7)}):
        with pytest.raises(DataError) as error:
            plot_roc(curves, smallest=1e-3)
        message(error, f"{len(curves)} curves")
    with pytest.raises(DataError) as error:
        plot_roc({"a": curve()}, smallest=0.0)
    message(error, "smallest background efficiency 0")
