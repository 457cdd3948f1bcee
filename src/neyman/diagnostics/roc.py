"""How well a score separates signal from background, each number with its interval.

What to use when:

- `auroc`: one number for all cuts. It says little about the far tail, where a trigger cuts.
- `efficiency_at`: signal efficiency at a rejection of 99, 99.9 or 99.99 %; None if the background cannot carry it.
- `best_improvement`: the largest ε_S/√ε_B, by which a cut multiplies the significance of a counting experiment.
- `average_precision`: the area under precision against efficiency, at the prevalence of the samples.
- `roc_curve`: for the figure.

Higher scores are signal. An event passes a cut if its score is above it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neyman.diagnostics.inputs import require_finite, require_fraction, require_shape
from neyman.diagnostics.intervals import binomial_interval

FEWEST_PASSING = 10
"""Background events above a cut, of a half of them, from which on it is worth looking at."""

_IN_TAIL = 100  # random weights beyond each end of an interval
_BLOCKS = 1024  # of events that get a weight in common, at most


@dataclass(frozen=True)
class Estimate:
    """A number and its interval.

    Attributes:
        value: The estimate.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RocCurve:
    """Fractions above each cut.

    Attributes:
        cut: The cuts, decreasing, shape `(c,)`; the first lets nothing pass, the last everything.
        background: Fraction of the background above it.
        signal: Fraction of the signal above it.
    """

    cut: Float[np.ndarray, " c"]
    background: Float[np.ndarray, " c"]
    signal: Float[np.ndarray, " c"]


def roc_curve(background: Float[np.ndarray, " n"], signal: Float[np.ndarray, " m"]) -> RocCurve:
    """All cuts between different scores.

    Raises:
        DataError: If a sample is empty or not finite.

    Examples:
        >>> roc_curve(np.array([0.0, 2.0]), np.array([1.0, 3.0])).signal
        array([0. , 0.5, 0.5, 1. , 1. ])
    """
    _require(background, signal)
    cuts = np.concatenate([np.unique(np.concatenate([background, signal]))[::-1], [-np.inf]])
    return RocCurve(cuts, _above(background, cuts) / len(background), _above(signal, cuts) / len(signal))


def auroc(background: Float[np.ndarray, " n"], signal: Float[np.ndarray, " m"], *, level: float = 0.95) -> Estimate:
    r"""The probability that a signal event scores above a background event, where equal scores count one half.

    It is a mean over signal events of the fraction of background below, and over background events of the fraction of
    signal above. To either mean one event is added that lies where it hurts most, and the events get random weights
    that add up to one, uniformly over all such: the bound is a quantile of that (Gaffke, Math. Methods Stat. 14 (2005)
    451; Phan, Thomas and Learned-Miller, arXiv:2106.03163). For one sample of zeros and ones that is Clopper and
    Pearson's interval. For many events it becomes DeLong's (Biometrics 44 (1988) 837), and for few it covers where that
    does not: a variance cannot be estimated from two events, nor from many that all do the same.

    Raises:
        DataError: If a sample is empty or not finite.

    Examples:
        >>> found = auroc(np.array([0.1, 0.2, 0.4, 0.3]), np.array([0.35, 0.5, 0.6]))
        >>> print(f"{found.value:.3f} [{found.low:.1f}, {found.high:.1f}]")
        0.917 [0.1, 1.0]
    """
    _require(background, signal)
    require_fraction("level", level)
    below_signal = _fraction_below(background, signal)
    above_background = 1 - _fraction_below(signal, background)
    value, tail = float(below_signal.mean()), 0.5 * (1 - level)
    draws = max(1000, round(_IN_TAIL / tail))
    rng = np.random.default_rng(0)  # the same samples have the same interval
    low_signal, high_signal = _weighted_means(below_signal, draws, rng)
    low_background, high_background = _weighted_means(above_background, draws, rng)
    low = float(np.quantile(low_signal + low_background - value, tail))
    high = float(np.quantile(high_signal + high_background - value, 1 - tail))
    return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)))


def average_precision(background: Float[np.ndarray, " n"], signal: Float[np.ndarray, " m"]) -> float:
    """The mean of the precision over the signal's efficiency, at the prevalence of these samples.

    Raises:
        DataError: If a sample is empty or not finite.

    Examples:
        >>> print(f"{average_precision(np.array([0.0, 2.0]), np.array([1.0, 3.0])):.4f}")
        0.8333
    """
    curve = roc_curve(background, signal)
    passing_signal, passing = (
        curve.signal * len(signal),
        curve.background * len(background) + curve.signal * len(signal),
    )
    return float(np.sum(np.diff(curve.signal) * passing_signal[1:] / passing[1:]))


