import math

import numpy as np
import pytest
import torch

from neyman.core.errors import DataError
from neyman.learning.alignment import align
from neyman.learning.energy import EnergyNetwork

pytestmark = pytest.mark.usefixtures("seeded")


def noisy(density, sigma, rng, n=8000):
    x = density.sample(n, rng)
    return x + sigma * torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))


def test_the_energy_of_a_trained_network_is_minus_the_log_of_the_density(learned, rng):
    density, network = learned
    align(network, density.sample(20_000, rng), torch.Generator().manual_seed(1))
    for level, sigma in enumerate(network.sigmas.tolist()):
        x = noisy(density, sigma, rng)
        log_prob = density.log_prob(x, sigma)
        constant = network.energy(x, level) + log_prob
        spread = float(log_prob.std())
        assert float(constant.std()) < 0.05 * spread, level  # over events
        assert abs(float(constant.mean())) < 0.05 * spread, level  # and the same, zero, at every level


def test_what_score_matching_leaves_open_was_not_aligned(exact_energy, mixture, rng):
    density = mixture(2)
    network = exact_energy(density, (0.3, 0.8, 2.0))
    x = noisy(density, 0.3, rng)
    before = network.energy(x, 0) + density.log_prob(x, 0.3)
    assert float(before.std()) < 1e-4
    assert float(before.mean()) == pytest.approx(-50)


@pytest.mark.parametrize(("features", "allowed"), [(1, 0.02), (8, 0.1), (32, 0.4)])
def test_any_number_of_features(exact_energy, mixture, rng, features, allowed):
    density, sigmas = mixture(features), np.geomspace(0.1, 3.0, 7).tolist()
    network = exact_energy(density, sigmas)
    align(network, density.sample(20_000, rng), torch.Generator().manual_seed(2))
    left = network.constants + network.offsets
    spread = float(density.log_prob(noisy(density, 0.1, rng), 0.1).std())
    assert float(left.abs().max()) < allowed * spread, (left, spread)


def test_the_standard_normal_in_64_dimensions():
    network = EnergyNetwork(64, (0.05, 0.2, 0.8, 2.0), width=4, blocks=1)
    x = torch.from_numpy(np.random.default_rng(3).standard_normal((20_000, 64), dtype=np.float32))
    added = align(network, x, torch.Generator().manual_seed(3))
    expected = 32 * torch.log(2 * math.pi * (1 + network.sigmas**2))
    # The spread of the energy over events is √32 = 5.7.
    torch.testing.assert_close(added, expected, rtol=0, atol=0.25)
    torch.testing.assert_close(network.offsets, added)


def test_twice_is_once(rng):
    network = EnergyNetwork(3, (0.2, 1.0), width=4, blocks=1)
    x = torch.from_numpy(rng.standard_normal((5000, 3), dtype=np.float32))
    align(network, x, torch.Generator().manual_seed(1))
    torch.testing.assert_close(align(network, x, torch.Generator().manual_seed(1)), torch.zeros(2), rtol=0, atol=1e-4)


def test_too_few_events(message):
    with pytest.raises(DataError) as error:
        align(EnergyNetwork(2, (0.5, 1.0)), torch.zeros(5, 2), torch.Generator())
    message(error, "5 events")
