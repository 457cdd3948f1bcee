"""Fits of the background's parameters at given signal strength and shared parameter: all bins at the same time [JAX].

The bins decouple there. In (z, ln a, ln c, ln d) the Hessian of a bin is diag(v, w_A, w_C, w_D) + w_B u uᵀ with
u = (v, 1, −1, 1), so that Sherman and Morrison give Newton's step in closed form (Ann. Math. Stat. 21 (1950) 124). With
b the background's rate in a region and λ its sum with the signal, w = b(1 − n/λ) + b²n/λ², or b²/λ on average, which is
never negative and takes its place where the Hessian is not positive definite.

A step ε in the logarithm multiplies a rate by 1 + ε. Near the minimum that is the same as exp(ε); far from it, it is
the better choice: for n events on a known signal it finds n − μS, or zero if that is negative, at once. Along
a narrow valley, where only B determines a product of rates, exp(ε) is: it leaves the product what the step wants. Both
are tried. Where A and C have no events but B has, only the ratio of two vanishing rates is determined: such a bin may
end without convergence, and is named.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Int

from neyman.abcd.likelihood import LOWEST, Bins, Data, Model, Point, background_of, terms
from neyman.likelihood.precision import Bools, Floats, jax, jnp

TOLERANCE = 1e-10
"""Estimated distance to the minimum, in units of −ln L, below which one more step is the last."""
MOST_STEPS = 100
_LARGEST_FACTOR = 1e3
_LARGEST_EXPONENT = 3.0
_TINY = 1e-100
_SIGNS = (1, -1, 1)  # how a, c and d enter the prediction a·d/c


class Slopes(NamedTuple):
    """Derivatives of −ln L of each bin with respect to (z, ln a, ln c, ln d), whose Hessian is D + w_B u uᵀ.

    The gradient is `own` + `tie`·u. What B adds is kept apart, as it cancels in H⁻¹u = D⁻¹u / (1 + w_B uᵀD⁻¹u), which
    matters where the rates are of little weight, and B's is large. Entries of z are divided by v.

    Attributes:
        own: What z and the regions A, C, D have of the gradient.
        tie: Derivative with respect to the logarithm of the background in B, shape (m,).
        inverse: The diagonal of D⁻¹; 0 for a rate that its lower bound holds.
        weight: w_B, shape (m,).
        width: uᵀD⁻¹u, shape (m,).
    """

    own: tuple[Bins, Bins, Bins, Bins]
    tie: Bins
    inverse: tuple[Floats, Floats, Floats, Floats]
    weight: Bins
    width: Bins

    def along(self, model: Model, vector: tuple[Floats, Floats, Floats, Floats]) -> Bins:
        """uᵀD⁻¹ times a vector."""
        pull, *rates = (inverse * each for inverse, each in zip(self.inverse, vector, strict=True))
        return model.spread * pull + rates[0] - rates[1] + rates[2]

    def step(self, model: Model) -> tuple[list[Floats], Bins]:
        """Newton's step, and what −ln L falls on it by the quadratic model."""
        along = self.along(model, self.own)
        shrunk = 1 + self.weight * self.width
        tied = (self.tie - self.weight * along) / shrunk
        step = [
            -inverse * (own + sign * tied)
            for inverse, own, sign in zip(self.inverse, self.own, (1, *_SIGNS), strict=True)
        ]
        pull, *rates = (inverse * own**2 for inverse, own in zip(self.inverse, self.own, strict=True))
        gain = model.spread * pull + sum(rates)
        gain = gain + (self.tie * (2 * along + self.tie * self.width) - self.weight * along**2) / shrunk
        return step, 0.5 * gain


class Minimum(NamedTuple):
    """Where the minimiser ended.

    Attributes:
        point: The parameters.
        distance: Estimated distance to the minimum of each bin before its last step, in units of −ln L, shape (m,).
        steps: How many steps were taken.
    """

    point: Point
    distance: Bins
    steps: Int[Array, ""]


class _State(NamedTuple):
    point: Point
    value: Bins
    damping: Bins
    distance: Bins
    steps: Int[Array, ""]


