import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from neyman.learning.config import TrainingConfig
from neyman.learning.energy import EnergyNetwork
from neyman.learning.score_matching import ScoreMatching
from neyman.learning.training import train


@pytest.fixture
def seeded():
    """Networks take their initial weights from torch's global generator: seed it, and put it back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        yield


@dataclass(frozen=True)
class Mixture:
    """Three round normals, whose density with any noise is known; mean 0 and variance 1 a feature."""

    weights: torch.Tensor
    means: torch.Tensor
    variances: torch.Tensor

    @classmethod
    def of(cls, features, seed=0):
        rng = np.random.default_rng(seed)
        weights, means = torch.tensor([0.5, 0.3, 0.2]), torch.tensor(rng.normal(size=(3, features)) * 2)
        variances = torch.tensor([0.25, 0.16, 0.36], dtype=torch.float64)
        means = means - (weights[:, None] * means).sum(dim=0)
        scale = (weights[:, None] * (variances[:, None] + means**2)).sum(dim=0).mean().sqrt()
        return cls(weights, (means / scale).float(), (variances / scale**2).float())

    def sample(self, n, rng):
        which = torch.from_numpy(rng.choice(3, n, p=[0.5, 0.3, 0.2]))
        noise = torch.from_numpy(rng.standard_normal((n, self.means.shape[1]), dtype=np.float32))
        return self.means[which] + self.variances[which].sqrt()[:, None] * noise

    def parts(self, x, sigma):
        variances = self.variances + sigma**2
        distances = (x[:, None] - self.means).square().sum(dim=2)
        return self.weights.log() - 0.5 * distances / variances - 0.5 * x.shape[1] * (2 * math.pi * variances).log()

    def log_prob(self, x, sigma):
        return torch.logsumexp(self.parts(x, sigma), dim=1)

    def score(self, x, sigma):
        shares = torch.softmax(self.parts(x, sigma), dim=1)[:, :, None]
        return (shares * (self.means - x[:, None]) / (self.variances + sigma**2)[:, None]).sum(dim=1)


class ExactEnergy(EnergyNetwork):
    """The energy of a mixture, with another constant at each level, as score matching leaves it."""

    def __init__(self, mixture, sigmas):
        super().__init__(mixture.means.shape[1], sigmas, width=1, blocks=1)
        self.mixture = mixture
        self.constants = torch.linspace(-50.0, 30.0, len(sigmas))

    def energy(self, x, level):
        sigma = float(self.sigmas[level])
        return self.constants[level] + self.offsets[level] - self.mixture.log_prob(x, sigma)

    def both(self, x, level):
        sigma = float(self.sigmas[level])
        return self.energy(x, level), sigma * self.mixture.score(x, sigma)


@pytest.fixture(scope="session")
def mixture():
    """`mixture(features)` is a density whose score is known at any noise level."""
    return Mixture.of


@pytest.fixture(scope="session")
def exact_energy():
    """`exact_energy(mixture, sigmas)` is a network that has learned it without error."""
    return ExactEnergy


@pytest.fixture(scope="session")
def learned(mixture):
    """A mixture in two dimensions and an energy that was trained on fresh events of it, at four levels."""
    density, sigmas = mixture(2), (0.4, 0.7, 1.2, 2.0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        network = EnergyNetwork(2, sigmas, width=64, blocks=2)
    model = ScoreMatching(network, score_level=0)

    def batch(step):
        rng = np.random.default_rng([3, step])
        x, level = density.sample(1024, rng), model.levels(1024, rng)
        noise = torch.from_numpy(rng.standard_normal((1024, 2), dtype=np.float32))
        return x.repeat(2, 1), level.repeat(2), torch.cat([noise, -noise])

    config = TrainingConfig(epochs=7, steps_per_epoch=100, learning_rate=2.5e-2, weight_decay=0, averaging=0.99)
    train(model, config, batches=batch, validation=[batch(10**6)], title="mixture", device=torch.device("cpu"))
    network.requires_grad_(requires_grad=False)
    return density, network
