"""What regions are worth, with hard gates on events that were not trained on: closure, contamination, limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neyman.abcd.config import EvaluationConfig
from neyman.abcd.hypotheses import CLs, Limit, cls, upper_limit
from neyman.abcd.loss import loss_and_gradients
from neyman.abcd.plane import Plane, ScoredSample, Sums, sums_at
from neyman.abcd.templates import Templates

FLOOR = 1e-3
"""Expected background at which a yield is held where it is divided by."""

_FINALISTS = 10  # cuts with the largest q at a strength of 1, of which limits are computed: those take longer
_UNCERTAINTIES = 2.0  # of a bin, within which it is compatible with the largest non-closure


@dataclass(frozen=True)
class Closure:
    """Non-closure δ = B·C/(A·D) − 1, with the uncertainty that the simulation's statistics leave.

    Attributes:
        bins: δ of each bin.
        errors: Its standard deviations.
        total: δ of all bins together.
        error: Its standard deviation.
    """

    bins: Float[np.ndarray, " b"]
    errors: Float[np.ndarray, " b"]
    total: float
    error: float

    @classmethod
    def of(cls, background: Float[np.ndarray, "b 4"], variance: Float[np.ndarray, "b 4"]) -> Closure:
        """From yields and Σw².

        Examples:
            >>> yields = np.array([[400.0, 55, 4000, 500]])
            >>> found = Closure.of(yields, yields)
            >>> print(f"{found.total:.3f} {found.error:.3f}")
            0.100 0.167
        """
        bins, errors = _non_closure(background, variance)
        total, error = _non_closure(background.sum(axis=0, keepdims=True), variance.sum(axis=0, keepdims=True))
        return cls(bins, errors, float(total[0]), float(error[0]))

    def holds(self, largest: float) -> bool:
        """Whether |δ| of all bins is smaller by at least its uncertainty, and that of each bin is compatible with it.

        Of many cuts the best are taken: without a margin, those would be taken whose δ fluctuated to below the limit,
        and other events would show a larger one.
        """
        each = np.abs(self.bins) - _UNCERTAINTIES * self.errors <= largest
        return bool(abs(self.total) + self.error <= largest and each.all())


def _non_closure(background: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    held = np.maximum(background, FLOOR)
    a, b, c, d = held.T
    ratio = b / a * (c / d)
    return ratio - 1, ratio * np.sqrt((variance / held**2).sum(axis=1))


@dataclass(frozen=True)
class Assessment:
    """A pair of cuts, and what it is worth.

    Attributes:
        cuts: The cuts.
        templates: The yields, with Σw² of the background.
        closure: Non-closure.
        contamination: Normalised signal contamination, see `contamination_of`.
        cls: CLs of a signal strength of 1.
        limit: Upper limit on the signal strength.
    """

    cuts: Float[np.ndarray, 2]
    templates: Templates
    closure: Closure
    contamination: float
    cls: CLs
    limit: Limit


def assess(sample: ScoredSample, edges: Float[np.ndarray, " e"], cuts: Float[np.ndarray, 2]) -> Assessment:
    """Evaluate a pair of cuts on a sample.

    Raises:
        DataError: If there is no signal in B.
        NumericsError: If a fit does not converge.
    """
    sums = sums_at(sample, edges, cuts)
    templates = templates_from(sums)
    return Assessment(
        cuts,
        templates,
        Closure.of(sums.background, sums.variance),
        contamination_of(sums.background.sum(axis=0), sums.signal.sum(axis=0)),
        cls(templates.background, templates.signal, variance=templates.variance),
        upper_limit(templates.background, templates.signal, variance=templates.variance),
    )


def templates_from(sums: Sums) -> Templates:
    """Templates for the fits. An empty region counts as one simulated event: it is not known to be empty."""
    one = sums.variance.sum() / max(float(sums.background.sum()), FLOOR)
    variance = np.where(sums.background < one, one**2, sums.variance)
    return Templates(np.maximum(sums.background, max(one, FLOOR)), np.maximum(sums.signal, 0.0), variance=variance)


def contamination_of(background: Float[np.ndarray, 4], signal: Float[np.ndarray, 4]) -> float:
    """Normalised contamination: how much of the signal in B the signal elsewhere would predict as background.

    (S_A/B_A + S_D/B_D − S_C/B_C) / (S_B/B_B), to first order in the signal; arXiv:2007.14400, section 2.

    Examples:
        >>> round(contamination_of(np.array([400.0, 50, 4000, 500]), np.array([1, 15, 0.2, 1])), 4)
        0.0148
    """
    share = signal / np.maximum(background, FLOOR)
    return float((share[0] + share[3] - share[2]) / share[1]) if share[1] > 0 else float("inf")


@dataclass(frozen=True)
class Choice:
    """Cuts that were chosen.

    Attributes:
        cuts: The cuts.
        allowed: Whether they do what was asked for; if no cuts do, these come closest to closure.
        limit: The expected limit that they were chosen for; infinite if they are not allowed.
    """

    cuts: Float[np.ndarray, 2]
    allowed: bool
    limit: float


def choose_cuts(
    sample: ScoredSample,
    edges: Float[np.ndarray, " e"],
    options: EvaluationConfig,
    *,
    also: Float[np.ndarray, 2] | None = None,
) -> Choice:
    """The pair of cuts with the best expected limit of those at which closure holds and yields are large enough.

    Args:
        sample: Validation events: what is chosen here says nothing about itself.
        edges: Edges of the bins of the discriminant.
        options: The grid, and what is asked for.
        also: One more pair, as training found it; its cuts are combined with those of the grid too.
    """
    levels = 1 - np.geomspace(0.5, options.tightest, options.quantiles)
    grid = np.sort(np.concatenate([sample.quantiles(levels), np.zeros((0, 2)) if also is None else also[None]]), axis=0)
    plane = Plane(sample, edges, grid[:, 0], grid[:, 1])
    allowed: list[tuple[float, int, int]] = []
    best, closest = Choice(grid[0], allowed=False, limit=np.inf), np.inf
    for i, j in np.ndindex(len(grid), len(grid)):
        sums = plane.at(i, j)
        enough = (sums.background >= options.least_yield) & (
            sums.background**2 >= options.least_simulated * sums.variance
        )
        if not enough.all() or not sums.signal[:, 1].sum() > 0:
            continue
        closure = Closure.of(sums.background, sums.variance)
        if closure.holds(options.largest_non_closure):
            templates = templates_from(sums)
            arrays = (templates.background, templates.signal)
            allowed.append((loss_and_gradients(*arrays, variance=templates.variance, statistic="q").value, i, j))
        elif abs(np.log1p(closure.total)) + closure.error < closest:
            closest = abs(np.log1p(closure.total)) + closure.error
            best = Choice(np.array([grid[i, 0], grid[j, 1]]), allowed=False, limit=np.inf)
    for _, i, j in sorted(allowed)[:_FINALISTS]:
        templates = templates_from(plane.at(i, j))
        limit = upper_limit(templates.background, templates.signal, variance=templates.variance).expected[2]
        if limit < best.limit:
            best = Choice(np.array([grid[i, 0], grid[j, 1]]), allowed=True, limit=float(limit))
    return best
