import numpy as np
import pytest
import torch

from neyman.anomaly.config import EnergyConfig
from neyman.anomaly.energy_model import EnergyModel, new_network
from neyman.anomaly.scores.energy import EnergyScore

SIGMAS = (0.25, 0.5, 1.0)


@pytest.fixture(scope="module")
def normal():
    """A network that is the standard normal exactly: p_σ = N(0, 1 + σ²)."""
    network = new_network(3, EnergyConfig(width=8, blocks=1, noise={"low": 0.25, "high": 1.0, "levels": 3}))
    torch.nn.init.zeros_(network.output.weight)
    torch.nn.init.zeros_(network.output.bias)
    return EnergyModel(network, score_level=1)


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(40, 3))


@pytest.mark.parametrize("sigma", SIGMAS)
def test_scores_of_a_normal_are_known(normal, x, sigma):
    square = (x**2).sum(axis=1)
    energy, norm = (EnergyScore(kind, sigma=sigma, model=normal).score_samples(x) for kind in ("energy", "score_norm"))
    np.testing.assert_allclose(energy, square / 2 / (1 + sigma**2), rtol=1e-5)
    np.testing.assert_allclose(norm, sigma * np.sqrt(square) / (1 + sigma**2), rtol=1e-5)


def test_the_sum_is_over_all_levels(normal, x):
    expected = sum((x**2).sum(axis=1) * sigma**2 / (1 + sigma**2) ** 2 for sigma in SIGMAS)
    found = EnergyScore("weighted_norm", model=normal).score_samples(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_level_is_the_nearest_or_that_of_the_model(normal, x):
    default = EnergyScore(model=normal).score_samples(x)
    np.testing.assert_array_equal(default, EnergyScore(sigma=0.5, model=normal).score_samples(x))
    np.testing.assert_array_equal(default, EnergyScore(sigma=0.55, model=normal).score_samples(x))


def test_a_trained_model_stays_as_it_is(normal, x):
    score = EnergyScore(model=normal)
    assert score.fit(x).model is normal
