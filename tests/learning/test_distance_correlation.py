import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import DataError, InputError
from neyman.learning.distance_correlation import distance_correlation


def dense(x, y, weights):
    """The definition, over all pairs."""
    p = weights / weights.sum()
    a, b = ((score[:, None] - score).abs() for score in (x, y))

    def covariance(a, b):
        return p @ (a * b) @ p + (p @ a @ p) * (p @ b @ p) - 2 * (p * (a @ p) * (b @ p)).sum()

    return covariance(a, b) / torch.sqrt(covariance(a, a) * covariance(b, b))


def events(rng, n, *, ties=False, lowest_weight=0.0):
    x = torch.from_numpy(rng.normal(size=n))
    y = 0.5 * x.square() + torch.from_numpy(rng.normal(size=n))
    if ties:
        x, y = (2 * x).round() / 2, y.round()
    weights = torch.from_numpy(rng.uniform(lowest_weight, 1, size=n))
    return tuple(part.requires_grad_() for part in (x, y, weights))


@pytest.mark.parametrize("lowest_weight", [0.1, -0.2], ids=["positive", "negative"])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("n", [3, 4, 65, 300])
def test_value_and_gradients_are_those_of_all_pairs(rng, n, ties, lowest_weight):
    parts = events(rng, n, ties=ties, lowest_weight=lowest_weight)
    ours, truth = distance_correlation(*parts), dense(*parts)
    torch.testing.assert_close(ours, truth, rtol=0, atol=1e-12)
    for mine, its in zip(torch.autograd.grad(ours, parts), torch.autograd.grad(truth, parts), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-12)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=2, max_size=20))
def test_any_pattern_of_ties(rows):
    x, y, weights = torch.tensor(rows, dtype=torch.float64).T
    weights = weights + 1
    x.requires_grad_()
    y.requires_grad_()
    ours = distance_correlation(x, y, weights)
    if x.min() == x.max() or y.min() == y.max():
        assert ours.item() == 0
        return
    truth = dense(x, y, weights)
    torch.testing.assert_close(ours, truth, rtol=0, atol=1e-12)
    for mine, its in zip(torch.autograd.grad(ours, (x, y)), torch.autograd.grad(truth, (x, y)), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-8, atol=1e-10)


def test_gradients_by_finite_differences(rng):
    assert torch.autograd.gradcheck(distance_correlation, events(rng, 12))


def test_two_events_always_lie_on_a_line():
    x, y = torch.tensor([0.3, 0.7]), torch.tensor([5.0, -2.0])
    assert distance_correlation(x, y).item() == pytest.approx(1, abs=1e-14)


def test_a_weight_of_two_is_two_events(rng):
    x, y, _ = events(rng, 40)
    weights = torch.from_numpy(rng.integers(0, 3, size=40))
    repeated = distance_correlation(x.repeat_interleave(weights), y.repeat_interleave(weights))
    assert distance_correlation(x, y, weights.double()).item() == pytest.approx(repeated.item(), abs=1e-13)


def test_neither_scale_nor_shift_nor_order_matter(rng):
    x, y, weights = events(rng, 100)
    base = distance_correlation(x, y, weights).item()
    assert distance_correlation(1e6 - 1e-4 * x, 1e8 * y, 1e-9 * weights).item() == pytest.approx(base, abs=1e-6)
    order = torch.from_numpy(rng.permutation(100))
    assert distance_correlation(y[order], x[order], weights[order]).item() == pytest.approx(base, abs=1e-13)


@pytest.mark.parametrize("rho", [-0.8, 0.3, 0.6])
def test_bivariate_normal(rng, rho):
    """Theorem 7 of Székely, Rizzo and Bakirov (2007)."""
    x, noise = torch.from_numpy(rng.normal(size=(2, 40_000)))
    y = rho * x + math.sqrt(1 - rho**2) * noise
    upper = rho * math.asin(rho) + math.sqrt(1 - rho**2) - rho * math.asin(rho / 2) - math.sqrt(4 - rho**2) + 1
    truth = upper / (1 + math.pi / 3 - math.sqrt(3))
    assert distance_correlation(x, y).item() == pytest.approx(truth, abs=0.01)


def test_independent_scores_have_almost_none_and_a_circle_has_some(rng):
    x, y, angle = torch.from_numpy(rng.uniform(size=(3, 20_000)))
    assert 0 < distance_correlation(x, y).item() < 1e-3
    circle = distance_correlation(torch.cos(2 * math.pi * angle), torch.sin(2 * math.pi * angle)).item()
    assert circle > 0.02


def test_descent_makes_scores_independent(rng):
    x, noise = torch.from_numpy(rng.normal(size=(2, 500)))
    mixing = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.Adam([mixing], lr=0.2)
    for _ in range(30):
        descent.zero_grad()
        distance_correlation(x, noise + mixing * x).backward()
        descent.step()
    assert abs(mixing.item()) < 0.15


def test_single_precision_comes_in_and_its_gradient_goes_back(rng):
    x, y, _ = events(rng, 50)
    single = [part.detach().float().requires_grad_() for part in (x, y)]
    correlation = distance_correlation(*single)
    correlation.backward()
    assert correlation.dtype == torch.float64
    assert single[0].grad.dtype == torch.float32
    assert correlation.item() == pytest.approx(distance_correlation(x, y).item(), abs=1e-6)


def test_a_constant_score_has_none_and_no_gradient():
    x = torch.full((5,), 0.1, requires_grad=True)
    correlation = distance_correlation(x, torch.arange(5.0))
    correlation.backward()
    assert correlation.item() == 0
    assert x.grad.tolist() == [0] * 5


def test_no_second_derivative(rng, message):
    x, y, weights = events(rng, 5)
    with pytest.raises(InputError) as error:
        torch.autograd.grad(distance_correlation(x, y, weights), x, create_graph=True)
    message(error, "second derivative")


def test_a_hundred_thousand_events_take_a_second(rng):
    x, y = torch.from_numpy(rng.normal(size=(2, 100_000)).astype(np.float32)).requires_grad_()
    began = time.process_time()
    torch.autograd.grad(distance_correlation(x, y), (x, y))
    assert time.process_time() - began < 3  # 0.5 s on a core that nobody else uses


@pytest.mark.parametrize(
    ("x", "y", "weights", "words"),
    [
        ([1.0], [1.0], [1.0], ["shapes (1,) and (1,)", "two or more"]),
        ([], [], [], ["shapes (0,) and (0,)"]),
        ([1.0, math.nan, 2.0], [1.0, 2.0, 3.0], [1.0, 1.0, 1.0], ["first score", "1 of 3", "not finite"]),
        ([1.0, 2.0, 3.0], [1.0, math.inf, -math.inf], [1.0, 1.0, 1.0], ["second score", "2 of 3"]),
        ([1.0, 2.0], [1.0, 2.0], [1.0, math.nan], ["weights", "1 of 2"]),
        ([1.0, 2.0], [1.0, 2.0], [1.0, -1.0], ["sum to 0", "above zero"]),
        ([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], ["sum to 0"]),
    ],
)
def test_bad_input(message, x, y, weights, words):
    with pytest.raises(DataError) as error:
        distance_correlation(*(torch.tensor(part, dtype=torch.float64) for part in (x, y, weights)))
    message(error, *words)
