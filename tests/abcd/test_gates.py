import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from neyman.abcd.gates import (
    Cuts,
    bin_indices,
    bin_shares,
    check_cuts,
    check_inputs,
    check_templates,
    gates,
    steepness_at,
    templates_of,
)
from neyman.core.errors import DataError, InputError

F64 = torch.float64
EDGES = torch.tensor([0.0, 1.0, 2.5, 3.0], dtype=F64)
CUTS = torch.tensor([0.5, 0.4], dtype=F64)


def events(rng, n=200):
    scores = torch.from_numpy(rng.uniform(size=(n, 2)))
    discriminant = torch.from_numpy(rng.uniform(-0.3, 3.3, size=n))
    weights = torch.from_numpy(rng.normal(1, 1, size=n))  # some are negative
    return scores, discriminant, weights, torch.from_numpy(rng.uniform(size=n) < 0.3)


def region(first, second):
    return "ABCD".index({(True, False): "A", (True, True): "B", (False, False): "C", (False, True): "D"}[first, second])


def test_regions():
    scores = torch.tensor([[0.9, 0.1], [0.9, 0.9], [0.1, 0.1], [0.1, 0.9]])
    torch.testing.assert_close(gates(scores, CUTS, steepness=None), torch.eye(4, dtype=F64))
    at_the_cut = gates(CUTS[None], CUTS, steepness=None)
    assert at_the_cut.tolist() == [[0, 0, 1, 0]]
    assert gates(CUTS[None], CUTS, steepness=30).tolist() == [[0.25] * 4]


@given(st.floats(0.1, 1e4), st.integers(0, 99))
def test_shares_sum_to_one(steepness, seed):
    scores = torch.from_numpy(np.random.default_rng(seed).normal(size=(20, 2)))
    shares = gates(scores, CUTS, steepness=steepness)
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(-1), torch.ones(20, dtype=F64), rtol=0, atol=1e-14)


def test_gates_get_hard(rng):
    scores = events(rng)[0]
    assert (gates(scores, CUTS, steepness=1e9) - gates(scores, CUTS, steepness=None)).abs().max() < 1e-9


def test_annealing_goes_by_equal_factors():
    steps = [steepness_at(step / 10, 4, 100) for step in range(11)]
    assert (steps[0], steps[-1]) == pytest.approx((4, 100))
    assert np.diff(np.log(steps)) == pytest.approx(math.log(25) / 10)


def test_cuts_are_quantiles_and_follow_the_background(rng):
    cuts = Cuts(0.9, 0.25)
    scores = torch.from_numpy(rng.normal(size=(50_000, 2)))
    cuts.follow(scores, torch.ones(50_000))
    first, second = cuts().tolist()
    # 0.9 lies between two knots
    assert first == pytest.approx(norm.ppf(0.9), abs=0.03)
    assert second == pytest.approx(norm.ppf(0.25), abs=0.03)
    cuts.follow(scores, (scores[:, 0] > 0).double())
    assert cuts()[0].item() == pytest.approx(norm.ppf(0.95), abs=0.03)


def test_cuts_stay_inside_the_scores(rng):
    cuts = Cuts(0.5, 0.5)
    scores = torch.from_numpy(rng.uniform(2, 3, size=(100, 2)))
    cuts.follow(scores, torch.ones(100))
    for logit in (-1e3, -20.0, 20.0, 1e3):
        with torch.no_grad():
            cuts.logits.fill_(logit)
        assert (cuts() >= scores.amin(0)).all()
        assert (cuts() <= scores.amax(0)).all()


def test_gradients_of_cuts(rng):
    cuts = Cuts(0.9, 0.35)
    cuts.follow(torch.from_numpy(rng.normal(size=(300, 2))), torch.ones(300))
    knots = {"knots": cuts.knots}

    def at(logits):
        return torch.func.functional_call(cuts, {"logits": logits} | knots, ())

    assert torch.autograd.gradcheck(at, cuts.logits)


def test_cuts_resume(rng):
    one, other = Cuts(0.9, 0.8), Cuts()
    one.follow(torch.from_numpy(rng.normal(size=(30, 2))), torch.ones(30))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(), other())


