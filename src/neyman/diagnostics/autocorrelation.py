"""How many independent events a Markov chain is worth."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError

WINDOW = 5.0  # in units of τ, as Sokal recommends


def integrated_autocorrelation_time(
    values: Float[np.ndarray, " n"], *, window: float = WINDOW, where: str = ""
) -> float:
    r"""The integrated autocorrelation time of one chain: n values are worth n/τ independent ones.

    \(\tau = 1 + 2 \sum_{t=1}^{M} \rho(t)\) with the smallest \(M \ge\) `window` · τ(M) (Sokal, *Monte Carlo
    Methods in Statistical Mechanics* (1997), eq. 3.16 and section 3; his τ is half of this). A chain shorter
    than about 50 τ gives a τ that is too small.

    Args:
        values: One quantity along one chain, in order.
        window: Length of the summation window in units of τ.
        where: What the values are, for messages.

    Raises:
        DataError: If there are fewer than four values, or one is not finite, or all are equal.

    Examples:
        A chain that repeats every value k times has τ = k.

        >>> draws = np.random.default_rng(1).standard_normal(20_000)
        >>> round(integrated_autocorrelation_time(draws))
        1
        >>> round(integrated_autocorrelation_time(np.repeat(draws, 4)))
        4
    """
    n = len(values)
    if n < 4 or not np.isfinite(values).all():
        raise DataError(f"{n} values", where=where, expected="at least four finite values of a chain")
    centred = values - values.mean()
    if not centred.any():
        raise DataError("all values are equal", where=where, expected="a chain that has moved")
    # The autocovariance at all lags by FFT; padded so that the end does not wrap around to the start.
    spectrum = np.abs(np.fft.rfft(centred, n=2 * n)) ** 2
    covariance = np.fft.irfft(spectrum)[:n]
    tau = 2 * np.cumsum(covariance / covariance[0]) - 1
    enough = np.arange(n) >= window * tau
    return float(tau[np.argmax(enough)] if enough.any() else tau[-1])


def effective_sample_size(values: Float[np.ndarray, " n"]) -> float:
    """How many independent values a chain is worth, n/τ; at most n.

    Raises:
        DataError: As for `integrated_autocorrelation_time`.
    """
    return len(values) / max(1.0, integrated_autocorrelation_time(values))