def slopes(
    model: Model, data: Data, point: Point, mu: Floats | float, shared: Floats, *, damping: Floats | float = 0.0
) -> Slopes:
    """Derivatives of each bin; with the expected Hessian where the damped exact one is not positive definite."""
    background = background_of(model, data, point, shared)
    rates = background + mu * model.signal
    ratio = data.counts / rates
    slope = background * (1 - ratio)
    expected = background * (background / rates)
    exact = slope + expected * ratio
    gradient = [slope[region] + sign * slope[1] for region, sign in zip((0, 2, 3), _SIGNS, strict=True)]
    held = [(rate <= LOWEST) & (g > 0) for rate, g in zip(point[1:], gradient, strict=True)]

    def inverses(weights: Floats) -> list[Floats]:
        own = [weights[region] for region in (0, 2, 3)]
        damped = [w + damping * jnp.abs(w) for w in own]
        return [
            jnp.where(h, 0.0, 1 / jnp.where(jnp.abs(w) < _TINY, _TINY, w)) for h, w in zip(held, damped, strict=True)
        ]

    trial = inverses(exact)
    negative = sum((each < 0).astype(int) for each in trial)
    determinant = 1 + exact[1] * (model.spread + sum(trial))
    # inertia: a positive rank-one term lifts one negative eigenvalue at most, a negative one spoils one
    definite = ((negative == 0) & (determinant > 0)) | ((negative == 1) & (determinant < 0))
    chosen = [jnp.where(definite, e, x) for e, x in zip(trial, inverses(expected), strict=True)]
    inverse = (jnp.asarray(1 / (1 + damping)), chosen[0], chosen[1], chosen[2])
    return Slopes(
        (point.pull, slope[0], slope[2], slope[3]),
        slope[1],
        inverse,
        jnp.where(definite, exact[1], expected[1]),
        model.spread * inverse[0] + sum(chosen),
    )


def minimise(
    model: Model, data: Data, start: Point, mu: Floats | float, shared: Floats, *, tolerance: float = TOLERANCE
) -> Minimum:
    """Minimise −ln L of every bin.

    Damped Newton's steps, each bin with a damping of its own, until all bins are within a tolerance of their minima:
    the last step then makes of a distance ε one of the order ε².

    Args:
        model: What is expected.
        data: What is measured.
        start: Where to begin; rates at or above the floor.
        mu: Signal strength.
        shared: Shared parameter.
        tolerance: Estimated distance, in units of −ln L, below which one more step is the last.
    """

    def going(state: _State) -> Bools:
        return jnp.any(~(state.distance < tolerance)) & (state.steps < MOST_STEPS)

    def body(state: _State) -> _State:
        point = state.point
        found = slopes(model, data, point, mu, shared, damping=state.damping)
        step, gain = found.step(model)
        distance = jnp.abs(gain) * (1 + state.damping)
        shift = model.spread * step[0] + step[1] - step[2] + step[3]
        # where B is far above its prediction, a step in the logarithm would go far beyond it
        share = jnp.where(shift > 1e-8, jnp.log1p(jnp.maximum(shift, 0.0)) / jnp.maximum(shift, 1e-8), 1.0)
        step = [share * each for each in step]
        straight = _straight(point, step)
        bent = _bent(point, step)
        values = terms(model, data, straight, mu, shared), terms(model, data, bent, mu, shared)
        first = values[0] <= values[1]
        value = jnp.where(first, *values)
        trial = Point(*(jnp.where(first, x, y) for x, y in zip(straight, bent, strict=True)))
        better = value <= state.value + noise  # false if it is not a number
        calmer = jnp.where(state.damping < 1e-3, 0.0, state.damping / 10)
        return _State(
            Point(*(jnp.where(better, new, old) for new, old in zip(trial, point, strict=True))),
            jnp.where(better, value, state.value),
            jnp.where(better, calmer, jnp.maximum(10 * state.damping, 1e-2)),
            distance,
            state.steps + 1,
        )

    noise = 1e-13 + 1e-15 * data.counts.sum(axis=0)
    zero = jnp.zeros_like(start.a)
    begin = _State(start, terms(model, data, start, mu, shared), zero, zero + jnp.inf, jnp.zeros((), int))
    end = jax.lax.while_loop(going, body, begin)
    return Minimum(end.point, end.distance, end.steps)


def _straight(point: Point, step: list[Floats]) -> Point:
    """A point after a step: each rate times 1 + ε."""
    rates = [
        jnp.maximum(rate * (1 + jnp.minimum(each, _LARGEST_FACTOR)), LOWEST)
        for rate, each in zip(point[1:], step[1:], strict=True)
    ]
    return Point(point.pull + step[0], *rates)


def _bent(point: Point, step: list[Floats]) -> Point:
    """A point after a step, or a share of it if it is long: each rate times exp(ε)."""
    longest = jnp.maximum(jnp.maximum(jnp.abs(step[1]), jnp.abs(step[2])), jnp.abs(step[3]))
    share = _LARGEST_EXPONENT / jnp.maximum(longest, _LARGEST_EXPONENT)
    rates = [jnp.maximum(rate * jnp.exp(share * each), LOWEST) for rate, each in zip(point[1:], step[1:], strict=True)]
    return Point(point.pull + share * step[0], *rates)
