"""Whether a fit with unbinned channels may be trusted: what is reported beside its minimum.

| what | why |
|---|---|
| drift | without normalisation a density integrates to this; a fit then gains likelihood by inventing events |
| effective size of the reference | Z is a mean over it; a few events with large weights are no sample |
| extrapolation | templates are known at α = −1, 0, 1; beyond, they are continued as exponentials |
| lowest density | a mixture with negative coefficients must be positive at every event |
| second minimiser | two that disagree have found two minima, or none |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from neyman.likelihood.data import Data
from neyman.likelihood.fitting import DISAGREE, Fit, fit, make_problem
from neyman.likelihood.minuit import migrad
from neyman.likelihood.model import Model, Parameters
from neyman.likelihood.results import UnbinnedCheck

TOLERATED_DRIFT = 1e-3
"""Change of a density's integral that an un-normalised fit may show."""
FEWEST, LARGEST_LOSS = 50.0, 0.2
MISCALIBRATED = 0.02
_LOOSE = 0.1  # Minuit then stops within 10⁻⁴, a tenth of what counts as another minimum


def examined(found: Fit, *, start: Parameters | None = None) -> Fit:
    """The same fit with what speaks for and against it; a lower minimum of Minuit's takes its place.

    Args:
        found: A fit of a model with unbinned channels.
        start: Where it began, and Minuit will.
    """
    model, data = found.model, found.data
    fixed = {model.names[i]: float(found.theta[i]) for i in np.flatnonzero(found.fixed)}
    problem = make_problem(model, data, fixed=fixed, start=start)
    second = migrad(
        model.tables,
        model.compiled.layout,
        problem,
        model.unbinned_terms(data),
        tolerance=_LOOSE,
        strategy=0,
        errors=found.errors[model.compiled.order],
    )
    difference = float(second.value) - found.value
    if difference < -DISAGREE:
        better = fit(model, data, fixed=fixed, start=model.restored(np.asarray(second.theta)))
        if better.result.converged or not found.result.converged:
            found, difference = better, float(second.value) - better.value
    checks = check_unbinned(model, found.theta, data)
    warnings = complaints(checks)
    if abs(difference) > DISAGREE:
        warnings.insert(0, f"Minuit ends {2 * difference:+.3g} away in −2 ln L: there are several minima, or none")
    message = f"{found.result.message}, but {warnings[0]}" if warnings else found.result.message
    if len(warnings) > 1:
        message += f"; {len(warnings) - 1} more in warnings"
    update = {"second_minimiser": 2 * difference, "unbinned": checks, "warnings": warnings, "message": message}
    return replace(found, result=found.result.model_copy(update=update))


def check_unbinned(model: Model, theta: Float[np.ndarray, " p"], data: Data) -> dict[str, UnbinnedCheck]:
    """Look at each unbinned channel at a minimum.

    Args:
        model: The model.
        theta: Parameters in pyhf's order, shape (P,).
        data: The data.
    """
    table = model.expected(theta)
    found = {}
    for channel, events in zip(model.unbinned, data.events, strict=True):
        alpha = theta[model.compiled.order][channel.places]
        yields = np.array([table[channel.name][sample][0] for sample in channel.samples])
        check = UnbinnedCheck(
            normalised=channel.normalise,
            events=events.total,
            lowest_density=channel.lowest_density(events, yields, alpha),
            negative=[name for name, value in zip(channel.samples, yields, strict=True) if value < 0],
            extrapolated={
                name: float(value) for name, value in zip(channel.alphas, alpha, strict=True) if abs(value) > 1
            },
        )
        if channel.reference is not None:
            weights = channel.reference.weights
            here, nominal = (
                channel.reference.templates.densities(at) * weights for at in (alpha, np.zeros(len(alpha)))
            )
            check = check.model_copy(
                update={
                    "reference_events": len(weights),
                    "nominal_integral": _named(channel.samples, nominal.sum(1) / weights.sum()),
                    "drift": _named(channel.samples, here.sum(1) / nominal.sum(1)),
                    "effective_size": _named(channel.samples, _effective(here)),
                    "nominal_effective_size": _named(channel.samples, _effective(nominal)),
                }
            )
        found[channel.name] = check
    return found


def _effective(weights: Float[np.ndarray, "s n"]) -> Float[np.ndarray, " s"]:
    """(Σw)² / Σw² (Kish, Survey Sampling, 1965, §11.7)."""
    size: Float[np.ndarray, " s"] = weights.sum(1) ** 2 / (weights**2).sum(1)
    return size


def _named(names: Sequence[str], values: Float[np.ndarray, " s"]) -> dict[str, float | None]:
    return dict(zip(names, values.tolist(), strict=True))


def complaints(checks: dict[str, UnbinnedCheck]) -> list[str]:
    """What is wrong or to be known, a line for each."""
    return [f"{name}: {line}" for name, check in checks.items() for line in _of(check)]


def _of(check: UnbinnedCheck) -> list[str]:
    found = []
    if not check.normalised:
        worst = max(check.drift.items(), key=lambda each: abs((each[1] or 1.0) - 1), default=None)
        if worst is None:
            found.append("densities are not normalised, and without a reference nobody knows by how much they are off")
        elif abs((worst[1] or np.inf) - 1) > TOLERATED_DRIFT:
            found.append(
                f"the density of '{worst[0]}' integrates to {worst[1]:.4g}: this minimum is not one of densities"
            )
    if check.lowest_density is not None and check.lowest_density <= 0:
        found.append("the density is not positive at every event")
    for sample, size in check.effective_size.items():
        before = check.nominal_effective_size[sample]
        if size is not None and before and (size < FEWEST or size < LARGEST_LOSS * before):
            found.append(f"'{sample}' is normalised on {size:.0f} effective reference events, {before:.0f} at α = 0")
    for sample, value in check.nominal_integral.items():
        if value is not None and abs(value - 1) > MISCALIBRATED:
            found.append(f"the nominal density of '{sample}' integrates to {value:.4g} on the reference, not to 1")
    if check.extrapolated:
        named = ", ".join(f"{name} = {value:.2f}" for name, value in check.extrapolated.items())
        found.append(f"shapes are extrapolated beyond their templates: {named}")
    return found
