"""Profiles of −2 ln L: all other parameters minimised at each value of one or two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from neyman.core.errors import InputError, WorkspaceError
from neyman.likelihood.fitting import Fit
from neyman.likelihood.many import Fits, fit_many
from neyman.likelihood.results import Contour, Interval, Intervals, Scan

CHI2_68, CHI2_95 = 1.0, 3.841458820694124
_ROUNDS, _CLOSE = 25, 1e-5


def of_interest(fit: Fit, parameter: str | None) -> str:
    """The parameter that is meant: the one named, or the parameter of interest.

    Raises:
        WorkspaceError: If it is neither named nor known.
    """
    if parameter is not None:
        fit.model.index(parameter)
        return parameter
    if fit.model.poi is None:
        raise WorkspaceError("the measurement has no parameter of interest", hint="name a parameter")
    return fit.model.poi


def held_at(
    fit: Fit, places: Sequence[int], values: Float[np.ndarray, "n k"], *, also: Bool[np.ndarray, " p"] | None = None
) -> Fits:
    """Fits with some parameters held at various values.

    They begin where the covariance of the best fit says that the others will go.

    Args:
        fit: The best fit.
        places: Numbers of the k parameters.
        values: Where they are held, shape (N, k).
        also: Parameters that are held at their best values.
    """
    shift = values - fit.theta[list(places)]
    held = fit.fixed if also is None else fit.fixed | also
    start = np.tile(fit.theta, (len(values), 1))
    block = fit.covariance[np.ix_(places, places)]
    slope = fit.covariance[:, list(places)]
    if np.isfinite(slope).all() and np.linalg.matrix_rank(block) == len(places) and also is None:
        start = start + np.clip(shift, -5e3, 5e3) @ np.linalg.solve(block, slope.T)
        start = np.clip(start, *fit.model.bounds.T)
    start[:, held] = fit.theta[held]
    start[:, list(places)] = values
    which = np.tile(held, (len(values), 1))
    which[:, list(places)] = True
    return fit_many(fit.model, fit.data, start, fixed=which)


def scan(
    fit: Fit,
    parameter: str | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    points: int = 31,
    stat_only: bool = False,
) -> Scan:
    """The profile over one parameter.

    Args:
        fit: The best fit.
        parameter: The parameter; the parameter of interest by default.
        low: Lowest value; three errors below the best by default, within the bounds.
        high: Highest value.
        points: How many values, evenly spaced.
        stat_only: Whether to scan also with all constrained parameters held at their best values.

    Raises:
        InputError: If the range is empty or the parameter is fixed.
    """
    name = of_interest(fit, parameter)
    place = fit.model.index(name)
    best, error = float(fit.theta[place]), float(np.sqrt(fit.covariance[place, place]))
    if fit.fixed[place]:
        raise InputError(f"'{name}' is fixed", expected="a parameter that may move")
    reach = 3 * error if np.isfinite(error) else 1.0
    bounds = fit.model.bounds[place]
    low = max(best - reach, float(bounds[0])) if low is None else low
    high = min(best + reach, float(bounds[1])) if high is None else high
    if points < 2 or not low < high:
        raise InputError(f"{points} points from {low} to {high}", expected="two or more, from low to high")
    values = np.linspace(low, high, points)
    found = held_at(fit, [place], values[:, None])
    rise = 2 * (found.value - fit.value)
    statistical = None
    if stat_only:
        held = fit.model.constrained
        statistical = (2 * (held_at(fit, [place], values[:, None], also=held).value - fit.value)).tolist()
    crossings = _cross(fit, [place, place], [CHI2_68, CHI2_95])
    return Scan(
        **fit.model.identity(),
        parameter=name,
        best=best,
        values=values.tolist(),
        delta_twice_nll=rise.tolist(),
        stat_only=statistical,
        converged=found.converged.tolist(),
        interval_68=crossings[0],
        interval_95=crossings[1],
    )


def intervals(fit: Fit, parameters: Sequence[str] | None = None, *, delta: float = CHI2_68) -> Intervals:
    """Where the profile of each parameter crosses `delta`, as MINOS does it (James and Roos, CPC 10 (1975) 343).

    Args:
        fit: The best fit.
        parameters: Their names; the parameter of interest by default.
        delta: How far −2 ln L rises: 1 for 68.3 %, 3.84 for 95 %.
    """
    names = [of_interest(fit, None)] if parameters is None else list(parameters)
    places = [fit.model.index(name) for name in names]
    found = _cross(fit, places, [delta] * len(places))
    return Intervals(
        **fit.model.identity(),
        parameters={name: float(fit.theta[place]) for name, place in zip(names, places, strict=True)},
        intervals=dict(zip(names, found, strict=True)),
    )


def _cross(fit: Fit, places: Sequence[int], deltas: Sequence[float]) -> list[Interval]:
    """Both crossings of each parameter, all looked for at the same time by secants on the square root of the rise."""
    side = np.tile([-1.0, 1.0], len(places))
    place = np.repeat(places, 2)
    goal = np.sqrt(np.repeat(deltas, 2))
    best = fit.theta[place]
    error = np.sqrt(np.diagonal(fit.covariance)[place])
    wall = fit.model.bounds[place, (side > 0).astype(int)]
    far = np.where(np.isfinite(error) & (error > 0), error, 0.1 * np.abs(wall - best) + 1e-3) * goal
    low, low_rise = np.zeros(len(place)), np.zeros(len(place))  # distances from the best value, and √rise there
    high, high_rise = np.full(len(place), np.inf), np.full(len(place), np.inf)
    limit = np.abs(wall - best)
    at = np.minimum(far, limit)
    found = np.full(len(place), np.nan)
    open_ = (limit > 0) & ~fit.fixed[place]
    for _ in range(_ROUNDS):
        if not open_.any():
            break
        rise = np.full(len(place), np.nan)
        for index in np.unique(place[open_]):  # fits that hold the same parameter make one batch
            rows = np.flatnonzero(open_ & (place == index))
            fits = held_at(fit, [int(index)], (best + side * at)[rows, None])
            rise[rows] = np.sqrt(np.maximum(2 * (fits.value - fit.value), 0.0))
        done = open_ & (np.abs(rise - goal) < _CLOSE)
        found[done] = at[done]
        outside = open_ & (rise < goal) & (at >= limit)  # the bound comes first
        open_ &= ~done & ~outside & ~np.isnan(rise)
        below = open_ & (rise < goal)
        above = open_ & ~below
        low, low_rise = np.where(below, at, low), np.where(below, rise, low_rise)
        high, high_rise = np.where(above, at, high), np.where(above, rise, high_rise)
        with np.errstate(invalid="ignore", divide="ignore"):
            secant = low + (goal - low_rise) * (high - low) / (high_rise - low_rise)
            onward = np.minimum(low * np.clip(goal / low_rise, 1.01, 3), limit)
            middle = 0.5 * (low + high)
            stuck = np.minimum(secant - low, high - secant) < 0.02 * (high - low)
        inside = np.where(stuck, 0.9 * secant + 0.1 * middle, secant)
        at = np.where(np.isfinite(high), inside, np.where(low > 0, onward, at))
    ends = (best + side * found).reshape(-1, 2)
    return [
        Interval(lower=_number(a), upper=_number(b), delta=delta) for (a, b), delta in zip(ends, deltas, strict=True)
    ]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def contour(fit: Fit, first: str, second: str, *, points: int = 25, reach: float = 3.2) -> Contour:
    """The profile over two parameters, on a grid.

    Args:
        fit: The best fit.
        first: One parameter.
        second: Another.
        points: Values of each.
        reach: How many errors the grid extends to each side, within the bounds.

    Raises:
        InputError: If a parameter is fixed or undetermined, or both are the same.
    """
    places = [fit.model.index(first), fit.model.index(second)]
    errors = fit.errors[places]
    if first == second or not (np.isfinite(errors) & (errors > 0)).all():
        raise InputError(f"no contour of '{first}' and '{second}'", expected="two parameters that may move")
    bounds = fit.model.bounds[places]
    low = np.maximum(fit.theta[places] - reach * errors, bounds[:, 0])
    high = np.minimum(fit.theta[places] + reach * errors, bounds[:, 1])
    x, y = np.linspace(low, high, points).T
    grid = np.stack([each.ravel() for each in np.meshgrid(x, y)], axis=1)
    rise = 2 * (held_at(fit, places, grid).value - fit.value)
    return Contour(
        **fit.model.identity(),
        parameters=(first, second),
        best=(float(fit.theta[places[0]]), float(fit.theta[places[1]])),
        x=x.tolist(),
        y=y.tolist(),
        delta_twice_nll=rise.reshape(points, points).tolist(),
    )
