"""Fits: from a model and data to the minimum of −2 ln L, with what is needed to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from neyman.core.random import stream
from neyman.likelihood.data import Data
from neyman.likelihood.derivatives import Derivatives, full_hessian
from neyman.likelihood.minuit import migrad
from neyman.likelihood.model import Model, Parameters
from neyman.likelihood.newton import Minimum, Problem, Unbinned, minimise
from neyman.likelihood.results import BestFit, Correlation, Estimate, Minimiser
from neyman.likelihood.tables import one_sided

if TYPE_CHECKING:
    from neyman.likelihood.results import Contour, Impacts, Intervals, Scan

DISAGREE = 1e-3
"""Difference of −ln L above which two minima are two."""
_RESCUES = 5
_NEAR_KINK, _NO_MIRROR, _MOST_MIRRORS = 0.5, 1e-6, 50
_Found = tuple[Minimum, Derivatives | None]


@dataclass(frozen=True, eq=False)
class Fit:
    """A model, data, and the minimum.

    Attributes:
        model: The model.
        data: The data.
        theta: Parameters at the minimum, shape (P,), in pyhf's order.
        value: −ln L at the minimum, without constants.
        fixed: Parameters that were held, shape (P,).
        covariance: Inverse Hessian of −ln L, shape (P, P); zero for fixed parameters, not a number where undetermined.
        result: All of it as a result that can be kept.
    """

    model: Model
    data: Data
    theta: Float[np.ndarray, " p"]
    value: float
    fixed: Bool[np.ndarray, " p"]
    covariance: Float[np.ndarray, "p p"]
    result: BestFit

    def __getitem__(self, name: str) -> Estimate:
        return self.result.parameters[self.model.names[self.model.index(name)]]

    @property
    def errors(self) -> Float[np.ndarray, " p"]:
        """Errors of all parameters."""
        root: Float[np.ndarray, " p"] = np.sqrt(np.diagonal(self.covariance))
        return root

    @property
    def parameters(self) -> dict[str, Estimate]:
        """Estimates by name."""
        return self.result.parameters

    def scan(
        self, parameter: str | None = None, *, low: float | None = None, high: float | None = None, points: int = 31
    ) -> Scan:
        """The profile over one parameter; see `neyman.likelihood.profile.scan`."""
        from neyman.likelihood.profile import scan

        return scan(self, parameter, low=low, high=high, points=points)

    def intervals(self, parameters: Sequence[str] | None = None, *, delta: float = 1.0) -> Intervals:
        """Intervals from the profile; see `neyman.likelihood.profile.intervals`."""
        from neyman.likelihood.profile import intervals

        return intervals(self, parameters, delta=delta)

    def contour(self, first: str, second: str, *, points: int = 25) -> Contour:
        """The profile over two parameters; see `neyman.likelihood.profile.contour`."""
        from neyman.likelihood.profile import contour

        return contour(self, first, second, points=points)

    def impacts(self, parameter: str | None = None, *, groups: Mapping[str, Sequence[str]] | None = None) -> Impacts:
        """Impacts of all nuisance parameters; see `neyman.likelihood.impacts.impacts`."""
        from neyman.likelihood.impacts import impacts

        return impacts(self, parameter, groups=groups)


def fit(
    model: Model,
    data: Data | None = None,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Parameters | None = None,
    minimiser: Minimiser = "newton",
    starts: int = 1,
) -> Fit:
    """Minimise −2 ln L.

    A fit that does not converge is begun again from other places, and at last handed to Minuit. With
    `minimiser="minuit"` both minimise; if they disagree, both begin again from other places and the lowest is kept.

    Args:
        model: The model.
        data: The data; those of the workspace by default.
        fixed: Parameters to hold, with their values.
        start: Where to begin; the workspace's initial values by default.
        minimiser: `newton`, or `minuit` for a second opinion.
        starts: From how many places to begin; the best minimum is kept and the others are told.

    Returns:
        The fit, converged or not: `fit.result.converged` and `fit.result.message` say.

    Raises:
        WorkspaceError: If a parameter is not known, or the data do not fit the model.
    """
    data = data or model.observed
    problem = make_problem(model, data, fixed=fixed, start=start)
    tables, layout, unbinned = model.tables, model.compiled.layout, model.unbinned_terms(data)

    def newton(begin: int, end: int) -> list[_Found]:
        return [minimise(tables, layout, _from(problem, index), unbinned) for index in range(begin, end)]

    found = newton(0, max(1, starts))
    found += _mirrored(model, problem, found, unbinned)
    if minimiser == "minuit":
        second = migrad(tables, layout, problem, unbinned)
        if abs(float(second.value) - float(found[0][0].value)) > DISAGREE or not found[0][0].converged:
            found += newton(1, _RESCUES)
            more = [migrad(tables, layout, _from(problem, index), unbinned) for index in range(1, _RESCUES)]
            second = _best([(each, None) for each in (second, *more)])[0]
        first = _best(found)[0]
        if first.converged and float(first.value) < float(second.value) - DISAGREE:
            found = [(second, None), *found]
        else:
            return _finish(model, data, problem, (second, None), found=found, minimiser=minimiser)
    elif not any(each.converged for each, _ in found):
        found += newton(1, _RESCUES)
        if not any(each.converged for each, _ in found):
            found.append((migrad(tables, layout, problem, unbinned), None))
    return _finish(model, data, problem, _best(found), found=found, minimiser=minimiser)


def lowest(model: Model, data: Data, *, fixed: Mapping[str, float], start: Parameters) -> Minimum:
    """The minimum alone, without errors: for tests that need many; arguments as of `fit`."""
    problem = make_problem(model, data, fixed=fixed, start=start)
    unbinned = model.unbinned_terms(data)
    found: list[_Found] = [minimise(model.tables, model.compiled.layout, problem, unbinned)]
    return _best([*found, *_mirrored(model, problem, found, unbinned)])[0]


def make_problem(
    model: Model,
    data: Data,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Parameters | None = None,
) -> Problem:
    """A fit as the minimiser wants it, in the order of the tables."""
    theta = model.vector(start)
    held = model.fixed.copy()
    for name, value in (fixed or {}).items():
        held[model.index(name)] = True
        theta[model.index(name)] = value
    main, auxiliary = model.arranged(data)
    order = model.compiled.order
    bounds = model.bounds[order]
    return Problem(main, auxiliary, model.vector(theta)[order], bounds[:, 0], bounds[:, 1], held[order])


def _from(problem: Problem, index: int) -> Problem:
    """The same from another place: the start itself, then ever farther from it."""
    if index == 0:
        return problem
    rng = stream(0, "start", index)
    width = np.minimum(0.1 * (problem.upper - problem.lower), 1.0) * (0.5 + 0.5 * index)
    start = np.clip(problem.start + width * rng.normal(size=len(problem.start)), problem.lower, problem.upper)
    return problem._replace(start=np.where(problem.fixed, problem.start, start))


def _mirrored(model: Model, problem: Problem, found: Sequence[_Found], unbinned: Unbinned | None) -> list[_Found]:
    """From the best so far to the mirror image of one parameter after the other, keeping what is lower.

    A systematic that pulls to the same side up and down leaves two minima, one for each sign; so does a kink.
    """
    tables, layout = model.tables, model.compiled.layout
    best, more = _best(found), list[_Found]()
    theta = np.asarray(best[0].theta)
    near_kink = np.asarray(model.compiled.tables.kink) & (np.abs(theta) < _NEAR_KINK)
    alike = one_sided(model.compiled)
    for channel in model.unbinned:
        alike[channel.places[channel.one_sided]] = True
    several = (alike | near_kink) & ~np.asarray(problem.fixed) & (np.abs(theta) > _NO_MIRROR)
    for index in sorted(np.flatnonzero(several), key=lambda i: -abs(theta[i]))[:_MOST_MIRRORS]:
        start = np.array(best[0].theta)
        start[index] *= -1
        other = minimise(tables, layout, problem._replace(start=start), unbinned)
        more.append(other)
        best = _best([best, other])
    return more


def _best(found: Sequence[_Found]) -> _Found:
    """The lowest that converged; if none did, the lowest."""
    good = [each for each in found if each[0].converged] or list(found)
    return min(good, key=lambda each: float(each[0].value) if np.isfinite(each[0].value) else np.inf)


def _finish(
    model: Model, data: Data, problem: Problem, chosen: _Found, *, found: Sequence[_Found], minimiser: Minimiser
) -> Fit:
    best, derivatives = chosen
    theta = model.restored(np.asarray(best.theta))
    fixed = model.restored(np.asarray(problem.fixed))
    free = model.restored(np.asarray(best.free))
    hessian = (
        model.hessian(theta, data) / 2 if derivatives is None else model.restored_matrix(full_hessian(derivatives))
    )
    covariance = invert(hessian, fixed=fixed, free=free)
    errors = np.sqrt(np.where(np.diagonal(covariance) >= 0, np.diagonal(covariance), np.nan))
    low, high = model.bounds.T
    held = ~fixed & ((theta <= low) | (theta >= high))
    others = sorted({round(2 * float(each.value - best.value), 6) for each, _ in found if each.converged})
    shown = np.flatnonzero(~model.bin_wise & ~fixed)
    scale = errors[shown]
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance[np.ix_(shown, shown)] / np.outer(scale, scale)
    result = BestFit(
        **model.identity(),
        converged=bool(best.converged),
        message=_message(model, best, errors, fixed=fixed, held=held),
        twice_nll=2 * (float(best.value) + model.constant(data)),
        parameters={
            name: Estimate(value=float(value), error=float(error))
            for name, value, error in zip(model.names, theta, errors, strict=True)
        },
        correlation=Correlation(names=[model.names[i] for i in shown], matrix=correlation.tolist()),
        minimiser=minimiser,
        steps=int(best.steps),
        distance=float(best.distance),
        at_bounds=[model.names[i] for i in np.flatnonzero(held)],
        other_minima=[each for each in others if each > 2 * DISAGREE],
    )
    return Fit(model, data, theta, float(best.value), fixed, covariance, result)


def invert(
    hessian: Float[np.ndarray, "p p"], *, fixed: Bool[np.ndarray, " p"], free: Bool[np.ndarray, " p"]
) -> Float[np.ndarray, "p p"]:
    """The covariance of the parameters that are not fixed.

    Parameters at a bound take part if the Hessian allows it; else theirs is not a number. The same becomes of all
    parameters if the Hessian of the free ones is not positive definite.
    """
    covariance = np.full(hessian.shape, np.nan)
    covariance[fixed] = covariance[:, fixed] = 0.0
    for chosen in (~fixed, free):
        rows = np.ix_(chosen, chosen)
        scale = np.sqrt(np.maximum(np.diagonal(hessian)[chosen], 1e-300))
        try:
            factor = np.linalg.cholesky(hessian[rows] / np.outer(scale, scale))
        except np.linalg.LinAlgError:
            continue
        inverse = np.linalg.inv(factor)
        covariance[rows] = (inverse.T @ inverse) / np.outer(scale, scale)
        break
    return covariance


def _message(
    model: Model,
    best: Minimum,
    errors: Float[np.ndarray, " p"],
    *,
    fixed: Bool[np.ndarray, " p"],
    held: Bool[np.ndarray, " p"],
) -> str:
    def some(which: Bool[np.ndarray, " p"]) -> str:
        names = [model.names[i] for i in np.flatnonzero(which)]
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    if not np.isfinite(best.value):
        return "the likelihood is zero at the start: a bin has events and no expectation; try other inits"
    if not best.converged:
        return f"no minimum found after {int(best.steps)} steps: try minimiser minuit, starts=10, or narrower bounds"
    undetermined = ~fixed & ~np.isfinite(errors)
    if undetermined.any() and not held.any():
        return f"minimum found, but the data do not determine {some(undetermined)}: try to fix them"
    if held.any():
        return f"minimum found, with {some(held)} at a bound; errors there are not to be trusted: try wider bounds"
    return "minimum found"
