import math

import numpy as np
import pytest
import torch

from neyman.core.errors import DataError, InputError
from neyman.learning import closure as module
from neyman.learning.closure import above, bin_closure, closure, log_non_closure, minimum_yields, quantiles, random_cuts

F64 = torch.float64


def plane(rng, n, correlation=0.0):
    """Scores between 0 and 1, and weights."""
    x, noise = rng.normal(size=(2, n))
    y = correlation * x + math.sqrt(1 - correlation**2) * noise
    scores = torch.sigmoid(torch.from_numpy(np.stack([x, y], axis=1)))
    return scores, torch.from_numpy(rng.uniform(0.5, 1.5, size=n))


def test_hard_gates_against_counts(rng):
    scores, weights = plane(rng, 500, 0.5)
    cuts = torch.tensor([[0.5, 0.5], [0.3, 0.7]], dtype=F64)
    for cut, found in zip(cuts, closure(scores, weights, cuts, steepness=None), strict=True):
        first, second = (scores > cut).T.tolist()
        sums = dict.fromkeys([(True, False), (True, True), (False, False), (False, True)], 0.0)
        for key in zip(first, second, weights.tolist(), strict=True):
            sums[key[:2]] += key[2]
        a, b, c, d = sums.values()
        assert found.item() == pytest.approx(abs(b * c - a * d) / (b * c + a * d), rel=1e-12)


def test_independent_scores_close_and_others_do_not(rng):
    cuts = torch.tensor([[0.4, 0.6], [0.5, 0.5]], dtype=F64)
    for steepness in (None, 100.0):
        assert closure(*plane(rng, 200_000), cuts, steepness=steepness).max() < 0.02
        assert closure(*plane(rng, 20_000, 0.5), cuts, steepness=steepness).min() > 0.3


def test_steep_gates_are_hard_gates(rng):
    scores, weights = plane(rng, 300, 0.3)
    cuts = torch.tensor([[0.5, 0.5]], dtype=F64)
    hard, steep = (closure(scores, weights, cuts, steepness=steepness) for steepness in (None, 1e6))
    torch.testing.assert_close(steep, hard, rtol=0, atol=1e-6)


def test_gradients(rng):
    scores, weights = plane(rng, 12, 0.3)
    cuts = torch.tensor([[0.5, 0.5], [0.4, 0.7]], dtype=F64)
    inputs = tuple(part.requires_grad_() for part in (scores, weights, cuts))
    assert torch.autograd.gradcheck(lambda *parts: closure(*parts, steepness=8.0), inputs)


def test_blocks_of_cuts_change_nothing(rng, monkeypatch):
    scores, weights = plane(rng, 50, 0.3)
    scores.requires_grad_()
    cuts = random_cuts(scores, weights, rng, n_cuts=7)

    def value_and_gradient():
        values = closure(scores, weights, cuts, steepness=20.0)
        return values, torch.autograd.grad(values.square().sum(), scores)[0]

    whole = value_and_gradient()
    monkeypatch.setattr(module, "_CHUNK", 100)
    for one, other in zip(whole, value_and_gradient(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)


def test_single_precision_sums_in_double(rng):
    scores, weights = plane(rng, 1000)
    cuts = torch.tensor([[0.5, 0.5]])
    double = closure(scores, weights, cuts, steepness=10.0)
    single = closure(scores.float(), weights.float(), cuts, steepness=10.0)
    assert single.dtype == F64
    torch.testing.assert_close(single, double, rtol=0, atol=1e-6)


def test_empty_products_and_negative_weights():
    scores = torch.tensor([[0.9, 0.9], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9]])
    cut = torch.tensor([[0.5, 0.5], [2.0, 2.0]])
    value = lambda *weights: closure(scores, torch.tensor(weights), cut, steepness=None).tolist()  # noqa: E731
    assert value(1.0, 1.0, 0.0, 1.0) == [1, 0]  # no events in A; above all events nothing is known
    assert value(0.0, 1.0, 0.0, 1.0) == [0, 0]
    assert value(-1.0, 1.0, 1.0, 1.0) == [1, 0]
    assert closure(scores, torch.ones(4), torch.zeros(0, 2), steepness=None).shape == (0,)


def test_descent_closes():
    """One number, how much of the first score is in the second, learned from closure alone."""
    generator = np.random.default_rng(3)
    x, noise = torch.from_numpy(generator.normal(size=(2, 2000)))
    weights, mixing = torch.ones(2000, dtype=F64), torch.tensor(0.8, dtype=F64, requires_grad=True)
    descent = torch.optim.Adam([mixing], lr=0.1)
    for _ in range(40):
        scores = torch.stack([torch.sigmoid(x), torch.sigmoid(noise + mixing * x)], dim=-1)
        cuts = random_cuts(scores, weights, generator, n_cuts=8)
        descent.zero_grad()
        closure(scores, weights, cuts, steepness=50.0).mean().backward()
        descent.step()
    assert abs(mixing.item()) < 0.15


