"""The exact posterior against closed forms and brute force; what all estimators share is in tests/contracts."""

import numpy as np
import pytest
from scipy import stats

from neyman.core.errors import InputError
from neyman.events.events import Events
from neyman.posterior.estimators import ExactGrid, PriorEstimator
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy


def events_with_mean(mean, count, sigma=1.0):
    """Events whose mean is this to the bit, so that the truth can be put anywhere, also outside the prior."""
    x = sigma * np.linspace(-1.7, 1.7, count)
    return (x - x.mean() + mean)[:, None]


# Inside, at an edge, and up to many standard deviations outside.
@pytest.mark.parametrize("mean", [0.2, -1.0, 0.99, 1.02, -1.3])
@pytest.mark.parametrize("count", [1, 20, 1000, 30_000])
def test_the_exact_posterior_of_the_toy(toy, prior, mean, count):
    matrix = events_with_mean(mean, count)
    truth = toy.posterior(Events.from_matrix(matrix, toy.schema), prior)
    exact = ExactGrid(toy, prior)
    grid, log_density = exact.density(matrix)
    assert np.trapezoid(np.exp(log_density), grid) == pytest.approx(1, abs=1e-12)
    # The trapezoidal rule is off by up to h²/12 times the difference of slopes at the ends, in an edge's tail.
    np.testing.assert_allclose(log_density, truth.log_prob(grid), atol=3e-3)
    assert grid[0] >= prior.low[0]
    assert grid[-1] <= prior.high[0]
    theta = truth.quantile(np.linspace(1e-6, 1 - 1e-6, 101))
    found = exact.log_prob(theta[None, :, None], [matrix])[0]
    np.testing.assert_allclose(found, truth.log_prob(theta), atol=5e-3)


@pytest.mark.parametrize("count", [10, 1000])
def test_far_away_from_the_grid_the_density_is_still_right(toy, prior, count):
    matrix = events_with_mean(-0.9, count)
    truth = toy.posterior(Events.from_matrix(matrix, toy.schema), prior)
    theta = np.linspace(-1, 1, 201)
    found = ExactGrid(toy, prior).log_prob(theta[None, :, None], [matrix])[0]
    np.testing.assert_allclose(found, truth.log_prob(theta), rtol=1e-6, atol=5e-3)


@pytest.mark.parametrize(("width", "count"), [(1.0, 100), (1e3, 100), (1e3, 10**6)])
def test_the_grid_finds_a_narrow_posterior_in_a_wide_prior(width, count):
    toy, prior = GaussianToy(), UniformPrior({"mu": (-width, width)})
    matrix = events_with_mean(0.123456, count)
    grid, log_density = ExactGrid(toy, prior).density(matrix)
    sd = count**-0.5
    assert np.diff(grid).max() < 0.2 * sd
    np.testing.assert_allclose(log_density, stats.norm.logpdf(grid, 0.123456, sd), atol=3e-3)


@pytest.mark.parametrize("mean", [0.2, 1.02])
def test_samples_of_the_exact_posterior(toy, prior, mean, rng):
    matrix = events_with_mean(mean, 400)
    truth = toy.posterior(Events.from_matrix(matrix, toy.schema), prior)
    samples = ExactGrid(toy, prior).sample([matrix], 20_000, rng)[0, :, 0]
    assert stats.kstest(samples, truth.cdf).pvalue > 1e-3


@pytest.mark.parametrize("c9", [3.02, 4.1, 4.98])
def test_the_exact_posterior_of_decays_is_brute_force(decay, c9, rng):
    """Bayes' theorem on a fine grid, from log-densities of single events."""
    prior = UniformPrior({"C9": (3.0, 5.0)})
    events = decay.simulate({"C9": c9}, 300, rng)
    grid = np.linspace(3, 5, 401)
    log_likelihood = np.array([decay.log_prob({"C9": value}, events).sum() for value in grid])
    density = np.exp(log_likelihood - log_likelihood.max())
    density /= np.trapezoid(density, grid)
    found = ExactGrid(decay, prior).log_prob(grid[None, :, None], [events.matrix])[0]
    np.testing.assert_allclose(np.exp(found), density, atol=2e-3 * density.max())
    mean = np.trapezoid(grid * density, grid)
    sd = np.trapezoid((grid - mean) ** 2 * density, grid) ** 0.5
    samples = ExactGrid(decay, prior).sample([events.matrix], 10_000, rng)[0, :, 0]
    assert samples.mean() == pytest.approx(mean, abs=5 * sd / 100)
    assert samples.std() == pytest.approx(sd, rel=0.05)


def test_a_grid_is_for_one_parameter(toy, message):
    with pytest.raises(InputError) as error:
        ExactGrid(toy, UniformPrior({"mu": (0, 1), "nu": (0, 1)}))
    message(error, "2 parameters", "method: flow")


def test_a_prior_of_another_parameter_is_refused(toy, message):
    with pytest.raises(InputError) as error:
        ExactGrid(toy, UniformPrior({"nu": (0, 1)}))
    message(error, "nu", "mu")


def test_the_prior_is_what_it_says(rng):
    estimator = PriorEstimator(UniformPrior({"a": (0, 2), "b": (-1, 0)}))
    events = [np.zeros((5, 1)), np.ones((3, 1))]
    theta = np.array([[[1.0, -0.5], [3.0, -0.5]], [[1.0, 0.5], [0.0, 0.0]]])
    half = -np.log(2)
    np.testing.assert_allclose(estimator.log_prob(theta, events), [[half, -np.inf], [-np.inf, half]])
    samples = estimator.sample(events, 2000, rng)
    assert samples.shape == (2, 2000, 2)
    for column, (low, width) in enumerate([(0, 2), (-1, 1)]):
        assert stats.kstest(samples[:, :, column].ravel(), stats.uniform(low, width).cdf).pvalue > 1e-3
