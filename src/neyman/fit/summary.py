"""All that a report of a fit shows, computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from neyman.core.errors import NeymanError
from neyman.core.provenance import provenance
from neyman.core.results import Result
from neyman.fit.blinding import Blinding
from neyman.fit.hiding import hide, shown_fit
from neyman.likelihood.fitting import Fit
from neyman.likelihood.goodness import goodness_of_fit
from neyman.likelihood.hypotheses import hypothesis_tests, significance
from neyman.likelihood.limits import upper_limit
from neyman.likelihood.model import Model
from neyman.likelihood.outcomes import GoodnessOfFit, HypothesisTest, Regions, Significance, UpperLimit
from neyman.likelihood.profile import scan
from neyman.likelihood.results import BestFit, FitResult, Impacts, Scan
from neyman.likelihood.yields import postfit, prefit

ResultT = TypeVar("ResultT", bound=FitResult)
_POINTS = 25


class FitSummary(Result):
    """Everything about one fit.

    Attributes:
        best: The best fit.
        goodness: Its goodness.
        prefit: Expected events before the fit.
        postfit: Expected events after it.
        impacts: Impacts on the parameter of interest.
        scan: Its profile.
        significance: Significance of a signal.
        limit: Upper limit.
        tests: CLs over values of the parameter of interest, around the limits.
        notes: What could not be computed, and why; warnings about the workspace.
        constraints: Centre and width of the constraint of each constrained parameter.
        signals: Samples that the parameter of interest scales.
        hidden: Channels whose data are blinded.
        variables: What each channel shows, and the edges of its bins, where they are known.
        provenance: The program that made it.
    """

    best: BestFit
    goodness: GoodnessOfFit
    prefit: Regions
    postfit: Regions
    impacts: Impacts | None
    scan: Scan | None
    significance: Significance | None
    limit: UpperLimit | None
    tests: list[HypothesisTest]
    notes: list[str]
    constraints: dict[str, tuple[float, float]]
    signals: list[str]
    hidden: list[str]
    variables: dict[str, tuple[str, list[float]]]
    provenance: dict[str, Any]


def summarise(
    fit: Fit,
    *,
    mark: Blinding | None = None,
    notes: Sequence[str] = (),
    variables: Mapping[str, tuple[str, list[float]]] | None = None,
) -> FitSummary:
    """Compute what a report shows; what a mark blinds is left out of it.

    A part that cannot be computed, such as a limit of a parameter that may not be zero, becomes a note.

    Args:
        fit: The best fit.
        mark: What is blinded.
        notes: What to note besides.
        variables: What each channel shows, and the edges of its bins: a workspace does not know.
    """
    said = list(notes)
    model = fit.model
    if mark and mark.parameters:
        said.append(f"blinded: expected events are shown with {', '.join(sorted(mark.parameters))} as before the fit")

    def shown(result: ResultT) -> ResultT:
        return hide(result, mark) if mark else result

    def attempt(what: str, compute: Any) -> Any:  # noqa: ANN401 - a function and what it gives
        if model.poi is None or not fit.result.converged:
            return None
        try:
            return shown(compute())
        except NeymanError as error:
            said.append(f"{what}: {str(error).splitlines()[0]}")
            return None

    limit = attempt("upper limit", lambda: upper_limit(model, fit.data))
    tests: list[HypothesisTest] = []
    if limit is not None:
        top = 1.15 * max(each for each in (limit.obs, *limit.exp) if each is not None)
        tests = [shown(each) for each in hypothesis_tests(model, np.linspace(0, top, _POINTS).tolist(), fit.data)]
    hidden = [name for name in (mark.regions if mark else ()) if name in model.grid.names]
    unit = model.expected_auxiliary([1.0] * len(model.names))
    centres = fit.data.auxiliary / unit
    return FitSummary(
        best=shown(fit.result),
        goodness=shown(goodness_of_fit(fit)),
        prefit=_without_data(prefit(model, fit.data), hidden),
        postfit=_without_data(postfit(shown_fit(fit, mark)), hidden),
        impacts=attempt("impacts", fit.impacts),
        scan=attempt("scan", lambda: scan(fit, stat_only=True)),
        significance=attempt("significance", lambda: significance(model, fit.data)),
        limit=limit,
        tests=tests,
        notes=said,
        constraints={
            model.names[place]: (float(centre), float(model.widths[place]))
            for place, centre in zip(model.auxiliary_of, centres, strict=True)
            if not fit.fixed[place]
        },
        signals=_signals(model),
        hidden=hidden,
        variables=dict(variables or {}),
        provenance=provenance(),
    )


def _signals(model: Model) -> list[str]:
    """Samples that a normfactor of the parameter of interest scales."""
    if model.poi is None:
        return []
    place = int(np.flatnonzero(model.compiled.order == model.index(model.poi))[0])
    linear = np.asarray(model.compiled.tables.linear)
    if place >= len(linear):
        return []
    return sorted(
        {
            sample
            for (channel, sample), row in model.grid.rows.items()
            if linear[place, row, model.grid.names.index(channel)]
        }
    )


def _without_data(regions: Regions, hidden: list[str]) -> Regions:
    return regions.model_copy(
        update={
            "regions": [
                each.model_copy(update={"data": [None] * len(each.data)}) if each.name in hidden else each
                for each in regions.regions
            ]
        }
    )
