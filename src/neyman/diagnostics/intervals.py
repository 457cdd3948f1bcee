"""Exact intervals for counted things: a binomial fraction and a Poisson mean."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_fraction

Counts = np.ndarray | np.number | int | float
ONE_SIGMA = 0.682689492137086


def binomial_interval(
    k: Counts, n: Counts, *, level: float = 0.99
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    r"""The central Clopper-Pearson interval of a fraction.

    Clopper and Pearson, Biometrika 26 (1934) 404: all fractions that neither tail of the binomial
    rejects at \(\alpha/2\), with \(\alpha\) = 1 − level. Coverage is at least `level`.

    Args:
        k: Successes.
        n: Trials; broadcast against `k`.
        level: Confidence level.

    Returns:
        Lower and upper ends, in the broadcast shape.

    Raises:
        DataError: If k is not in 0..n, n is zero, or the level is not in (0, 1).

    Examples:
        >>> low, high = binomial_interval(8, 10, level=0.95)
        >>> print(f"{low:.4f} {high:.4f}")
        0.4439 0.9748
    """
    from scipy.special import betaincinv

    require_fraction("level", level)
    successes, trials = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64))
    if not (np.isfinite(successes) & (successes >= 0) & (successes <= trials) & (trials > 0)).all():
        raise DataError("not counts: k or n is negative, zero trials or k > n", expected="0 <= k <= n and n > 0")
    tail = 0.5 * (1 - level)
    failures = trials - successes
    # The beta law has no parameter zero; there the interval ends at 0 or 1 by its definition.
    low = np.where(successes > 0, betaincinv(np.maximum(successes, 1), failures + 1, tail), 0.0)
    high = np.where(failures > 0, betaincinv(successes + 1, np.maximum(failures, 1), 1 - tail), 1.0)
    return low, high


def poisson_interval(
    counts: Counts, *, level: float = ONE_SIGMA
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """The central Garwood interval of a Poisson mean, for error bars on counts.

    Garwood, Biometrika 28 (1936) 437; the ends are half of the χ² quantiles with 2n and 2n + 2 degrees of freedom.

    Args:
        counts: Observed counts, not negative.
        level: Confidence level; default is one standard deviation.

    Returns:
        Lower and upper ends, in the shape of `counts`.

    Raises:
        DataError: If a count is negative or not finite, or the level is not in (0, 1).

    Examples:
        >>> low, high = poisson_interval(0)
        >>> print(f"{low:.3f} {high:.3f}")
        0.000 1.841
    """
    from scipy.special import gammaincinv

    require_fraction("level", level)
    values = np.asarray(counts, dtype=np.float64)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise DataError("not counts: negative or not finite", expected="counts of at least 0")
    tail = 0.5 * (1 - level)
    low = np.where(values > 0, gammaincinv(np.maximum(values, 1e-300), tail), 0.0)
    return low, np.asarray(gammaincinv(values + 1, 1 - tail))
