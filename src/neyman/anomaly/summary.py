"""Scores and features in numbers for a page: histograms, and what each false-positive rate needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from neyman.anomaly.conformal import order_statistic, smallest_n, threshold
from neyman.anomaly.outcomes import ErrorRate, FeatureComparison, ScoreHistograms
from neyman.diagnostics.intervals import binomial_interval

BINS = 50
LOGARITHMIC = 8.0
"""How far scores reach, in medians of the background, from where on bins are logarithmic."""
RATES = (1e-2, 1e-3, 1e-4)


def score_histograms(
    calibration: Float[np.ndarray, " n"],
    test: Float[np.ndarray, " m"],
    signals: Mapping[str, Float[np.ndarray, " s"]],
) -> ScoreHistograms:
    """Scores of all samples in the same bins.

    The bins reach from the lowest background score to where all but 2 % of each signal are. Where scores are above zero
    and reach far, bins are of equal width in the logarithm; else they do not go beyond twice the width of the
    background, and a signal farther away is in the last bin.
    """
    background = np.concatenate([calibration, test])
    low, high = float(background.min()), float(np.quantile(background, 0.999))
    far = max([high, *(float(np.quantile(scores, 0.98)) for scores in signals.values())])
    lowest = min([low, *(float(scores.min()) for scores in signals.values())])
    logarithmic = lowest > 0 and far > LOGARITHMIC * float(np.median(background))
    if logarithmic:
        edges = np.geomspace(low, max(far, float(background.max())), BINS + 1)
    else:
        far = min(far, low + 2.0 * (high - low))
        edges = np.linspace(low, far if far > low else low + 1.0, BINS + 1)

    def counts(scores: np.ndarray) -> list[int]:
        return [int(count) for count in np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0]]

    return ScoreHistograms(
        edges=edges.tolist(),
        logarithmic=logarithmic,
        calibration=counts(calibration),
        test=counts(test),
        signals={name: counts(scores) for name, scores in signals.items()},
    )


def error_rates(
    calibration: Float[np.ndarray, " n"], test: Float[np.ndarray, " m"], *, fpr: float, delta: float
) -> list[ErrorRate]:
    """What these calibration events promise for the rate of the config, and for 1e-2, 1e-3 and 1e-4.

    Args:
        calibration: Scores of calibration background.
        test: Scores of test background, by which the promise is checked.
        fpr: The rate that was asked for.
        delta: The probability that the true rate is above it.

    Examples:
        >>> [rate.rank for rate in error_rates(np.arange(1000.0), np.arange(500.0), fpr=0.01, delta=0.05)]
        [5, None, None]
    """
    return [_error_rate(calibration, test, rate, delta) for rate in sorted({fpr, *RATES}, reverse=True)]


def _error_rate(calibration: np.ndarray, test: np.ndarray, fpr: float, delta: float) -> ErrorRate:
    n, needed = len(calibration), smallest_n(fpr, delta)
    rank = order_statistic(n, fpr, delta)
    common = {"fpr": fpr, "delta": delta, "calibration_events": n, "needed": needed, "rank": rank}
    if rank is None:
        return ErrorRate(**common, threshold=None, expected=None, measured=None, low=None, high=None)
    cut = float(threshold(calibration, fpr, delta))
    above = int((test > cut).sum())
    low, high = (float(end) for end in binomial_interval(above, len(test), level=0.95))
    return ErrorRate(**common, threshold=cut, expected=rank / (n + 1), measured=above / len(test), low=low, high=high)


def compare_features(
    names: Sequence[str],
    background: Float[np.ndarray, "n d"],
    signals: Mapping[str, Float[np.ndarray, "_ d"]],
    candidates: Float[np.ndarray, "c d"],
    *,
    chosen: Sequence[str],
) -> list[FeatureComparison]:
    """Histograms of some features, from the 0.5 % to the 99.5 % quantile of all events together.

    Args:
        names: The columns.
        background: Background events.
        signals: Signals, by name.
        candidates: A few events that are shown one by one.
        chosen: The columns to compare.
    """
    found = []
    for name in chosen:
        at = list(names).index(name)
        samples = {"background": background[:, at], **{key: x[:, at] for key, x in signals.items()}}
        low = min(float(np.quantile(values, 0.005)) for values in samples.values())
        high = max(float(np.quantile(values, 0.995)) for values in samples.values())
        edges = np.linspace(low, high if high > low else low + 1.0, 31)
        counts = {
            key: [int(count) for count in np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]]
            for key, values in samples.items()
        }
        found.append(
            FeatureComparison(
                name=name,
                edges=edges.tolist(),
                background=counts.pop("background"),
                signals=counts,
                candidates=candidates[:, at].tolist(),
            )
        )
    return found
