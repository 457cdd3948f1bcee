"""Results as they may be shown while a workspace is blinded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import singledispatch
from typing import Any, TypeVar

from neyman.fit.blinding import Blinding
from neyman.likelihood.fitting import Fit
from neyman.likelihood.outcomes import HypothesisTest, NeymanConstruction, Significance, UpperLimit
from neyman.likelihood.results import (
    BestFit,
    Contour,
    FitResult,
    Impacts,
    Interval,
    Intervals,
    Number,
    Scan,
    UnbinnedCheck,
)

ResultT = TypeVar("ResultT", bound=FitResult)


def hide(result: ResultT, mark: Blinding) -> ResultT:
    """The result without what its workspace's mark blinds.

    Values of blinded parameters get their offset, also those that a scan or contour held; errors, correlations,
    impacts and the height of the profile stay. Observed CLs, limits and significances become null, and so does what a
    Neyman construction found. Goodness of fit and pseudo-experiments say nothing about a blinded parameter, and stay.
    `blinded` is true if anything changed.

    Args:
        result: The result.
        mark: The mark.
    """
    changes = _changes(result, mark)
    return result.model_copy(update={**changes, "blinded": True}) if changes else result


def shown_fit(fit: Fit, mark: Blinding | None) -> Fit:
    """The fit whose expected events may be drawn: blinded parameters are where they began.

    The yields of a signal after the fit would tell its strength.
    """
    if mark is None or not mark.parameters:
        return fit
    theta = fit.theta.copy()
    for name in mark.parameters:
        place = fit.model.index(name)
        theta[place] = fit.model.inits[place]
    return replace(fit, theta=theta)


@singledispatch
def _changes(result: FitResult, mark: Blinding) -> dict[str, Any]:
    del result, mark
    return {}


@_changes.register(BestFit)
def _of_best_fit(result: BestFit, mark: Blinding) -> dict[str, Any]:
    shifted = {
        name: each.model_copy(update={"value": _plus(each.value, mark.offset(name))})
        for name, each in result.parameters.items()
        if name in mark.parameters and each.error != 0  # one that the workspace fixes is known anyway
    }
    checks = {
        name: _of_check(check, shifted.keys(), result.poi)
        for name, check in result.unbinned.items()
        if name not in mark.regions
    }
    of_events = {"unbinned": checks} if checks != result.unbinned else {}
    if not shifted:
        return of_events
    at_bounds = [name for name in result.at_bounds if name not in shifted]  # a bound is a number that all know
    told = any(name in result.message for name in set(result.at_bounds) - set(at_bounds))
    warnings = [line for line in result.warnings if not any(f"{name} = " in line for name in shifted)]
    told = told or any(line in result.message for line in set(result.warnings) - set(warnings))
    return {
        "parameters": {**result.parameters, **shifted},
        "at_bounds": at_bounds,
        "message": "minimum found" if told else result.message,
        "warnings": warnings,
        **of_events,
    }


def _of_check(check: UnbinnedCheck, shifted: Collection[str], poi: str | None) -> UnbinnedCheck:
    """Without what tells the value of a parameter: the sign of a yield; integrals of densities that it may change."""
    if not shifted:
        return check
    extrapolated = {name: value for name, value in check.extrapolated.items() if name not in shifted}
    hidden: dict[str, Any] = {"extrapolated": extrapolated, "negative": []}
    if set(shifted) - {poi}:
        hidden |= {"drift": {}, "effective_size": {}}
    return check.model_copy(update=hidden)


@_changes.register(NeymanConstruction)
def _of_construction(result: NeymanConstruction, mark: Blinding) -> dict[str, Any]:
    if result.parameter not in mark.parameters or result.blinded:  # one of what is expected tells nothing
        return {}
    ends = dict.fromkeys(("lower", "upper", "lower_error", "upper_error"))
    intervals = ("interval_68", "interval_95", "asymptotic_68", "asymptotic_95")
    curves = ("critical_68", "critical_68_error", "critical_95", "critical_95_error")
    return {  # it looks where the data are, and so the values tell as much as the statistic
        "best": None,
        **{name: [] for name in ("values", "observed", "p_values", "converged", *curves)},
        **{name: getattr(result, name).model_copy(update=ends) for name in intervals},
    }


@_changes.register(Scan)
def _of_scan(result: Scan, mark: Blinding) -> dict[str, Any]:
    if result.parameter not in mark.parameters:
        return {}
    by = mark.offset(result.parameter)
    return {
        "best": _plus(result.best, by),
        "values": [value + by for value in result.values],
        "interval_68": _shifted(result.interval_68, by),
        "interval_95": _shifted(result.interval_95, by),
    }


@_changes.register(Contour)
def _of_contour(result: Contour, mark: Blinding) -> dict[str, Any]:
    if not mark.parameters.keys() & set(result.parameters):
        return {}
    by_x, by_y = (mark.offset(name) for name in result.parameters)
    return {
        "best": (_plus(result.best[0], by_x), _plus(result.best[1], by_y)),
        "x": [value + by_x for value in result.x],
        "y": [value + by_y for value in result.y],
    }


@_changes.register(Impacts)
def _of_impacts(result: Impacts, mark: Blinding) -> dict[str, Any]:
    named = {result.parameter, *(each.name for each in result.impacts)}
    if not mark.parameters.keys() & named:
        return {}
    return {
        "value": _plus(result.value, mark.offset(result.parameter)),
        "impacts": [
            each.model_copy(update={"value": _plus(each.value, mark.offset(each.name))}) for each in result.impacts
        ],
    }


@_changes.register(Intervals)
def _of_intervals(result: Intervals, mark: Blinding) -> dict[str, Any]:
    if not mark.parameters.keys() & result.parameters.keys():
        return {}
    return {
        "parameters": {name: _plus(value, mark.offset(name)) for name, value in result.parameters.items()},
        "intervals": {name: _shifted(each, mark.offset(name)) for name, each in result.intervals.items()},
    }


@_changes.register(HypothesisTest)
@_changes.register(UpperLimit)
@_changes.register(Significance)
def _observed(result: HypothesisTest | UpperLimit | Significance, mark: Blinding) -> dict[str, Any]:
    if result.poi not in mark.parameters:
        return {}
    if isinstance(result, UpperLimit):
        return {"obs": None, "scan": []}  # it was looked for where the scan is dense
    if isinstance(result, Significance):
        return dict.fromkeys(("q0", "p_value", "observed"))
    return dict.fromkeys(("cls_obs", "cls_obs_error", "clsb_obs", "clb_obs", "q_obs"))


def _shifted(interval: Interval, by: float) -> Interval:
    return interval.model_copy(update={"lower": _plus(interval.lower, by), "upper": _plus(interval.upper, by)})


def _plus(value: Number, by: float) -> Number:
    return None if value is None else value + by
