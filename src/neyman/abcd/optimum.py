"""What the best of all scores would reach if the background were known: the goal that no ABCD estimate can pass."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.stats import norm

from neyman.core.errors import DataError
from neyman.simulation.gaussians import ThreeGaussians

BANDS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


def counting_limit(
    background: Float[np.ndarray, " b"], signal: Float[np.ndarray, " b"], *, level: float = 0.05
) -> Float[np.ndarray, 5]:
    """Expected upper limits by CLs for counts whose background is known, at −2 to 2 standard deviations.

    q_μ of the background's Asimov data is 2 Σ [μs − b ln(1 + μs/b)], and CLs is the level where √q is
    Φ⁻¹(1 − level·Φ(N)) + N (arXiv:1007.1727, eq. 89).

    Raises:
        DataError: If there is no signal, or a background is not above zero where there is.

    Examples:
        >>> limits = counting_limit(np.array([10_000.0]), np.array([100.0]))
        >>> print(f"{limits[2]:.3f}")  # 1.96 √b/s, and a little
        1.973
    """
    there = signal > 0
    if not there.any() or not (background[there] > 0).all():
        raise DataError("a count without signal or background", expected="both above zero in a bin")
    b, s = background[there], signal[there]

    def root(mu: float) -> float:
        return float(np.sqrt(max(2 * (mu * s - b * np.log1p(mu * s / b)).sum(), 0.0)))

    limits = []
    for wanted in norm.isf(level * norm.cdf(BANDS)) + BANDS:
        high = 1.0
        while root(high) < wanted:
            high *= 2
        limits.append(brentq(lambda mu, wanted=wanted: root(mu) - wanted, 0.0, high, xtol=1e-10))
    return np.array(limits)


def best_limit(
    toy: ThreeGaussians,
    background: float,
    signal: float,
    edges: Float[np.ndarray, " e"],
    *,
    least_yield: float,
    cuts: int = 400,
) -> Float[np.ndarray, 5]:
    """Expected upper limits of the best cut on the exact log-ratio of a toy, with its exact yields.

    Args:
        toy: The toy.
        background: Expected background, before the cut.
        signal: Expected signal of strength 1.
        edges: Edges of the bins of the discriminant.
        least_yield: Least expected background in each bin above the cut, as is asked for of region B.
        cuts: How many cuts to try.

    Raises:
        DataError: If no cut leaves that much background.

    Examples:
        >>> limits = best_limit(ThreeGaussians(), 1e5, 100.0, np.array([0.0, 1.0]), least_yield=10.0)
        >>> print(f"{limits[2]:.4f}")
        0.1015
    """
    low, high = (toy.log_ratio_quantile(level, "signal") for level in (0.999, 0.001))
    thresholds = np.linspace(low, high, cuts)
    b, s = (
        total * np.outer(toy.log_ratio_survival(thresholds, label), toy.discriminant_shares(edges, label))
        for total, label in ((background, "background"), (signal, "signal"))
    )
    enough = (b >= least_yield).all(axis=1)
    if not enough.any():
        raise DataError(
            f"no cut leaves {least_yield:g} background events in each bin", expected="fewer bins, or events"
        )
    found = [counting_limit(*each) for each in zip(b[enough], s[enough], strict=True)]
    return min(found, key=lambda limits: float(limits[2]))
