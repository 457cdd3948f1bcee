r"""Distance correlation: zero if, and only if, two scores are independent.

G. Székely, M. Rizzo and N. Bakirov, "Measuring and testing dependence by correlation of distances", Ann. Statist. 35
(2007) 2769; as a training loss, ABCDisCo (arXiv:2007.14400). With a_ij = |x_i − x_j|, b_ij = |y_i − y_j|, weights p
that sum to one, and a_i = Σ_j p_j a_ij,

\[ \mathrm{dCov}^2 = \sum_{ij} p_i p_j a_{ij} b_{ij} + \sum_i p_i a_i \sum_i p_i b_i - 2 \sum_i p_i a_i b_i . \]

The first sum alone takes two dimensions. Its terms are s_ij (x_i − x_j)(y_i − y_j), with s_ij the product of the two
signs, so all that is needed is Σ_j s_ij p_j (1, x_j, y_j, x_j y_j): sums over the events that are lower in both scores,
which `_dominated` makes in O(n log n) by halving the ranks. The gradient is made of the same sums.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neyman.core.errors import DataError, InputError

_Terms = tuple[Tensor, Tensor, Tensor]


def distance_correlation(
    x: Float[Tensor, " n"], y: Float[Tensor, " n"], weights: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """The squared distance correlation of two scores: exact, in O(n log n) time and O(n) memory.

    This is the plain (V-) statistic, which for independent scores is of order 1/n and not zero. It is computed in
    float64 and differentiable once, also with respect to the weights; where scores are equal, the derivative of their
    distance is taken as zero. It does not change if a score is shifted or stretched.

    Args:
        x: The first score.
        y: The second score.
        weights: Weights of the events, all one if not given. Negative ones are allowed if the sum is positive: the
            sums over events then stand for the positive density behind them, and the result can leave [0, 1] by
            their statistical fluctuation.

    Returns:
        A scalar; 0 if a score is constant, or its distance variance with negative weights is not positive.

    Raises:
        DataError: If there are fewer than two events, lengths differ, a number is not finite, or the weights do not
            sum to more than zero.

    Examples:
        >>> x = torch.linspace(-1, 1, 101)
        >>> round(float(distance_correlation(x, 3 - 2 * x)), 6)
        1.0
        >>> round(float(distance_correlation(x, x.square())), 3)  # not linearly correlated at all
        0.242
    """
    if weights is None:
        weights = torch.ones_like(x)
    shapes = [tuple(part.shape) for part in (x, y, weights)]
    if shapes != [(x.numel(),)] * 3 or x.numel() < 2:
        found = "scores of shapes {} and {} with weights of shape {}".format(*shapes)
        raise DataError(found, expected="one dimension, two or more events, and as many of each")
    for name, values in {"first score": x, "second score": y, "weights": weights}.items():
        finite = torch.isfinite(values)
        if not finite.all():
            found = f"{int((~finite).sum())} of {len(values)} numbers are not finite"
            raise DataError(found, where=name, expected="finite numbers")
    total = weights.double().sum()
    if not total > 0:
        raise DataError(f"weights that sum to {float(total):g}", expected="a sum above zero")
    parts = (_standard(x), _standard(y), weights.double() / total)
    correlation: Tensor = _SquaredCorrelation.apply(*parts)  # type: ignore[no-untyped-call]
    return correlation


def _standard(score: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The score on a scale from 0 to 1, so that sums neither overflow nor cancel; a constant becomes 0."""
    low, high = score.detach().double().aminmax()
    return (score.double() - low) / torch.where(high > low, high - low, 1.0)


class _SquaredCorrelation(torch.autograd.Function):
    """dCov²(x, y)/√(dCov²(x, x) dCov²(y, y)), with the gradient made beside it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, p: Tensor) -> Tensor:  # noqa: ANN401 - torch's context has no type
        along_x, along_y = _Line(x, p), _Line(y, p)
        spread_x, spread_x_dx, _, spread_x_dp = _covariance(along_x, along_x, _same(along_x))
        spread_y, spread_y_dy, _, spread_y_dp = _covariance(along_y, along_y, _same(along_y))
        if not (spread_x > 0 and spread_y > 0):
            ctx.save_for_backward(*(torch.zeros_like(part) for part in (x, y, p)))
            return x.new_zeros(())
        together, dx, dy, dp = _covariance(along_x, along_y, _crossed(along_x, along_y))
        size = torch.sqrt(spread_x * spread_y)
        # dCov²(x, x) depends on x twice, symmetrically, which makes up for the half of the square root.
        ctx.save_for_backward(
            (dx - together * spread_x_dx / spread_x) / size,
            (dy - together * spread_y_dy / spread_y) / size,
            (dp - together / 2 * (spread_x_dp / spread_x + spread_y_dp / spread_y)) / size,
        )
        return together / size

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> _Terms:  # noqa: ANN401
        if torch.is_grad_enabled():  # with create_graph: the gradient would pass for a constant
            raise InputError("a second derivative of the distance correlation", expected="the first one alone")
        dx, dy, dp = ctx.saved_tensors
        return upstream * dx, upstream * dy, upstream * dp


class _Line:
    """Sums over the events on a line, by the order of one score."""

    def __init__(self, score: Float[Tensor, " n"], p: Float[Tensor, " n"]) -> None:
        self.score, self.p = score, p
        values, self.group = torch.unique(score, return_inverse=True)
        self.n_groups = len(values)
        self.distance = self.distances(p)  # a_i
        self.mean = p @ self.distance  # Σ p_i a_i

    def equal(self, terms: Float[Tensor, "n k"]) -> Float[Tensor, "g k"]:
        """Σ of the terms over the events at each value of the score."""
        return terms.new_zeros(self.n_groups, terms.shape[1]).index_add_(0, self.group, terms)

    def signed(self, *terms: Float[Tensor, " n"]) -> tuple[Tensor, ...]:
        """Σ_j sgn(x_i − x_j) terms_j, for each of the terms."""
        here = self.equal(torch.stack(terms, dim=-1))
        reached = here.cumsum(0)
        return (2 * reached - here - reached[-1])[self.group].unbind(-1)

    def distances(self, terms: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Σ_j |x_i − x_j| terms_j."""
        count, first = self.signed(terms, terms * self.score)
        return self.score * count - first


