"""The likelihood of the ABCD method, bin by bin [JAX].

In each bin of the final discriminant, with rates a, c and d of the background in A, C and D,

    Pois(n_A | a + μS_A) Pois(n_C | c + μS_C) Pois(n_D | d + μS_D) Pois(n_B | (a·d/c)(1+δ)^θ + μS_B) Gaus(θ | θ₀, 1).

The statistical uncertainty σ of κ = ln(1+δ) is one more Gaussian factor exp(ση). Two unit Gaussians in one exponent are
one: only the variance v of the exponent matters, κ² + σ² where each bin has a θ of its own, σ² where all bins share Θ.
The exponent is written φ + v·z + κΘ: φ is where the auxiliary measurements put it, and z its pull in units of v. This z
stays regular for v → 0, and so do derivatives with respect to v; θ itself would not.

| symbol | array |
|---|---|
| regions A, B, C, D | first axis of 4: elementwise work runs along the bins |
| bins | last axis m |

Yields and counts below `FLOOR` are taken to be it, and no rate falls below `LOWEST`: empty regions are safe.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from jaxtyping import Array, Float

from neyman.likelihood.precision import Floats, jnp

Theta = Literal["per_bin", "shared"]
"""Whether each bin has a nuisance parameter θ of its own for the non-closure, or all share one."""

FLOOR = 1e-9
"""Lowest yield of a template and lowest count, in events: an empty region has this."""
LOWEST = 1e-11
"""Lowest rate of background that a fit may find, in events: so far below the floor that it is as good as zero."""

Bins = Float[Array, " m"]
Yields = Float[Array, "4 m"]


class Model(NamedTuple):
    """What is expected.

    Attributes:
        signal: Expected signal of strength 1, shape (4, m).
        spread: Variance v of the exponent that each bin has for itself, shape (m,).
        kappa: What one unit of the shared Θ adds to the exponent, shape (m,).
    """

    signal: Yields
    spread: Bins
    kappa: Bins


class Data(NamedTuple):
    """What is measured: events, and the auxiliary measurements.

    Attributes:
        counts: Events, shape (4, m).
        centre: The exponent φ that the auxiliary measurement of each bin prefers (θ₀ times its size), shape (m,).
        shared: Auxiliary measurement Θ₀ of the shared parameter.
    """

    counts: Yields
    centre: Bins
    shared: Float[Array, ""]


class Point(NamedTuple):
    """Parameters of the background.

    Attributes:
        pull: z, shape (m,).
        a: Rate in A, in events, shape (m,).
        c: Rate in C.
        d: Rate in D.
    """

    pull: Bins
    a: Bins
    c: Bins
    d: Bins


def model_of(
    background: Floats, signal: Floats, delta: Floats | None, variance: Floats | None, *, shared: bool
) -> tuple[Yields, Model]:
    """The background's yields, none of them below the floor, and the model that they are expected in.

    Args:
        background: Expected background, shape (4, m).
        signal: Expected signal, shape (4, m).
        delta: Relative non-closure, shape (m,); that of the background if None.
        variance: Variance of the background's yields, shape (4, m).
        shared: Whether all bins share the parameter of the non-closure.
    """
    yields = jnp.maximum(background, FLOOR)
    kappa = jnp.log(yields[1] / yields[0] * (yields[2] / yields[3])) if delta is None else jnp.log1p(delta)
    own = jnp.zeros_like(kappa) if variance is None else (jnp.maximum(variance, 0.0) / yields**2).sum(axis=0)
    signal = jnp.maximum(signal, 0.0)
    if shared:
        return yields, Model(signal, own, kappa)
    return yields, Model(signal, own + kappa**2, jnp.zeros_like(kappa))


def data_of(counts: Floats) -> Data:
    """Data whose auxiliary measurements are at zero, where an experiment has them."""
    return Data(jnp.maximum(counts, FLOOR), jnp.zeros_like(counts[0]), jnp.zeros(()))


def background_of(model: Model, data: Data, point: Point, shared: Floats) -> Yields:
    """Rates of the background in A, B, C, D, shape (4, m)."""
    exponent = data.centre + model.spread * point.pull + model.kappa * shared
    predicted = point.a * (point.d / point.c) * jnp.exp(exponent)
    return jnp.stack([point.a, predicted, point.c, point.d])


def terms(model: Model, data: Data, point: Point, mu: Floats | float, shared: Floats) -> Bins:
    """−ln L of each bin, shape (m,), less its value if every rate were what is observed.

    Written with x = (λ − n)/n, so that nothing large cancels: λ − n + n ln(n/λ) = n(x − ln(1 + x)).
    """
    rates = background_of(model, data, point, shared) + mu * model.signal
    excess = (rates - data.counts) / data.counts
    return (data.counts * (excess - jnp.log1p(excess))).sum(axis=0) + 0.5 * model.spread * point.pull**2


def total(model: Model, data: Data, point: Point, mu: Floats | float, shared: Floats) -> Float[Array, ""]:
    """−ln L of all bins and of the shared parameter."""
    return terms(model, data, point, mu, shared).sum() + 0.5 * (shared - data.shared) ** 2
