"""What is minimised and what is constrained, of events whose scores are given."""

import numpy as np
import pytest
import torch

from neyman.abcd.gates import templates_of
from neyman.abcd.loss import loss_and_gradients
from neyman.abcd.methods import ClsMethod, ConstraintsConfig
from neyman.abcd.networks import Scores
from neyman.abcd.objectives import ConstrainedCls, cross_entropy, decorrelation, one_event
from neyman.learning.closure import closure, minimum_yields, quantiles

F64 = torch.float64
EDGES = (0.0, 0.5, 1.0)
YIELDS = torch.tensor([[400.0, 55, 4000, 500], [400.0, 55, 4000, 500]], dtype=F64)
SIGNAL = torch.tensor([[1.0, 15, 0.2, 1], [1, 6, 0.2, 1]], dtype=F64)


def objective(**options):
    with torch.random.fork_rng(devices=[]):
        return ConstrainedCls(Scores(2, (2,)), ClsMethod(**options), EDGES)


@pytest.fixture
def events(rng):
    """Scores that know of each other, discriminant, weights and class."""
    n = 400
    scores = rng.normal(size=(n, 2))
    scores[:, 1] += 0.5 * scores[:, 0]
    return (
        torch.from_numpy(scores).requires_grad_(),
        torch.from_numpy(rng.random(n)),
        torch.from_numpy(rng.uniform(0.5, 2, n)),
        torch.from_numpy(rng.random(n) < 0.3),
    )


def values_of(model, yields, variance, rng):
    """The constraints of given templates; scores and random cuts do not matter."""
    scores, weights = torch.from_numpy(rng.normal(size=(50, 2))), torch.ones(50, dtype=F64)
    levels, some = torch.full((2, 2), 0.5, dtype=F64), torch.arange(50)
    return model.values((yields, SIGNAL, variance), scores, weights, levels, some, steepness=5.0)


@pytest.mark.parametrize("gates", ["straight_through", "soft"])
def test_yields_are_those_of_hard_gates_and_slopes_those_of_soft_ones(events, gates):
    model = objective(gates=gates, cuts=(0.6, 0.7))
    found = model.templates(*events, steepness=3.0)
    options = {"edges": model.edges, "cuts": model.cuts()}
    soft = templates_of(*events, **options, steepness=3.0)
    hard = templates_of(*events, **options, steepness=None)
    for mine, its_slope, its_value in zip(found, soft, soft if gates == "soft" else hard, strict=True):
        torch.testing.assert_close(mine, its_value)
        factors = torch.linspace(-1, 2, 8, dtype=F64).view(2, 4)
        inputs = (events[0], model.cuts.logits)
        slopes = (torch.autograd.grad((factors * each).sum(), inputs, retain_graph=True) for each in (mine, its_slope))
        for one, other in zip(*slopes, strict=True):
            torch.testing.assert_close(one, other)


def test_random_closure_is_that_of_hard_gates(events, rng):
    scores, _, weights, is_signal = events
    scores, weights = scores.detach()[~is_signal], weights[~is_signal]
    levels = torch.from_numpy(rng.uniform(0.1, 0.9, (6, 2)))
    found = objective().values(
        (YIELDS, SIGNAL, YIELDS), scores, weights, levels, torch.arange(len(scores)), steepness=3.0
    )
    cuts = torch.stack([quantiles(scores[:, i], weights, levels[:, i]) for i in range(2)], dim=1)
    exact = closure(scores, weights, cuts, steepness=None).square().mean().sqrt()
    assert found["random_closure"].item() == pytest.approx(exact.item(), abs=1e-9)


@pytest.mark.parametrize("least", [0.0, -2.0])
@pytest.mark.parametrize("mc_statistics", [True, False])
def test_an_empty_region_counts_as_one_event(least, mc_statistics):
    """Else nothing were better than a region B in which simulation has no event, or negative weights."""
    background, variance = YIELDS.clone(), 3 * YIELDS
    background[1, 1], variance[1, 1] = least, 0.5
    one = float(variance.sum() / background.sum())
    assert float(one_event(background, variance)) == pytest.approx(one)
    held = np.where(background.numpy() > one, background.numpy(), one)
    spread = np.where(background.numpy() > one, variance.numpy(), one**2)
    more = {"variance": spread} if mc_statistics else {}
    truth = loss_and_gradients(held, SIGNAL.numpy(), statistic="log_cls", **more).value
    found = objective(mc_statistics=mc_statistics).objective((background, SIGNAL, variance))
    assert found.item() == pytest.approx(truth, rel=1e-9)


def test_the_closure_of_bins_is_what_statistics_do_not_explain(rng):
    """δ = 10 %: known well, it is tanh(ln(1.1)/2) = 1/21; known to 17 %, it is nothing."""
    exact = values_of(objective(), YIELDS, 1e-6 * YIELDS, rng)["closure"].item()
    assert exact == pytest.approx(1 / 21, rel=1e-3)
    assert values_of(objective(), YIELDS, YIELDS, rng)["closure"].item() < 1e-5
    spread = 0.2 * float((1 / YIELDS[0]).sum())  # variance of ln(1+δ)
    beyond = (1 / 21) ** 2 - 0.25 * (1 - 1 / 21**2) ** 2 * spread
    found = values_of(objective(), YIELDS, 0.2 * YIELDS, rng)["closure"].item()
    assert found == pytest.approx(np.sqrt(beyond), rel=1e-6)


@pytest.mark.parametrize(("least_yield", "weight", "least"), [(20.0, 3.0, 20.0), (2.0, 15.0, 75.0)])
def test_the_least_yield_is_that_of_five_simulated_events_at_least(rng, least_yield, weight, least):
    model = objective(constraints=ConstraintsConfig(least_yield=least_yield))
    found = values_of(model, YIELDS, weight * YIELDS, rng)["least_yield"]
    assert found.item() == pytest.approx(minimum_yields(YIELDS, least).item())


def test_constraints_that_are_left_out_have_no_value(rng):
    model = objective(constraints=ConstraintsConfig(closure=None, random_closure=None, disco=None))
    assert list(values_of(model, YIELDS, YIELDS, rng)) == ["least_yield"]


def test_decorrelation_is_of_weighted_probabilities(events, rng):
    logits = events[0].detach()[:60]
    number = torch.from_numpy(rng.integers(0, 3, 60))
    repeated = decorrelation(logits.repeat_interleave(number, 0), torch.ones(int(number.sum()), dtype=F64))
    assert decorrelation(logits, number.double()).item() == pytest.approx(repeated.item(), abs=1e-12)
    assert decorrelation(4 * logits, number.double()).item() != pytest.approx(repeated.item(), rel=0.01)


def test_cross_entropy_knows_no_rarer_class(events):
    """Logits of zero cost ln 2 each; a logit that is right for the rare class is worth as much as for the other."""
    _, _, weights, is_signal = events
    weights = torch.where(is_signal, 1e-3 * weights, weights)
    nothing = torch.zeros(len(weights), 2, dtype=F64)
    assert cross_entropy(nothing, weights, is_signal).item() == pytest.approx(2 * np.log(2))
    right = [torch.where(is_signal == label, 2.0 if label else -2.0, 0.0)[:, None] + nothing for label in (True, False)]
    one, other = (cross_entropy(logits, weights, is_signal).item() for logits in right)
    assert one == pytest.approx(other)
    assert one == pytest.approx(np.log(2) + np.log1p(np.exp(-2)))