def _covariance(x: _Line, y: _Line, crossed: _Terms) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """dCov² and its derivatives with respect to x, y and p, from the sums of `_crossed`."""
    p = x.p
    product, by_x, by_y = crossed
    value = p @ (product - 2 * x.distance * y.distance) + x.mean * y.mean
    signs_x, from_x = x.signed(p, p * y.distance)
    signs_y, from_y = y.signed(p, p * x.distance)
    dx = 2 * p * (by_x + signs_x * (y.mean - y.distance) - from_x)
    dy = 2 * p * (by_y + signs_y * (x.mean - x.distance) - from_y)
    around = x.distances(p * y.distance) + y.distances(p * x.distance)
    dp = 2 * (product + x.distance * y.mean + y.distance * x.mean - x.distance * y.distance - around)
    return value, dx, dy, dp


def _same(x: _Line) -> _Terms:
    """`_crossed` of a score with itself, where it is a polynomial."""
    total, first = x.p.sum(), x.p @ x.score
    distance = x.score * total - first
    return x.score * (distance - first) + x.p @ x.score.square(), distance, distance


def _crossed(x: _Line, y: _Line) -> _Terms:
    """Σ_j p_j |x_i − x_j||y_i − y_j|, the same with sgn(x_i − x_j)|y_i − y_j|, and with |x_i − x_j| sgn(y_i − y_j)."""
    # Equal values of one score are put in the order of the other: then the product of the signs is +1 among them, and
    # can be taken away again.
    x_order = _sorted_by(y.group, x.group)
    y_order = _sorted_by(x.group, y.group)
    rank = torch.empty_like(x_order)
    rank[x_order] = torch.arange(len(rank), device=rank.device)
    terms = torch.stack([x.p, x.p * x.score, x.p * y.score, x.p * x.score * y.score], dim=-1)
    # Σ s_ij over all pairs: those lower in both, minus those lower in one alone, plus those higher in both.
    both = torch.empty_like(terms)
    both[x_order] = _dominated(rank[y_order], terms[x_order])
    sums = 4 * both + terms.sum(0)
    for line, order in ((x, x_order), (y, y_order)):
        lower = torch.empty_like(terms)
        lower[order] = terms[order].cumsum(0) - terms[order]
        sums -= 2 * lower + line.equal(terms)[line.group]
    count, first_x, first_y, mixed = sums.unbind(-1)
    by_x, by_y = y.score * count - first_y, x.score * count - first_x
    product: Tensor = x.score * by_x - y.score * first_x + mixed
    return product, by_x, by_y


def _sorted_by(minor: Int[Tensor, " n"], major: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The order of the events by `major`, and among equals by `minor`."""
    order = minor.argsort(stable=True)
    return order[major[order].argsort(stable=True)]


def _dominated(ranks: Int[Tensor, " n"], terms: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """For each rank, the sum of the terms of lower ranks that come earlier in a list.

    The list is sorted by rank one binary digit at a time, from the highest, keeping the order among equals. Of two
    events, the digit where their ranks part says which is lower, and at that moment they are in the same block, in the
    order of the list: so in each block an event with digit 1 gets the sum over those with digit 0 before it.

    Args:
        ranks: The list, a permutation of 0 ... n−1.
        terms: Terms of the event of each rank.
    """
    n, k = terms.shape
    digits = (n - 1).bit_length()
    # Up to a power of two, so that all blocks are equally long and have as many events with digit 0 as with 1.
    ranks = torch.cat([ranks, torch.arange(n, 1 << digits, device=ranks.device)])
    terms = nn.functional.pad(terms, (0, 0, 0, len(ranks) - n))
    sums = torch.zeros_like(terms)
    index = torch.arange(len(ranks) // 2, device=ranks.device)
    for digit in reversed(range(digits)):
        half = 1 << digit
        is_high = (ranks & half) > 0
        place = is_high.nonzero()[:, 0]
        low, high = ranks[(~is_high).nonzero()[:, 0]], ranks[place]
        # The events with digit 0, block by block; the sums over none, one, ... all of a block.
        reached = nn.functional.pad(terms.index_select(0, low).view(-1, half, k).cumsum(1), (0, 0, 1, 0))
        # Before place i of the list, where the j-th digit 1 is, are i − j digits 0; a block has one sum more.
        before = place - index + (place >> (digit + 1))
        sums.index_add_(0, high, reached.view(-1, k).index_select(0, before))
        ranks = torch.stack([low.view(-1, half), high.view(-1, half)], dim=1).view(-1)
    return sums[:n]
