"""MIGRAD on the same likelihood: the second opinion that physicists trust (James and Roos, CPC 10 (1975) 343)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import require
from neyman.likelihood.compilation import QUICK
from neyman.likelihood.derivatives import derivatives
from neyman.likelihood.newton import Minimum, Problem, Unbinned
from neyman.likelihood.precision import jax
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import negative_log_likelihood

_value = jax.jit(negative_log_likelihood, static_argnames="layout", compiler_options=QUICK)
_gradient = jax.jit(jax.grad(negative_log_likelihood, argnums=2), static_argnames="layout", compiler_options=QUICK)
_derivatives = jax.jit(derivatives, static_argnames="layout", compiler_options=QUICK)

_NOWHERE = 1e300
"""What Minuit is told where the likelihood is zero."""


def migrad(
    tables: Tables, layout: Layout, problem: Problem, unbinned: Unbinned | None = None, *, tolerance: float = 1e-3
) -> Minimum:
    """Minimise −ln L with Minuit.

    Args:
        tables: The model.
        layout: How to read it.
        problem: What to minimise.
        unbinned: What unbinned channels add.
        tolerance: Minuit's; it stops at an estimated distance of 0.002 × 0.5 × `tolerance`.

    Raises:
        MissingDependencyError: If iminuit is not installed.
    """
    minuit = require("iminuit", job="fit")

    def value(theta: Float[np.ndarray, " p"]) -> float:
        found = float(_value(tables, layout, np.asarray(theta), problem.main, problem.auxiliary))
        if unbinned is not None:
            found += float(unbinned.pull(theta, curvature=False).value)
        return found if np.isfinite(found) else _NOWHERE

    def gradient(theta: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        here = np.asarray(theta)
        if unbinned is None:
            return np.asarray(_gradient(tables, layout, here, problem.main, problem.auxiliary))
        found = _derivatives(
            tables,
            layout,
            here,
            side=np.ones(len(here)),
            main=problem.main,
            auxiliary=problem.auxiliary,
            pull=unbinned.pull(here, curvature=False),
        )
        return np.asarray(found.gradient)

    lower, upper = np.asarray(problem.lower), np.asarray(problem.upper)
    fixed = np.asarray(problem.fixed)
    start = np.where(fixed, problem.start, np.clip(problem.start, lower, upper))
    engine = minuit.Minuit(value, start, grad=gradient)
    engine.errordef = minuit.Minuit.LIKELIHOOD
    engine.tol = tolerance
    engine.strategy = 1
    engine.limits = list(zip(lower, upper, strict=True))
    engine.fixed = fixed.tolist()
    engine.migrad(ncall=200_000)
    theta = np.array(engine.values)
    slope = gradient(theta)
    held = fixed | ((theta <= lower) & (slope > 0)) | ((theta >= upper) & (slope < 0))
    lowest = engine.fval if engine.fval < _NOWHERE else np.inf
    value_found, edm, steps = (np.asarray(each) for each in (lowest, engine.fmin.edm, engine.nfcn))
    return Minimum(theta, value_found, edm, steps, np.asarray(engine.valid), ~held)
