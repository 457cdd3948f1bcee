"""The loss in torch: values against those of pyhf, gradients against differences, and the quick start of its users."""

import numpy as np
import pytest
import torch
from torch import nn

from neyman.abcd.gates import templates_of
from neyman.abcd.loss import loss_and_gradients
from neyman.abcd.torch import CLsLoss, expected_loss
from neyman.core.errors import InputError, NumericsError

BACKGROUND = torch.tensor([[400.0, 50, 4000, 500], [80, 9, 900, 100]], dtype=torch.float64)
SIGNAL = torch.tensor([[1, 15, 0.2, 1], [1, 6, 0.2, 1]], dtype=torch.float64)
EDGES = torch.linspace(200, 2000, 17)


def network(seed, dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).to(dtype)


@pytest.fixture
def events(rng):
    """Of the users' quick start: random numbers, a cross-section of one each."""
    n = 2000
    return {
        "features": torch.from_numpy(rng.normal(size=(n, 3)).astype(np.float32)),
        "weights_xs": torch.ones(n),
        "target": torch.from_numpy(rng.integers(0, 2, n).astype(np.float32)),
        "data_dict": {"constraint_MT01FatJetMET": torch.from_numpy(rng.random(n).astype(np.float32))},
    }


def test_the_value_is_that_of_pyhf():
    one = expected_loss(BACKGROUND[:1], SIGNAL[:1])
    assert one.item() == pytest.approx(0.0762968, abs=1e-7)
    assert (one.shape, one.dtype) == ((), torch.float64)


@pytest.mark.parametrize("statistic", ["cls", "log_cls", "q", "q0"])
def test_gradients_are_those_of_differences(statistic):
    background, signal = BACKGROUND.clone().requires_grad_(), SIGNAL.clone().requires_grad_()
    delta = torch.tensor([0.1, -0.2], dtype=torch.float64, requires_grad=True)
    variance = (2 * BACKGROUND).requires_grad_()

    def loss(b, s, d, v):
        return expected_loss(b, s, delta=d, variance=v, statistic=statistic)

    assert torch.autograd.gradcheck(loss, (background, signal, delta, variance), eps=1e-4, atol=1e-7, rtol=1e-4)


def test_gradients_reach_the_networks_through_gates_and_cuts(rng):
    """In double precision, from the weights of a network to CLs."""
    n = 300
    x = torch.from_numpy(rng.normal(size=(n, 3)))
    is_signal = torch.from_numpy(rng.random(n) < 0.3)
    mt, weights = torch.from_numpy(rng.random(n)), torch.full((n,), 3.0, dtype=torch.float64)
    nets = [network(seed, torch.float64) for seed in (1, 2)]
    cuts = torch.tensor([0.1, 0.2], dtype=torch.float64, requires_grad=True)
    edges = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)

    def loss(first, second, cuts):
        scores = torch.cat(
            [
                torch.func.functional_call(net, {"0.weight": w}, (x,))
                for net, w in zip(nets, (first, second), strict=True)
            ],
            dim=1,
        )
        background, signal, variance = templates_of(
            scores, mt, weights, is_signal, edges=edges, cuts=cuts, steepness=5.0
        )
        return expected_loss(background, signal, variance=variance)

    start = [net[0].weight.detach().clone().requires_grad_() for net in nets]
    assert torch.autograd.gradcheck(loss, (*start, cuts), eps=1e-5, atol=1e-7, rtol=1e-4)


def test_a_gradient_that_nobody_asks_for_is_not_made():
    signal = SIGNAL.clone().requires_grad_()
    expected_loss(BACKGROUND, signal).backward()
    found = loss_and_gradients(BACKGROUND.numpy(), SIGNAL.numpy())
    assert signal.grad.numpy() == pytest.approx(found.signal)


def test_there_is_no_second_derivative(message):
    background = BACKGROUND.clone().requires_grad_()
    with pytest.raises(NumericsError) as error:
        torch.autograd.grad(expected_loss(background, SIGNAL), background, create_graph=True)
    message(error, "no second derivatives")


