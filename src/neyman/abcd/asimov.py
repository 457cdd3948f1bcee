"""The fit without a signal, and the Asimov data set that it gives [JAX].

Without a signal every rate is a count less or plus one number r, the excess of the prediction in B over what is
observed there: a = n_A − r, b = n_B + r, c = n_C + r, d = n_D − r and z = −r, from the derivatives of −ln L with
respect to ln a, ln c, ln d and z. What is left is one equation for each bin,

    g(r) = ln(n_B + r) + ln(n_C + r) − ln(n_A − r) − ln(n_D − r) + v·r − φ − κΘ = 0,

which rises from −∞ to ∞ between −min(n_B, n_C) and min(n_A, n_D): there is one solution, and Newton's method finds it
from everywhere. If all bins share a Θ, it is Θ₀ − Σκr, one more equation that rises.

Asimov data (arXiv:1007.1727, section 3.2) are the rates at that fit, *and* auxiliary measurements at the fitted values
of their parameters: δ stays what it is, and θ₀ moves to θ̂. Data without the second half would have their best fit
elsewhere, and reward training for non-closure.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float

from neyman.abcd.likelihood import LOWEST, Bins, Data, Model, Point, background_of
from neyman.likelihood.precision import Bools, Floats, jax, jnp

_TOLERANCE = 1e-12
_MOST_STEPS = 100
_LARGEST_STEP = 3.0
_WITHIN = 1 - 1e-15
_KEPT = 0.02  # of the distance to an end of the interval, at least


class BackgroundFit(NamedTuple):
    """The fit without a signal.

    Attributes:
        excess: r, shape (m,).
        shared: Θ.
        distance: Estimated distance to the minimum of each bin before the last step, in units of −ln L, shape (m,).
    """

    excess: Bins
    shared: Float[Array, ""]
    distance: Bins

    def point(self, data: Data) -> Point:
        """The parameters."""
        a, _, c, d = data.counts
        rates = (a - self.excess, c + self.excess, d - self.excess)
        return Point(-self.excess, *(jnp.maximum(rate, LOWEST) for rate in rates))


def _equation(model: Model, data: Data, excess: Bins, shared: Floats) -> tuple[Bins, Bins]:
    """The left side g of the equation, and its derivative with respect to r."""
    a, b, c, d = data.counts
    a, b, c, d = a - excess, b + excess, c + excess, d - excess
    value = jnp.log(b / a * (c / d)) + model.spread * excess - data.centre - model.kappa * shared
    return value, 1 / a + 1 / b + 1 / c + 1 / d + model.spread


def _excess(model: Model, data: Data, shared: Floats) -> BackgroundFit:
    """The fit at a given Θ."""
    low, high = -jnp.minimum(data.counts[1], data.counts[2]), jnp.minimum(data.counts[0], data.counts[3])
    low, high = _WITHIN * low, _WITHIN * high

    def going(state: tuple[Bins, Bins, Array]) -> Bools:
        return jnp.any(~(state[1] < _TOLERANCE)) & (state[2] < _MOST_STEPS)

    def body(state: tuple[Bins, Bins, Array]) -> tuple[Bins, Bins, Array]:
        excess, _, steps = state
        value, slope = _equation(model, data, excess, shared)
        moved = excess - value / slope
        moved = jnp.clip(moved, low + _KEPT * (excess - low), high - _KEPT * (high - excess))
        return moved, 0.5 * value**2 / slope, steps + 1

    start = jnp.zeros_like(data.centre)
    excess, distance, _ = jax.lax.while_loop(going, body, (start, start + jnp.inf, jnp.zeros((), int)))
    return BackgroundFit(excess, jnp.asarray(shared), distance)


def fit_background(model: Model, data: Data, *, shared: bool) -> BackgroundFit:
    """Fit without a signal. Its derivatives with respect to model and data are those of the minimum.

    Args:
        model: What is expected; its signal is not looked at.
        data: What is measured.
        shared: Whether Θ is fitted, or stays at its auxiliary measurement.
    """
    fixed, measured = jax.lax.stop_gradient((model, data))
    found = _fit_shared(fixed, measured) if shared else _excess(fixed, measured, measured.shared)
    return _polished(model, data, found, shared=shared)


class _Search(NamedTuple):
    """Θ between its bounds, with the fit of the bins at its value before."""

    shared: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    excess: Bins
    distance: Bins
    missing: Float[Array, ""]
    steps: Array


def _fit_shared(model: Model, data: Data) -> BackgroundFit:
    """The fit of Θ and all bins: Newton's method in brackets, around that of the bins."""

    def going(state: _Search) -> Bools:
        return ~(state.missing < _TOLERANCE) & (state.steps < _MOST_STEPS)

    def body(state: _Search) -> _Search:
        excess, shared, distance = _excess(model, data, state.shared)
        _, slope = _equation(model, data, excess, shared)
        value = shared - data.shared + (model.kappa * excess).sum()
        curvature = 1 + (model.kappa**2 / slope).sum()
        low, high = jnp.where(value < 0, shared, state.low), jnp.where(value > 0, shared, state.high)
        moved = shared - jnp.clip(value / curvature, -_LARGEST_STEP, _LARGEST_STEP)
        inside = ((moved > low) & (moved < high)) | ~jnp.isfinite(high - low)
        moved = jnp.where(inside, moved, (low + high) / 2)
        return _Search(moved, low, high, excess, distance, 0.5 * value**2 / curvature, state.steps + 1)

    nothing, far = jnp.zeros_like(data.centre), jnp.array(jnp.inf)
    begin = _Search(data.shared, -far, far, nothing, nothing + far, far, jnp.zeros((), int))
    end = jax.lax.while_loop(going, body, begin)
    return BackgroundFit(end.excess, end.shared, jnp.maximum(end.distance, end.missing))


def _polished(model: Model, data: Data, found: BackgroundFit, *, shared: bool) -> BackgroundFit:
    """One more step of Newton, with a slope that is a constant.

    At the solution this changes nothing, and has the derivatives that the implicit function theorem gives.
    """
    excess, common, distance = jax.lax.stop_gradient(found)
    _, slope = _equation(*jax.lax.stop_gradient((model, data)), excess, common)
    value, _ = _equation(model, data, excess, common)
    if not shared:
        return BackgroundFit(excess - value / slope, data.shared, distance)
    kappa = jax.lax.stop_gradient(model.kappa)
    remainder = common - data.shared + (model.kappa * excess).sum() - (kappa * value / slope).sum()
    step = -remainder / (1 + (kappa**2 / slope).sum())
    return BackgroundFit(excess - (value - kappa * step) / slope, common + step, distance)


def asimov_of(model: Model, data: Data, fit: BackgroundFit, *, strength: Floats | float = 0.0) -> Data:
    """Data as expected at a fit without a signal, with a signal of some strength added.

    Their own best fit is where they were made: at `strength`, with z = 0, and −ln L = 0 there.
    """
    background = background_of(model, data, fit.point(data), fit.shared)
    return Data(background + strength * model.signal, data.centre - model.spread * fit.excess, fit.shared)
