import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from neyman.calibration.weighted import Distribution, effective_events, fraction_above, wasserstein
from neyman.core.errors import DataError


def s_weighted(rng, n):
    """Signal of a standard normal, and a background at +3 that weights of both signs take away."""
    x = np.concatenate([rng.normal(size=2 * n), rng.normal(3, 1, n), rng.normal(3, 1, n)])
    return x, np.concatenate([np.ones(2 * n), np.ones(n), -np.ones(n)])


def test_events_of_weight_two_are_two_events(rng):
    x, w = rng.normal(size=50), rng.integers(1, 4, 50)
    weighted, repeated = Distribution.of(x, w.astype(float)), Distribution.of(np.repeat(x, w), np.ones(w.sum()))
    at = np.linspace(-3, 3, 20)
    assert weighted.cumulative(at) == pytest.approx(repeated.cumulative(at))
    assert weighted.quantile(np.array([0.1, 0.7])) == pytest.approx(repeated.quantile(np.array([0.1, 0.7])))


def test_quantiles_are_numpys(rng):
    x, p = rng.normal(size=1000), np.linspace(0.01, 0.99, 7)
    assert Distribution.of(x, np.ones(1000)).quantile(p) == pytest.approx(np.quantile(x, p, method="hazen"))


def test_a_distribution_of_negative_weights_still_increases_and_is_right(rng):
    x, w = s_weighted(rng, 20_000)
    found = Distribution.of(x, w)
    assert (np.diff(found.levels) >= 0).all()
    assert found.levels[[0, -1]] == pytest.approx([0, 1], abs=1e-3)
    assert found.quantile(np.array([0.16, 0.5, 0.84])) == pytest.approx([-0.994, 0, 0.994], abs=0.05)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_the_distance_is_scipys(first, second):
    a, b = np.array(first, float), np.array(second, float)
    wa, wb = 1 + np.abs(a), 1 + b**2
    assert wasserstein(a, wa, b, wb) == pytest.approx(wasserstein_distance(a, b, wa, wb), abs=1e-12)


def test_the_distance_of_a_shift_is_the_shift_also_with_negative_weights(rng):
    x, w = s_weighted(rng, 5000)
    assert wasserstein(x, w, x, w) == pytest.approx(0, abs=1e-12)
    assert wasserstein(rng.normal(0.5, 1, 20_000), np.ones(20_000), x, w) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("signed", [False, True])
def test_the_error_of_a_fraction_is_that_of_the_bootstrap(rng, signed):
    x = rng.normal(size=2000)
    w = np.where(rng.random(2000) < 0.2, -0.5, 1.0) if signed else rng.gamma(2, 1, 2000)
    found = fraction_above(x, w, 1.0)
    again = []
    for _ in range(300):
        times = w * rng.poisson(1, 2000)
        again.append(times[x > 1].sum() / times.sum())
    assert found.error == pytest.approx(np.std(again), rel=0.15)
    assert found.effective_events == pytest.approx(effective_events(w[x > 1]))


def test_the_error_of_a_fraction_of_counts_is_binomial():
    found = fraction_above(np.arange(100.0), np.ones(100), 89.5)
    assert (found.value, found.error, found.effective_events) == pytest.approx((0.1, np.sqrt(0.1 * 0.9 / 100), 10))


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [-1.0, -1.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_weights_must_sum_to_a_positive_number(weights, message):
    x, w = np.zeros(2), np.array(weights)
    for use in (
        lambda: Distribution.of(x, w),
        lambda: fraction_above(x, w, 0.0),
        lambda: wasserstein(x, np.ones(2), x, w),
    ):
        with pytest.raises(DataError) as error:
            use()
        message(error, "2 events", "above zero")


def test_no_events_are_refused():
    with pytest.raises(DataError, match="0 events"):
        Distribution.of(np.zeros(0), np.zeros(0))
