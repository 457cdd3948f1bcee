import numpy as np
import pytest
from scipy import stats

from neyman.core.errors import ConfigError, DataError
from neyman.simulation.prior import UniformPrior
from neyman.simulation.rebuild import rebuild
from neyman.simulation.toys import GaussianToy


def grid_posterior(toy, events, prior):
    grid = np.linspace(prior.low[0], prior.high[0], 20_001)[:, None]
    values = toy.log_likelihood_grid(grid, events.matrix)
    density = np.exp(values - values.max())
    density /= np.trapezoid(density, grid[:, 0])
    return grid[:, 0], density


@pytest.mark.parametrize("bounds", [(-5.0, 5.0), (0.9, 1.1)])  # far from the data, and cutting through them
def test_the_posterior_is_that_of_the_likelihood(bounds):
    toy, prior = GaussianToy(sigma=2.0), UniformPrior({"mu": bounds})
    events = toy.simulate({"mu": 1.0}, 50, 1)
    posterior = toy.posterior(events, prior)
    grid, density = grid_posterior(toy, events, prior)
    mean = np.trapezoid(grid * density, grid)
    np.testing.assert_allclose(np.exp(posterior.log_prob(grid[1:-1])), density[1:-1], rtol=1e-5)
    assert posterior.mean == pytest.approx(mean, rel=1e-6)
    assert posterior.sd == pytest.approx(np.trapezoid((grid - mean) ** 2 * density, grid) ** 0.5, rel=1e-5)
    np.testing.assert_allclose(posterior.cdf(posterior.quantile(np.array([0.1, 0.5, 0.9]))), [0.1, 0.5, 0.9])
    draws = posterior.sample(5_000, np.random.default_rng(2))
    assert stats.kstest(draws, posterior.cdf).pvalue > 1e-3


def test_the_posterior_is_calibrated(rng):
    toy, prior = GaussianToy(), UniformPrior({"mu": (-1.0, 1.0)})
    truths = prior.sample(400, rng)
    levels = [
        toy.posterior(toy.simulate({"mu": mu}, 10, rng), prior).cdf(np.array([mu]))[0] for mu in truths[:, 0].tolist()
    ]
    assert stats.kstest(levels, "uniform").pvalue > 1e-3


def test_input_that_is_none():
    for sigma in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ConfigError):
            GaussianToy(sigma=sigma)
    toy = GaussianToy()
    with pytest.raises(DataError, match="no events"):
        toy.posterior(toy.simulate({"mu": 0.0}, 3, 1).select(slice(0, 0)), UniformPrior({"mu": (0, 1)}))
    with pytest.raises(DataError, match="C9"):
        toy.posterior(toy.simulate({"mu": 0.0}, 3, 1), UniformPrior({"C9": (0, 1)}))


def test_configs_that_are_none():
    for config in ({}, {"kind": "Pythia"}, {"kind": "GaussianToy", "width": 1.0}):
        with pytest.raises(ConfigError):
            rebuild(config)
