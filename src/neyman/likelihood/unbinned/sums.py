"""Sums over the events of an unbinned channel, with derivatives: all of the likelihood that grows with their number.

Two implementations compute the same numbers:

| kernel | with | for |
|---|---|---|
| `compiled` | Numba, in threads | CPUs |
| `scanned` | JAX | GPUs and the like |
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.likelihood.unbinned.templates import Templates, Values

Kernel = Literal["compiled", "scanned"]


class Mixture(NamedTuple):
    """D(c, α) = Σ_i w_i ln p_i of a mixture p_i = Σ_s c_s u_si(α), with derivatives in (c_1 … c_S, α_1 … α_K).

    The Hessian of D is `bend` − `outer`. Matrices that were not asked for are zero.

    Attributes:
        value: D; −∞ if p of an event with w ≠ 0 is not positive and finite, and then all derivatives are zero.
        lowest: The smallest p of the events with w ≠ 0; ∞ if there are none.
        gradient: ∇D, shape (S + K,).
        bend: Σ w ∇∇p / p, shape (S + K, S + K).
        outer: Σ w ∇ln p ∇ln pᵀ, shape (S + K, S + K).
    """

    value: float
    lowest: float
    gradient: Float[np.ndarray, " n"]
    bend: Float[np.ndarray, "n n"]
    outer: Float[np.ndarray, "n n"]


class Expectations(NamedTuple):
    """I_s(α) = Σ_j v_j u_sj(α), with derivatives in α. A Hessian that was not asked for is zero.

    Attributes:
        value: I, shape (S,).
        gradient: ∂I/∂α, shape (S, K).
        hessian: ∂²I/∂α∂α, shape (S, K, K).
    """

    value: Float[np.ndarray, " s"]
    gradient: Float[np.ndarray, "s k"]
    hessian: Float[np.ndarray, "s k k"]


def default_kernel() -> Kernel:
    """`compiled`, unless JAX has something faster than a CPU."""
    from neyman.likelihood.precision import jax

    return "compiled" if jax.default_backend() == "cpu" else "scanned"


def mixture(
    templates: Templates,
    weights: Float[np.ndarray, "m b"],
    coefficients: Float[np.ndarray, " s"],
    alpha: Float[np.ndarray, " k"],
    *,
    curvature: bool,
    kernel: Kernel,
) -> Mixture:
    """Σ w ln p.

    Args:
        templates: Density ratios at N events.
        weights: Of `templates.pack`.
        coefficients: c, shape (S,).
        alpha: α, shape (K,).
        curvature: Whether second derivatives are wanted.
        kernel: What computes the sums.

    Raises:
        DataError: If an array has another shape.

    Examples:
        >>> ratios = np.log([[1.0, 2.0], [3.0, 1.0]])
        >>> templates = Templates.build(ratios, [], [], [], [], parameters=0)
        >>> c, w = np.array([1.0, 0.5]), templates.pack(np.ones(2))
        >>> found = mixture(templates, w, c, np.zeros(0), curvature=False, kernel="compiled")
        >>> round(np.exp(found.value), 9), found.lowest
        (np.float64(6.25), 2.5)
    """
    weights = _shaped(weights, (len(templates.ratio), templates.ratio.shape[2]), "packed weights")
    coefficients = _shaped(coefficients, (templates.ratio.shape[1],), "coefficients")
    alpha = _shaped(alpha, (templates.parameters,), "alpha")
    if kernel == "compiled":
        from neyman.likelihood.unbinned import compiled

        value, lowest, refused, *derivatives = compiled.mixture(
            templates, weights, coefficients, alpha, curvature=curvature
        )
    else:
        from neyman.likelihood.unbinned import scanned

        value, lowest, refused, *derivatives = scanned.mixture(
            templates, weights, coefficients, alpha, curvature=curvature
        )
    n = len(coefficients) + len(alpha)
    if refused:
        return Mixture(-np.inf, lowest, np.zeros(n), np.zeros((n, n)), np.zeros((n, n)))
    return Mixture(value, lowest, *derivatives)


def expectations(
    templates: Templates,
    weights: Float[np.ndarray, "m b"],
    alpha: Float[np.ndarray, " k"],
    *,
    curvature: bool,
    kernel: Kernel,
) -> Expectations:
    """Σ v u of each sample; arguments as of `mixture`.

    Raises:
        DataError: If an array has another shape.
    """
    weights = _shaped(weights, (len(templates.ratio), templates.ratio.shape[2]), "packed weights")
    alpha = _shaped(alpha, (templates.parameters,), "alpha")
    if kernel == "compiled":
        from neyman.likelihood.unbinned import compiled

        return Expectations(*compiled.expectations(templates, weights, alpha, curvature=curvature))
    from neyman.likelihood.unbinned import scanned

    return Expectations(*scanned.expectations(templates, weights, alpha, curvature=curvature))


def _shaped(values: Values, shape: tuple[int, ...], what: str) -> Values:
    """Contiguous, in double precision. Compiled code reads what is there, whatever the shape: it is checked here."""
    if values.shape != shape:
        raise DataError(f"{what} of shape {values.shape}", expected=f"shape {shape}")
    return np.ascontiguousarray(values, np.float64)