def efficiency_at(
    rejection: float,
    background: Float[np.ndarray, " n"],
    signal: Float[np.ndarray, " m"],
    *,
    level: float = 0.95,
) -> Estimate | None:
    r"""Signal efficiency at a cut that rejects so much of the background.

    The cut is uncertain as well as the efficiency. Two order statistics of the background enclose it: above the r-th
    largest of n scores passes a fraction distributed as Beta(r, n + 1 − r). The ends are Clopper-Pearson bounds of the
    efficiency at those two; each of the four gets a quarter of 1 − level, so that together they cover at least at
    level.

    Args:
        rejection: Fraction of the background that is rejected, as 0.999.
        background: Scores of background events that took no part in training.
        signal: Scores of signal events.
        level: Confidence level.

    Returns:
        None if no order statistic is a bound from above: the background is too small to carry this rejection.

    Raises:
        DataError: If a sample is empty or not finite, or the rejection is not between 0 and 1.

    Examples:
        >>> background, signal = np.arange(2000.0), np.arange(1000.0, 3000.0)
        >>> efficiency_at(0.99, background, signal).value, efficiency_at(0.999, background, signal)
        (0.51, None)
    """
    from scipy.special import betaincinv

    _require(background, signal)
    require_fraction("rejection", rejection)
    require_fraction("level", level)
    n, alpha, tail = len(background), 1 - rejection, (1 - level) / 4
    r = np.arange(1, n + 1)
    surely_below = np.flatnonzero(betaincinv(r, n + 1 - r, 1 - tail) <= alpha)
    surely_above = np.flatnonzero(betaincinv(r, n + 1 - r, tail) >= alpha)
    if not surely_below.size or not surely_above.size:
        return None
    ordered = np.sort(background)[::-1]
    middle = min(n - 1, math.floor(n * alpha + 1e-9))
    low, value, high = _above(signal, ordered[[surely_below[-1], middle, surely_above[0]]])
    bounds = binomial_interval(np.array([low, high]), len(signal), level=1 - 2 * tail)
    return Estimate(float(value / len(signal)), float(bounds[0][0]), float(bounds[1][1]))


def best_improvement(
    background: Float[np.ndarray, " n"],
    signal: Float[np.ndarray, " m"],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
) -> Estimate | None:
    r"""The largest significance improvement \(\epsilon_S/\sqrt{\epsilon_B}\) over all cuts that can be looked at.

    The largest of many noisy ratios is biased upwards, the more so the fewer events. Therefore the cut is chosen on one
    half of the events and measured on the other, where it is one cut like any other: Clopper-Pearson bounds of both
    efficiencies, each at (1 + level)/2, enclose the improvement at least at level. No cut at all has 1.

    Args:
        background: Scores of background events that took no part in training.
        signal: Scores of signal events.
        rng: Deals out the halves.
        level: Confidence level.

    Returns:
        None if fewer than `FEWEST_PASSING` background events are in a half, or no signal.

    Raises:
        DataError: If a sample is empty or not finite.
    """
    _require(background, signal)
    require_fraction("level", level)
    (b_choose, b_measure), (s_choose, s_measure) = (_halves(sample, rng) for sample in (background, signal))
    if len(b_choose) < FEWEST_PASSING or not len(s_choose):
        return None
    cuts = np.concatenate([np.sort(b_choose)[::-1], [-np.inf]])
    cuts = cuts[_above(b_choose, cuts) >= FEWEST_PASSING]  # equal scores pass together or not at all
    improvement = (_above(s_choose, cuts) / len(s_choose)) / np.sqrt(_above(b_choose, cuts) / len(b_choose))
    cut = cuts[[int(np.argmax(improvement))]]
    each = (1 + level) / 2
    counts = [int(_above(sample, cut)[0]) for sample in (b_measure, s_measure)]
    (b_low, b_high), (s_low, s_high) = (
        tuple(float(end) for end in binomial_interval(count, len(sample), level=each))
        for count, sample in zip(counts, (b_measure, s_measure), strict=True)
    )
    value = (counts[1] / len(s_measure)) / math.sqrt(max(counts[0], 0.5) / len(b_measure))
    return Estimate(value, s_low / math.sqrt(b_high), s_high / math.sqrt(b_low) if b_low > 0 else math.inf)


def _require(background: Float[np.ndarray, " n"], signal: Float[np.ndarray, " m"]) -> None:
    for name, values in (("background scores", background), ("signal scores", signal)):
        require_shape(name, values, (None,))
        require_finite(name, values)


def _above(scores: Float[np.ndarray, " n"], cuts: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """How many scores are above each cut."""
    return (len(scores) - np.searchsorted(np.sort(scores), cuts, side="right")).astype(np.float64)


def _fraction_below(sample: Float[np.ndarray, " n"], values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """The fraction of the sample below each value, where equal ones count one half."""
    ordered = np.sort(sample)
    left, right = np.searchsorted(ordered, values, side="left"), np.searchsorted(ordered, values, side="right")
    return np.asarray((left + right) / (2.0 * len(ordered)))


def _weighted_means(
    values: Float[np.ndarray, " n"], draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Means of values between 0 and 1 under random weights, with a 0 and with a 1 added to them."""
    means, sizes = _in_blocks(np.sort(values))
    added = rng.standard_exponential(draws)
    weights = rng.standard_gamma(sizes, (draws, len(sizes)))
    total, summed = weights.sum(axis=1) + added, weights @ means
    return summed / total, (summed + added) / total


def _in_blocks(ordered: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
    """Many values as means of neighbours, and of how many; the outermost, which may be far off, stay alone."""
    if len(ordered) <= _BLOCKS:
        return ordered, np.ones(len(ordered))
    alone = _BLOCKS // 4
    inner = np.linspace(alone, len(ordered) - alone, _BLOCKS - 2 * alone + 1).astype(int)
    starts = np.concatenate([np.arange(alone), inner[:-1], np.arange(len(ordered) - alone, len(ordered))])
    sizes = np.diff(starts, append=len(ordered)).astype(np.float64)
    return np.add.reduceat(ordered, starts) / sizes, sizes


def _halves(
    sample: Float[np.ndarray, " n"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]]:
    mixed = rng.permutation(sample)
    return mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
