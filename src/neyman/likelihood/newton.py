"""Trust-region Newton with the exact Hessian, within bounds; written for one fit, and compiled for many at once.

Each step solves (H + λ|diag H|) p = −g for the parameters that are free to move: λ is zero near the minimum, and grows
while a step does not lower the function as its quadratic model has promised (Moré, 1978). Far from the minimum, or where
the exact Hessian is not positive definite, the expected one takes its place. Bounds are kept by projection (Bertsekas, SIAM J. Control Optim. 20 (1982) 221). Bin-wise parameters are
eliminated first, so a step costs as much as the others are many.

At a kink (interpolation codes 0 and 1, α = 0) the two one-sided derivatives decide: the parameter moves to a side that
goes down, or stays if neither does.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from neyman.likelihood.compilation import QUICK, THOROUGH, worth_compiling
from neyman.likelihood.precision import jax, jnp
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import Auxiliary, Derivatives, Main, Vector, derivatives

TOLERANCE = 1e-10
"""Estimated distance to the minimum, in units of −ln L, below which a fit has converged."""
MOST_STEPS = 200
_LARGEST_DAMPING = 1e12
_FLOOR = 1e-9
_FEW = 250
_BATCH = 2_000_000  # numbers in the tables times fits in a batch: what stays in the cache


class Problem(NamedTuple):
    """What is minimised: data, and where the parameters may go. All in the order of the tables.

    Attributes:
        main: Observed events, shape (B,).
        auxiliary: Auxiliary data, shape (A,).
        start: Where to begin, shape (P,).
        lower: Lowest values.
        upper: Highest values.
        fixed: Which parameters stay at their start.
    """

    main: Main
    auxiliary: Auxiliary
    start: Vector
    lower: Vector
    upper: Vector
    fixed: Bool[Array, " p"]


class Minimum(NamedTuple):
    """Where the minimiser ended.

    Attributes:
        theta: Parameters, shape (P,).
        value: −ln L without constants.
        distance: Estimated distance to the minimum, in units of −ln L.
        steps: How many steps were tried.
        converged: Whether `distance` is below the tolerance and the Hessian of the free parameters positive definite.
        free: Parameters that were free to move at the end: neither fixed nor held by a bound or a kink.
        variance: Diagonal of the inverse Hessian of the parameters that are not fixed; 0 for those that are, not a
            number if the Hessian is not positive definite.
    """

    theta: Float[Array, "*n p"]
    value: Float[Array, "*n"]
    distance: Float[Array, "*n"]
    steps: Int[Array, "*n"]
    converged: Bool[Array, "*n"]
    free: Bool[Array, "*n p"]
    variance: Float[Array, "*n p"]


class _State(NamedTuple):
    """The best point so far with its derivatives, and the point to try next."""

    theta: Float[Array, " p"]
    side: Float[Array, " p"]
    held: Bool[Array, " p"]
    found: Derivatives
    trial: Float[Array, " p"]
    promised: Float[Array, ""]
    damping: Float[Array, ""]
    distance: Float[Array, ""]
    exact: Bool[Array, ""]
    reach: Float[Array, ""]
    steps: Int[Array, ""]
    done: Bool[Array, ""]


def minimise_one(tables: Tables, layout: Layout, problem: Problem) -> tuple[Minimum, Derivatives]:
    """Minimise −ln L; to be compiled, and mapped over many problems. Also gives the derivatives at the end."""
    start = jnp.where(problem.fixed, problem.start, jnp.clip(problem.start, problem.lower, problem.upper))
    size, dense, nothing = layout.size, layout.dense, jnp.zeros(())
    unknown = Derivatives(
        nothing + jnp.inf, jnp.zeros(size), jnp.zeros((size, dense)), jnp.zeros(size - dense)
    )
    state = _State(
        theta=start,
        side=jnp.ones(size),
        held=jnp.asarray(problem.fixed),
        found=unknown,
        trial=start,
        promised=nothing,
        damping=nothing,
        distance=nothing + jnp.inf,
        exact=jnp.zeros((), bool),
        reach=nothing + 1.0,
        steps=jnp.zeros((), int),
        done=jnp.zeros((), bool),
    )
    end = jax.lax.while_loop(
        lambda s: ~s.done & (s.steps < MOST_STEPS), partial(_step, tables, layout, problem), state
    )
    free = ~end.held & ~_blocked(problem, end.theta, end.found.gradient)
    variance = _variance(layout, end.found, ~jnp.asarray(problem.fixed))
    converged = end.done & (end.distance < TOLERANCE)
    return Minimum(end.theta, end.found.value, end.distance, end.steps, converged, free, variance), end.found


def _many(tables: Tables, layout: Layout, problems: Problem) -> Minimum:
    return jax.vmap(lambda problem: minimise_one(tables, layout, problem)[0])(problems)


_quick, _quick_many, _thorough_many = (
    jax.jit(function, static_argnames="layout", compiler_options=options)
    for function, options in ((minimise_one, QUICK), (_many, QUICK), (_many, THOROUGH))
)


def minimise(tables: Tables, layout: Layout, problem: Problem) -> tuple[Minimum, Derivatives]:
    """`minimise_one`, compiled."""
    found: tuple[Minimum, Derivatives] = jax.device_get(_quick(tables, layout, problem))
    return found


def minimise_many(tables: Tables, layout: Layout, problems: Problem) -> Minimum:
    """Minimise many problems; each array of `problems` has a first axis more, over them.

    A few are done one by one, with the code that is compiled already. Many are done in batches of one size, so that the
    code is compiled once and its data stay in the cache.
    """
    count = len(problems.start)
    if count < _FEW:
        found = [minimise(tables, layout, Problem(*(array[i] for array in problems)))[0] for i in range(count)]
        return Minimum(*(np.stack(arrays) for arrays in zip(*found, strict=True)))
    rows = len(tables.linear) + len(tables.factor_parameter) + len(tables.shift_parameter) + 1
    size = int(tables.nominal.size) * rows
    compiled = _thorough_many if worth_compiling(fits=count, size=size) else _quick_many
    batch = min(_FEW, max(1, _BATCH // size))
    parts = []
    for begin in range(0, count, batch):
        which = np.minimum(np.arange(begin, begin + batch), count - 1)  # the last batch repeats its last problem
        part = jax.device_get(compiled(tables, layout, Problem(*(array[which] for array in problems))))
        parts.append([array[: count - begin] for array in part])
    return Minimum(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _look(
    tables: Tables, layout: Layout, problem: Problem, theta: Float[Array, " p"], exact: Bool[Array, ""]
) -> tuple[Array, Array, Derivatives]:
    """Derivatives at a point; at a kink on the side that goes down, with the parameter held if there is none."""

    def at(side: Float[Array, " p"]) -> Derivatives:
        return derivatives(tables, layout, theta, side, problem.main, problem.auxiliary, exact)

    right = jnp.ones_like(theta)
    if not layout.kinked:
        return right, jnp.asarray(problem.fixed), at(right)
    kink = tables.kink & (theta == 0)
    up, down = at(right).gradient, at(-right).gradient
    side = jnp.where(kink & (up >= 0), -1.0, 1.0)
    held = problem.fixed | (kink & (up >= 0) & (down <= 0))
    return side, held, at(side)


def _walls(tables: Tables, layout: Layout, problem: Problem, theta: Array, side: Array) -> tuple[Array, Array]:
    """How far a step may go: to the bounds, and to a kink but not across."""
    lower, upper = jnp.asarray(problem.lower), jnp.asarray(problem.upper)
    if not layout.kinked:
        return lower, upper
    right = (theta > 0) | ((theta == 0) & (side > 0))
    return (
        jnp.where(tables.kink & right, jnp.maximum(lower, 0.0), lower),
        jnp.where(tables.kink & ~right, jnp.minimum(upper, 0.0), upper),
    )


def _blocked(problem: Problem, theta: Array, gradient: Array) -> Array:
    """Parameters at a bound that the gradient pushes against."""
    return ((theta <= problem.lower) & (gradient > 0)) | ((theta >= problem.upper) & (gradient < 0))


def _step(tables: Tables, layout: Layout, problem: Problem, state: _State) -> _State:
    """Look at the trial point, take it if it is better, and find the next one."""
    seen = _look(tables, layout, problem, state.trial, state.exact)
    first = jnp.isinf(state.found.value)
    gained = state.found.value - seen[2].value
    noise = 1e-13 * (10.0 + jnp.abs(seen[2].value))
    better = first | (gained >= 1e-4 * state.promised - noise)  # false if the value is not a number
    shaky = ~first & (gained < 0.25 * state.promised - noise)
    theta, side, held, found = jax.tree.map(
        lambda new, old: jnp.where(better, new, old),
        (state.trial, *seen),
        (state.theta, state.side, state.held, state.found),
    )
    calmer = jnp.where(state.damping < 1e-6, 0.0, state.damping / 10)
    more = jnp.maximum(state.damping * jnp.where(better, 4, 10), 1e-3)
    damping = jnp.where(better & ~shaky, calmer, more)

    lower, upper = _walls(tables, layout, problem, theta, side)
    free = ~held & ~_blocked(problem, theta, found.gradient)
    step, definite = _solve(layout, found, free, damping)
    distance = jnp.where(definite, -0.5 * jnp.vdot(found.gradient, step), jnp.inf)
    trial = jnp.where(free, jnp.clip(theta + step, lower, upper), theta)
    moved = trial - theta
    promised = -jnp.vdot(found.gradient, moved) - 0.5 * jnp.vdot(moved, _times(layout, found, moved))
    # Not definite: look again at the same point, with the expected Hessian.
    reach = jnp.where(state.exact & ~definite, state.reach / 10, state.reach)
    near = better & state.exact & (distance < TOLERANCE)
    return _State(
        theta=theta,
        side=side,
        held=held,
        found=found,
        trial=trial,
        promised=jnp.where(definite, promised, 0.0),
        damping=jnp.where(definite, damping, state.damping),
        distance=distance,
        exact=definite & (distance < reach),
        reach=reach,
        steps=state.steps + 1,
        done=near | (damping > _LARGEST_DAMPING),
    )


class _Factored(NamedTuple):
    """The Hessian of the free parameters, factored; the others have a one on the diagonal."""

    scaled: Float[Array, "l d"]
    diagonal: Float[Array, " l"]
    factor: Float[Array, "d d"]
    definite: Bool[Array, ""]


def _factored(layout: Layout, found: Derivatives, free: Array, damping: Array) -> _Factored:
    d = layout.dense
    head, tail = free[:d], free[d:]
    block = jnp.where(head[:, None] & head, found.columns[:d], 0.0)
    # a parameter that nothing depends on gets no step, and no error: its variance is infinite
    block = block + jnp.diag(jnp.where(head, damping * (jnp.abs(jnp.diagonal(block)) + _FLOOR), 1.0))
    across = jnp.where(tail[:, None] & head, found.columns[d:], 0.0)
    diagonal = found.diagonal + damping * (jnp.abs(found.diagonal) + _FLOOR)
    diagonal = jnp.where(tail, diagonal, 1.0)
    scaled = across / diagonal[:, None]
    factor = jnp.linalg.cholesky(block - across.T @ scaled)
    return _Factored(scaled, diagonal, factor, jnp.all(jnp.isfinite(factor)) & jnp.all(diagonal > 0))


def _solve(layout: Layout, found: Derivatives, free: Array, damping: Array) -> tuple[Array, Array]:
    """The damped Newton step of the free parameters, and whether the damped Hessian is positive definite."""
    d = layout.dense
    gradient = jnp.where(free, found.gradient, 0.0)
    f = _factored(layout, found, free, damping)
    first = -jax.scipy.linalg.cho_solve((f.factor, True), gradient[:d] - f.scaled.T @ gradient[d:])
    rest = -(gradient[d:] / f.diagonal + f.scaled @ first)
    return jnp.where(f.definite, jnp.concatenate([first, rest]), 0.0), f.definite


def _variance(layout: Layout, found: Derivatives, free: Array) -> Array:
    """Diagonal of the inverse Hessian of the free parameters."""
    d = layout.dense
    f = _factored(layout, found, free, jnp.zeros(()))
    inverse = jax.scipy.linalg.cho_solve((f.factor, True), jnp.eye(d))
    rest = 1 / f.diagonal + ((f.scaled @ inverse) * f.scaled).sum(1)
    variance = jnp.concatenate([jnp.diagonal(inverse), rest])
    return jnp.where(f.definite, jnp.where(free, variance, 0.0), jnp.nan)


def _times(layout: Layout, found: Derivatives, vector: Array) -> Array:
    """The Hessian times a vector."""
    d = layout.dense
    head = found.columns[:d] @ vector[:d] + found.columns[d:].T @ vector[d:]
    return jnp.concatenate([head, found.columns[d:] @ vector[:d] + found.diagonal * vector[d:]])