def test_the_quick_start_of_its_users_runs(events):
    """Untrained networks, raw logits, hardly an event in some regions."""
    loss_function = CLsLoss(EDGES, 200.0, 2000.0)
    first, second = network(1), network(2)
    optimiser = torch.optim.Adam([*first.parameters(), *second.parameters()], lr=1e-3)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = loss_function(models=(first, second), cuts=(0.5, 0.5), weights_train=None, **events)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert loss.shape == ()
    assert np.isfinite(losses).all()
    assert all(0 <= value <= 1 for value in losses)
    assert all(torch.isfinite(p.grad).all() for p in (*first.parameters(), *second.parameters()))


def test_its_templates_are_what_they_say(events):
    loss = CLsLoss(EDGES, 200.0, 2000.0, int_lumi=10.0, steepness=1e6)
    nets = network(1), network(2)
    background, signal = loss.templates(
        nets, events["features"], (0.1, 0.0), events["weights_xs"], target=events["target"],
        data_dict=events["data_dict"],
    )  # fmt: skip
    with torch.no_grad():
        scores = np.concatenate([net(events["features"]).double().numpy() for net in nets], axis=1)
    mt = 200 + 1800 * events["data_dict"]["constraint_MT01FatJetMET"].double().numpy()
    high = scores > [0.1, 0.0]
    expected = np.histogram(mt[high[:, 0] & ~high[:, 1] & (events["target"].numpy() == 1)], EDGES.double().numpy())[0]
    assert signal[:, 0].detach().numpy() == pytest.approx(10 * expected, abs=0.05)
    assert float((background + signal).detach().sum()) == pytest.approx(20_000)


@pytest.mark.parametrize("shape", [(2000, 1), (2000,)])
def test_columns_may_have_one_axis_or_two(events, shape):
    loss = CLsLoss(EDGES, 200.0, 2000.0)
    nets = network(1), network(2)
    flat = loss(nets, cuts=(0.0, 0.0), **events).item()
    reshaped = {name: events[name].reshape(shape) for name in ("weights_xs", "target")}
    squeezed = tuple(lambda x, net=net: net(x).reshape(shape) for net in nets)
    assert loss(squeezed, cuts=torch.zeros(2), **(events | reshaped)).item() == flat


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"target": None}, ["no target"]),
        ({"data_dict": {"mt": torch.zeros(2000)}}, ["data_dict holds mt", "constraint_MT01FatJetMET"]),
        ({"data_dict": None}, ["data_dict holds nothing"]),
        ({"weights_xs": torch.ones(3)}, ["weights_xs has shape (3,)", "(2000,) or (2000, 1)"]),
    ],
)
def test_bad_calls_are_refused(events, change, parts, message):
    with pytest.raises(InputError) as error:
        CLsLoss(EDGES, 200.0, 2000.0)((network(1), network(2)), cuts=(0.5, 0.5), **(events | change))
    message(error, *parts)


@pytest.mark.parametrize(
    ("arguments", "options", "part"),
    [
        (([200.0, 100.0], 0.0, 1.0), {}, "numbers that increase"),
        (([200.0], 0.0, 1.0), {}, "two or more"),
        (([0.0, float("nan"), 1.0], 0.0, 1.0), {}, "numbers that increase"),
        ((EDGES, 2000.0, 200.0), {}, "mt_min below mt_max"),
        ((EDGES, 0.0, 1.0), {"epsilon": 0.0}, "epsilon 0"),
        ((EDGES, 0.0, 1.0), {"steepness": float("inf")}, "steepness inf"),
        ((EDGES, 0.0, 1.0), {"int_lumi": -1.0}, "int_lumi -1"),
    ],
)
def test_bad_settings_are_refused(arguments, options, part, message):
    with pytest.raises(InputError) as error:
        CLsLoss(*arguments, **options)
    message(error, part)


def test_fits_that_fail_are_tried_again_with_more_events(events, monkeypatch):
    seen = []

    def fails_twice(background, signal):
        seen.append(float(background.min().detach()))
        if len(seen) < 3:
            raise NumericsError("bin 0: the fit found no minimum")
        return background.sum()

    monkeypatch.setattr("neyman.abcd.torch.expected_loss", fails_twice)
    CLsLoss(EDGES, 200.0, 2000.0, epsilon=1e3)((network(1), network(2)), cuts=(0.5, 0.5), **events)
    assert np.diff(seen) == pytest.approx([9e3, 9e4])
    with pytest.raises(NumericsError):
        seen.clear()
        CLsLoss(EDGES, 200.0, 2000.0, num_retries=1)((network(1), network(2)), cuts=(0.5, 0.5), **events)
