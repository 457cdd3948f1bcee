"""One-dimensional densities on a grid: normalisation, moments, quantiles, divergence.

All take log-densities at the points of an increasing grid, along the last axis; any axes before it are separate
densities. All integrals are trapezoidal, that is, exact for a density that is linear between the points. A density may
vanish: its logarithm is −∞ there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_finite


def normalise(grid: Float[np.ndarray, " g"], log_density: Float[np.ndarray, "*b g"]) -> Float[np.ndarray, "*b g"]:
    """The same log-densities, shifted so that each density integrates to one.

    Args:
        grid: Increasing points.
        log_density: Log-densities up to a constant each.

    Raises:
        DataError: For a grid that does not increase, shapes that differ, NaN or +∞, or a density that vanishes
            everywhere.

    Examples:
        >>> grid = np.linspace(-6, 6, 201)
        >>> print(f"{normalise(grid, -0.5 * grid**2)[100]:.6f}")
        -0.918939
    """
    _check(grid, log_density)
    peak = log_density.max(axis=-1, keepdims=True)
    area = np.trapezoid(np.exp(log_density - peak), grid, axis=-1)[..., None]
    return np.asarray(log_density - peak - np.log(area), dtype=np.float64)


def moments(
    grid: Float[np.ndarray, " g"], log_density: Float[np.ndarray, "*b g"]
) -> tuple[Float[np.ndarray, "*b"], Float[np.ndarray, "*b"]]:
    """Mean and standard deviation of each density.

    Args:
        grid: Increasing points.
        log_density: Log-densities up to a constant each.

    Raises:
        DataError: As `normalise`.

    Examples:
        >>> grid = np.linspace(-8, 12, 401)
        >>> mean, sd = moments(grid, -0.5 * ((grid - 1) / 1.5) ** 2)
        >>> print(f"{mean:.6f} {sd:.6f}")
        1.000000 1.500000
    """
    density = np.exp(normalise(grid, log_density))
    mean = np.trapezoid(density * grid, grid, axis=-1)
    # Deviations from the mean, not the mean of squares: no cancellation for narrow densities far from zero.
    variance = np.trapezoid(density * (grid - mean[..., None]) ** 2, grid, axis=-1)
    return np.asarray(mean), np.asarray(np.sqrt(variance))


def cumulative(grid: Float[np.ndarray, " g"], log_density: Float[np.ndarray, "*b g"]) -> Float[np.ndarray, "*b g"]:
    """The distribution function of each density at the grid points: 0 at the first, 1 at the last.

    Args:
        grid: Increasing points.
        log_density: Log-densities up to a constant each.

    Raises:
        DataError: As `normalise`.

    Examples:
        >>> print(cumulative(np.array([0.0, 1.0, 4.0]), np.zeros(3)))
        [0.   0.25 1.  ]
    """
    density = np.exp(normalise(grid, log_density))
    cells = 0.5 * (density[..., 1:] + density[..., :-1]) * np.diff(grid)
    sums = np.cumsum(cells, axis=-1)
    return np.concatenate([np.zeros_like(sums[..., :1]), sums / sums[..., -1:]], axis=-1)


def quantiles(
    grid: Float[np.ndarray, " g"], log_density: Float[np.ndarray, "*b g"], q: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "*b k"]:
    """The points below which each density has the fractions q.

    Args:
        grid: Increasing points.
        log_density: Log-densities up to a constant each.
        q: Fractions in [0, 1].

    Raises:
        DataError: As `normalise`, or if a fraction is outside [0, 1].

    Examples:
        >>> grid = np.linspace(-8, 8, 801)
        >>> print(quantiles(grid, -0.5 * grid**2, np.array([0.158655, 0.5])).round(4) + 0.0)
        [-1.  0.]
    """
    if not ((q >= 0) & (q <= 1)).all():
        raise DataError(f"fractions {q}", expected="numbers in [0, 1]")
    density = np.exp(normalise(grid, log_density))
    below = cumulative(grid, log_density)
    # The cell in which each quantile lies: as many cells as end below it come before.
    cell = (below[..., 1:, None] < q).sum(axis=-2).clip(max=len(grid) - 2)
    left, right = (np.take_along_axis(density, cell + side, axis=-1) for side in (0, 1))
    width = np.diff(grid)[cell]
    missing = np.maximum(q - np.take_along_axis(below, cell, axis=-1), 0) / width
    # Root of left·t + (right − left)·t²/2 = missing for t in [0, 1], in the form that does not cancel.
    denominator = left + np.sqrt(np.maximum(left**2 + 2 * (right - left) * missing, 0))
    t = np.divide(2 * missing, denominator, out=np.zeros_like(missing), where=denominator > 0)
    return np.asarray(grid[cell] + np.minimum(t, 1) * width)


def kl_divergence(
    grid: Float[np.ndarray, " g"], log_p: Float[np.ndarray, "*b g"], log_q: Float[np.ndarray, "*b g"]
) -> Float[np.ndarray, "*b"]:
    r"""The divergence \(\mathrm{KL}(p\|q) = \int p \,(\log p - \log q)\) of each pair, in nats.

    Kullback and Leibler, Ann. Math. Stat. 22 (1951) 79. Put the exact density first: a q that is too
    narrow, or shifted, then costs most. It is infinite where q vanishes and p does not.

    Args:
        grid: Increasing points, fine enough for the narrower of the two.
        log_p: Log-densities up to a constant each, usually exact.
        log_q: Log-densities up to a constant each, usually learned.

    Raises:
        DataError: As `normalise`, for either.

    Examples:
        >>> grid = np.linspace(-10, 10, 401)
        >>> print(f"{kl_divergence(grid, -0.5 * grid**2, -0.5 * (grid - 0.5) ** 2):.6f}")
        0.125000
    """
    first, second = normalise(grid, log_p), normalise(grid, log_q)
    if first.shape != second.shape:
        raise DataError(f"log-densities of shapes {first.shape} and {second.shape}", expected="one shape")
    inside = first > -np.inf
    difference = np.subtract(first, second, out=np.zeros_like(first), where=inside)
    density = np.exp(first)
    # Where p underflows to zero the product is zero, also against a q of −∞.
    integrand = np.multiply(density, difference, out=np.zeros_like(density), where=density > 0)
    return np.asarray(np.trapezoid(integrand, grid, axis=-1))


def _check(grid: np.ndarray, log_density: np.ndarray) -> None:
    require_finite("grid", grid)
    if grid.ndim != 1 or len(grid) < 2 or (np.diff(grid) <= 0).any():
        raise DataError(f"grid of shape {grid.shape}", expected="at least two increasing points")
    if log_density.ndim == 0 or log_density.shape[-1] != len(grid) or log_density.size == 0:
        raise DataError(
            f"log-densities of shape {log_density.shape}", expected=f"at least one of {len(grid)} values, as the grid"
        )
    require_finite("log-density", log_density, log_density=True)
    empty = np.isneginf(log_density.max(axis=-1))
    if empty.any():
        raise DataError(
            f"{int(empty.sum())} of {empty.size} densities vanish on the whole grid",
            expected="a density above zero somewhere",
            hint="let the grid cover the posterior",
        )
