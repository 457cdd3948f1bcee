"""The likelihood in its published form, in JAX: densities are not normalised, and templates are interpolated anew.

    −2 ln L = −2 Σ_b [n_b ln ν_b − ν_b] − 2 [N ln ν − ν] + Σ_k α_k²
              −2 Σ_i w_i [ln Σ_s ν_s r_s(x_i) Π_k g_sk(x_i; α_k) − ln ν]

As the public toolkit of this method does it (github.com/iris-hep/nsbi-lhc-toolkit): at each call the coefficients of
code 4 are computed from up and down templates, logarithms included, in a scan over systematics that carries the product
of what was interpolated; compiled, with the gradient by reverse mode. This is our own writing of it, with what makes
that form fast: one branch of the interpolation at a time, templates laid out as the scan reads them, the scan unrolled,
data as arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from iminuit import Minuit
from unbinned import samples

from neyman.likelihood.precision import jax, jnp

FREE = len(samples.STRENGTHS)
# What the odd and the even part of the polynomial owe to value, slope and curvature at α = ±1.
ODD = np.array([[15, -7, 1], [-10, 10, -2], [3, -3, 1]]) / 8
EVEN = np.array([[24, -9, 1], [-24, 14, -2], [8, -5, 1]]) / 8


class Region(NamedTuple):
    """A region, N being its events, or bins.

    Attributes:
        nominal: r of shape (S, N), or yields of bins.
        hi: Templates at +1, shape (K, S, N).
        lo: Templates at −1, shape (K, S, N).
        seen: Weights of events, or counts of bins, shape (N,).
    """

    nominal: jax.Array
    hi: jax.Array
    lo: jax.Array
    seen: jax.Array


class Measurement(NamedTuple):
    """Everything that the likelihood reads; `rates` is the unbinned region as one bin."""

    events: Region
    rates: Region
    bins: Region


class Coefficients(NamedTuple):
    """A region whose polynomials are known, of which the published form knows nothing: shape (K, 6, S, N)."""

    nominal: jax.Array
    coefficients: jax.Array
    seen: jax.Array


def measurement(folder: Path) -> Measurement:
    found = samples.load(folder, "observed")
    factors = samples.yield_factors()

    def of_yields(control: int, side: int, size: int) -> jax.Array:
        table = [[factors[s, k][control][side] for s in samples.YIELDS] for k in samples.SYSTEMATICS]
        return jnp.asarray(np.repeat(np.array(table)[:, :, None], size, axis=2))

    bins, yields = np.stack(list(samples.control_region().values())), np.array(list(samples.YIELDS.values()))
    return Measurement(
        Region(
            jnp.exp(np.stack([found[sample] for sample in samples.YIELDS])),
            *(jnp.exp(samples.templates(found, side)) for side in ("hi", "lo")),
            jnp.asarray(found["weights"]),
        ),
        Region(
            jnp.asarray(yields[:, None]), of_yields(0, 0, 1), of_yields(0, 1, 1), jnp.asarray([found["weights"].sum()])
        ),
        Region(
            jnp.asarray(bins),
            of_yields(1, 0, samples.BINS),
            of_yields(1, 1, samples.BINS),
            jnp.asarray(samples.observed_control()),
        ),
    )


def coefficients(hi: jax.Array, lo: jax.Array) -> list[jax.Array]:
    """Of α, α², … α⁶."""
    log_hi, log_lo = jnp.log(hi), jnp.log(lo)
    value, slope = (hi, lo), (hi * log_hi, -lo * log_lo)
    curve = slope[0] * log_hi, -slope[1] * log_lo
    sums = [0.5 * (up + down) for up, down in (value, slope, curve)]
    differences = [0.5 * (up - down) for up, down in (value, slope, curve)]
    odd = _combined(ODD, differences[0], sums[1], differences[2])
    even = _combined(EVEN, sums[0] - 1, differences[1], sums[2])
    return [each for both in zip(odd, even, strict=True) for each in both]


def _combined(matrix: np.ndarray, *arrays: jax.Array) -> list[jax.Array]:
    return [sum(factor * array for factor, array in zip(row, arrays, strict=True)) for row in matrix]


def polynomial(alpha: jax.Array, coefficients: list[jax.Array] | jax.Array) -> jax.Array:
    total = coefficients[5]
    for each in range(4, -1, -1):
        total = coefficients[each] + alpha * total
    return 1 + alpha * total


def interpolated(alpha: jax.Array, hi: jax.Array, lo: jax.Array) -> jax.Array:
    """g, of which only the branch that is wanted is computed."""
    return jax.lax.cond(
        jnp.abs(alpha) <= 1,
        lambda a, up, down: polynomial(a, coefficients(up, down)),
        lambda a, up, down: jnp.where(a > 0, up, down) ** jnp.abs(a),
        alpha,
        hi,
        lo,
    )


def varied(alpha: jax.Array, region: Region | Coefficients) -> jax.Array:
    """r Π_k g_k, or yields likewise, shape (S, N). The scan is unrolled: reverse mode is faster by a third then."""
    if isinstance(region, Coefficients):
        g, templates = polynomial, (region.coefficients,)
    else:
        g, templates = interpolated, (region.hi, region.lo)

    def step(product: jax.Array, each: tuple) -> tuple:
        return product * g(*each), None

    return jax.lax.scan(step, region.nominal, (alpha, *templates), unroll=True)[0]


def twice_nll(theta: jax.Array, data: Measurement) -> jax.Array:
    """Without constants; `same_constants` has those of our model."""
    strength, alpha = theta[:FREE], theta[FREE:]
    binned = (strength[:, None] * varied(alpha, data.bins)).sum(0)
    yields = strength * varied(alpha, data.rates)[:, 0]
    rate = yields.sum()
    density = (yields[:, None] * varied(alpha, data.events)).sum(0)
    return (
        -2 * (data.bins.seen * jnp.log(binned) - binned).sum()
        - 2 * (data.rates.seen[0] * jnp.log(rate) - rate)
        - 2 * (data.events.seen * (jnp.log(density) - jnp.log(rate))).sum()
        + (alpha**2).sum()
    )


def same_constants() -> float:
    """What our −2 ln L has besides: ln n! of bins, and the normalisation of constraints."""
    from scipy.special import gammaln

    return float(2 * gammaln(samples.observed_control() + 1).sum() + len(samples.SYSTEMATICS) * np.log(2 * np.pi))


value = jax.jit(twice_nll)
value_and_gradient = jax.jit(jax.value_and_grad(twice_nll))
prepared = jax.jit(jax.vmap(lambda hi, lo: jnp.stack(coefficients(hi, lo))))


def with_coefficients(data: Measurement) -> Measurement:
    """With all polynomials worked out before: faster, but for |α| < 1 only."""
    return Measurement(*(Coefficients(each.nominal, prepared(each.hi, each.lo), each.seen) for each in data))


def minuit(data: Measurement, strategy: int) -> tuple[Minuit, Counter]:
    """As the toolkit sets it up: no bounds, its gradient, both compiled; with the calls that it has made."""
    calls: Counter = Counter()

    def function(theta: np.ndarray) -> float:
        calls["value"] += 1
        return float(value(theta, data))

    def gradient(theta: np.ndarray) -> np.ndarray:
        calls["gradient"] += 1
        return np.asarray(value_and_gradient(theta, data)[1])

    start = np.repeat([1.0, 0.0], [FREE, len(samples.SYSTEMATICS)])
    engine = Minuit(function, start, grad=gradient, name=samples.PARAMETERS)
    engine.errordef, engine.strategy = Minuit.LEAST_SQUARES, strategy
    return engine, calls


def profile(engine: Minuit, grid: Sequence[float]) -> list[float]:
    """Minuit's own profile of mu: at each value from the best fit."""
    return list(engine.mnprofile("mu", grid=grid)[1] - engine.fval)


def profile_from_the_last(engine: Minuit, grid: Sequence[float]) -> list[float]:
    """The same, each value from the minimum at the one before it."""
    lowest, rise = engine.fval, []
    engine.strategy, engine.fixed["mu"] = 0, True
    for each in grid:
        engine.values["mu"] = each
        engine.migrad()
        rise.append(engine.fval - lowest)
    return rise
