r"""The Neyman construction of an interval for one parameter, by pseudo-experiments.

At each value μ of a grid, pseudo-experiments are drawn with the nuisance parameters as the data fit them there, and

    t_μ = −2 ln [L(μ, ν̂̂) / L(μ̂, ν̂)]

of each is compared with that of the data: μ is in the interval unless t_μ of the data exceeds what the wanted share of
pseudo-experiments stays below. This orders by the likelihood ratio (Feldman and Cousins, Phys. Rev. D 57 (1998) 3873,
§IV) and profiles nuisance parameters (Cranmer, PHYSTAT 2005, physics/0511028, §3). With μ̂ within the bounds of the
parameter, intervals near a bound are neither empty nor too short; coverage is as close to the level as grid and
pseudo-experiments allow, also for few events. It costs two fits of each pseudo-experiment: where there are many events
and no bound is near, `intervals` in profile.py gives the same for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm

from neyman.core.errors import InputError, NumericsError
from neyman.core.executors import local_executor, map_unordered
from neyman.core.progress import progress
from neyman.core.random import stream
from neyman.likelihood.fitting import Fit, fit
from neyman.likelihood.many import fit_many
from neyman.likelihood.model import Model
from neyman.likelihood.outcomes import ConstructedInterval, NeymanConstruction
from neyman.likelihood.profile import held_at, of_interest
from neyman.likelihood.toys import PIECE, draw

LEVELS = (float(2 * norm.cdf(1) - 1), float(2 * norm.cdf(2) - 1))
"""68.3 % and 95.4 %: those of one and two standard deviations."""
_UNBINNED_PIECE = 50  # each pseudo-experiment has all its events
_REACH = 3.0
_CLOSE, _VANISHING = 1e-6, 1e-3


@dataclass(frozen=True, eq=False)
class _Piece:
    """Some of the pseudo-experiments at one value of the parameter."""

    model: Model
    theta: Float[np.ndarray, " p"]
    place: int
    fixed: Bool[np.ndarray, " p"]
    one_sided: bool
    seed: int
    point: int
    number: int
    count: int
    size: int


def _statistics(piece: _Piece) -> Float[np.ndarray, " n"]:
    """The statistic of each pseudo-experiment; not a number if a fit does not converge."""
    rng = stream(piece.seed, "construction", piece.point, piece.number)
    data = draw(piece.model, piece.theta, piece.size, rng)[: piece.count]
    held = piece.fixed.copy()
    held[piece.place] = True
    free = fit_many(piece.model, data, piece.theta, fixed=piece.fixed)
    at_value = fit_many(piece.model, data, piece.theta, fixed=held)
    t = np.maximum(2 * (at_value.value - free.value), 0.0)
    if piece.one_sided:
        t = np.where(free.theta[:, piece.place] <= piece.theta[piece.place], t, 0.0)
    return np.where(free.converged & at_value.converged, t, np.nan)


def neyman_construction(
    best: Fit,
    parameter: str | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    points: int = 13,
    count: int = 1000,
    one_sided: bool = False,
    seed: int = 0,
    executor: Executor | None = None,
) -> NeymanConstruction:
    """Intervals of 68.3 % and 95.4 % for one parameter.

    Ends are where straight lines between the points cross: of √t of the data, with its sign, and of the root of the
    critical value. If values are rejected between accepted ones, as may happen by chance, the interval holds them too.

    Args:
        best: The best fit.
        parameter: The parameter; the parameter of interest by default.
        low: Lowest value; three errors below the best by default, within the bounds.
        high: Highest value.
        points: How many values, evenly spaced.
        count: How many pseudo-experiments at each.
        one_sided: Whether to use q̃ instead of t (arXiv:1007.1727, eq. 16), whose intervals are upper limits.
        seed: The seed.
        executor: Where to compute; here by default. The result does not depend on it.

    Raises:
        InputError: If the range is empty, leaves the bounds or does not hold the best value, the parameter is fixed, or
            there are no pseudo-experiments.
        NumericsError: If a fit does not converge.
    """
    name = of_interest(best, parameter)
    place = best.model.index(name)
    if best.fixed[place]:
        raise InputError(f"'{name}' is fixed", expected="a parameter that may move")
    if count < 1:
        raise InputError(f"{count} pseudo-experiments", expected="at least 1")
    if one_sided:
        best = _not_negative(best, place)
    values = _grid(best, place, low, high, points)
    profile = held_at(best, [place], values[:, None])
    if not profile.converged.all():
        value = values[np.flatnonzero(~profile.converged)[0]]
        raise NumericsError(f"the fit with {name} = {value:g} found no minimum", hint="a narrower range")
    observed = np.maximum(2 * (profile.value - best.value), 0.0)
    if one_sided:
        observed = np.where(values >= best.theta[place], observed, 0.0)
    size = _UNBINNED_PIECE if best.model.unbinned else PIECE
    pieces = [
        _Piece(best.model, theta, place, best.fixed, one_sided, seed, point, number, min(size, count - begin), size)
        for point, theta in enumerate(profile.theta)
        for number, begin in enumerate(range(0, count, size))
    ]
    toys = _computed(pieces, points=len(values), executor=executor)
    for value, here in zip(values, toys, strict=True):
        if not len(here):
            raise NumericsError(
                f"no pseudo-experiment with {name} = {value:g} could be fitted", hint="a narrower range"
            )
    asymptotic = tuple(float(norm.ppf(level)) ** 2 for level in LEVELS) if one_sided else (1.0, 4.0)
    found = [[_critical(here, level) for here in toys] for level in LEVELS]
    critical, error = np.moveaxis(np.array(found), -1, 0)
    root = np.sign(values - best.theta[place]) * np.sqrt(observed)
    flat = np.ones_like(values)
    shape = _Profile(values, root, float(best.theta[place]))
    return NeymanConstruction(
        **best.model.identity(),
        parameter=name,
        best=float(best.theta[place]),
        statistic="qtilde" if one_sided else "t",
        values=values.tolist(),
        observed=observed.tolist(),
        critical_68=critical[0].tolist(),
        critical_68_error=_nulls(error[0]),
        critical_95=critical[1].tolist(),
        critical_95_error=_nulls(error[1]),
        asymptotic_critical=asymptotic,
        p_values=[_tail(here, t) for here, t in zip(toys, observed, strict=True)],
        toys=count,
        converged=[len(here) for here in toys],
        seed=seed,
        interval_68=shape.interval(LEVELS[0], critical[0], error[0]),
        interval_95=shape.interval(LEVELS[1], critical[1], error[1]),
        asymptotic_68=shape.interval(LEVELS[0], asymptotic[0] * flat),
        asymptotic_95=shape.interval(LEVELS[1], asymptotic[1] * flat),
    )


def _grid(best: Fit, place: int, low: float | None, high: float | None, points: int) -> Float[np.ndarray, " n"]:
    at, error = float(best.theta[place]), float(best.errors[place])
    reach = _REACH * error if np.isfinite(error) else 1.0
    bounds = best.model.bounds[place]
    low = max(at - reach, float(bounds[0])) if low is None else low
    high = min(at + reach, float(bounds[1])) if high is None else high
    if points < 2 or not (low < high and np.isfinite([low, high]).all()):
        raise InputError(f"{points} points from {low} to {high}", expected="two or more, from low to high")
    if low < bounds[0] or high > bounds[1]:
        raise InputError(
            f"range {low:g} to {high:g}", expected=f"one within the parameter's bounds, {bounds[0]:g} to {bounds[1]:g}"
        )
    if not low <= at <= high:
        raise InputError(f"range {low:g} to {high:g}", expected=f"one that holds the best value, {at:.4g}")
    return np.linspace(low, high, points)


def _not_negative(best: Fit, place: int) -> Fit:
    """The best fit with a parameter that is not negative: what makes q into q̃.

    Raises:
        NumericsError: If there is none.
    """
    begin, sets = 0, []
    for each in best.model.sets:
        bounds = each.bounds.copy()
        if begin <= place < begin + each.size:
            bounds[place - begin, 0] = max(bounds[place - begin, 0], 0.0)
        sets.append(replace(each, bounds=bounds))
        begin += each.size
    model = replace(best.model, sets=tuple(sets))
    if best.theta[place] >= 0:
        return replace(best, model=model)
    held = {best.model.names[i]: float(best.theta[i]) for i in np.flatnonzero(best.fixed)}
    at_zero = fit(best.model, best.data, fixed={**held, best.model.names[place]: 0.0}, start=best.theta)
    if not at_zero.result.converged:
        raise NumericsError(at_zero.result.message)
    return replace(at_zero, model=model, fixed=best.fixed, covariance=best.covariance)


def _computed(pieces: Sequence[_Piece], *, points: int, executor: Executor | None) -> list[Float[np.ndarray, " n"]]:
    """The statistic of all pseudo-experiments that could be fitted, in ascending order, for each point."""
    done: dict[tuple[int, int], Float[np.ndarray, " n"]] = {}
    with progress("Neyman construction", total=sum(piece.count for piece in pieces), unit="toys") as advance:
        for piece, t in map_unordered(executor or local_executor(1), _statistics, pieces):
            done[piece.point, piece.number] = t[np.isfinite(t)]
            advance(piece.count, "")
    return [np.sort(np.concatenate([done[key] for key in sorted(done) if key[0] == point])) for point in range(points)]


def _critical(t: Float[np.ndarray, " n"], level: float) -> tuple[float, float]:
    """What a share of pseudo-experiments does not exceed, and its error.

    That is half the distance of the values whose ranks are one standard deviation of a binomial number to both sides;
    not a number if there are not so many.
    """
    count = len(t)
    deviation = np.sqrt(count * level * (1 - level))
    below, above = int(np.floor(level * count - deviation)), int(np.ceil(level * count + deviation))
    error = (t[above - 1] - t[below - 1]) / 2 if below >= 1 and above <= count else np.nan
    return float(t[int(np.ceil(level * count)) - 1]), float(error)


def _tail(toys: Float[np.ndarray, " n"], t: float) -> float:
    """Share of pseudo-experiments that are at least as far out; equal counts may differ by the precision of a fit."""
    return float((toys >= t - _CLOSE * (1 + t)).mean())


def _nulls(values: Float[np.ndarray, " n"]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


@dataclass(frozen=True, eq=False)
class _Profile:
    """The statistic of the data: √t with the sign of the distance from the best value."""

    values: Float[np.ndarray, " n"]
    root: Float[np.ndarray, " n"]
    best: float

    def interval(
        self, level: float, critical: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"] | None = None
    ) -> ConstructedInterval:
        """Where the root of the statistic is below that of the critical value."""
        knots = np.unique(np.append(self.values, self.best))
        limit = np.interp(knots, self.values, np.sqrt(critical))
        gap = np.where(knots == self.best, 0.0, np.abs(np.interp(knots, self.values, self.root))) - limit
        inside = np.flatnonzero(gap <= _CLOSE)
        first, last = int(inside[0]), int(inside[-1])
        spread = np.full(len(knots), np.nan)
        if error is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                spread = np.interp(knots, self.values, error) / (2 * limit)

        def end(out: int, in_: int) -> tuple[float | None, float | None]:
            if not 0 <= out < len(knots):
                return None, None
            # At μ = 0 both q̃ and its critical value vanish, and nothing tells where in between they part: the rejected
            # value, which is on the safe side.
            return (float(knots[out]), None) if limit[in_] < _VANISHING else _crossing(knots, gap, spread, out, in_)

        lower, upper = end(first - 1, first), end(last + 1, last)
        return ConstructedInterval(
            level=level, lower=lower[0], upper=upper[0], lower_error=lower[1], upper_error=upper[1]
        )


def _crossing(
    knots: Float[np.ndarray, " n"], gap: Float[np.ndarray, " n"], spread: Float[np.ndarray, " n"], out: int, in_: int
) -> tuple[float, float | None]:
    """Where the gap is zero between a rejected value and its accepted neighbour, with the error from `spread`."""
    slope = (gap[out] - gap[in_]) / (knots[out] - knots[in_])
    share = gap[out] / (gap[out] - gap[in_])
    error = abs(((1 - share) * spread[out] + share * spread[in_]) / slope)
    return float(knots[out] - gap[out] / slope), float(error) if np.isfinite(error) else None
