from __future__ import annotations

import inspect

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots import plot_loss

STEPS = np.arange(1.0, 2001)
LOSS = 1 + np.exp(-STEPS / 300) + 0.05 * np.sin(STEPS)


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_best_point_is_the_smallest_validation_loss():
    validation = np.array([2.0, np.nan, 1.25, 1.5])
    figure = plot_loss(STEPS, LOSS, np.array([500.0, 1000, 1500, 2000]), validation)
    star = figure.axes[0].lines[-1]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (1500, 1.25)
    assert "best: 1.250 at 1500" in labels(figure)


def test_long_trainings_show_running_medians():
    raw, medians, *_ = plot_loss(STEPS, LOSS, STEPS[::100], LOSS[::100]).axes[0].lines
    assert len(raw.get_xdata()) == 2000
    assert len(medians.get_xdata()) == 200
    np.testing.assert_allclose(medians.get_ydata()[-1], np.median(LOSS[-10:]), atol=0.02)


def test_short_trainings_show_each_point():
    figure = plot_loss(STEPS[:10], LOSS[:10], STEPS[:10], LOSS[:10])
    assert labels(figure)[0] == "training"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), LOSS[:10])


def test_a_spike_does_not_press_the_rest_flat():
    spiked = LOSS.copy()
    spiked[1000] = 1e6
    assert plot_loss(STEPS, spiked, STEPS[::100], LOSS[::100]).axes[0].get_ylim()[1] < 3


@pytest.mark.parametrize("log_x", [False, True])
def test_axis(log_x):
    axes = plot_loss(STEPS, LOSS, STEPS, LOSS, x_label="CPU time [s]", log_x=log_x).axes[0]
    assert axes.get_xscale() == ("log" if log_x else "linear")
    assert axes.get_xlabel() == "CPU time [s]"


def test_refused():
    with pytest.raises(DataError, match="length"):
        inspect.unwrap(plot_loss)(STEPS, LOSS, STEPS[:2], LOSS[:3])
    with pytest.raises(DataError, match="finite"):
        plot_loss(STEPS, LOSS, STEPS[:2], np.full(2, np.nan))
