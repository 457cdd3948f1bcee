"""The maximum of the exact likelihood is an unbiased, efficient estimator: what 1000 events must give."""

import numpy as np
import pytest
from scipy import stats

from neyman.simulation.eos import BToKstarMuMu

GRID = np.linspace(0.5, 8.0, 751)[:, None]


def maximum(values):
    """The top of the parabola through the three highest points of the grid."""
    i = int(np.clip(values.argmax(), 1, len(values) - 2))
    left, middle, right = values[i - 1 : i + 2]
    return GRID[i, 0] + 0.5 * (GRID[1, 0] - GRID[0, 0]) * (left - right) / (left - 2 * middle + right)


@pytest.mark.parametrize("truth", [3.3, 4.27342842])
def test_pulls_of_the_maximum(truth):
    decay, toys = BToKstarMuMu(), 150
    sets = decay.simulate_sets(np.full((toys, 1), truth), 1_000, np.random.default_rng(7))
    sigma = (1_000 * decay.fisher({"C9": truth})) ** -0.5
    pulls = np.array([maximum(decay.log_likelihood_grid(GRID, one)) - truth for one in sets]) / sigma
    assert abs(pulls.mean()) < stats.norm.ppf(0.995) / toys**0.5
    low, high = stats.chi2.ppf([0.005, 0.995], toys - 1) / (toys - 1)
    assert low < pulls.var(ddof=1) < high * 1.1  # the bound is asymptotic: a few per cent more at 1000 events


@pytest.mark.parametrize(("c9", "sigma"), [(3.0, 0.1362), (4.27342842, 0.1778), (5.0, 0.2235)])
def test_the_cramer_rao_bound(c9, sigma):
    assert (1_000 * BToKstarMuMu().fisher({"C9": c9})) ** -0.5 == pytest.approx(sigma, abs=1e-4)


def test_posteriors_on_a_grid_are_calibrated():
    """Truths from the prior have flat ranks in their exact posteriors."""
    decay, rng = BToKstarMuMu(), np.random.default_rng(8)
    truths = rng.uniform(3.0, 5.0, (200, 1))
    sets = decay.simulate_sets(truths, 300, rng)
    grid = np.linspace(3.0, 5.0, 201)[:, None]
    levels = []
    for truth, one in zip(truths[:, 0], sets, strict=True):
        values = decay.log_likelihood_grid(grid, one)
        density = np.exp(values - values.max())
        cdf = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
        levels.append(np.interp(truth, grid[:, 0], cdf / cdf[-1]))
    assert stats.kstest(levels, "uniform").pvalue > 1e-3