def test_bins_against_numpy(rng):
    discriminant = events(rng)[1]
    discriminant[:4] = EDGES
    index = bin_indices(discriminant, EDGES)
    counts = np.bincount(index[index >= 0].numpy(), minlength=3)
    assert counts.tolist() == np.histogram(discriminant.numpy(), EDGES.numpy())[0].tolist()
    assert index[:4].tolist() == [0, 1, 2, 2]
    outside = (discriminant < 0) | (discriminant > 3)
    assert ((index == -1) == outside).all()


def test_smooth_bins_are_integrals_of_a_gaussian(rng):
    discriminant = events(rng)[1]
    shares = bin_shares(discriminant, EDGES, smoothing=0.3)
    truth = np.diff(norm.cdf((EDGES.numpy() - discriminant.numpy()[:, None]) / 0.3), axis=1)
    np.testing.assert_allclose(shares.numpy(), truth, atol=1e-14)
    assert (shares.sum(-1) <= 1).all()


@pytest.mark.parametrize("smoothing", [None, 1e-9], ids=["hard", "narrow"])
def test_templates_against_a_loop(rng, smoothing):
    scores, discriminant, weights, is_signal = events(rng)
    edges, cuts = EDGES.tolist(), CUTS.tolist()
    background, signal, variance = np.zeros((3, 3, 4))
    rows = zip(scores.tolist(), discriminant.tolist(), weights.tolist(), is_signal.tolist(), strict=True)
    for (first, second), value, weight, of_signal in rows:
        here = region(first > cuts[0], second > cuts[1])
        for i in range(3):
            if edges[i] <= value < edges[i + 1]:
                (signal if of_signal else background)[i, here] += weight
                variance[i, here] += 0 if of_signal else weight**2
    found = templates_of(
        scores, discriminant, weights, is_signal, edges=EDGES, cuts=CUTS, steepness=None, smoothing=smoothing
    )
    for mine, truth in zip(found, (background, signal, variance), strict=True):
        np.testing.assert_allclose(mine.numpy(), truth, atol=1e-12)


def test_soft_templates_keep_every_event_inside(rng):
    scores, discriminant, weights, is_signal = events(rng)
    background, signal, variance = templates_of(
        scores, discriminant, weights, is_signal, edges=EDGES, cuts=CUTS, steepness=5.0
    )
    inside = (discriminant >= 0) & (discriminant <= 3)
    assert background.sum().item() == pytest.approx(weights[inside & ~is_signal].sum().item())
    assert signal.sum().item() == pytest.approx(weights[inside & is_signal].sum().item())
    shares = gates(scores, CUTS, steepness=5.0)[inside & ~is_signal]
    assert variance.sum().item() == pytest.approx(
        (weights[inside & ~is_signal, None] * shares).square().sum().item()
    )  # fmt: skip


@pytest.mark.parametrize("smoothing", [None, 0.4], ids=["hard bins", "smooth bins"])
def test_gradients_of_templates(rng, smoothing):
    scores, discriminant, weights, is_signal = events(rng, 12)
    moving = [scores, weights, CUTS.clone()] + ([discriminant] if smoothing else [])

    def templates(scores, weights, cuts, discriminant=discriminant):
        return templates_of(
            scores, discriminant, weights, is_signal, edges=EDGES, cuts=cuts, steepness=6.0, smoothing=smoothing
        )

    assert torch.autograd.gradcheck(templates, [part.requires_grad_() for part in moving])


