import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from neyman.anomaly.conformal import order_statistic, p_values, smallest_n, threshold, unweighted_rows
from neyman.core.errors import DataError

SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=20).map(np.array)


@settings(derandomize=True, deadline=None)
@given(n=st.integers(1, 5000), fpr=st.floats(1e-4, 0.6), delta=st.floats(1e-3, 0.9))
def test_the_order_statistic_is_the_largest_that_keeps_the_promise(n, fpr, delta):
    r = order_statistic(n, fpr, delta)
    if r is None:
        assert (1 - fpr) ** n > delta * (1 - 1e-9)
        assert n < smallest_n(fpr, delta)
        return
    assert beta.sf(fpr, r, n + 1 - r) <= delta * (1 + 1e-9)
    if r < n:
        assert beta.sf(fpr, r + 1, n - r) > delta * (1 - 1e-9)


def test_known_numbers_of_events():
    assert smallest_n(1e-4, 0.05) == 29_956
    assert smallest_n(0.3, 0.7) == smallest_n(0.1, 0.9) == 1  # 1 - α = δ, where logarithms are off by a rounding
    assert smallest_n(0.1, 0.81) == 2
    assert order_statistic(1, 0.3, 0.7) == 1
    assert order_statistic(29_955, 1e-4, 0.05) is None
    assert [order_statistic(n, 1e-4) for n in (29_956, 100_000, 1_000_000)] == [1, 5, 84]
    large = order_statistic(20_000_000, 0.01)
    assert binom.cdf(large - 1, 20_000_000, 0.01) <= 0.05 < binom.cdf(large, 20_000_000, 0.01)


@settings(derandomize=True, deadline=None)
@given(scores=SCORES, calibration=SCORES)
def test_p_values_are_what_they_are_by_definition(scores, calibration):
    expected = [(1 + sum(c >= s for c in calibration)) / (len(calibration) + 1) for s in scores]
    np.testing.assert_allclose(p_values(scores, calibration), expected)
    equal = np.full(len(calibration), 0.3)
    np.testing.assert_allclose(p_values(scores, calibration, equal), expected)


@settings(derandomize=True, deadline=None)
@given(scores=SCORES, data=st.data())
def test_weights_are_as_good_as_repetition(scores, data):
    calibration = data.draw(SCORES)
    times = np.array(data.draw(st.lists(st.integers(1, 3), min_size=len(calibration), max_size=len(calibration))))
    found = p_values(scores, calibration, times.astype(float))
    own = times.max()
    expected = [(own + times[calibration >= s].sum()) / (own + times.sum()) for s in scores]
    np.testing.assert_allclose(found, expected)


@settings(derandomize=True, deadline=None)
@given(calibration=st.lists(st.integers(0, 9).map(float), min_size=60, max_size=80).map(np.array))
def test_a_flag_and_a_p_value_say_the_same_also_with_ties(calibration):
    r = order_statistic(len(calibration), 0.2)
    cut = threshold(calibration, 0.2)
    scores = np.arange(-1.0, 11.0, 0.5)
    flagged = scores > cut
    np.testing.assert_array_equal(flagged, p_values(scores, calibration) <= r / (len(calibration) + 1))


def test_many_samples_at_once():
    samples = np.random.default_rng(1).normal(size=(3, 4, 500))
    found = threshold(samples, 0.05)
    assert found.shape == (3, 4)
    assert found[2, 1] == threshold(samples[2, 1], 0.05) == np.sort(samples[2, 1])[-order_statistic(500, 0.05)]


def test_p_values_of_background_are_uniform_or_larger():
    rng = np.random.default_rng(2)
    found = np.concatenate([p_values(rng.normal(size=10), rng.normal(size=99)) for _ in range(2000)])
    for level in (0.01, 0.05, 0.5):
        assert (found <= level).mean() == pytest.approx(level, abs=4 * (level / 2000) ** 0.5)


def test_weights_become_a_sample_of_weight_one():
    rng = np.random.default_rng(3)
    values = rng.normal(size=200_000)
    kept = values[unweighted_rows(np.exp(-np.abs(values)), rng)]
    weight = np.exp(-np.abs(values))
    assert len(kept) == pytest.approx(weight.sum() / weight.max(), rel=0.02)
    assert kept.std() == pytest.approx(np.sqrt((weight * values**2).sum() / weight.sum()), rel=0.01)


def test_too_few_events_are_told_how_many_it_takes():
    with pytest.raises(DataError) as caught:
        threshold(np.arange(100.0), 1e-3)
    assert caught.match("100 calibration events")
    assert caught.match("at least 2,995")
    assert caught.match("rate of 0.03 or more")
    assert order_statistic(100, 0.03) == 1
    with pytest.raises(DataError, match="at least 299"):
        threshold(np.array([]), 0.01)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    spoilt = np.array([0.0, bad, 1.0])
    with pytest.raises(DataError, match="row 1"):
        p_values(spoilt, np.ones(3))
    with pytest.raises(DataError, match="calibration score"):
        p_values(np.ones(3), spoilt)
    with pytest.raises(DataError):
        threshold(np.resize(spoilt, 500), 0.1)


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [np.nan, 1.0], [1.0]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(DataError, match="weights"):
        p_values(np.ones(1), np.arange(2.0), np.array(weights))


def test_probabilities_are_asked_for_as_fractions():
    for fpr, delta in ((0.0, 0.05), (1.0, 0.05), (1e-3, 5.0), (float("nan"), 0.05), (-1e-3, 0.1)):
        with pytest.raises(DataError, match="between 0 and 1"):
            order_statistic(1000, fpr, delta)
    with pytest.raises(DataError, match="no calibration events"):
        p_values(np.ones(1), np.array([]))