def test_random_cuts_are_uniform_in_quantiles(rng):
    scores, weights = plane(rng, 5000, 0.4)
    weights = weights * (scores[:, 0] > 0.2)  # events without weight say nothing about where the events are
    cuts = random_cuts(scores, weights, rng, n_cuts=2000, low=0.1, high=0.8)
    assert not cuts.requires_grad
    for i in range(2):
        below = (above(cuts[:, i, None], scores[:, i], None) @ weights) / weights.sum()
        assert below.min() > 0.099
        assert below.max() < 0.801
        assert below.mean().item() == pytest.approx(0.45, abs=0.02)
    assert abs(torch.corrcoef(cuts.T)[0, 1].item()) < 0.08


def test_random_cuts_come_from_the_generator(rng):
    scores, weights = plane(rng, 100)
    one, other, third = (
        random_cuts(scores, weights, np.random.default_rng(seed), n_cuts=3) for seed in (1, 1, 2)
    )  # fmt: skip
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_quantiles_with_unit_weights_are_the_usual_ones_in_between(rng):
    score = torch.from_numpy(rng.normal(size=1001))
    levels = torch.linspace(0.05, 0.95, 19, dtype=F64)
    usual = np.quantile(score.numpy(), levels.numpy(), method="hazen")
    np.testing.assert_allclose(quantiles(score, torch.ones(1001), levels).numpy(), usual, rtol=1e-9)


def test_quantiles_of_ties_of_one_event_and_of_negative_weights():
    levels = torch.tensor([0.0, 0.3, 1.0], dtype=F64)
    assert quantiles(torch.full((4,), 2.0), torch.ones(4), levels).tolist() == [2, 2, 2]
    assert quantiles(torch.tensor([3.0]), torch.ones(1), levels).tolist() == [3, 3, 3]
    weights = torch.tensor([1.0, 1.0, -0.5, 1.0, 1.0])
    found = quantiles(torch.arange(5.0), weights, torch.linspace(0, 1, 11, dtype=F64))
    assert (found.diff() >= 0).all()
    assert (found[0], found[-1]) == (0, 4)


@pytest.mark.parametrize(
    ("score", "weights", "words"),
    [
        ([], [], ["0 scores"]),
        ([1.0, math.nan], [1.0, 1.0], ["2 scores, 1 not finite"]),
        ([1.0, 2.0], [1.0, -1.0], ["total weight 0", "more than zero"]),
        ([1.0, 2.0], [1.0, math.nan], ["total weight nan"]),
    ],
)
def test_bad_scores(message, score, weights, words):
    with pytest.raises(DataError) as error:
        quantiles(torch.tensor(score), torch.tensor(weights), torch.tensor([0.5]))
    message(error, *words)


def test_bad_options(message, rng):
    scores, weights = plane(rng, 10)
    for low, high in ((0.9, 0.1), (-0.1, 0.5), (0.5, math.nan)):
        with pytest.raises(InputError) as error:
            random_cuts(scores, weights, rng, n_cuts=1, low=low, high=high)
        message(error, "quantiles from", "low < high")
    for steepness in (0.0, -1.0, math.nan):
        with pytest.raises(InputError) as error:
            closure(scores, weights, torch.zeros(1, 2), steepness=steepness)
        message(error, "steepness", "None for hard gates")
    for least in (0.0, math.inf, math.nan):
        with pytest.raises(InputError) as error:
            minimum_yields(torch.ones(1, 4), least)
        message(error, "at least")


def test_closure_of_bins():
    yields = torch.tensor([[400, 50, 4000, 500], [400, 55, 4000, 500], [0, 0, 1, 2], [1, 2, 0, 1]], dtype=F64)
    assert bin_closure(yields).tolist() == pytest.approx([0, 1 / 21, 0, -1])
    logarithm = log_non_closure(yields[:2])
    assert logarithm.tolist() == pytest.approx([0, math.log(1.1)])
    torch.testing.assert_close(torch.tanh(logarithm / 2), bin_closure(yields[:2]))
    assert torch.isfinite(log_non_closure(torch.tensor([[0.0, -1.0, 1.0, 2.0]]))).all()


def test_gradients_of_bins(rng):
    yields = torch.from_numpy(rng.uniform(1, 20, size=(3, 4))).requires_grad_()
    assert torch.autograd.gradcheck(bin_closure, yields)
    assert torch.autograd.gradcheck(log_non_closure, yields)
    assert torch.autograd.gradcheck(lambda parts: minimum_yields(parts, 10.0), yields)


def test_minimum_yields():
    enough = torch.tensor([[10.0, 11, 12, 1e6]], requires_grad=True)
    penalty = minimum_yields(enough, 10)
    penalty.backward()
    assert penalty.item() == 0
    assert enough.grad.tolist() == [[0] * 4]
    assert minimum_yields(torch.tensor([[0.0, 5, 10, 10], [10, 10, 10, -10]]), 10).item() == pytest.approx(1.25 + 4)