def test_single_precision_events_give_templates_in_double(rng):
    scores, discriminant, weights, is_signal = events(rng)
    options = {"edges": EDGES, "cuts": CUTS, "steepness": 10.0}
    double = templates_of(scores, discriminant, weights, is_signal, **options)
    single = templates_of(scores.float(), discriminant.float(), weights.float(), is_signal, **options)
    for one, other in zip(double, single, strict=True):
        assert other.dtype == F64
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_good_inputs_tell_how_many_events_are_outside(rng):
    scores, discriminant, weights, is_signal = events(rng)
    outside = int(((discriminant < 0) | (discriminant > 3)).sum())
    assert 0 < check_inputs(scores, discriminant, weights, is_signal, edges=EDGES) == outside


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("scores", math.nan, ["second score: 1 of 200", "event 3"]),
        ("scores", math.inf, ["second score", "not finite"]),
        ("discriminant", math.nan, ["discriminant", "event 3"]),
        ("weights", math.nan, ["weights", "event 3"]),
    ],
)
def test_numbers_that_are_not_finite(rng, message, name, value, words):
    parts = dict(zip(("scores", "discriminant", "weights", "is_signal"), events(rng), strict=True))
    parts[name].view(200, -1)[3, -1] = value
    with pytest.raises(DataError) as error:
        check_inputs(**parts, edges=EDGES)
    message(error, *words)


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ([0.0, 1.0, 1.0], ["edges 0, 1, 1", "each above the last"]),
        ([2.0, 1.0], ["edges 2, 1"]),
        ([0.0, math.nan], ["edges 0, nan"]),
        ([1.0], ["edges 1", "two or more"]),
        ([], ["edges missing"]),
    ],
)
def test_bad_edges(rng, message, edges, words):
    with pytest.raises(DataError) as error:
        check_inputs(*events(rng), edges=torch.tensor(edges, dtype=F64))
    message(error, *words)


def test_a_missing_class(rng, message):
    scores, discriminant, weights, is_signal = events(rng)
    for name, labels in {"signal": torch.zeros_like(is_signal), "background": torch.ones_like(is_signal)}.items():
        with pytest.raises(DataError) as error:
            check_inputs(scores, discriminant, weights, labels, edges=EDGES)
        message(error, f"no {name} events", "0 in all")
    discriminant[is_signal] = 99
    with pytest.raises(DataError) as error:
        check_inputs(scores, discriminant, weights, is_signal, edges=EDGES)
    message(error, "no signal events within the edges", f"{int(is_signal.sum())} in all")
    none = torch.zeros(0, dtype=F64)
    with pytest.raises(DataError) as error:
        check_inputs(torch.zeros(0, 2), none, none, torch.zeros(0, dtype=torch.bool), edges=EDGES)
    message(error, "no background events")


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        ([1.0, 0.5], ["first score", "1 is outside", "between 0.1 and 0.9"]),
        ([0.5, 0.9], ["second score", "0.9 is outside"]),
        ([0.1, 0.5], ["first score"]),
        ([math.nan, 0.5], ["first score", "nan"]),
    ],
)
def test_cuts_outside_the_scores(message, cuts, words):
    scores = torch.tensor([[0.1, 0.2], [0.9, 0.9]], dtype=F64)
    check_cuts(torch.tensor([0.5, 0.5]), scores)
    with pytest.raises(DataError) as error:
        check_cuts(torch.tensor(cuts, dtype=F64), scores)
    message(error, *words)


def test_bad_templates(message):
    good = torch.ones(3, 4, dtype=F64)
    check_templates(good, good)
    for value in (-0.5, math.nan, math.inf):
        bad = good.clone()
        bad[1, 2] = value
        with pytest.raises(DataError) as error:
            check_templates(bad, good)
        message(error, "background, region C, bin 1", f"sum to {value:g}")
        with pytest.raises(DataError) as error:
            check_templates(good, bad)
        message(error, "signal, region C, bin 1")
    nowhere = good.clone()
    nowhere[:, 1] = 0
    with pytest.raises(DataError) as error:
        check_templates(good, nowhere)
    message(error, "no signal in B")


def test_bad_options(message, rng):
    scores, discriminant, *_ = events(rng)
    for steepness in (0.0, -3.0, math.nan):
        with pytest.raises(InputError) as error:
            gates(scores, CUTS, steepness=steepness)
        message(error, "steepness", "None for hard gates")
    for smoothing in (0.0, math.inf, math.nan):
        with pytest.raises(InputError) as error:
            bin_shares(discriminant, EDGES, smoothing=smoothing)
        message(error, "smoothing")
    for share in (0.0, 1.0, math.nan):
        with pytest.raises(InputError) as error:
            Cuts(share, 0.5)
        message(error, "between 0 and 1")
    for fraction, first, last in ((1.1, 1, 2), (-0.1, 1, 2), (0.5, 0, 2), (0.5, 1, math.inf), (math.nan, 1, 2)):
        with pytest.raises(InputError):
            steepness_at(fraction, first, last)
