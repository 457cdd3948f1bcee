"""The negative log-likelihood of a binned model.

    −ln L = Σ_b [ν_b − n_b ln ν_b] + Σ_a constraint_a ,      ν_b = Σ_s A_sb(θ) N_sc(θ) Π_m γ_m

A is the nominal template plus the shifts of histosys, N the product of all factors of a sample in a channel, γ are
bin-wise.

Constants are left out: a saturated model, ν = n, has the value zero. `constants` in model.py has them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from neyman.likelihood.compilation import QUICK
from neyman.likelihood.interpolation import Interpolated, scaled, shifted
from neyman.likelihood.precision import Floats, Ints, jax, jnp
from neyman.likelihood.tables import Layout, Tables

# Stands for a factor of zero, so that derivatives can be had by division: the yield is then 10⁻¹⁰⁰ of what it would be.
TINY = 1e-100

Vector = Float[Array, " p"] | Float[np.ndarray, " p"]
Main = Float[Array, " b"] | Float[np.ndarray, " b"]
Auxiliary = Float[Array, " a"] | Float[np.ndarray, " a"]


class Rates(NamedTuple):
    """Expected yields and what their derivatives need."""

    template: Floats
    factors: Floats
    polynomials: Floats
    gammas: Floats
    yields: Floats
    linear: Floats
    scaled: Interpolated
    shifted: Interpolated


def rates(tables: Tables, layout: Layout, theta: Vector, side: Vector) -> Rates:
    """Expected yields and their parts; arguments as of `derivatives.derivatives`."""
    parameters = jnp.where(theta == 0, TINY, theta)
    linear = jnp.where(tables.linear, parameters[: len(tables.linear), None, None], 1.0)
    at = tables.factor_parameter
    factors = scaled(
        tables.factor, along_first(theta, at)[:, None, None], along_first(side, at)[:, None, None], layout.normsys
    )
    at = tables.shift_parameter
    shifts = shifted(
        tables.shift, along_first(theta, at)[:, None, None], along_first(side, at)[:, None, None], layout.histosys
    )
    template = tables.nominal + shifts.value.sum(0)
    product = linear.prod(0) * jnp.where(factors.value == 0, TINY, factors.value).prod(0)
    polynomials = polynomial(tables, layout, jnp.asarray(theta)[: layout.wide])
    gammas = along_first(jnp.append(parameters, 1.0), tables.slot).prod(0)
    whole = along_last(product * polynomials, tables.channel)
    return Rates(template, product, polynomials, gammas, template * whole * gammas, linear, factors, shifts)


def polynomial(tables: Tables, layout: Layout, wide: Floats) -> Float[Array, "s c"]:
    """Product of the polynomial factors of each sample."""
    if layout.degree == 0:
        return jnp.ones(tables.linear.shape[1:])
    powers = [jnp.ones_like(wide)]
    for _ in range(layout.degree):
        powers.append(powers[-1] * wide)
    terms = jnp.stack(powers)[tables.polynomials.powers, jnp.arange(layout.wide)].prod(-1)
    values = (tables.polynomials.coefficients * terms).sum(-1)
    product: Array = jnp.where(tables.polynomials.uses, values[:, None, None], 1.0).prod(0)
    return product


def yields(tables: Tables, layout: Layout, theta: Vector) -> Float[Array, "s b"]:
    """Expected events of each sample in each bin."""
    return jnp.asarray(rates(tables, layout, theta, jnp.ones(layout.size)).yields)


expected_yields = jax.jit(yields, static_argnames="layout", compiler_options=QUICK)
"""`yields`, compiled."""


def negative_log_likelihood(
    tables: Tables, layout: Layout, theta: Vector, main: Main, auxiliary: Auxiliary
) -> Float[Array, ""]:
    """−ln L without constants; differentiable by JAX in all its arguments."""
    found = rates(tables, layout, theta, jnp.ones(layout.size))
    return poisson(found.yields.sum(0), main)[0].sum() + constraint(tables, theta, auxiliary)[0]


def poisson(rate: Floats, n: Main) -> tuple[Array, Array, Array]:
    """ν − n + n ln(n/ν) of each bin, with derivatives; infinite where ν ≤ 0 and n > 0."""
    seen = n > 0
    positive = jnp.where(seen, n, 1.0)
    safe = jnp.where(seen, rate, 1.0)
    away = (safe - positive) / positive
    # log1p keeps the digits that n ln(n/ν) would lose near the minimum, where ν ≈ n
    value = jnp.where(seen, jnp.where(away > -1, positive * (away - jnp.log1p(away)), jnp.inf), rate)
    ratio = jnp.where(seen, positive / safe, 0.0)
    return value, 1 - ratio, ratio / safe


def constraint(tables: Tables, theta: Vector, auxiliary: Auxiliary) -> tuple[Array, Array, Array]:
    """Value, gradient and diagonal of the Hessian of all constraints; the latter two of shape (P,)."""
    c = tables.constraints
    split = len(c.normal)
    away = (along_first(theta, c.normal) - auxiliary[:split]) / c.sigma
    value, first, second = poisson(c.tau * along_first(theta, c.poisson), auxiliary[split:])
    gradient = plus(plus(jnp.zeros_like(theta), c.normal, away / c.sigma), c.poisson, first * c.tau)
    curvature = plus(plus(jnp.zeros_like(theta), c.normal, c.sigma**-2.0), c.poisson, second * c.tau**2)
    return 0.5 * (away**2).sum() + value.sum(), gradient, curvature


def along_first(array: Floats, index: Ints) -> Array:
    """Entries of an array along its first axis; the numbers of the tables are known to be right."""
    found: Array = jnp.asarray(array).at[index].get(mode="promise_in_bounds")
    return found


def along_last(array: Floats, index: Ints) -> Array:
    """Entries along the last axis."""
    found: Array = jnp.asarray(array).at[..., index].get(mode="promise_in_bounds")
    return found


def plus(array: Array, index: Ints, values: Floats) -> Array:
    """The array with values added to some of its entries along the first axis."""
    if len(index) == 0:
        return array
    found: Array = array.at[index].add(values, mode="promise_in_bounds")
    return found
