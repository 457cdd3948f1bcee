import numpy as np
import torch

from neyman.learning.events import EventNetwork


def test_each_event_has_its_own_statistics(seeded, rng):
    network = EventNetwork(3, 5, hidden=(8, 8))
    inputs = rng.normal(size=(20, 3)).astype(np.float32)
    found = network.evaluate(inputs)
    assert (found.shape, found.dtype, network.statistics) == ((20, 5), np.float64, 5)
    with torch.no_grad():
        np.testing.assert_array_equal(found, network(torch.from_numpy(inputs)).double().numpy())
    alone = np.concatenate([network.evaluate(row[None]) for row in inputs])
    np.testing.assert_allclose(found, alone, atol=1e-6)
    np.testing.assert_allclose(network.evaluate(inputs[::-1].copy()), found[::-1], atol=1e-6)


def test_sets_of_events_keep_their_axes(seeded):
    inputs = torch.linspace(-1, 1, 24).reshape(4, 2, 3)
    network = EventNetwork(3, 1, hidden=(8,))
    found = network(inputs)
    assert found.shape == (4, 2, 1)
    torch.testing.assert_close(found.reshape(8, 1), network(inputs.reshape(8, 3)))


def test_it_may_be_linear(seeded):
    network = EventNetwork(2, 2, hidden=())
    one, other = torch.ones(1, 2), torch.tensor([[3.0, -1.0]])
    torch.testing.assert_close(network((one + other) / 2), (network(one) + network(other)) / 2)


def test_every_parameter_gets_a_gradient(seeded):
    network = EventNetwork(3, 5, hidden=(8, 8))
    network(torch.linspace(-1, 1, 30).reshape(10, 3)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad != 0).any(), name
