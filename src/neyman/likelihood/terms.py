"""The negative log-likelihood of a binned model with gradient and Hessian, compiled.

    −ln L = Σ_b [ν_b − n_b ln ν_b] + Σ_a constraint_a ,      ν_b = Σ_s A_sb(θ) N_sc(θ) Π_m γ_m

A is the nominal template plus the shifts of histosys, N the product of all factors of a sample in a channel, γ are
bin-wise. The derivatives are written out: with J = ∂ν/∂θ, the Hessian is Jᵀ diag(n/ν²) J + Σ_b (1 − n_b/ν_b) ∂²ν_b,
and the sparse second term costs about as much as the value. Automatic differentiation of the same likelihood takes one
pass for each parameter, which for hundreds of them is a hundred times as long.

Constants are left out: a saturated model, ν = n, has the value zero. `constants` in model.py has them.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float

from neyman.likelihood.compilation import QUICK
from neyman.likelihood.interpolation import Interpolated, scaled, shifted
from neyman.likelihood.precision import jax, jnp
from neyman.likelihood.tables import Layout, Tables

# Stands for a factor of zero, so that derivatives can be had by division: the yield is then 10⁻¹⁰⁰ of what it would be.
_TINY = 1e-100
_FEWEST = 1e-6

Vector = Float[Array, " p"] | Float[np.ndarray, " p"]
Main = Float[Array, " b"] | Float[np.ndarray, " b"]
Auxiliary = Float[Array, " a"] | Float[np.ndarray, " a"]


class Derivatives(NamedTuple):
    """Value, gradient and Hessian.

    Attributes:
        value: −ln L without constants.
        gradient: Shape (P,).
        columns: The first D columns of the Hessian, shape (P, D).
        diagonal: The rest of its diagonal, shape (P − D,); all else is zero.
    """

    value: Float[Array, ""]
    gradient: Float[Array, " p"]
    columns: Float[Array, "p d"]
    diagonal: Float[Array, " l"]


class _Rates(NamedTuple):
    """Expected yields and what their derivatives need."""

    template: Float[Array, "s b"]
    factors: Float[Array, "s c"]
    polynomial: Float[Array, "s c"]
    gammas: Float[Array, "s b"]
    yields: Float[Array, "s b"]
    linear: Float[Array, "k s c"]
    scaled: Interpolated
    shifted: Interpolated


def _rates(tables: Tables, layout: Layout, theta: Vector, side: Vector) -> _Rates:
    parameters = jnp.where(theta == 0, _TINY, theta)
    linear = jnp.where(tables.linear, parameters[: len(tables.linear), None, None], 1.0)
    at = tables.factor_parameter
    factors = scaled(tables.factor, theta[at][:, None, None], side[at][:, None, None], layout.normsys)
    at = tables.shift_parameter
    shifts = shifted(tables.shift, theta[at][:, None, None], side[at][:, None, None], layout.histosys)
    template = tables.nominal + shifts.value.sum(0)
    product = linear.prod(0) * jnp.where(factors.value == 0, _TINY, factors.value).prod(0)
    polynomial = _polynomial(tables, layout, theta[: layout.wide])
    gammas = jnp.append(parameters, 1.0)[tables.slot].prod(0)
    whole = (product * polynomial)[:, tables.channel]
    return _Rates(template, product, polynomial, gammas, template * whole * gammas, linear, factors, shifts)


def _polynomial(tables: Tables, layout: Layout, wide: Float[Array, " k"]) -> Float[Array, "s c"]:
    """Product of the polynomial factors of each sample."""
    if layout.degree == 0:
        return jnp.ones(tables.linear.shape[1:])
    powers = [jnp.ones_like(wide)]
    for _ in range(layout.degree):
        powers.append(powers[-1] * wide)
    terms = jnp.stack(powers)[tables.polynomials.powers, jnp.arange(layout.wide)].prod(-1)
    values = (tables.polynomials.coefficients * terms).sum(-1)
    return jnp.where(tables.polynomials.uses, values[:, None, None], 1.0).prod(0)


@partial(jax.jit, static_argnames="layout", compiler_options=QUICK)
def expected_yields(tables: Tables, layout: Layout, theta: Vector) -> Float[Array, "s b"]:
    """Expected events of each sample in each bin."""
    return _rates(tables, layout, theta, jnp.ones(layout.size)).yields


def expected_auxiliary(tables: Tables, theta: Vector) -> Float[Array, " a"]:
    """Expected auxiliary data: the parameter itself, or τγ."""
    c = tables.constraints
    return jnp.concatenate([theta[c.normal], c.tau * theta[c.poisson]])


def negative_log_likelihood(
    tables: Tables, layout: Layout, theta: Vector, main: Main, auxiliary: Auxiliary
) -> Float[Array, ""]:
    """−ln L without constants; differentiable by JAX in all its arguments."""
    rates = _rates(tables, layout, theta, jnp.ones(layout.size))
    return _poisson(rates.yields.sum(0), main)[0].sum() + _constraint(tables, theta, auxiliary)[0]


def _poisson(rate: Float[Array, " b"], n: Main) -> tuple[Array, Array, Array]:
    """ν − n + n ln(n/ν) of each bin, with derivatives; infinite where ν ≤ 0 and n > 0."""
    seen = n > 0
    positive = jnp.where(seen, n, 1.0)
    safe = jnp.where(seen, rate, 1.0)
    away = (safe - positive) / positive
    # log1p keeps the digits that n ln(n/ν) would lose near the minimum, where ν ≈ n
    value = jnp.where(seen, jnp.where(away > -1, positive * (away - jnp.log1p(away)), jnp.inf), rate)
    ratio = jnp.where(seen, positive / safe, 0.0)
    return value, 1 - ratio, ratio / safe


def _constraint(tables: Tables, theta: Vector, auxiliary: Auxiliary) -> tuple[Array, Array, Array]:
    """Value, gradient and diagonal of the Hessian of all constraints; the latter two of shape (P,)."""
    c = tables.constraints
    split = len(c.normal)
    away = (theta[c.normal] - auxiliary[:split]) / c.sigma
    value, first, second = _poisson(c.tau * theta[c.poisson], auxiliary[split:])
    gradient = jnp.zeros_like(theta).at[c.normal].add(away / c.sigma).at[c.poisson].add(first * c.tau)
    curvature = jnp.zeros_like(theta).at[c.normal].add(c.sigma**-2.0).at[c.poisson].add(second * c.tau**2)
    return 0.5 * (away**2).sum() + value.sum(), gradient, curvature


def derivatives(
    tables: Tables,
    layout: Layout,
    theta: Vector,
    side: Vector,
    main: Main,
    auxiliary: Auxiliary,
    exact: Bool[Array, ""] | bool = True,  # noqa: FBT002 - traced
) -> Derivatives:
    """Value, gradient and Hessian at a point.

    Args:
        tables: The model.
        layout: How to read it.
        theta: Parameters in the order of the tables.
        side: For each, the side (+1 or −1) on which a kink at 0 is approached.
        main: Observed events in each bin.
        auxiliary: Auxiliary data in the order of the tables.
        exact: Whether the Hessian is exact; else it is Jᵀ diag(1/ν) J, the expected one, which is never indefinite.
    """
    k, pairs, channel = layout.wide, tables.pairs, tables.channel
    r = _rates(tables, layout, theta, side)
    rate = r.yields.sum(0)
    value, slope, curvature = _poisson(rate, main)
    penalty, gradient, stiffness = _constraint(tables, theta, auxiliary)
    curvature = jnp.where(exact, curvature, 1 / jnp.maximum(rate, _FEWEST))
    bend = jnp.where(exact, slope, 0.0)  # the weight of ∂²ν

    # ∂ ln(factor) / ∂θ for each wide parameter, and ∂² factor / factor
    log_first = jnp.zeros((k, *r.factors.shape)).at[: len(r.linear)].set(tables.linear / r.linear)
    safe = jnp.where(r.scaled.value == 0, _TINY, r.scaled.value)
    log_first = log_first.at[tables.factor_parameter].add(r.scaled.first / safe)
    relative_second = r.scaled.second / safe

    whole = r.factors * r.polynomial
    first = whole * log_first  # ∂N/∂θ
    if layout.degree:
        steep = jnp.moveaxis(jax.jacfwd(partial(_polynomial, tables, layout))(theta[:k]), -1, 0)
        first = first + r.factors * steep

    # ∂λ/∂θ of each sample in each bin
    shape = r.template * r.gammas
    strength = whole[:, channel] * r.gammas
    grown = shape * first[:, :, channel]
    grown = grown.at[tables.shift_parameter].add(strength * r.shifted.first)
    jacobian = grown.sum(1)  # ∂ν/∂θ, shape (K, B)

    # the same for bin-wise parameters, by pairs
    gamma = jnp.where(theta == 0, _TINY, theta)[pairs.parameter]
    part = (pairs.sample * r.yields[:, pairs.bin]).sum(0) / gamma  # ∂ν/∂γ, shape (E,)

    gradient = gradient.at[:k].add(jacobian @ slope).at[pairs.parameter].add(slope[pairs.bin] * part)

    # wide × wide
    weight = (bend * shape) @ tables.member  # Σ_b in channel, shape (S, C)
    z = (weight * r.factors).ravel()
    flat = log_first.reshape(k, -1)
    block = (flat * (z * r.polynomial.ravel())) @ flat.T
    own = jnp.zeros(k).at[tables.factor_parameter].add((relative_second * (weight * whole)).sum((1, 2)))
    block = _with_diagonal(block, own)
    if layout.degree:
        cross = (flat * z) @ steep.reshape(k, -1).T
        bent = jax.hessian(lambda wide: (_polynomial(tables, layout, wide).ravel() * z).sum())(theta[:k])
        block = block + cross + cross.T + bent
    pull = ((bend * r.gammas) * r.shifted.first) @ tables.member
    mixed = jnp.zeros((k, k)).at[tables.shift_parameter].add(
        pull.reshape(len(pull), -1) @ first.reshape(k, -1).T
    )
    block = block + mixed + mixed.T + (jacobian * curvature) @ jacobian.T
    block = block.at[tables.shift_parameter, tables.shift_parameter].add(
        ((bend * strength) * r.shifted.second).sum((1, 2))
    )

    # wide × bin-wise, shape (E, K)
    varied = jnp.einsum("se,kse->ek", pairs.sample, grown[:, :, pairs.bin]) / gamma[:, None]
    across = (curvature[pairs.bin] * part)[:, None] * jacobian.T[pairs.bin] + bend[pairs.bin][:, None] * varied

    # bin-wise × bin-wise
    again = curvature[pairs.bin] * part**2
    e, f = pairs.first, pairs.second
    shared = (pairs.sample[:, e] * pairs.sample[:, f] * r.yields[:, pairs.bin[e]]).sum(0) / (gamma[e] * gamma[f])
    joint = curvature[pairs.bin[e]] * part[e] * part[f] + bend[pairs.bin[e]] * shared

    diagonal = stiffness.at[pairs.parameter].add(again)
    columns = jnp.zeros((layout.size, layout.dense))
    columns = columns.at[:k, :k].set(block)
    columns = columns.at[pairs.parameter, :k].add(across)
    columns = columns.at[:k, k:].set(columns[k : layout.dense, :k].T)
    columns = columns.at[pairs.parameter[e], pairs.parameter[f]].add(joint)
    dense = jnp.arange(layout.dense)
    columns = columns.at[dense, dense].add(diagonal[: layout.dense])
    return Derivatives(value.sum() + penalty, gradient, columns, diagonal[layout.dense :])


def _with_diagonal(matrix: Float[Array, "k k"], diagonal: Float[Array, " k"]) -> Float[Array, "k k"]:
    at = jnp.arange(len(diagonal))
    return matrix.at[at, at].set(diagonal)


def full_hessian(found: Derivatives) -> Float[np.ndarray, "p p"]:
    """The Hessian as one matrix, in the order of the tables."""
    columns, diagonal = np.asarray(found.columns), np.asarray(found.diagonal)
    size, dense = columns.shape
    matrix = np.zeros((size, size))
    matrix[:, :dense] = columns
    matrix[:dense, dense:] = columns[dense:].T
    rest = np.arange(dense, size)
    matrix[rest, rest] = diagonal
    return matrix
