"""Whether A·D predicts B: closure of the ABCD method, as numbers that networks can be trained on.

Two scores cut the plane into A (first high, second low), B (both high), C (both low) and D (first low, second high).
For independent scores B·C = A·D at any cuts, so a violation at random cuts is a training loss: ABCDisCoTEC of CMS
(arXiv:2506.08826), written here in our labels. Use `closure` for events, `bin_closure` for templates.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from neyman.core.errors import DataError, InputError

FLOOR = 1e-9
"""Yields below this many events count as this many in a logarithm, and have no gradient there."""

_CHUNK = 4_000_000  # numbers in a block of events × cuts: 32 MB


def above(scores: Float[Tensor, ...], cuts: Float[Tensor, ...], steepness: float | None) -> Float[Tensor, ...]:
    """How much an event counts as above a cut, in float64: sigmoid(steepness · (score − cut)), or 0 and 1 if None."""
    distance = scores.double() - cuts.double()
    return (distance > 0).double() if steepness is None else torch.sigmoid(steepness * distance)


def closure(
    scores: Float[Tensor, "n 2"],
    weights: Float[Tensor, " n"],
    cuts: Float[Tensor, "m 2"],
    *,
    steepness: float | None,
) -> Float[Tensor, " m"]:
    """|BC − AD|/(|BC| + |AD|) of the background at each pair of cuts: 0 if it closes, 1 if one product is empty.

    The absolute values in the denominator change nothing where all yields are positive, and keep the number between
    0 and 1 where negative weights make one negative. Where both products are zero nothing is known; the value is 0.
    Memory is bounded: cuts are taken in blocks, which the backward pass computes again.

    Args:
        scores: Both scores of each background event.
        weights: Their weights; negative ones are allowed.
        cuts: Pairs of cuts, e.g. from `random_cuts`; may need a gradient.
        steepness: Of the soft gates, in inverse units of the scores (CMS: 100); None for hard ones, which have no
            gradient.

    Raises:
        InputError: If the steepness is not above zero.

    Examples:
        >>> square = torch.tensor([[0.9, 0.1], [0.9, 0.9], [0.1, 0.1], [0.1, 0.9]])
        >>> events = torch.tensor([400.0, 60.0, 4000.0, 500.0])  # A, B, C, D
        >>> closure(square, events, torch.tensor([[0.5, 0.5]]), steepness=None).tolist()
        [0.0909]
    """
    if steepness is not None and not steepness > 0:
        raise InputError(f"steepness {steepness}", expected="a number above zero, or None for hard gates")
    weights = weights.double()
    pieces = [
        checkpoint(_closure, scores, weights, part, steepness, use_reentrant=False, preserve_rng_state=False)
        for part in torch.split(cuts, max(1, _CHUNK // max(1, len(scores))))
    ]
    return torch.cat(pieces)


def _closure(
    scores: Float[Tensor, "n 2"], weights: Float[Tensor, " n"], cuts: Float[Tensor, "m 2"], steepness: float | None
) -> Float[Tensor, " m"]:
    # Cuts down, events along: what is added lies together in memory.
    first, second = (above(scores[:, i].contiguous(), cuts[:, i, None], steepness) for i in range(2))
    high = weights * first
    low = weights - high
    regions = [high * (1 - second), high * second, low * (1 - second), low * second]
    return bin_closure(torch.stack([region.sum(-1) for region in regions], dim=-1)).abs()


def random_cuts(
    scores: Float[Tensor, "n 2"],
    weights: Float[Tensor, " n"],
    rng: np.random.Generator,
    *,
    n_cuts: int,
    low: float = 0.05,
    high: float = 0.95,
) -> Float[Tensor, "m 2"]:
    """Pairs of cuts, uniform in the quantiles of either score: everywhere the background is, and nowhere else.

    Args:
        scores: Both scores of each background event.
        weights: Their weights.
        rng: Where the cuts come from.
        n_cuts: Number of pairs.
        low: Lowest quantile.
        high: Highest quantile.

    Raises:
        InputError: If `0 <= low < high <= 1` does not hold.
        DataError: See `quantiles`.
    """
    if not 0 <= low < high <= 1:
        raise InputError(f"quantiles from {low} to {high}", expected="0 <= low < high <= 1")
    levels = torch.from_numpy(rng.uniform(low, high, size=(n_cuts, 2))).to(scores.device)
    return torch.stack([quantiles(scores[:, i], weights, levels[:, i]) for i in range(2)], dim=-1)


@torch.no_grad()
def quantiles(
    score: Float[Tensor, " n"], weights: Float[Tensor, " n"], levels: Float[Tensor, " m"]
) -> Float[Tensor, " m"]:
    """The scores below which these fractions of the weight lie, in float64, interpolated, without a gradient.

    Where negative weights make the cumulated weight fall, it is held at what it had reached.

    Raises:
        DataError: If a score is not finite, or the weights do not sum to more than zero.

    Examples:
        >>> score = torch.tensor([3.0, 1.0, 2.0])
        >>> quantiles(score, torch.ones(3), torch.tensor([0.0, 0.5, 1.0])).tolist()
        [1.0, 2.0, 3.0]
    """
    total = float(weights.double().sum())
    if not (len(score) and torch.isfinite(score).all() and 0 < total < float("inf")):
        found = f"{len(score)} scores, {int((~torch.isfinite(score)).sum())} not finite, of total weight {total:g}"
        raise DataError(found, expected="finite scores of events whose weights sum to more than zero")
    ordered, order = score.double().sort()
    share = weights.double()[order] / total
    # An event's own weight is half below it: the levels 0 and 1 are the ends of the scores, and ties cost nothing.
    reached = (share.cumsum(0) - share / 2).cummax(0).values
    levels = levels.double().contiguous()
    right = torch.searchsorted(reached, levels).clamp(1, max(1, len(score) - 1))
    left = right - 1
    right = right.clamp(max=len(score) - 1)
    gap = reached[right] - reached[left]
    position = ((levels - reached[left]) / torch.where(gap > 0, gap, 1.0)).clamp(0, 1)
    return torch.lerp(ordered[left], ordered[right], position)


def bin_closure(background: Float[Tensor, "... 4"]) -> Float[Tensor, ...]:
    """(BC − AD)/(|BC| + |AD|) of yields in the order A, B, C, D: tanh(ln(1+δ)/2) where they are positive.

    Zero where both products are: bounded, safe for empty and negative bins, and therefore the one to train on.
    """
    a, b, c, d = background.double().unbind(-1)
    found, predicted = b * c, a * d
    size = found.abs() + predicted.abs()
    return (found - predicted) / torch.where(size > 0, size, 1.0)


def log_non_closure(background: Float[Tensor, "... 4"], *, floor: float = FLOOR) -> Float[Tensor, ...]:
    """ln(1+δ) = ln(BC/AD) of yields in the order A, B, C, D, each taken as `floor` events at least.

    Examples:
        >>> round(float(log_non_closure(torch.tensor([400.0, 55.0, 4000.0, 500.0])).exp()), 6)
        1.1
    """
    a, b, c, d = background.double().clamp_min(floor).log().unbind(-1)
    return b + c - a - d


def minimum_yields(templates: Float[Tensor, ...], least: float) -> Float[Tensor, ""]:
    """Σ max(0, 1 − yield/least)²: zero, with its slope, where every region of every bin has `least` events.

    A region that is empty adds one. Constrain it to be at most zero.

    Raises:
        InputError: If `least` is not above zero.

    Examples:
        >>> float(minimum_yields(torch.tensor([20.0, 10.0, 5.0, 0.0]), least=10))
        1.25
    """
    if not 0 < least < float("inf"):
        raise InputError(f"at least {least} events", expected="a finite number above zero")
    return (1 - templates.double() / least).clamp_min(0).square().sum()
