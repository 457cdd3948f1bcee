"""What each nuisance parameter does to the parameter of interest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import InputError
from neyman.likelihood.fitting import Fit
from neyman.likelihood.many import fit_many
from neyman.likelihood.profile import of_interest
from neyman.likelihood.results import Impact, Impacts


def impacts(
    fit: Fit,
    parameter: str | None = None,
    *,
    nuisances: Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Impacts:
    """Hold each nuisance parameter one error away from its best value, up and down, and fit again.

    Args:
        fit: The best fit.
        parameter: The parameter of interest.
        nuisances: Which parameters to move; all that are not fixed by default.
        groups: Names of parameters by the name of their group.

    Raises:
        InputError: If the parameter of interest is fixed, or a group holds an unknown parameter.
    """
    name = of_interest(fit, parameter)
    poi = fit.model.index(name)
    if fit.fixed[poi]:
        raise InputError(f"'{name}' is fixed", expected="a parameter that may move")
    movable = [i for i in range(len(fit.theta)) if i != poi and not fit.fixed[i] and np.isfinite(fit.errors[i])]
    places = np.array(movable if nuisances is None else [fit.model.index(each) for each in nuisances], int)
    postfit = _moved(fit, poi, places, fit.errors[places])
    prefit = _moved(fit, poi, places, fit.model.widths[places])
    centre = _centres(fit)[places]
    width = fit.model.widths[places]
    found = [
        Impact(
            name=fit.model.names[place],
            value=float(fit.theta[place]),
            error=float(fit.errors[place]),
            pull=float((fit.theta[place] - centre[row]) / width[row]),
            constraint=float(fit.errors[place] / width[row]),
            postfit_up=float(postfit[row, 0]),
            postfit_down=float(postfit[row, 1]),
            prefit_up=float(prefit[row, 0]),
            prefit_down=float(prefit[row, 1]),
        )
        for row, place in enumerate(places)
    ]
    members = {
        group: np.isin(np.arange(len(fit.theta)), [fit.model.index(each) for each in names])
        for group, names in (groups or {}).items()
    }
    statistical = _error_with(fit, poi, fit.model.constrained)
    return Impacts(
        **fit.model.identity(),
        parameter=name,
        value=float(fit.theta[poi]),
        error=float(fit.errors[poi]),
        impacts=sorted(found, key=lambda each: -max(abs(each.postfit_up or 0), abs(each.postfit_down or 0))),
        groups={
            group: float(np.sqrt(max(0.0, fit.covariance[poi, poi] - _error_with(fit, poi, held) ** 2)))
            for group, held in members.items()
        },
        statistical=statistical,
    )


def _moved(fit: Fit, poi: int, places: Int[np.ndarray, " n"], by: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
    """Changes of the parameter of interest with parameters held up and down; not a number where `by` is none."""
    change = np.full((len(places), 2), np.nan)
    rows = np.flatnonzero(np.isfinite(by))
    if not len(rows):
        return change
    for column, sign in enumerate((1.0, -1.0)):
        values = np.clip(fit.theta[places] + sign * by, *fit.model.bounds[places].T)[rows]
        slope = fit.covariance[:, places[rows]] / fit.covariance[places[rows], places[rows]]
        start = fit.theta + (slope * (values - fit.theta[places[rows]])).T
        start = np.where(fit.fixed, fit.theta, np.clip(start, *fit.model.bounds.T))
        start[np.arange(len(rows)), places[rows]] = values
        held = np.tile(fit.fixed, (len(rows), 1))
        held[np.arange(len(rows)), places[rows]] = True
        found = fit_many(fit.model, fit.data, start, fixed=held)
        change[rows, column] = np.where(found.converged, found.theta[:, poi] - fit.theta[poi], np.nan)
    return change


def _centres(fit: Fit) -> Float[np.ndarray, " p"]:
    """Where the auxiliary data put each parameter; not a number without them."""
    centre = np.full(len(fit.theta), np.nan)
    centre[fit.model.auxiliary_of] = fit.data.auxiliary / fit.model.expected_auxiliary(np.ones(len(fit.theta)))
    return centre


def _error_with(fit: Fit, poi: int, held: Bool[np.ndarray, " p"]) -> float:
    """The error of a parameter with others held at their best values: the minimum stays where it is."""
    moving = ~fit.fixed & np.isfinite(fit.errors)
    names = np.flatnonzero(moving)
    free = ~held[names] | (names == poi)
    precision = np.linalg.inv(fit.covariance[np.ix_(names, names)])
    inverse = np.linalg.inv(precision[np.ix_(free, free)])
    at = int(np.flatnonzero(names[free] == poi)[0])
    return float(np.sqrt(inverse[at, at]))
