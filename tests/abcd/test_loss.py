"""Gradients of the loss against central differences, and what the loss is."""

import numpy as np
import pytest
from scipy.stats import norm

from neyman.abcd.hypotheses import cls, significance
from neyman.abcd.loss import loss_and_gradients
from neyman.core.errors import DataError, InputError

BACKGROUND = np.array([[400.0, 52, 4000, 500], [80, 9, 900, 100], [1e-3, 2e-3, 5e-3, 4e-3], [2.0, 0.5, 30, 5]])
SIGNAL = np.array([[2.0, 10, 1, 3], [1, 6, 0.2, 1], [0.02, 0.5, 0.01, 0.03], [3.0, 1, 0.5, 4]])
DELTA = np.array([0.2, -0.1, 0.5, 0.0])
VARIANCE = 0.1 * BACKGROUND**1.5 + 1e-8
OPTIONS = {
    "plain": {},
    "δ": {"delta": DELTA},
    "variance": {"variance": VARIANCE},
    "both": {"delta": DELTA, "variance": VARIANCE},
}


@pytest.mark.parametrize("statistic", ["cls", "log_cls", "q", "q0"])
@pytest.mark.parametrize("theta", ["per_bin", "shared"])
@pytest.mark.parametrize("given", OPTIONS)
def test_gradients(statistic, theta, given):
    arrays = {"background": BACKGROUND, "signal": SIGNAL, **OPTIONS[given]}
    settings = {"statistic": statistic, "theta": theta, "mu": 0.8}
    found = loss_and_gradients(**arrays, **settings)
    largest = max(np.abs(getattr(found, name)).max() for name in arrays)
    for name, array in arrays.items():
        gradient = getattr(found, name)
        assert gradient.shape == array.shape
        for place in np.ndindex(array.shape):
            step = 1e-4 * max(abs(array[place]), 1e-9 if name != "delta" else 0.1)

            def value(shift, name=name, place=place):
                moved = arrays[name].copy()
                moved[place] += shift
                return loss_and_gradients(**{**arrays, name: moved}, **settings).value

            near, far = value(step) - value(-step), value(2 * step) - value(-2 * step)
            slope = (8 * near - far) / (12 * step)
            # what the values are rounded to, over the step, is what the difference cannot tell
            noise = 1e-13 * max(1, abs(found.value)) / step
            assert gradient[place] == pytest.approx(slope, abs=1e-6 * largest + noise), (name, place)


def test_value_is_the_median_cls():
    for theta in ("per_bin", "shared"):
        expected = cls(BACKGROUND, SIGNAL, variance=VARIANCE, theta=theta)
        values = {
            statistic: loss_and_gradients(BACKGROUND, SIGNAL, variance=VARIANCE, theta=theta, statistic=statistic).value
            for statistic in ("cls", "log_cls", "q")
        }
        assert values["cls"] == pytest.approx(expected.expected[2], rel=1e-9)
        assert values["log_cls"] == pytest.approx(np.log(values["cls"]), rel=1e-9)
        assert values["q"] == pytest.approx(-expected.q, rel=1e-9)
        assert values["cls"] == pytest.approx(2 * norm.sf(np.sqrt(-values["q"])), rel=1e-12)


def test_discovery_is_the_expected_significance():
    found = loss_and_gradients(BACKGROUND, SIGNAL, statistic="q0")
    assert found.value == pytest.approx(-(significance(BACKGROUND, SIGNAL).expected ** 2), rel=1e-9)


def test_logarithm_has_a_gradient_where_cls_has_none():
    strong = loss_and_gradients(BACKGROUND, 1000 * SIGNAL)
    logarithm = loss_and_gradients(BACKGROUND, 1000 * SIGNAL, statistic="log_cls")
    assert strong.value == 0
    assert np.isfinite(logarithm.value)
    assert logarithm.signal[0, 1] < 0


def test_without_a_signal_nothing_is_known_and_all_is_finite():
    for statistic in ("cls", "log_cls", "q", "q0"):
        found = loss_and_gradients(BACKGROUND, 0 * SIGNAL, statistic=statistic)
        assert found.value == pytest.approx({"cls": 1.0}.get(statistic, 0.0), abs=1e-12)
        assert np.isfinite(found.background).all()
        assert np.isfinite(found.signal).all()


def test_a_bin_more_without_signal_changes_nothing():
    more = loss_and_gradients(np.vstack([BACKGROUND, [[9.0, 3, 7, 2]]]), np.vstack([SIGNAL, np.zeros((1, 4))]))
    assert more.value == pytest.approx(loss_and_gradients(BACKGROUND, SIGNAL).value, rel=1e-9)
    assert more.background[-1] == pytest.approx(np.zeros(4), abs=1e-9)


def test_empty_and_negative_yields_are_the_floor():
    background = BACKGROUND.copy()
    background[3] = [2, -0.5, 30, 0]
    found = loss_and_gradients(background, SIGNAL)
    assert np.isfinite(found.value)
    assert (found.background[3, [1, 3]] == 0).all()
    assert np.isfinite(found.background).all()


@pytest.mark.parametrize("name", ["background", "signal", "variance", "delta"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(name, value, message):
    arrays = {
        "background": BACKGROUND.copy(),
        "signal": SIGNAL.copy(),
        "variance": VARIANCE.copy(),
        "delta": DELTA.copy(),
    }
    arrays[name][1] = value
    with pytest.raises(DataError) as error:
        loss_and_gradients(**arrays)
    message(error, name, "bin 1")


def test_a_negative_strength(message):
    with pytest.raises(InputError) as error:
        loss_and_gradients(BACKGROUND, SIGNAL, mu=-1.0)
    message(error, "-1")
