"""How well scores find signals that are known, and what they get wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from neyman.anomaly.conformal import order_statistic, smallest_n, threshold
from neyman.anomaly.results import (
    Curve,
    ErrorAnalysis,
    EvaluationResult,
    FeatureShift,
    Measured,
    PromisedCut,
    Separation,
    WorkingPoint,
)
from neyman.core.errors import DataError
from neyman.core.random import stream
from neyman.diagnostics.intervals import binomial_interval
from neyman.diagnostics.roc import Estimate, auroc, average_precision, best_improvement, efficiency_at, roc_curve

REJECTIONS = (0.99, 0.999, 0.9999)
LEVEL = 0.95
_POINTS = 300
_SHOWN = 10  # features of an error

Scores = Float[np.ndarray, " _"]


def evaluate(
    background: Mapping[str, Scores],
    signals: Mapping[str, Mapping[str, Scores]],
    *,
    default: str,
    calibration: Scores | None = None,
    fpr: float = 1e-3,
    delta: float = 0.05,
    level: float = LEVEL,
    seed: int = 1,
    artefact: str | None = None,
) -> EvaluationResult:
    """Judge scores on all signals.

    Args:
        background: Scores of background events that took no part in training or calibration, by name of the score.
        signals: Scores of each signal, by name of the score, by name of the signal.
        default: The score of the artefact.
        calibration: Its scores of the calibration events; None if no error rate was promised.
        fpr: The false-positive rate that is promised.
        delta: Probability, over calibration samples, that the true rate is above it.
        level: Confidence level of all intervals.
        seed: Deals out the halves for the largest improvement.
        artefact: Digest of the artefact.

    Returns:
        The evaluation, without `errors`: see `error_analysis`.

    Raises:
        DataError: If a sample is empty or not finite, or scores are missing.
    """
    if default not in background:
        raise DataError(f"no scores '{default}' of the background", expected=f"one of {', '.join(background)}")
    separations = []
    for signal, by_score in signals.items():
        for score, found in by_score.items():
            cut = None
            if score == default and calibration is not None:
                cut = promised_cut(calibration, background[score], found, fpr=fpr, delta=delta, level=level)
            rng = stream(seed, "improvement", signal, score)
            separations.append(
                _separation(background[score], found, rng, signal_name=signal, score=score, cut=cut, level=level)
            )
    return EvaluationResult(
        default_score=default, separations=separations, errors=[], level=level, seed=seed, artefact=artefact
    )


def promised_cut(
    calibration: Scores, background: Scores, signal: Scores, *, fpr: float, delta: float, level: float = LEVEL
) -> PromisedCut:
    """The calibrated cut, and what it does to events that did not calibrate it.

    Raises:
        DataError: If scores are not finite, or probabilities not between 0 and 1.
    """
    r = order_statistic(len(calibration), fpr, delta)
    cut = None if r is None else float(threshold(calibration, fpr, delta))
    return PromisedCut(
        fpr=fpr,
        delta=delta,
        calibration_events=len(calibration),
        threshold=cut,
        expected_fpr=None if r is None else r / (len(calibration) + 1),
        measured_fpr=None if cut is None else _fraction_above(background, cut, level),
        signal_efficiency=None if cut is None else _fraction_above(signal, cut, level),
        fewest=smallest_n(fpr, delta),
    )


def error_analysis(
    background: Float[np.ndarray, "n d"],
    background_scores: Float[np.ndarray, " n"],
    signal: Float[np.ndarray, "m d"],
    signal_scores: Float[np.ndarray, " m"],
    *,
    names: Sequence[str],
    cut: float,
    name: str,
) -> ErrorAnalysis:
    """How events on the wrong side of a cut differ from those of their kind on the right side.

    Args:
        background: Features of background events, in their units.
        background_scores: Their scores.
        signal: Features of signal events.
        signal_scores: Their scores.
        names: Names of the features.
        cut: Events above it are flagged.
        name: Name of the signal.
    """
    false_positive, true_positive = background_scores > cut, signal_scores > cut
    return ErrorAnalysis(
        signal=name,
        threshold=cut,
        false_positives=int(false_positive.sum()),
        false_positive_features=feature_shifts(background[false_positive], background[~false_positive], names),
        false_negatives=int((~true_positive).sum()),
        false_negative_features=feature_shifts(signal[~true_positive], signal[true_positive], names),
    )


def feature_shifts(
    events: Float[np.ndarray, "n d"], reference: Float[np.ndarray, "m d"], names: Sequence[str]
) -> list[FeatureShift]:
    """Differences of means in standard deviations of the reference, the largest first; empty without events to compare.

    Examples:
        >>> reference = np.array([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
        >>> [found] = feature_shifts(reference[2:], reference, ("pt", "always"))
        >>> print(found.feature, f"{found.shift:.2f}")
        pt 1.22
    """
    if not len(events) or len(reference) < 2:
        return []
    width = reference.std(axis=0)
    usable = np.flatnonzero(width > 0)
    shift = (events.mean(axis=0) - reference.mean(axis=0))[usable] / width[usable]
    error = math.sqrt(1 / len(events) + 1 / len(reference))
    return [
        FeatureShift(feature=names[usable[i]], shift=float(shift[i]), significance=float(shift[i] / error))
        for i in np.argsort(-np.abs(shift), kind="stable")[:_SHOWN]
    ]


def _separation(
    background: Scores,
    signal: Scores,
    rng: np.random.Generator,
    *,
    signal_name: str,
    score: str,
    cut: PromisedCut | None,
    level: float,
) -> Separation:
    points = []
    for rejection in REJECTIONS:
        efficiency = efficiency_at(rejection, background, signal, level=level)
        points.append(
            WorkingPoint(
                rejection=rejection,
                signal_efficiency=_measured(efficiency),
                improvement=_measured(efficiency, 1 / math.sqrt(1 - rejection)),
            )
        )
    area = auroc(background, signal, level=level)
    return Separation(
        signal=signal_name,
        score=score,
        background_events=len(background),
        signal_events=len(signal),
        auroc=Measured(value=area.value, low=area.low, high=area.high),
        auprc=average_precision(background, signal),
        prevalence=len(signal) / (len(background) + len(signal)),
        working_points=points,
        max_improvement=_measured(best_improvement(background, signal, rng, level=level)),
        promised=cut,
        curve=_thinned(background, signal),
    )


def _measured(estimate: Estimate | None, factor: float = 1.0) -> Measured | None:
    if estimate is None:
        return None
    return Measured(value=factor * estimate.value, low=factor * estimate.low, high=factor * estimate.high)


def _fraction_above(scores: Scores, cut: float, level: float) -> Measured:
    count = int((scores > cut).sum())
    low, high = binomial_interval(count, len(scores), level=level)
    return Measured(value=count / len(scores), low=float(low), high=float(high))


def _thinned(background: Scores, signal: Scores) -> Curve:
    curve = roc_curve(background, signal)
    wanted = np.concatenate(
        [
            np.geomspace(1 / len(background), 1, _POINTS // 2),  # a logarithmic axis shows the first
            np.linspace(0, 1, _POINTS // 2),
        ]
    )
    kept = np.unique(np.searchsorted(curve.background, wanted, side="right") - 1)
    return Curve(background=curve.background[kept].tolist(), signal=curve.signal[kept].tolist())
