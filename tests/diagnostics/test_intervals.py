from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.diagnostics import binomial_interval, poisson_interval


@given(n=st.integers(1, 500), data=st.data(), level=st.floats(0.5, 0.999))
def test_agrees_with_scipy(n, data, level):
    from scipy.stats import binomtest

    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(level, method="exact")
    low, high = binomial_interval(k, n, level=level)
    assert float(low) == pytest.approx(expected.low, abs=1e-9)
    assert float(high) == pytest.approx(expected.high, abs=1e-9)


def test_vectorised():
    low, high = binomial_interval(np.arange(6), 5)
    assert low.shape == high.shape == (6,)
    assert low[0] == 0
    assert high[5] == 1
    np.testing.assert_allclose(low, 1 - high[::-1])


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.5])
def test_covers_at_least_as_often_as_it_says(fraction):
    from scipy.stats import binom

    k = np.arange(51)
    low, high = binomial_interval(k, 50, level=0.9)
    assert binom.pmf(k, 50, fraction)[(low <= fraction) & (fraction <= high)].sum() >= 0.9


@given(counts=st.integers(0, 10_000))
def test_poisson_agrees_with_the_chi_square_quantiles(counts):
    from scipy.stats import chi2

    low, high = poisson_interval(counts, level=0.9)
    assert float(low) == pytest.approx(0.5 * chi2.ppf(0.05, 2 * counts) if counts else 0.0)
    assert float(high) == pytest.approx(0.5 * chi2.ppf(0.95, 2 * counts + 2))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0), (np.nan, 5)])
def test_what_is_no_count_is_refused(k, n):
    with pytest.raises(DataError, match="not counts"):
        binomial_interval(k, n)


def test_negative_counts_are_refused():
    with pytest.raises(DataError):
        poisson_interval(np.array([1.0, -1.0]))


def test_a_level_in_per_cent_is_refused():
    with pytest.raises(DataError, match=r"level is 99\.0"):
        binomial_interval(1, 2, level=99.0)
