"""Checks of trained scores on test events: closure, yields, limits, beside what else could have been done."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.abcd.config import ToyData
from neyman.abcd.evaluation import Assessment, assess, choose_cuts
from neyman.abcd.optimum import best_limit
from neyman.abcd.plane import ScoredSample
from neyman.abcd.results import CheckResult, CutsResult, Optimum, PlaneCounts, Regions, Verdict
from neyman.abcd.sample import Parts, Sample
from neyman.abcd.templates import REGIONS
from neyman.abcd.trained import TrainedAbcd
from neyman.simulation.gaussians import ThreeGaussians

_CELLS = 80  # of the plane along each score


def check(trained: TrainedAbcd, *, assessed: Assessment | None = None) -> CheckResult:
    """Check trained scores on test events.

    Args:
        trained: The scores.
        assessed: What `assess_test` found before, to save doing it again.

    Raises:
        ArtefactError: If a file that it was trained on has changed.
        DataError: If there is no signal in region B.
        NumericsError: If a fit does not converge.
    """
    parts, config = trained.reload().parts, trained.config
    edges = np.asarray(config.discriminant.edges)
    sample = trained.scored(parts.test)
    test = assessed or assess(sample, edges, trained.cuts)
    verdicts = _verdicts(trained, test)
    return CheckResult(
        passed=all(verdict.passed for verdict in verdicts),
        verdicts=verdicts,
        test=_result(test, allowed=trained.allowed),
        validation=_result(assess(trained.scored(parts.validation), edges, trained.cuts), allowed=trained.allowed),
        cut_and_count=_cut_and_count(trained, parts, edges),
        optimum=_optimum(trained, float(test.limit.expected[2])),
        plane=_plane(sample),
        edges=edges.tolist(),
        discriminant=config.discriminant.column,
        method=config.method.kind,
        seed=config.seed,
        artefact=trained.digest or None,
    )


def assess_test(trained: TrainedAbcd) -> Assessment:
    """The chosen cuts on test events."""
    sample = trained.scored(trained.reload().parts.test)
    return assess(sample, np.asarray(trained.config.discriminant.edges), trained.cuts)


def _verdicts(trained: TrainedAbcd, test: Assessment) -> list[Verdict]:
    options, closure = trained.config.evaluation, test.closure
    largest, worst = (
        options.largest_non_closure,
        int(np.argmax(np.abs(closure.bins) / np.maximum(closure.errors, 1e-12))),
    )
    yields = test.templates.background
    errors = np.zeros_like(yields) if test.templates.variance is None else np.sqrt(test.templates.variance)
    least = np.unravel_index(int(np.argmin(yields + 2 * errors)), yields.shape)
    smallest, error = float(yields[least]), float(errors[least])
    return [
        Verdict(
            name="cuts",
            passed=trained.allowed,
            detail="closure and yields were as asked for on validation events"
            if trained.allowed
            else "no cuts close and keep the yields that were asked for on validation events; the closest were taken",
        ),
        Verdict(
            name="closure",
            passed=abs(closure.total) <= largest,
            detail=f"δ = {closure.total:+.3f} ± {closure.error:.3f} of all bins together; at most {largest:g}",
        ),
        Verdict(
            name="closure of each bin",
            passed=bool((np.abs(closure.bins) - 2 * closure.errors <= largest).all()),
            detail=f"bin {worst}: δ = {closure.bins[worst]:+.3f} ± {closure.errors[worst]:.3f}, the most significant; "
            f"at most {largest:g} within two standard deviations",
        ),
        Verdict(
            name="yields",
            passed=smallest + 2 * error >= options.least_yield,
            detail=f"{smallest:.3g} ± {error:.2g} expected background events in region {REGIONS[least[1]]} of bin "
            f"{least[0]}, the fewest; at least {options.least_yield:g} within two standard deviations",
        ),
    ]


def _result(found: Assessment, *, allowed: bool) -> CutsResult:
    templates, closure = found.templates, found.closure
    return CutsResult(
        cuts=(float(found.cuts[0]), float(found.cuts[1])),
        allowed=allowed,
        background=_regions(templates.background),
        signal=_regions(templates.signal),
        variance=_regions(np.zeros_like(templates.background) if templates.variance is None else templates.variance),
        non_closure=closure.bins.tolist(),
        non_closure_error=closure.errors.tolist(),
        total_non_closure=closure.total,
        total_non_closure_error=closure.error,
        contamination=found.contamination,
        cls_exp=found.cls.expected.tolist(),
        mu_limit_exp=found.limit.expected.tolist(),
        q_mu=found.cls.q,
    )


def _regions(yields_: Float[np.ndarray, "b 4"]) -> Regions:
    return Regions(**dict(zip(REGIONS, yields_.T.tolist(), strict=True)))


def _cut_and_count(trained: TrainedAbcd, parts: Parts, edges: Float[np.ndarray, " e"]) -> CutsResult | None:
    """Two features in place of the scores; a feature of which signal has less is turned around."""
    options, column = trained.config.evaluation, trained.config.discriminant.column
    if options.reference is None:
        return None
    axes = parts.validation.matrix(options.reference)
    signal = parts.validation.is_signal
    turn = np.where(np.median(axes[signal], axis=0) >= np.median(axes[~signal], axis=0), 1.0, -1.0)

    def scored(sample: Sample) -> ScoredSample:
        scores = sample.matrix(options.reference or ()) * turn
        return ScoredSample(scores, sample.events[column], sample.weights, sample.is_signal)

    choice = choose_cuts(scored(parts.validation), edges, options)
    return _result(assess(scored(parts.test), edges, choice.cuts), allowed=choice.allowed)


def _optimum(trained: TrainedAbcd, limit: float) -> Optimum | None:
    """One cut on the exact log-ratio, with the background known exactly and as much of it as is asked for in B."""
    config = trained.config
    data, column = config.data, config.discriminant.column
    if not isinstance(data, ToyData) or column != "m":
        return None  # the log-ratio contains every other column
    limits = best_limit(
        ThreeGaussians(),
        data.background_yield * config.luminosity,
        data.signal_yield * config.luminosity,
        np.asarray(config.discriminant.edges),
        least_yield=config.evaluation.least_yield,
    )
    return Optimum(mu_limit_exp=limits.tolist(), ratio=limit / float(limits[2]))


def _plane(sample: ScoredSample) -> PlaneCounts:
    """Counts in cells that span all but the outermost events."""
    low, high = np.quantile(sample.scores, [0.001, 0.999], axis=0)
    axes = [np.linspace(low[i], max(high[i], low[i] + 1e-9), _CELLS + 1) for i in range(2)]
    counts = [
        np.histogramdd(sample.scores[chosen], bins=axes, weights=sample.weights[chosen])[0].tolist()
        for chosen in (~sample.is_signal, sample.is_signal)
    ]
    return PlaneCounts(first=axes[0].tolist(), second=axes[1].tolist(), background=counts[0], signal=counts[1])
