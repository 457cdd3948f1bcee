import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize

from neyman.core.errors import DataError
from neyman.fit.smoothing import smooth, smooth_353qh_twice, smooth_monotone, smooth_running

ALGORITHMS = ["353QH, twice", "running", "monotone"]
ratios = hnp.arrays(float, st.integers(3, 15), elements=st.floats(-5, 5).map(lambda x: round(x, 2)))


def with_weights(values):
    positive = hnp.arrays(float, len(values), elements=st.floats(0.1, 10))
    return st.tuples(st.just(values), positive)


@given(ratios)
def test_353qh_is_that_of_cabinetry(ratio):
    from cabinetry.smooth import smooth_353qh_twice as theirs

    np.testing.assert_allclose(smooth_353qh_twice(ratio), theirs(ratio), rtol=1e-12, atol=1e-12)


def test_353qh_takes_out_a_spike_and_leaves_a_line():
    line = np.linspace(0.5, 1.5, 12)
    np.testing.assert_allclose(smooth_353qh_twice(line), line, rtol=1e-12)
    spike = line.copy()
    spike[5] += 3
    assert np.max(np.abs(smooth_353qh_twice(spike) - line)) < 0.3


def test_two_bins_are_not_smoothed():
    ratio = np.array([1.0, 3.0])
    np.testing.assert_array_equal(smooth_353qh_twice(ratio), ratio)
    for algorithm in ALGORITHMS:
        np.testing.assert_array_equal(smooth(ratio, np.ones(2), np.ones(2), algorithm), ratio)


@given(ratios.flatmap(with_weights))
def test_running_is_a_fit_of_straight_lines(pair):
    ratio, weights = pair
    expected = []
    for i in range(len(ratio)):
        near = slice(max(0, i - 2), i + 3)
        x = np.arange(len(ratio))[near] - i
        expected.append(np.polynomial.polynomial.polyfit(x, ratio[near], 1, w=np.sqrt(weights[near]))[0])
    np.testing.assert_allclose(smooth_running(ratio, weights), expected, rtol=1e-8, atol=1e-8)


@given(ratios.flatmap(with_weights))
def test_monotone_is_monotone_and_keeps_the_mean(pair):
    ratio, weights = pair
    found = smooth_monotone(ratio, weights)
    steps = np.diff(found)
    assert np.all(steps >= -1e-12) or np.all(steps <= 1e-12)
    assert np.sum(weights * found) == pytest.approx(np.sum(weights * ratio), abs=1e-9)


def test_monotone_is_the_nearest_of_all(rng):
    for _ in range(5):
        ratio, weights = rng.normal(1, 0.3, 5), rng.uniform(0.5, 2, 5)

        def distance(fitted, ratio=ratio, weights=weights):
            return np.sum(weights * (fitted - ratio) ** 2)

        steps = [{"type": "ineq", "fun": lambda f, sign=sign: sign * np.diff(f)} for sign in (1, -1)]
        best = min(minimize(distance, np.full(5, ratio.mean()), constraints=step).fun for step in steps)
        assert distance(smooth_monotone(ratio, weights)) == pytest.approx(best, abs=1e-6)


def test_monotone_leaves_what_falls():
    falling = np.array([3.0, 2.0, 2.0, 0.5])
    np.testing.assert_array_equal(smooth_monotone(falling, np.ones(4)), falling)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_total_stays_and_empty_bins_stay(rng, algorithm):
    nominal = np.array([10.0, 20, 30, 0, 40, 30, 20, 10])
    varied = nominal * rng.normal(1.1, 0.1, 8)
    varied[3] = 0.5
    found = smooth(varied, nominal, nominal, algorithm)
    assert found.sum() == pytest.approx(varied.sum())
    assert found[3] == 0.5
    others = np.delete(np.arange(8), 3)
    np.testing.assert_allclose(
        found[others], smooth(varied[others], nominal[others], nominal[others], algorithm), rtol=1e-12
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_smoothing_gains(algorithm):
    """Of many noisy variations of one true effect the smoothed ones are nearer to the truth."""
    rng = np.random.default_rng(5)
    nominal = np.linspace(400, 100, 12)
    truth = nominal * np.linspace(0.95, 1.05, 12)
    before = after = 0.0
    for _ in range(50):
        noisy = truth + rng.normal(0, np.sqrt(nominal) / 2)
        before += np.sum(((noisy - truth) / nominal) ** 2)
        after += np.sum(((smooth(noisy, nominal, nominal, algorithm) - truth) / nominal) ** 2)
    assert after < 0.7 * before


@pytest.mark.parametrize("bins", range(1, 8))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_effect_stays_no_effect(algorithm, bins):
    nominal = np.linspace(5, 9, bins)
    np.testing.assert_allclose(smooth(nominal * 1.2, nominal, nominal, algorithm), nominal * 1.2, rtol=1e-12)


def test_nothing_but_a_spike(message):
    with pytest.raises(DataError) as error:
        smooth(np.array([0.0, 0, 5, 0, 0]), np.ones(5), np.ones(5), "353QH, twice", where="here")
    message(error, "here: smoothing with '353QH, twice' leaves no yield", "another Algorithm")
