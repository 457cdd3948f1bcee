import math

import pytest
import torch

from neyman.core.errors import InputError
from neyman.learning.energy import EnergyNetwork, ScoreNetwork

pytestmark = pytest.mark.usefixtures("seeded")

SIGMAS = (0.1, 0.5, 2.0)


@pytest.fixture
def network():
    """In double precision, with weights of which none is zero."""
    made = EnergyNetwork(5, SIGMAS, width=12, blocks=3).double()
    torch.nn.init.normal_(made.output.weight)
    torch.nn.init.normal_(made.offsets)
    return made


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 3, (7,), generator=generator)


def by_autograd(network, x, level):
    x = x.clone().requires_grad_()
    gradient = torch.autograd.grad(network.energy(x, level).sum(), x, create_graph=True)[0]
    return -network.sigmas[level][:, None] * gradient


def test_the_score_is_the_gradient_of_the_energy(network, batch):
    x, level = batch
    expected = by_autograd(network, x, level)
    torch.testing.assert_close(network.scaled_score(x, level), expected)
    torch.testing.assert_close(network.both(x, level)[1], expected)
    with torch.no_grad():
        torch.testing.assert_close(network.scaled_score(x, level), expected)


def test_the_score_by_finite_differences(network, batch):
    x, level = batch
    step = 1e-6
    with torch.no_grad():
        for feature in range(5):
            move = step * torch.eye(5, dtype=torch.float64)[feature]
            slope = (network.energy(x + move, level) - network.energy(x - move, level)) / (2 * step)
            torch.testing.assert_close(
                network.scaled_score(x, level)[:, feature], -network.sigmas[level] * slope, rtol=1e-6, atol=1e-7
            )


def test_the_derivative_of_the_score_is_that_of_a_double_backward(network, batch):
    x, level = batch
    weights = torch.randn(7, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    parameters = [parameter for name, parameter in network.named_parameters() if name != "output.bias"]
    found = torch.autograd.grad((network.scaled_score(x, level) * weights).sum(), parameters)
    expected = torch.autograd.grad((by_autograd(network, x, level) * weights).sum(), parameters)
    torch.testing.assert_close(found, expected)


def test_the_derivative_of_the_score_by_the_event(network, batch):
    x, level = batch
    x = x.requires_grad_()
    weights = torch.linspace(-1, 1, 35, dtype=torch.float64).reshape(7, 5)
    sigma = network.sigmas[level][:, None]
    gradient = torch.autograd.grad(network.energy(x, level).sum(), x, create_graph=True)[0]
    expected = torch.autograd.grad((-sigma * gradient * weights).sum(), x)
    found = torch.autograd.grad((network.scaled_score(x, level) * weights).sum(), x)
    torch.testing.assert_close(found, expected)


def test_memory_is_used_again_but_not_while_it_is_needed(network, batch):
    x, level = batch
    alone = torch.autograd.grad(network.scaled_score(x, level).square().sum(), network.inputs.weight)[0]
    first = network.scaled_score(x, level)
    network.scaled_score(2 * x, level).sum().backward()
    torch.testing.assert_close(torch.autograd.grad(first.square().sum(), network.inputs.weight)[0], alone)
    again = network.scaled_score(x, level).square().sum()
    again.backward(retain_graph=True)
    with pytest.raises(InputError, match="a second time"):
        again.backward()


def test_one_level_for_all_is_the_same(network, batch):
    x, _ = batch
    for level in range(3):
        each = torch.full((7,), level)
        torch.testing.assert_close(network.energy(x, level), network.energy(x, each))
        torch.testing.assert_close(network.scaled_score(x, level), network.scaled_score(x, each))
        torch.testing.assert_close(network.both(x, level), network(x, each))


@pytest.mark.parametrize("kind", [EnergyNetwork, ScoreNetwork])
def test_before_training_it_is_the_standard_normal(kind, batch):
    x, level = batch[0].float(), batch[1]
    network = kind(5, SIGMAS, width=8, blocks=2)
    sigma = network.sigmas[level][:, None]
    torch.testing.assert_close(network.scaled_score(x, level), -sigma * x / (1 + sigma**2))
    assert (network.features, network.levels) == (5, 3)


def test_the_gradient_of_the_other_network_is_its_output(batch):
    x, level = batch[0].float(), batch[1]
    network = ScoreNetwork(5, SIGMAS, width=8, blocks=2)
    torch.nn.init.normal_(network.output.weight)
    before = network(x, level)
    before.square().sum().backward()
    assert network.blocks[0].weight.grad.abs().sum() > 0
    assert before.shape == (7, 5)


def test_what_is_far_away_has_a_high_energy(network, batch):
    x, level = batch
    energies = torch.stack([network.energy(scale * x, level) for scale in (1e2, 1e3, 1e4)])
    assert (energies.diff(dim=0) > 0).all()


@pytest.mark.parametrize("sigmas", [(), (0.0, 1.0), (1.0, 0.5), (0.5, 0.5), (-1.0,), (math.nan,), (1.0, math.inf)])
def test_levels_that_do_not_ascend(sigmas, message):
    with pytest.raises(InputError) as error:
        EnergyNetwork(2, sigmas)
    message(error, "noise levels", "ascend")


@pytest.mark.parametrize("sizes", [{"features": 0}, {"width": 0}, {"blocks": 0}])
def test_networks_of_nothing(sizes, message):
    with pytest.raises(InputError) as error:
        EnergyNetwork(**{"features": 2, "sigmas": SIGMAS, **sizes})
    message(error, "one at least")
