"""Trust-region Newton with the exact Hessian, within bounds; written for one fit, and compiled for many at once.

With unbinned channels, whose sums over events are not compiled by JAX, the same steps are taken one call at a time.

Each step solves (H + λ|diag H|) p = −g for the parameters that are free to move: λ is zero near the minimum, and
grows while a step does not lower the function as its quadratic model has promised (Moré, Lect. Notes Math. 630 (1978)
105). Far from the minimum, or where the exact Hessian is not positive definite, the expected one takes its place.
Bounds are kept by projection (Bertsekas, SIAM J. Control Optim. 20 (1982) 221). Bin-wise parameters are eliminated
first, so that the others decide what a step costs.

At a kink (interpolation codes 0 and 1, α = 0) the two one-sided derivatives decide: the parameter moves to a side that
goes down, or stays if neither does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from neyman.likelihood.compilation import QUICK, THOROUGH, worth_compiling
from neyman.likelihood.derivatives import Derivatives, Pull, derivatives
from neyman.likelihood.precision import Bools, Floats, Ints, jax, jnp
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import Auxiliary, Main, Vector

TOLERANCE = 1e-10
"""Estimated distance to the minimum, in units of −ln L, below which a fit has converged."""
MOST_STEPS = 200
_LEAST_DAMPING, _LARGEST_DAMPING = 1e-8, 1e12
_FLOOR = 1e-9
_FEW = 250
_BATCH = 2_000_000  # numbers in the tables times fits in a batch: what stays in the cache


@runtime_checkable
class Unbinned(Protocol):
    """The unbinned channels of a model, with their events."""

    def pull(self, theta: Floats, *, exact: bool = True, curvature: bool = True) -> Pull:
        """What they add to −ln L at a point."""
        ...


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
    fixed: Bools


class Minimum(NamedTuple):
    """Where the minimiser ended.

    Attributes:
        theta: Parameters, shape (P,).
        value: −ln L without constants.
        distance: Estimated distance to the minimum, in units of −ln L.
        steps: How many steps were tried.
        converged: Whether `distance` is below the tolerance and the Hessian of the free parameters positive definite.
        free: Parameters that were free to move at the end: neither fixed nor held by a bound or a kink.
    """

    theta: Floats
    value: Floats
    distance: Floats
    steps: Ints
    converged: Bools
    free: Bools


class _State(NamedTuple):
    """The best point so far with its derivatives, and the point to try next."""

    theta: Float[Array, " p"]
    side: Float[Array, " p"]
    held: Bool[Array, " p"]
    found: Derivatives
    trial: Float[Array, " p"]
    promised: Float[Array, ""]
    damping: Float[Array, ""]
    floor: Float[Array, ""]
    distance: Float[Array, ""]
    exact: Bool[Array, ""]
    reach: Float[Array, ""]
    steps: Int[Array, ""]
    done: Bool[Array, ""]


def _minimise(tables: Tables, layout: Layout, problems: Problem) -> tuple[Minimum, Derivatives]:
    """Minimise problems side by side, each array with a first axis over them, until the last has ended."""

    def going(state: _State) -> Bool[Array, " n"]:
        return ~state.done & (state.steps < MOST_STEPS)

    def body(state: _State) -> _State:
        moved = jax.vmap(lambda problem, one: _step(tables, layout, problem, one))(problems, state)
        more = going(state)
        kept: _State = jax.tree.map(lambda new, old: jnp.where(_aligned(more, new), new, old), moved, state)
        return kept

    state = jax.vmap(lambda problem: _begin(layout, problem))(problems)
    return _ended(problems, jax.lax.while_loop(lambda state: going(state).any(), body, state))


def _ended(problem: Problem, end: _State) -> tuple[Minimum, Derivatives]:
    blocked = _blocked(problem, end.theta, end.found.gradient)
    converged = end.done & (end.distance < TOLERANCE) & jnp.isfinite(end.found.value)
    return Minimum(end.theta, end.found.value, end.distance, end.steps, converged, ~end.held & ~blocked), end.found


def _aligned(flags: Array, array: Array) -> Array:
    return flags.reshape(flags.shape + (1,) * (array.ndim - 1))


def _begin(layout: Layout, problem: Problem) -> _State:
    start = jnp.where(problem.fixed, problem.start, jnp.clip(problem.start, problem.lower, problem.upper))
    size, dense, nothing = layout.size, layout.dense, jnp.zeros(())
    return _State(
        theta=start,
        side=jnp.ones(size),
        held=jnp.asarray(problem.fixed),
        found=Derivatives(nothing + jnp.inf, jnp.zeros(size), jnp.zeros((size, dense)), jnp.zeros(size - dense)),
        trial=start,
        promised=nothing,
        damping=nothing,
        floor=nothing,
        distance=nothing + jnp.inf,
        exact=jnp.zeros((), bool),
        reach=nothing + 1.0,
        steps=jnp.zeros((), int),
        done=jnp.zeros((), bool),
    )


_quick, _thorough = (
    jax.jit(_minimise, static_argnames="layout", compiler_options=options) for options in (QUICK, THOROUGH)
)


def _take_step(tables: Tables, layout: Layout, problem: Problem, state: _State, pull: Pull) -> _State:
    return _step(tables, layout, problem, state, pull)


_one_step = jax.jit(_take_step, static_argnames="layout", compiler_options=QUICK)


def minimise(
    tables: Tables, layout: Layout, problem: Problem, unbinned: Unbinned | None = None
) -> tuple[Minimum, Derivatives]:
    """Minimise −ln L; also gives the derivatives at the minimum."""
    if unbinned is not None:
        state = _begin(layout, problem)
        while not state.done and state.steps < MOST_STEPS:
            pull = unbinned.pull(state.trial, exact=bool(state.exact))
            state = jax.device_get(_one_step(tables, layout, problem, state, pull))
        return _ended(problem, state)
    found = jax.device_get(_quick(tables, layout, Problem(*(np.asarray(array)[None] for array in problem))))
    alone: tuple[Minimum, Derivatives] = jax.tree.map(lambda array: array[0], found)
    return alone


def minimise_many(
    tables: Tables, layout: Layout, problems: Problem, unbinned: Sequence[Unbinned] = ()
) -> tuple[Minimum, Float[np.ndarray, "n p"]]:
    """Minimise many problems; each array of `problems` has a first axis more, over them.

    A few are done one by one, with the code that is compiled already. Many are done in batches of one size, so that the
    code is compiled once and its data stay in the cache. With unbinned channels they are done one by one.

    Args:
        tables: The model.
        layout: How to read it.
        problems: The problems.
        unbinned: For each, what unbinned channels add; empty if there are none.

    Returns:
        The minima, and the variance of each parameter, shape (N, P); see `variances`.
    """
    count = len(problems.start)
    if unbinned:
        each = [minimise(tables, layout, Problem(*(array[i] for array in problems)), unbinned[i]) for i in range(count)]
        joint, at = (jax.tree.map(lambda *arrays: np.stack(arrays), *part) for part in zip(*each, strict=True))
        return joint, variances(at, np.asarray(problems.fixed))
    rows = len(tables.linear) + len(tables.factor_parameter) + len(tables.shift_parameter) + 1
    size = int(tables.nominal.size) * rows
    compiled = _thorough if worth_compiling(fits=count, size=size) else _quick
    batch = min(_FEW, max(1, _BATCH // size)) if count >= _FEW else 1
    minima, errors = [], []
    for begin in range(0, count, batch):
        which = np.minimum(np.arange(begin, begin + batch), count - 1)  # the last batch repeats its last problem
        found = jax.device_get(compiled(tables, layout, Problem(*(array[which] for array in problems))))
        found = jax.tree.map(lambda array: array[: count - begin], found)  # noqa: B023
        minima.append(found[0])
        errors.append(variances(found[1], np.asarray(problems.fixed[begin : begin + batch])[: count - begin]))
    return Minimum(*(np.concatenate(arrays) for arrays in zip(*minima, strict=True))), np.concatenate(errors)


def variances(found: Derivatives, fixed: Bool[np.ndarray, "n p"]) -> Float[np.ndarray, "n p"]:
    """Diagonal of the inverse Hessian of the parameters that are not fixed.

    It is 0 for those that are, and not a number for all if the Hessian is not positive definite.

    Args:
        found: Derivatives of N problems, each array with a first axis more.
        fixed: Which parameters are fixed.
    """
    columns, tail = np.asarray(found.columns), np.asarray(found.diagonal)
    d = columns.shape[2]
    free = ~np.asarray(fixed)
    head = free[:, :d]
    block = np.where(head[:, :, None] & head[:, None, :], columns[:, :d], 0.0) + np.eye(d) * ~head[:, None, :]
    across = np.where(free[:, d:, None] & head[:, None, :], columns[:, d:], 0.0)
    diagonal = np.where(free[:, d:], tail, 1.0)
    variance = np.full(free.shape, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = across / diagonal[:, :, None]
        inner = block - np.swapaxes(across, 1, 2) @ scaled
    for i in np.flatnonzero((diagonal > 0).all(1)):
        try:
            factor = np.linalg.cholesky(inner[i])
        except np.linalg.LinAlgError:
            continue
        root = np.linalg.inv(factor)
        along = scaled[i] @ root.T
        variance[i] = np.concatenate([(root**2).sum(0), 1 / diagonal[i] + (along**2).sum(1)])
    return np.where(free, variance, np.where(np.isnan(variance), np.nan, 0.0))


def _look(
    tables: Tables,
    layout: Layout,
    problem: Problem,
    theta: Float[Array, " p"],
    *,
    exact: Bool[Array, ""],
    pull: Pull | None,
) -> tuple[Array, Array, Derivatives]:
    """Derivatives at a point; at a kink on the side that goes down, with the parameter held if there is none."""

    def at(side: Float[Array, " p"]) -> Derivatives:
        return derivatives(
            tables, layout, theta, side=side, main=problem.main, auxiliary=problem.auxiliary, exact=exact, pull=pull
        )

    right = jnp.ones_like(theta)
    if not layout.kinked:
        return right, jnp.asarray(problem.fixed), at(right)
    kink = tables.kink & (theta == 0)
    up, down = at(right).gradient, at(-right).gradient
    side = jnp.where(kink & (up >= 0), -1.0, 1.0)
    held = jnp.asarray(problem.fixed) | (kink & (up >= 0) & (down <= 0))
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


def _blocked(problem: Problem, theta: Floats, gradient: Floats) -> Bools:
    """Parameters at a bound that the gradient pushes against."""
    return ((theta <= problem.lower) & (gradient > 0)) | ((theta >= problem.upper) & (gradient < 0))


def _step(tables: Tables, layout: Layout, problem: Problem, state: _State, pull: Pull | None = None) -> _State:
    """Look at the trial point, take it if it is better, and find the next one."""
    seen = _look(tables, layout, problem, state.trial, exact=state.exact, pull=pull)
    first = jnp.isinf(state.found.value)
    gained = state.found.value - seen[2].value
    noise = jnp.where(first, 0.0, 1e-13 * (10.0 + jnp.abs(state.found.value)))
    better = first | (gained >= 1e-4 * state.promised - noise)  # false if the value is not a number
    shaky = ~first & (gained < 0.25 * state.promised - noise)
    theta, side, held, found = jax.tree.map(
        lambda new, old: jnp.where(better, new, old),
        (state.trial, *seen),
        (state.theta, state.side, state.held, state.found),
    )
    calmer = jnp.maximum(jnp.where(state.damping < 1e-6, 0.0, state.damping / 10), state.floor)
    more = jnp.maximum(state.damping * jnp.where(better, 4, 10), 1e-3)
    damping = jnp.where(better & ~shaky, calmer, more)

    lower, upper = _walls(tables, layout, problem, theta, side)
    free = ~held & ~_blocked(problem, theta, found.gradient)
    step, definite = _solve(layout, found, free, damping)
    distance = jnp.where(definite, -0.5 * jnp.vdot(found.gradient, step), jnp.inf)
    trial = jnp.where(free, jnp.clip(theta + step, lower, upper), theta)
    moved = trial - theta
    promised = -jnp.vdot(found.gradient, moved) - 0.5 * jnp.vdot(moved, _times(layout, found, moved))
    # Not definite: look again at the same point, with the expected Hessian. If that one is not either, some parameters
    # are undetermined: from now on a little damping keeps them where they are.
    undetermined = ~state.exact & ~definite
    floor = jnp.where(undetermined, jnp.maximum(10 * state.floor, _LEAST_DAMPING), state.floor)
    reach = jnp.where(state.exact & ~definite, state.reach / 10, state.reach)
    near = better & state.exact & (distance < TOLERANCE)
    return _State(
        theta=theta,
        side=side,
        held=held,
        found=found,
        trial=trial,
        promised=jnp.where(definite, promised, 0.0),
        damping=jnp.where(definite, damping, jnp.maximum(state.damping, floor)),
        floor=floor,
        distance=distance,
        exact=definite & (distance < reach),
        reach=reach,
        steps=state.steps + 1,
        done=near | (damping > _LARGEST_DAMPING),
    )


def _solve(layout: Layout, found: Derivatives, free: Array, damping: Array) -> tuple[Array, Array]:
    """The damped Newton step of the free parameters, and whether the damped Hessian is positive definite."""
    d = layout.dense
    gradient = jnp.where(free, found.gradient, 0.0)
    head, tail = free[:d], free[d:]
    block = jnp.where(head[:, None] & head, found.columns[:d], 0.0)
    # the floor is for a parameter that nothing depends on: it gets no step
    block = block + jnp.diag(jnp.where(head, damping * (jnp.abs(jnp.diagonal(block)) + _FLOOR), 1.0))
    across = jnp.where(tail[:, None] & head, found.columns[d:], 0.0)
    diagonal = found.diagonal + damping * (jnp.abs(found.diagonal) + _FLOOR)
    diagonal = jnp.where(tail, diagonal, 1.0)
    scaled = across / diagonal[:, None]
    factor = jax.lax.linalg.cholesky(block - across.T @ scaled, symmetrize_input=False)
    definite = jnp.all(jnp.isfinite(factor)) & jnp.all(diagonal > 0)
    first = -jax.scipy.linalg.cho_solve((factor, True), gradient[:d] - scaled.T @ gradient[d:])
    rest = -(gradient[d:] / diagonal + scaled @ first)
    return jnp.where(definite, jnp.concatenate([first, rest]), 0.0), definite


def _times(layout: Layout, found: Derivatives, vector: Array) -> Array:
    """The Hessian times a vector."""
    d = layout.dense
    head = found.columns[:d] @ vector[:d] + found.columns[d:].T @ vector[d:]
    return jnp.concatenate([head, found.columns[d:] @ vector[:d] + found.diagonal * vector[d:]])
