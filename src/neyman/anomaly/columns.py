"""What the numbers of a column are: counts, angles, tails, placeholders, or nothing that could be a feature.

NumPy alone: the runtime prepares events with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32

from neyman.core.errors import DataError

_LEVELS = np.linspace(0.005, 0.995, 199)
_GAIN = 0.02  # of correlation with a normal, for which a logarithm is worth its complication
_HEAVY = 6.0  # excess kurtosis of an exponential: beyond it, a few events set the standard deviation
_SPIKE = 0.05  # fraction of events at one value from which on it stands for something else, as padding
_ROUNDING = 1e-12  # of the largest value: what differs by less does not differ
FAR = 30.0  # widths, of the middle half of the values, as a normal's standard deviation
_DOMINATES = 10.0  # widths: a standard deviation so large says nothing of the others
_FEW = 0.02  # fraction of events that may be so far and be no part of the distribution
_LARGEST = 1e30  # beyond it and its inverse, squares are no numbers any more


def require_features(x: Float[np.ndarray, "n d"], names: Sequence[str], *, where: str = "") -> None:
    """Refuse events that cannot be features of these names.

    Args:
        x: Features, shape `(n, d)`.
        names: The d names that are expected.
        where: Where they come from.

    Raises:
        DataError: For another number of columns, no events, or values that are not finite, with row and column.
    """
    if x.ndim != 2 or x.shape[1] != len(names):
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        raise DataError(f"an array of shape {x.shape}", where=where, expected=f"(events, {len(names)}): {shown}")
    if len(x) == 0:
        raise DataError("no events", where=where, expected="at least one")
    bad = ~np.isfinite(x)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise DataError(
            f"column '{names[column]}' is {x[row, column]} in row {row} ({int(bad.any(axis=1).sum())} of {len(x)} rows"
            " are not finite)",
            where=where,
            expected="finite numbers",
            hint="drop these events, or find out why they are there",
        )


def require_scales(x: Float[np.ndarray, "n d"], names: Sequence[str], *, where: str = "") -> None:
    """Refuse columns whose values are too large, or differ by too little, to be squared.

    Raises:
        DataError: With the column, and the row of the largest value.
    """
    for name, column in zip(names, x.T, strict=True):
        row = int(np.argmax(np.abs(column)))
        if abs(column[row]) > _LARGEST:
            found = f"column '{name}' is {column[row]:.3g} in row {row}"
            hint = "drop these events if that stands for no value, or use other units"
            raise DataError(found, where=where, expected=f"values up to {_LARGEST:g}", hint=hint)
        if 0 < np.ptp(column) < 1 / _LARGEST:
            found = f"values of column '{name}' differ by {np.ptp(column):.2g} at most"
            raise DataError(found, where=where, expected=f"at least {1 / _LARGEST:g}", hint="use other units")


def varies(column: Float[np.ndarray, " n"]) -> bool:
    """Whether values differ by more than rounding."""
    return bool(np.ptp(column) > _ROUNDING * np.abs(column).max())


def departs(column: Float[np.ndarray, " n"] | Float32[np.ndarray, " n"], held: float) -> Bool[np.ndarray, " n"]:
    """Which values of a column are others than the one that it always had."""
    return np.asarray(np.abs(column - held) > _ROUNDING * abs(held))


def is_count(column: Float[np.ndarray, " n"]) -> bool:
    """Whether all values are whole numbers, of which there are more than two."""
    return bool((column == np.round(column)).all()) and len(np.unique(column)) > 2


def angle_period(name: str, values: Float[np.ndarray, " n"]) -> float | None:
    """2π, if a column that no schema describes is an angle."""
    turn = 2 * np.pi
    fills = np.abs(values).max() <= turn and 0.98 * turn < np.ptp(values) <= turn
    return turn if fills and name.lower().endswith("phi") else None


def far_off(values: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which values are far from all others, if they are few and dominate the standard deviation."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    width = (high - low) / 1.349
    far = np.abs(values - middle) > FAR * width
    few = width > 0 and far.mean() <= _FEW and values.std() > _DOMINATES * width
    return np.asarray(far & few)


def signed_log(u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """sign(u) log(1 + |u|), which takes all numbers."""
    return np.asarray(np.sign(u) * np.log1p(np.abs(u)))


def log_unit(x: Float[np.ndarray, " n"]) -> float:
    """Where the logarithm sets in: where the lowest tenth of what is not zero ends."""
    sizes = np.abs(x[x != 0])
    return float(np.quantile(sizes, 0.1)) or 1.0


def log_is_better(x: Float[np.ndarray, " n"], unit: float) -> bool:
    """Whether the tails are heavy, and quantiles after the logarithm lie clearly better on a line with a normal's.

    A logarithm draws in the far end of a tail, which is where anomalies are: it is for tails heavier than that of an
    exponential alone. The measure of a line is the correlation of a probability plot (Filliben, Technometrics 17 (1975)
    111, eq. 2), for the values beside a spike, such as the zeros of padding.
    """
    if _excess_kurtosis(x) <= _HEAVY:
        return False
    values, counts = np.unique(x, return_counts=True)
    largest = int(np.argmax(counts))
    beside = x if counts[largest] < _SPIKE * len(x) else x[x != values[largest]]
    if len(np.unique(beside)) < 3:
        return False
    normal = _normal_quantiles()
    plain, logged = (np.quantile(each, _LEVELS) for each in (beside, signed_log(beside / unit)))
    if plain[0] == plain[-1]:
        return False
    return bool(np.corrcoef(logged, normal)[0, 1] > np.corrcoef(plain, normal)[0, 1] + _GAIN)


def _excess_kurtosis(x: Float[np.ndarray, " n"]) -> float:
    """0 for a normal, 6 for an exponential."""
    z = (x - x.mean()) / x.std()
    return float((z**4).mean()) - 3.0


def _normal_quantiles() -> Float[np.ndarray, " l"]:
    from statistics import NormalDist  # SciPy's would be one more library for the runtime

    return np.array([NormalDist().inv_cdf(level) for level in _LEVELS.tolist()])
