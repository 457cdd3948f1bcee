r"""Error rates that hold for finite samples, whatever the score and whatever the background's distribution.

What to use when:

- `threshold`: a cut whose true false-positive rate is above `fpr` with probability `delta` at most, over calibration
  samples. `order_statistic` says which calibration score it is, `smallest_n` how many are needed for one.
- `p_values`: one number an event, at most u with probability at most u over calibration samples and events together.
- `unweighted_rows`: from weighted events to unweighted ones, before either.

Calibration scores must be of background events that the score was not trained on. A high score is anomalous; an event
is flagged if its score is *above* the threshold. With \(X_{(r)}\) the r-th largest of n calibration scores and
\(p = (1 + \#\{X_i \ge s\})/(n+1)\), \(s > X_{(r)}\) and \(p \le r/(n+1)\) are the same statement, also with ties.

NumPy alone: a service that scores needs no more.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from neyman.core.errors import DataError


def p_values(
    scores: Float[np.ndarray, " m"],
    calibration: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " k"] | None = None,
) -> Float[np.ndarray, " m"]:
    r"""Conformal p-values: \(p = (1 + \#\{X_i \ge s\})/(n + 1)\).

    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), eq. 2.20, without random ties. With
    weights, \(p = (w + \sum_i w_i [X_i \ge s])/(w + \sum_i w_i)\) (Tibshirani et al., NeurIPS 2019, eq. 7), where the
    weight w of the event, which is unknown, is the largest: the p-value is the more cautious for it.

    Args:
        scores: Of the events, shape `(m,)`.
        calibration: Scores of background events, in any order, shape `(n,)`.
        weights: Weights of the calibration events, not negative; None if all are one.

    Raises:
        DataError: If a score is not finite, there is no calibration event, or weights cannot be used.

    Examples:
        >>> p_values(np.array([0.0, 2.5, 9.0]), np.array([1.0, 2.0, 3.0]))
        array([1.  , 0.5 , 0.25])
    """
    require_scores("score", scores)
    require_scores("calibration score", calibration)
    if calibration.size == 0:
        raise DataError("no calibration events", expected="at least one", hint="a larger background sample")
    if weights is None:
        ordered = np.sort(calibration)
        return (1.0 + len(ordered) - np.searchsorted(ordered, scores, side="left")) / (len(ordered) + 1.0)
    _require_weights(weights, len(calibration))
    order = np.argsort(calibration, kind="stable")
    from_above = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
    own = float(weights.max())
    above = from_above[np.searchsorted(calibration[order], scores, side="left")]
    return np.asarray((own + above) / (own + from_above[0]))


def threshold(
    calibration: Float[np.ndarray, "*samples n"], fpr: float, delta: float = 0.05
) -> Float[np.ndarray, "*samples"]:
    """The cut above which events are flagged, such that P(true false-positive rate > fpr) ≤ delta.

    It is the r-th largest calibration score, see `order_statistic`. Ties only make the true rate smaller.

    Args:
        calibration: Scores of background events that the score was not trained on, in any order; further samples may
            stand in the leading axes.
        fpr: The false-positive rate α.
        delta: The probability δ, over calibration samples.

    Returns:
        One threshold a sample.

    Raises:
        DataError: If there are too few calibration events, with the number that would do.

    Examples:
        >>> float(threshold(np.arange(100.0), fpr=0.1))
        95.0
    """
    require_scores("calibration score", calibration)
    n = calibration.shape[-1]
    r = order_statistic(n, fpr, delta)
    if r is None:
        raise DataError(
            f"{n} calibration events",
            expected=f"at least {smallest_n(fpr, delta):,} to promise a false-positive rate of {fpr:g}"
            f" at {1 - delta:.6g} confidence",
            hint=f"a false-positive rate of {_reachable(n, delta):.2g} or more, or more background events",
        )
    return np.asarray(np.partition(calibration, n - r, axis=-1)[..., n - r])


def order_statistic(n: int, fpr: float, delta: float = 0.05) -> int | None:
    r"""The largest r for which a cut at the r-th largest of n scores has P(true false-positive rate > fpr) ≤ delta.

    Above the r-th largest of n scores of a continuous distribution lies a fraction of it that is distributed as
    Beta(r, n + 1 − r) (Wilks, Ann. Math. Stat. 12 (1941) 91), and
    \(P(\mathrm{Beta}(r, n+1-r) > \alpha) = P(\mathrm{Bin}(n, \alpha) \le r - 1)\).

    Args:
        n: Calibration events.
        fpr: The false-positive rate α.
        delta: The probability δ.

    Returns:
        1 for the largest score; None if not even that keeps the promise.

    Raises:
        DataError: If a probability is not between 0 and 1.

    Examples:
        >>> order_statistic(100_000, 1e-4), order_statistic(29_956, 1e-4), order_statistic(29_955, 1e-4)
        (5, 1, None)
    """
    _require_probability("false-positive rate", fpr)
    _require_probability("delta", delta)
    if n < smallest_n(fpr, delta):
        return None
    # log P(Bin = k) by its recurrence in k; beyond the median, which is at most ⌈nα⌉, nothing can be below δ < 1/2.
    last = n - 1 if delta >= 0.5 else min(n - 1, math.ceil(n * fpr))
    k = np.arange(last)
    steps = np.log((n - k) / (k + 1.0)) + math.log(fpr) - math.log1p(-fpr)
    log_mass = n * math.log1p(-fpr) + np.concatenate([[0.0], np.cumsum(steps)])
    return int(np.searchsorted(np.cumsum(np.exp(log_mass)), delta, side="right")) or 1


def smallest_n(fpr: float, delta: float = 0.05) -> int:
    r"""The fewest calibration events that allow a promise at all: \((1-\alpha)^n \le \delta\).

    Raises:
        DataError: If a probability is not between 0 and 1.

    Examples:
        >>> smallest_n(1e-2), smallest_n(1e-3), smallest_n(1e-4), smallest_n(1e-4, 0.01)
        (299, 2995, 29956, 46050)
    """
    _require_probability("false-positive rate", fpr)
    _require_probability("delta", delta)
    return math.ceil(math.log(delta) / math.log1p(-fpr) * (1 - 1e-12))  # a whole number may come out a little above


def unweighted_rows(weights: Float[np.ndarray, " n"], rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """Rows kept with a probability in proportion to their weight: a sample of weight one of the weighted distribution.

    Rejection sampling keeps the promise of `threshold` exact where weighting would not (Park, Dobriban, Lee and
    Bastani, ICLR 2022, sect. 4.1); the price is events.

    Args:
        weights: Not negative.
        rng: Random numbers.

    Raises:
        DataError: If weights are negative, not finite or all zero.
    """
    _require_weights(weights, len(weights))
    return np.flatnonzero(rng.random(len(weights)) * weights.max() < weights)


def require_scores(name: str, scores: Float[np.ndarray, "*shape"]) -> None:
    """Refuse scores that are not finite.

    Raises:
        DataError: With the first place.
    """
    bad = ~np.isfinite(scores)
    if bad.any():
        place = np.argwhere(bad)[0].tolist()
        raise DataError(
            f"{name} {scores[tuple(place)]} in row {place[-1]} ({int(bad.sum())} of {bad.size} not finite)",
            expected="finite numbers",
        )


def _reachable(n: int, delta: float) -> float:
    """The lowest false-positive rate that n events can promise, rounded up to two digits."""
    rate = -math.expm1(math.log(delta) / max(n, 1))
    unit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return math.ceil(rate / unit) * unit


def _require_probability(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise DataError(f"{name} {value:g}", expected="a number between 0 and 1, e.g. 0.001")


def _require_weights(weights: Float[np.ndarray, " k"], n: int) -> None:
    if len(weights) != n:
        raise DataError(f"{len(weights)} weights of {n} events", expected="one weight an event")
    usable = np.isfinite(weights) & (weights >= 0)
    if not usable.all() or not weights.sum() > 0:
        raise DataError(
            f"{int((~usable).sum())} of {n} weights are negative or not finite, their sum is {weights.sum():g}",
            expected="weights of at least 0, not all zero",
            hint="p-values need probabilities: cancel negative weights before, or drop the column",
        )
