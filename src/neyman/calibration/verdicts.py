"""What the numbers of a check mean: as good as data, better than baselines, or too few events to say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neyman.calibration.results import ConditionsResult, Metrics, TailRatio, Verdict

LARGEST_EXCESS = 0.1
"""By how much χ² per bin may exceed its floor."""

LEAST_TAIL_EVENTS = 50
"""Effective events of data beyond a threshold, without which nothing is said: the ratio is known to 20 % at best."""

_BASELINES = {
    "quantile_map": "a quantile map",
    "cell_quantile_map": "a quantile map in cells",
    "reweighting": "boosted reweighting",
}


def one_sided(level: float) -> float:
    """How many standard deviations a normal variable exceeds with probability 1 − level."""
    from scipy.special import ndtri

    return float(ndtri(level))


def verdicts(
    metrics: Mapping[str, Metrics], conditions: ConditionsResult, *, untouched: bool, level: float
) -> list[Verdict]:
    """All verdicts of a check.

    Args:
        metrics: `corrected`, `floor` and the baselines, by the names of their fields.
        conditions: Whether simulation has the conditions of data.
        untouched: Whether the correction left conditions and weights as they were, to the last bit.
        level: Confidence level.
    """
    corrected, floor = metrics["corrected"], metrics["floor"]
    return [
        *_of_conditions(conditions, untouched=untouched, level=level),
        _histograms("histograms", corrected.chi2_per_bin, floor.chi2_per_bin, floor.dof, level),
        _histograms("histograms in cells", corrected.chi2_per_bin_cells, floor.chi2_per_bin_cells,
                    floor.dof_cells, level),
        _classifier(corrected, floor, level),
        *(_tail(each, level) for each in corrected.tails),
        *(_better(corrected, metrics[name], words, level) for name, words in _BASELINES.items()),
    ]  # fmt: skip


def _of_conditions(conditions: ConditionsResult, *, untouched: bool, level: float) -> list[Verdict]:
    found = [
        Verdict(
            name="conditions untouched",
            passed=untouched,
            detail="conditions and weights of corrected events are those of simulation, bit by bit"
            if untouched
            else "the correction changed conditions or weights",
        ),
        _conditions_alike(conditions, level),
    ]
    outside = conditions.outside_training
    if outside is not None:
        found.append(
            Verdict(
                name="conditions within the training's",
                passed=None if outside > 0 else True,
                detail=f"no claim for {100 * outside:.2g} % of simulated events, outside the range of the training"
                if outside > 0
                else "all simulated events are within the range of the training",
            )
        )
    return found


def _conditions_alike(conditions: ConditionsResult, level: float) -> Verdict:
    area = f"AUC {conditions.auc:.4f} ± {conditions.auc_error:.4f} of conditions alone"
    if not conditions.weighted:
        return Verdict(name="same conditions", passed=True, detail=area)
    after, error = conditions.auc_weighted or np.nan, conditions.auc_weighted_error or np.nan
    detail = f"{area}: simulation was weighted to those of data, for judging only; then {after:.4f} ± {error:.4f}"
    if after - 0.5 <= one_sided(level) * error:
        return Verdict(name="same conditions", passed=True, detail=detail)
    return Verdict(name="same conditions", passed=None, detail=f"no claim: {detail}, which the numbers below contain")


def _histograms(name: str, found: float, floor: float, dof: int, level: float) -> Verdict:
    """The difference of two χ² against the same data has a variance of 3 per degree of freedom.

    Each has 2, and as a − b and c − b have a correlation of 1/2 their squares have one of 1/4: 2 + 2 − 2·2/4 = 3.
    Those of several variables are taken to fluctuate together.
    """
    if not (np.isfinite(found - floor) and dof > 0):
        return Verdict(name=name, passed=None, detail="no claim: too few events for two bins")
    allowed = LARGEST_EXCESS + one_sided(level) * np.sqrt(3 / dof)
    detail = f"χ²/bin {found:.3f}, floor {floor:.3f}; an excess of {allowed:.2f} at most, {LARGEST_EXCESS:g} and chance"
    return Verdict(name=name, passed=bool(found - floor <= allowed), detail=detail)


def _classifier(corrected: Metrics, floor: Metrics, level: float) -> Verdict:
    error = float(np.hypot(corrected.auc_error, floor.auc_error))
    allowed = one_sided((1 + level) / 2) * error
    return Verdict(
        name="classifier",
        passed=bool(corrected.auc - floor.auc <= allowed),
        detail=f"AUC {corrected.auc:.4f} ± {corrected.auc_error:.4f}, floor {floor.auc:.4f} ± {floor.auc_error:.4f}; "
        f"{allowed:.4f} above it at most",
    )


def _tail(tail: TailRatio, level: float) -> Verdict:
    name = f"tail {tail.variable} > {tail.threshold:.3g}"
    if tail.effective_events_data < LEAST_TAIL_EVENTS:
        detail = (
            f"no claim: {tail.effective_events_data:.3g} effective events of data, less than {LEAST_TAIL_EVENTS}; "
            f"ratio {tail.ratio:.2f} ± {tail.error:.2f}"
        )
        return Verdict(name=name, passed=None, detail=detail)
    error = float(np.hypot(tail.error, tail.training_error or 0.0))
    # In the logarithm, an excess and a deficit of as many standard deviations are as likely.
    pull = np.log(tail.ratio) / (error / tail.ratio) if tail.ratio > 0 else -np.inf
    allowed = one_sided((1 + level) / 2)
    training = "" if tail.training_error is None else f", {tail.training_error:.3f} of it from training"
    return Verdict(
        name=name,
        passed=bool(abs(pull) <= allowed),
        detail=f"{tail.ratio:.3f} ± {error:.3f} of data{training}; {pull:+.1f} standard deviations, "
        f"{allowed:.2f} at most",
    )


def _better(corrected: Metrics, baseline: Metrics, words: str, level: float) -> Verdict:
    """Whether histograms or a classifier prefer the correction to a baseline, which saw the same simulated events."""
    z = one_sided(level)
    gains = [(baseline.auc - corrected.auc) / np.hypot(baseline.auc_error, corrected.auc_error)]
    for dof, found, other in (
        (corrected.dof, corrected.chi2_per_bin, baseline.chi2_per_bin),
        (corrected.dof_cells, corrected.chi2_per_bin_cells, baseline.chi2_per_bin_cells),
    ):
        if dof > 0 and np.isfinite(other - found):
            gains.append((other - found) / np.sqrt(3 / dof))
    better, worse = max(gains) > z, min(gains) < -z
    numbers = (
        f"χ²/bin {corrected.chi2_per_bin:.3f} against {baseline.chi2_per_bin:.3f}, "
        f"in cells {corrected.chi2_per_bin_cells:.3f} against {baseline.chi2_per_bin_cells:.3f}, "
        f"AUC {corrected.auc:.4f} against {baseline.auc:.4f}"
    )
    kept = baseline.effective_events / corrected.effective_events
    if kept < 0.99:  # weights cost statistics, which none of these numbers shows
        numbers += f", which keeps {100 * kept:.0f} % of the effective events"
    name = f"better than {words}"
    if better and not worse:
        return Verdict(name=name, passed=True, detail=numbers)
    if worse and not better:
        return Verdict(name=name, passed=False, detail=f"worse than {words}: {numbers}")
    reason = "better in some, worse in others" if better else f"no better than {words}, which is simpler"
    return Verdict(name=name, passed=None, detail=f"no claim: {reason}: {numbers}")
