import numpy as np
import pytest
from scipy.signal import lfilter

from neyman.core.errors import DataError
from neyman.diagnostics.autocorrelation import effective_sample_size, integrated_autocorrelation_time


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.3])
def test_an_autoregressive_chain(rho, rng):
    """x' = ρ x + ε has τ = (1 + ρ)/(1 − ρ)."""
    chain = lfilter([1.0], [1.0, -rho], rng.standard_normal(100_000))
    assert integrated_autocorrelation_time(chain) == pytest.approx((1 + rho) / (1 - rho), rel=0.1)


def test_it_is_the_variance_of_the_mean(rng):
    """var(mean) = τ σ²/n: what τ is for."""
    chains = lfilter([1.0], [1.0, -0.7], rng.standard_normal((400, 2_100)), axis=1)[:, 100:]
    tau = np.mean([integrated_autocorrelation_time(chain) for chain in chains])
    assert 2_000 * chains.mean(axis=1).var() / chains.var() == pytest.approx(tau, rel=0.25)


def test_effective_sample_size(rng):
    draws = rng.standard_normal(10_000)
    assert effective_sample_size(draws) == pytest.approx(10_000, rel=0.1)
    assert effective_sample_size(draws) <= 10_000
    assert effective_sample_size(np.repeat(draws, 5)) == pytest.approx(10_000, rel=0.1)


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [1.0] * 10, [1.0, 2.0, np.nan, 3.0, 4.0]])
def test_chains_that_are_none(values):
    with pytest.raises(DataError):
        integrated_autocorrelation_time(np.array(values))
