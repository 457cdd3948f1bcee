"""Smoothing of systematic variations, which have as many statistical fluctuations as the simulation has.

What is smoothed is the ratio of the varied histogram to the nominal one, bin by bin in equal steps; the varied total
stays what it was. Bins in which the nominal histogram is empty have no ratio: they are left as they are.

Which one?
- `353QH, twice` takes out spikes and keeps broad structure; it does not know the uncertainties.
- `running` keeps straight lines, also at the edges, and listens most to bins with many events.
- `monotone` is for effects that are known to rise or fall with the variable: it changes no ratio that already does.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from neyman.core.errors import DataError

Algorithm = Literal["353QH, twice", "running", "monotone"]
HALF_WIDTH = 2
"""Bins on each side that `running` looks at."""


def smooth(
    varied: Float[np.ndarray, " bins"],
    nominal: Float[np.ndarray, " bins"],
    variances: Float[np.ndarray, " bins"],
    algorithm: Algorithm,
    *,
    where: str = "",
) -> Float[np.ndarray, " bins"]:
    """The varied histogram with a smooth ratio to the nominal one, and the same total.

    Varied and nominal histograms mostly share their events, so the uncertainty of their ratio is not known; that of
    the nominal bin stands for it: a bin counts as its effective number of events, (Σw)² / Σw².

    Args:
        varied: Varied histogram.
        nominal: Nominal histogram.
        variances: Sum of squared weights in the bins of the nominal histogram.
        algorithm: How to smooth.
        where: Where the systematic stands, for errors.

    Raises:
        DataError: If nothing is left, since all that varies are spikes.
    """
    used = (nominal != 0) & (variances > 0)
    if np.count_nonzero(used) < 3:
        return varied
    ratio, weights = varied[used] / nominal[used], nominal[used] ** 2 / variances[used]
    if algorithm == "353QH, twice":
        smoothed = smooth_353qh_twice(ratio)
    elif algorithm == "running":
        smoothed = smooth_running(ratio, weights)
    else:
        smoothed = smooth_monotone(ratio, weights)
    bins = smoothed * nominal[used]
    if np.sum(bins) <= 0:
        raise DataError(
            f"smoothing with '{algorithm}' leaves no yield",
            where=where,
            expected="a histogram with most bins filled",
            hint="wider bins, or another Algorithm",
        )
    result = varied.copy()
    result[used] = bins * (np.sum(varied[used]) / np.sum(bins))
    return result


def smooth_353qh_twice(ratio: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    """Tukey's running medians "353QH, twice", as ROOT's `TH1::Smooth` has it.

    J. H. Friedman, CERN 1974 School of Computing, https://cds.cern.ch/record/186223, p. 292: running medians of 3, 5, 3
    bins; parabolas through flat segments (Q); running means with weights ¼, ½, ¼ (H); then the same of the residuals,
    added (twice). What has no negative value gets none.

    Examples:
        >>> smooth_353qh_twice(np.array([1.0, 1.0, 5.0, 1.0, 1.0]))
        array([1., 1., 1., 1., 1.])
    """
    if len(ratio) < 3:
        return ratio
    first = _353qh(ratio)
    both: np.ndarray = first + _353qh(ratio - first)
    if ratio.min() >= 0:
        both = np.maximum(both, 0.0)
    return both


def _353qh(values: np.ndarray) -> np.ndarray:
    medians = _running_median(values, 3)
    ends = (
        np.median([3 * medians[1] - 2 * medians[2], values[0], medians[1]]),
        np.median([3 * medians[-2] - 2 * medians[-3], values[-1], medians[-2]]),
    )
    medians[0], medians[-1] = ends
    wide = _running_median(medians, 5)
    wide[1], wide[-2] = np.median(medians[:3]), np.median(medians[-3:])
    rounded = _parabolas(_running_median(wide, 3))
    means = rounded.copy()
    means[1:-1] = 0.25 * rounded[:-2] + 0.5 * rounded[1:-1] + 0.25 * rounded[2:]
    return means


def _running_median(values: np.ndarray, width: int) -> np.ndarray:
    """Medians of `width` bins; the bins at the ends, which have too few neighbours, stay."""
    result = values.copy()
    if len(values) >= width:
        half = width // 2
        result[half:-half] = np.median(sliding_window_view(values, width), axis=-1)
    return result


def _parabolas(values: np.ndarray) -> np.ndarray:
    """Medians cut peaks and valleys flat, three bins wide: round them again, towards the nearer side."""
    result = values.copy()
    for i in range(2, len(values) - 2):
        if not values[i - 1] == values[i] == values[i + 1]:
            continue
        left, right = values[i - 2] - values[i], values[i + 2] - values[i]
        if left * right <= 0:
            continue  # a step in a slope, neither peak nor valley
        towards = -1 if abs(right) > abs(left) else 1
        near, far = values[i + 2 * towards], values[i - 2 * towards]
        result[i] = -far / 2 + values[i] / 0.75 + near / 6
        result[i + towards] = (near - far) / 2 + values[i]
    return result


def smooth_running(
    ratio: Float[np.ndarray, " bins"], weights: Float[np.ndarray, " bins"]
) -> Float[np.ndarray, " bins"]:
    """The value at each bin of the weighted straight line through it and two neighbours on each side.

    W. S. Cleveland, J. Am. Stat. Assoc. 74 (1979) 829, eq. 2 with d = 1, without the robust iterations: a line, unlike
    a mean, does not bend down what rises at the ends.

    Examples:
        >>> smooth_running(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4))
        array([1., 2., 3., 4.])
    """
    positions = np.arange(len(ratio), dtype=float)
    result = np.empty_like(ratio)
    for i in range(len(ratio)):
        near = slice(max(0, i - HALF_WIDTH), i + HALF_WIDTH + 1)
        x, y, w = positions[near] - i, ratio[near], weights[near] / np.sum(weights[near])
        mean_x, mean_y = np.sum(w * x), np.sum(w * y)
        slope = np.sum(w * (x - mean_x) * (y - mean_y)) / np.sum(w * (x - mean_x) ** 2)
        result[i] = mean_y - slope * mean_x
    return result


def smooth_monotone(
    ratio: Float[np.ndarray, " bins"], weights: Float[np.ndarray, " bins"]
) -> Float[np.ndarray, " bins"]:
    """The nearest sequence, in weighted least squares, that only rises or only falls.

    M. Ayer et al., Ann. Math. Statist. 26 (1955) 641: neighbours in the wrong order are replaced by their mean, until
    none is left.

    Examples:
        >>> smooth_monotone(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4))
        array([1. , 2.5, 2.5, 4. ])
    """
    from scipy.optimize import isotonic_regression

    rising, falling = (isotonic_regression(ratio, weights=weights, increasing=up).x for up in (True, False))

    def distance(fitted: np.ndarray) -> float:
        return float(np.sum(weights * (fitted - ratio) ** 2))

    return np.asarray(rising if distance(rising) <= distance(falling) else falling)
