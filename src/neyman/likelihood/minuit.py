"""MIGRAD on the same likelihood: the second opinion that physicists trust (James and Roos, CPC 10 (1975) 343)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float

from neyman.core.errors import require
from neyman.likelihood.compilation import QUICK
from neyman.likelihood.derivatives import Derivatives, derivatives
from neyman.likelihood.newton import Minimum, Problem, Unbinned
from neyman.likelihood.precision import jax
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import negative_log_likelihood

_value = jax.jit(negative_log_likelihood, static_argnames="layout", compiler_options=QUICK)
_gradient = jax.jit(jax.grad(negative_log_likelihood, argnums=2), static_argnames="layout", compiler_options=QUICK)
_derivatives = jax.jit(derivatives, static_argnames="layout", compiler_options=QUICK)

_NOWHERE = 1e300
"""What Minuit is told where the likelihood is zero."""

Value = Callable[[Float[np.ndarray, " p"]], float]
Gradient = Callable[[Float[np.ndarray, " p"]], Float[np.ndarray, " p"]]


def migrad(
    tables: Tables,
    layout: Layout,
    problem: Problem,
    unbinned: Unbinned | None = None,
    *,
    tolerance: float = 1e-3,
    strategy: Literal[0, 1, 2] = 1,
    errors: Float[np.ndarray, " p"] | None = None,
) -> Minimum:
    """Minimise −ln L with Minuit.

    Args:
        tables: The model.
        layout: How to read it.
        problem: What to minimise.
        unbinned: What unbinned channels add.
        tolerance: Minuit's; it stops at an estimated distance of 0.002 × 0.5 × `tolerance`.
        strategy: Minuit's: 0 does without the Hessian, which takes most of the calls.
        errors: What the errors are about, shape (P,): they scale the first steps. By default Minuit finds out.

    Raises:
        MissingDependencyError: If iminuit is not installed.
    """
    minuit = require("iminuit", job="fit")

    value, gradient = (
        _binned(tables, layout, problem) if unbinned is None else _joint(tables, layout, problem, unbinned)
    )
    lower, upper = np.asarray(problem.lower), np.asarray(problem.upper)
    fixed = np.asarray(problem.fixed)
    start = np.where(fixed, problem.start, np.clip(problem.start, lower, upper))
    engine = minuit.Minuit(value, start, grad=gradient, g2=None if errors is None else lambda _: _curvatures(errors))
    engine.errordef = minuit.Minuit.LIKELIHOOD
    engine.tol = tolerance
    engine.strategy = strategy
    engine.limits = list(zip(lower, upper, strict=True))
    engine.fixed = fixed.tolist()
    engine.migrad(ncall=200_000)
    theta = np.array(engine.values)
    slope = gradient(theta)
    held = fixed | ((theta <= lower) & (slope > 0)) | ((theta >= upper) & (slope < 0))
    lowest = engine.fval if engine.fval < _NOWHERE else np.inf
    value_found, edm, steps = (np.asarray(each) for each in (lowest, engine.fmin.edm, engine.nfcn))
    return Minimum(theta, value_found, edm, steps, np.asarray(engine.valid), ~held)


def _binned(tables: Tables, layout: Layout, problem: Problem) -> tuple[Value, Gradient]:
    def value(theta: Float[np.ndarray, " p"]) -> float:
        found = float(_value(tables, layout, np.asarray(theta), problem.main, problem.auxiliary))
        return found if np.isfinite(found) else _NOWHERE

    def gradient(theta: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        return np.asarray(_gradient(tables, layout, np.asarray(theta), problem.main, problem.auxiliary))

    return value, gradient


def _joint(tables: Tables, layout: Layout, problem: Problem, unbinned: Unbinned) -> tuple[Value, Gradient]:
    """With unbinned channels the gradient costs little more than the value; Minuit asks for both at the same point."""
    last: dict[bytes, Derivatives] = {}

    def look(theta: Float[np.ndarray, " p"]) -> Derivatives:
        here = np.array(theta)
        if here.tobytes() not in last:
            last.clear()
            last[here.tobytes()] = _derivatives(
                tables,
                layout,
                here,
                side=np.ones(len(here)),
                main=problem.main,
                auxiliary=problem.auxiliary,
                pull=unbinned.pull(here, curvature=False),
            )
        return last[here.tobytes()]

    def value(theta: Float[np.ndarray, " p"]) -> float:
        found = float(look(theta).value)
        return found if np.isfinite(found) else _NOWHERE

    def gradient(theta: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        return np.asarray(look(theta).gradient)

    return value, gradient


def _curvatures(errors: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """Second derivatives from errors: a scale for first steps, without which Minuit takes three times as many."""
    known = np.isfinite(errors) & (errors > 0)
    curvatures: Float[np.ndarray, " p"] = np.where(known, errors, 1.0) ** -2.0
    return curvatures
