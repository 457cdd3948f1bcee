import numpy as np
import pytest
import torch

from neyman.core.errors import InputError
from neyman.learning.config import TrainingConfig
from neyman.learning.energy import EnergyNetwork, ScoreNetwork
from neyman.learning.score_matching import ScoreMatching
from neyman.learning.training import train

pytestmark = pytest.mark.usefixtures("seeded")

SIGMAS = (0.3, 0.8, 2.0)


def error(network, density, level, rng):
    """Of the scaled score, in L2(p_σ), over that of the true one."""
    sigma = float(network.sigmas[level])
    x = density.sample(8000, rng)
    x = x + sigma * torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))
    true = sigma * density.score(x, sigma)
    with torch.no_grad():
        return float((network.scaled_score(x, level) - true).norm() / true.norm())


def test_the_score_is_that_of_the_mixture(learned, rng):
    density, network = learned
    errors = [error(network, density, level, rng) for level in range(network.levels)]
    assert max(errors) < 0.05, errors


def fitted(events, *, network=EnergyNetwork, steps=120, **terms):
    """A network trained on a few events, with a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        made = network(events.shape[1], SIGMAS, width=32, blocks=2)
    model = ScoreMatching(made, score_level=1, **terms)

    def batch(step):
        rng = np.random.default_rng([5, step])
        rows = torch.from_numpy(rng.integers(len(events), size=512))
        noise = torch.from_numpy(rng.standard_normal((512, events.shape[1]), dtype=np.float32))
        return events[rows], model.levels(512, rng), noise

    config = TrainingConfig(epochs=1, steps_per_epoch=steps, learning_rate=2e-2, weight_decay=0, averaging=0.95)
    train(model, config, batches=batch, validation=[batch(10**6)], title="terms", device=torch.device("cpu"))
    return model


def test_the_first_term_alone_knows_one_level(mixture, rng):
    density = mixture(2)
    events = density.sample(20_000, rng)
    single, both = (fitted(events, multi_scale=weight).network for weight in (0.0, 1.0))
    alone, shared = ([error(network, density, level, rng) for level in range(3)] for network in (single, both))
    untrained = error(EnergyNetwork(2, SIGMAS), density, 0, rng)
    assert alone[1] < 0.2
    assert shared[1] < 0.2
    assert shared[0] < 0.5 * untrained
    assert alone[0] > 1.5 * shared[0]


def test_the_weight_term_makes_smaller_weights_and_a_smoother_score(mixture, rng):
    density = mixture(2)
    few = density.sample(40, rng)  # with so few events, each would become a well of its own
    free, held = (fitted(few, weight=weight, steps=200) for weight in (0.0, 3e-4))
    assert held.squared_weights() < 0.5 * free.squared_weights()
    assert error(held.network, density, 1, rng) < error(free.network, density, 1, rng)


def test_a_score_network_learns_too(mixture, rng):
    density = mixture(2)
    model = fitted(density.sample(20_000, rng), network=ScoreNetwork)
    assert error(model.network, density, 1, rng) < 0.2


def test_the_loss_is_what_it_says(rng):
    network = EnergyNetwork(3, SIGMAS, width=8, blocks=1)
    torch.nn.init.normal_(network.output.weight)
    model = ScoreMatching(network, score_level=0, weight=0.1)
    x, noise = (torch.from_numpy(rng.normal(size=(5, 3)).astype(np.float32)) for _ in range(2))
    level = torch.tensor([0, 1, 2, 0, 1])
    noisy = (x + network.sigmas[level][:, None] * noise).requires_grad_()
    score = -network.sigmas[level][:, None] * torch.autograd.grad(network.energy(noisy, level).sum(), noisy)[0]
    squares = [network.inputs.weight, network.blocks[0].weight, network.output.weight]
    expected = ((score + noise) ** 2).sum(dim=1).mean() / 3 + 0.1 * sum((matrix**2).sum() for matrix in squares)
    torch.testing.assert_close(model.loss(x, level, noise), expected)


@pytest.mark.parametrize(("multi_scale", "single"), [(0.0, 900), (1.0, 450), (2.0, 300), (1e9, 0)])
def test_levels_are_a_mixture(multi_scale, single, rng):
    model = ScoreMatching(EnergyNetwork(2, SIGMAS), score_level=1, multi_scale=multi_scale)
    counts = torch.bincount(model.levels(900, rng), minlength=3)
    others = (900 - single) // 3
    assert counts.tolist() == [others, single + others, others]


@pytest.mark.parametrize("bad", [{"score_level": 3}, {"score_level": -1}, {"multi_scale": -1.0}, {"weight": -1.0}])
def test_bad_terms(bad):
    with pytest.raises(InputError):
        ScoreMatching(EnergyNetwork(2, SIGMAS), **{"score_level": 0, **bad})
