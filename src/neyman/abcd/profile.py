"""Fits of the signal strength and of the parameter that all bins share, around those of the bins [JAX].

The profile likelihood of (μ, Θ), every other parameter at its best, has the gradient of −ln L itself (envelope theorem)
and the Schur complement of the arrow-shaped Hessian.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float

from neyman.abcd.likelihood import Bins, Data, Model, Point, background_of, total
from neyman.abcd.solver import TOLERANCE, minimise, slopes
from neyman.likelihood.precision import Bools, Floats, jax, jnp

_TOLERANCE = 1e-12
_MOST_STEPS = 60
_INNER = 1e-20  # of the bins: what they lack of their minima is an error of the gradient to first order


class Fit(NamedTuple):
    """A fit.

    Attributes:
        mu: Signal strength.
        shared: Θ.
        point: Parameters of the bins.
        value: −ln L, which is 0 if every rate is what is observed.
        distance: Estimated distance to the minimum before the last step, in units of −ln L; a bin's own, and no less
            than that of what they share; shape (m,).
    """

    mu: Float[Array, ""]
    shared: Float[Array, ""]
    point: Point
    value: Float[Array, ""]
    distance: Bins


class _State(NamedTuple):
    fit: Fit
    damping: Float[Array, ""]
    missing: Float[Array, ""]
    steps: Array


def fit_at(model: Model, data: Data, start: Point, mu: Floats | float, *, shared: bool) -> Fit:
    """Fit with a given signal strength.

    Args:
        model: What is expected.
        data: What is measured.
        start: Where to begin.
        mu: The signal strength.
        shared: Whether Θ is fitted, or stays at its auxiliary measurement.
    """
    if not shared:
        return _at(model, data, start, mu, data.shared)
    return _fit(model, data, start, jnp.stack([jnp.asarray(mu, float), data.shared]), free=(False, True))


def fit_free(
    model: Model, data: Data, start: Point, mu: Floats | float, common: Floats | float, *, shared: bool
) -> Fit:
    """Fit of everything, with a signal strength that is not negative.

    Args:
        model: What is expected.
        data: What is measured.
        start: Where to begin.
        mu: Signal strength to begin at.
        common: Θ to begin at.
        shared: Whether Θ is fitted.
    """
    return _fit(
        model, data, start, jnp.stack([jnp.asarray(mu, float), jnp.asarray(common, float)]), free=(True, shared)
    )


def _at(
    model: Model, data: Data, start: Point, mu: Floats | float, shared: Floats, *, tolerance: float = TOLERANCE
) -> Fit:
    found = minimise(model, data, start, mu, shared, tolerance=tolerance)
    value = total(model, data, found.point, mu, shared)
    return Fit(jnp.asarray(mu, float), jnp.asarray(shared, float), found.point, value, found.distance)


def _derivatives(model: Model, data: Data, fit: Fit) -> tuple[Float[Array, " 2"], Float[Array, "2 2"]]:
    """Gradient and Hessian of the profile likelihood of (μ, Θ)."""
    found = slopes(model, data, fit.point, fit.mu, fit.shared)
    background = background_of(model, data, fit.point, fit.shared)
    rates = background + fit.mu * model.signal
    ratio = data.counts / rates
    gradient = jnp.stack(
        [
            (model.signal * (1 - ratio)).sum(),
            (model.kappa * background[1] * (1 - ratio[1])).sum() + fit.shared - data.shared,
        ]
    )
    # Hessian of μ less Mᵀ H⁻¹ M, M being the mixed derivatives of μ and the bins' parameters, written without the
    # large terms that cancel; those of Θ are κ w_B u, and H = D + w_B u uᵀ as in solver.py.
    own = model.signal**2 * ratio / rates
    mixed = background * ratio / rates * model.signal
    beside = (jnp.zeros_like(mixed[0]), mixed[0], mixed[2], mixed[3])
    along = found.along(model, beside)
    shrunk = 1 + found.weight * found.width
    of_rates = sum(own[region] - found.inverse[i] * mixed[region] ** 2 for i, region in ((1, 0), (2, 2), (3, 3)))
    of_b = (
        own[1] + found.width * (own[1] * found.weight - mixed[1] ** 2) + along * (found.weight * along - 2 * mixed[1])
    )
    mu = (of_rates + of_b / shrunk).sum()
    both = (model.kappa * (mixed[1] - found.weight * along) / shrunk).sum()
    common = 1 + (model.kappa**2 * found.weight / shrunk).sum()
    return gradient, _definite(mu, both, common, own.sum())


def _fit(model: Model, data: Data, start: Point, at: Array, *, free: tuple[bool, bool]) -> Fit:
    """Damped Newton's steps in (μ, Θ), of which some are free, with a fit of all bins after each."""
    chosen = jnp.array(free)

    def going(state: _State) -> Bools:
        return ~(state.missing < _TOLERANCE) & (state.steps < _MOST_STEPS)

    def body(state: _State) -> _State:
        fit = state.fit
        gradient, hessian = _derivatives(model, data, fit)
        moves = chosen & ~jnp.array([(fit.mu <= 0) & (gradient[0] > 0), False])
        gradient = jnp.where(moves, gradient, 0.0)
        hessian = jnp.where(moves[:, None] & moves, hessian, jnp.eye(2))
        step = -_solve(hessian + state.damping * jnp.diag(jnp.diagonal(hessian)), gradient)
        missing = -0.5 * (gradient @ step) * (1 + state.damping)
        trial = jnp.stack([fit.mu, fit.shared]) + step
        found = _at(model, data, fit.point, jnp.maximum(trial[0], 0.0), trial[1], tolerance=_INNER)
        better = found.value <= fit.value + noise
        calmer = jnp.where(state.damping < 1e-3, 0.0, state.damping / 10)
        return _State(
            jax.tree.map(lambda new, old: jnp.where(better, new, old), found, fit),
            jnp.where(better, calmer, jnp.maximum(10 * state.damping, 1e-1)),
            missing,
            state.steps + 1,
        )

    noise = 1e-13 + 1e-15 * data.counts.sum()
    far = jnp.array(jnp.inf)
    begin = _State(_at(model, data, start, at[0], at[1], tolerance=_INNER), jnp.zeros(()), far, jnp.zeros((), int))
    end = jax.lax.while_loop(going, body, begin)
    return end.fit._replace(distance=jnp.maximum(end.fit.distance, end.missing))


def _definite(mu: Array, both: Array, common: Array, unprofiled: Array) -> Float[Array, "2 2"]:
    """The Hessian; if it is not positive definite, the sizes of its diagonal, which lead downhill."""
    definite = (mu > 0) & (common > 0) & (mu * common > both**2)
    both = jnp.where(definite, both, 0.0)
    mu = jnp.where(definite, mu, jnp.maximum(jnp.abs(mu), 1e-3 * unprofiled))
    common = jnp.where(definite, common, jnp.maximum(jnp.abs(common), 1.0))
    return jnp.stack([jnp.stack([mu, both]), jnp.stack([both, common])])


def _solve(matrix: Float[Array, "2 2"], vector: Float[Array, " 2"]) -> Float[Array, " 2"]:
    (a, b), (_, d) = matrix
    solution: Array = jnp.stack([d * vector[0] - b * vector[1], a * vector[1] - b * vector[0]]) / (a * d - b * b)
    return solution
