"""The distribution function of ranks with a band that holds for all points at once.

A histogram depends on its bins, and its pointwise band is left somewhere by chance. This band is exact: it is
left anywhere with probability 1 − level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_fraction
from neyman.diagnostics.ranks import check_ranks

BISECTIONS = 16  # the width of the band is known to a part in 10^4 of its logarithm; counts are integers anyway


@dataclass(frozen=True)
class EcdfCurve:
    """An empirical distribution function of ranks, scaled to 0..1, and its simultaneous band.

    Attributes:
        level: Fractions z at which it is evaluated, shape `(k,)`.
        ecdf: Fraction of the ranks at or below z, shape `(k,)`.
        low: Lower end of the band of uniform ranks, shape `(k,)`.
        high: Upper end, shape `(k,)`.
    """

    level: Float[np.ndarray, " k"]
    ecdf: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]

    @property
    def within(self) -> bool:
        """Whether the function stays inside its band everywhere."""
        return bool(((self.ecdf >= self.low) & (self.ecdf <= self.high)).all())


def rank_ecdf(ranks: Int[np.ndarray, " b"], n_samples: int, *, level: float = 0.99, points: int = 100) -> EcdfCurve:
    """The distribution function of the ranks of one parameter, with its simultaneous band.

    Args:
        ranks: One rank per test.
        n_samples: Posterior samples per test; the largest possible rank.
        level: Probability that uniform ranks stay inside the band everywhere.
        points: Number of points, evenly spread over the possible ranks.

    Raises:
        DataError: For no ranks, ranks outside 0..n_samples, or a level not in (0, 1).
    """
    check_ranks(ranks, n_samples)
    # Evaluated at possible ranks only, where uniform ranks are below with exactly known probability.
    at = np.unique(np.linspace(0, n_samples - 1, points).round().astype(np.int64))
    fraction = (at + 1) / (n_samples + 1)
    ecdf = np.searchsorted(np.sort(ranks), at, side="right") / len(ranks)
    low, high = ecdf_band(len(ranks), fraction, level=level)
    return EcdfCurve(level=fraction, ecdf=ecdf, low=low, high=high)


def ecdf_band(
    n: int, z: Float[np.ndarray, " k"], *, level: float = 0.99
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    r"""The simultaneous band of the distribution function of n uniform numbers.

    Säilynoja, Bürkner and Vehtari, arXiv:2103.10522, Section 2: the counts below \(z_1 < z_2 < …\) are a
    Markov chain with binomial steps. Of all bands made of central binomial intervals of one
    probability 1 − γ at every point, this is the narrowest that the chain stays inside with
    probability `level`; that probability is summed exactly, nothing is simulated.

    Args:
        n: Number of uniform numbers.
        z: Increasing points in (0, 1).
        level: Probability of staying inside everywhere.

    Returns:
        Lower and upper ends of the band, as fractions, each of shape `(k,)`.

    Raises:
        DataError: If points are not increasing in (0, 1), n < 1, or the level is not in (0, 1).

    Examples:
        >>> low, high = ecdf_band(100, np.linspace(0.01, 0.99, 99), level=0.95)
        >>> print(low[49], high[49])
        0.36 0.64
    """
    from scipy.special import bdtr

    require_fraction("level", level)
    if n < 1 or len(z) == 0 or z[0] <= 0 or z[-1] >= 1 or (np.diff(z) <= 0).any():
        raise DataError(f"{n} numbers and {len(z)} points", expected="n >= 1 and increasing points in (0, 1)")
    cdf = bdtr(np.arange(n + 1.0)[None, :], n, z[:, None])
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))

    def band(log_gamma: float) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
        tail = 0.5 * np.exp(log_gamma)
        return (cdf < tail).sum(axis=1), (cdf < 1 - tail).sum(axis=1)

    # γ is at most 1 − level (one point) and at least that divided by the number of points (Bonferroni).
    wide, narrow = float(np.log((1 - level) / len(z))), float(np.log(1 - level))
    for _ in range(BISECTIONS):
        middle = 0.5 * (wide + narrow)
        if _probability_inside(n, z, *band(middle), log_factorial) >= level:
            wide = middle
        else:
            narrow = middle
    low, high = band(wide)
    return low / n, high / n


def _probability_inside(
    n: int,
    z: Float[np.ndarray, " k"],
    low: Int[np.ndarray, " k"],
    high: Int[np.ndarray, " k"],
    log_factorial: Float[np.ndarray, " m"],
) -> float:
    """Probability that the counts of n uniform numbers below each z stay in low..high, by recursion over z."""
    states, probability, before = np.array([0]), np.array([1.0]), 0.0
    for index, point in enumerate(z):
        step = (point - before) / (1 - before)
        following = np.arange(low[index], high[index] + 1)
        added = following[None, :] - states[:, None]
        left = n - states[:, None]
        possible = (added >= 0) & (added <= left)
        hits, misses = np.where(possible, added, 0), np.where(possible, left - added, 0)
        log_binomial = log_factorial[left] - log_factorial[hits] - log_factorial[misses]
        log_chance = log_binomial + hits * np.log(step) + misses * np.log1p(-step)
        probability = probability @ np.exp(np.where(possible, log_chance, -np.inf))
        states, before = following, float(point)
    return float(probability.sum())
