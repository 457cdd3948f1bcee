"""Gradient and Hessian of −ln L, written out.

With J = ∂ν/∂θ, the Hessian is Jᵀ diag(n/ν²) J + Σ_b (1 − n_b/ν_b) ∂²ν_b. The second term is sparse, because ν is a
product of factors that depend on one parameter each, and costs about as much as the value. Automatic differentiation of
the same likelihood takes one pass for each parameter, which for hundreds of them is a hundred times as long.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float

from neyman.likelihood.binwise import Pairs
from neyman.likelihood.precision import Floats, jax, jnp
from neyman.likelihood.tables import Layout, Tables
from neyman.likelihood.terms import (
    TINY,
    Auxiliary,
    Main,
    Rates,
    Vector,
    along_first,
    along_last,
    constraint,
    plus,
    poisson,
    polynomial,
    rates,
)

_FEWEST = 1e-6


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


class Pull(NamedTuple):
    """What the unbinned channels add to −ln L besides their yields, with derivatives in yields and in parameters.

    There are U such channels. For a Hessian that is only expected, the second derivatives are Σ w ∇ln p ∇ln pᵀ.

    Attributes:
        value: −Σ w ln p.
        yields: ∂/∂y, shape (S, U).
        wide: ∂/∂θ at given yields, shape (K,).
        yields_yields: Shape (U, S, S).
        yields_wide: Shape (U, S, K).
        wide_wide: Shape (K, K).
    """

    value: Floats
    yields: Floats
    wide: Floats
    yields_yields: Floats
    yields_wide: Floats
    wide_wide: Floats


class _Growth(NamedTuple):
    """First derivatives that the Hessian is made of, for the K parameters of whole samples.

    Attributes:
        logarithms: ∂ ln(factor) / ∂θ, shape (K, S, C).
        factors: ∂N/∂θ, shape (K, S, C).
        steep: ∂(polynomial)/∂θ, shape (K, S, C).
        yields: ∂λ/∂θ, shape (K, S, B).
        jacobian: ∂ν/∂θ, shape (K, B).
    """

    logarithms: Floats
    factors: Floats
    steep: Floats
    yields: Floats
    jacobian: Floats


class _Slopes(NamedTuple):
    """Derivatives of the Poisson terms in ν.

    Attributes:
        first: 1 − n/ν, shape (B,).
        bend: The weight of ∂²ν: the same, or zero for the expected Hessian; of each sample in unbinned channels.
        second: n/ν², or 1/ν for the expected Hessian, shape (B,).
    """

    first: Float[Array, " b"]
    bend: Floats
    second: Float[Array, " b"]


def derivatives(
    tables: Tables,
    layout: Layout,
    theta: Vector,
    *,
    side: Vector,
    main: Main,
    auxiliary: Auxiliary,
    exact: Bool[Array, ""] | bool = True,
    pull: Pull | None = None,
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
        pull: What unbinned channels add.
    """
    k, pairs = layout.wide, tables.pairs
    found = rates(tables, layout, theta, side)
    rate = found.yields.sum(0)
    value, first, second = poisson(rate, main)
    penalty, gradient, stiffness = constraint(tables, theta, auxiliary)
    expected = 1 / jnp.maximum(jnp.asarray(rate), _FEWEST)
    slopes = _Slopes(first, jnp.where(exact, first, 0.0)[None], jnp.where(exact, second, expected))
    if pull is not None:
        slopes = _pulled(tables, slopes, pull, exact=exact)
        penalty = penalty + pull.value
    growth = _growth(tables, layout, theta, found)
    gradient = gradient.at[:k].add(growth.jacobian @ first)
    block = _wide_block(tables, layout, theta, found, growth=growth, slopes=slopes)
    if pull is not None:
        grown = growth.yields[:, :, tables.unbinned]
        gradient = gradient.at[:k].add(jnp.einsum("ksu,su->k", grown, pull.yields) + pull.wide)
        cross = jnp.einsum("ksu,usl->kl", grown, pull.yields_wide)
        block = block + jnp.einsum("ksu,ust,ltu->kl", grown, pull.yields_yields, grown)
        block = block + cross + cross.T + pull.wide_wide
    columns = jnp.zeros((layout.size, layout.dense)).at[:k, :k].set(block)
    if len(pairs.parameter):
        gamma = along_first(jnp.where(theta == 0, TINY, theta), pairs.parameter)
        part = (pairs.sample * along_last(found.yields, pairs.bin)).sum(0) / gamma  # ∂ν/∂γ, shape (E,)
        slope, bend, bow = (along_first(each, pairs.bin) for each in (slopes.first, slopes.bend[0], slopes.second))
        gradient = plus(gradient, pairs.parameter, slope * part)
        stiffness = plus(stiffness, pairs.parameter, bow * part**2)
        varied = (pairs.sample * along_last(growth.yields, pairs.bin)).sum(1) / gamma  # ∂²ν/∂θ∂γ
        across = along_last(growth.jacobian, pairs.bin) * (bow * part) + bend * varied
        columns = columns.at[pairs.parameter, :k].add(across.T, mode="promise_in_bounds")
        columns = columns.at[:k, k:].set(columns[k : layout.dense, :k].T)
        if len(pairs.first):
            columns = _couple(columns, pairs, found, weights=(part, gamma, bend, bow))
    columns = columns.at[: layout.dense].add(jnp.diag(stiffness[: layout.dense]))
    return Derivatives(value.sum() + penalty, gradient, columns, stiffness[layout.dense :])


def _pulled(tables: Tables, slopes: _Slopes, pull: Pull, *, exact: Bool[Array, ""] | bool) -> _Slopes:
    """Slopes that hold for unbinned channels as well, where each sample has its own."""
    at = tables.unbinned
    bend = jnp.broadcast_to(slopes.bend, tables.nominal.shape)
    bend = bend.at[:, at].add(jnp.where(exact, pull.yields, 0.0))
    return slopes._replace(bend=bend, second=slopes.second.at[at].set(0.0))


def _growth(tables: Tables, layout: Layout, theta: Vector, found: Rates) -> _Growth:
    k = layout.wide
    logarithms = jnp.zeros((k, *found.factors.shape)).at[: len(found.linear)].set(tables.linear / found.linear)
    logarithms = plus(logarithms, tables.factor_parameter, found.scaled.first / _safe(found))
    whole = found.factors * found.polynomials
    first, steep = jnp.asarray(whole * logarithms), logarithms
    if layout.degree:
        steep = jnp.moveaxis(jax.jacfwd(partial(polynomial, tables, layout))(jnp.asarray(theta)[:k]), -1, 0)
        first = first + found.factors * steep
    shape = found.template * found.gammas
    strength = along_last(whole, tables.channel) * found.gammas
    grown = plus(
        jnp.asarray(shape) * along_last(first, tables.channel), tables.shift_parameter, strength * found.shifted.first
    )
    return _Growth(logarithms, first, steep, grown, grown.sum(1))


def _safe(found: Rates) -> Array:
    return jnp.where(found.scaled.value == 0, TINY, found.scaled.value)


def _wide_block(
    tables: Tables, layout: Layout, theta: Vector, found: Rates, *, growth: _Growth, slopes: _Slopes
) -> Float[Array, "k k"]:
    """The Hessian of the parameters of whole samples, constraints left out."""
    k = layout.wide
    whole = found.factors * found.polynomials
    weight = (slopes.bend * (found.template * found.gammas)) @ tables.member  # Σ_b in channel, shape (S, C)
    z = (weight * found.factors).ravel()
    flat = growth.logarithms.reshape(k, -1)
    block = (flat * (z * jnp.ravel(found.polynomials))) @ flat.T
    relative = found.scaled.second / _safe(found)  # f''/f; zero for linear factors
    own = plus(jnp.zeros(k), tables.factor_parameter, (relative * (weight * whole)).sum((1, 2)))
    block = jnp.where(jnp.eye(k, dtype=bool), own, block)
    if layout.degree:
        cross = (flat * z) @ growth.steep.reshape(k, -1).T
        wide = jnp.asarray(theta)[:k]
        bent = jax.hessian(lambda at: (polynomial(tables, layout, at).ravel() * z).sum())(wide)
        block = block + cross + cross.T + bent
    if len(tables.shift_parameter):
        strength = along_last(whole, tables.channel) * found.gammas
        pull = ((slopes.bend * found.gammas) * found.shifted.first) @ tables.member
        mixed = pull.reshape(len(tables.shift_parameter), -1) @ growth.factors.reshape(k, -1).T
        mixed = plus(jnp.zeros((k, k)), tables.shift_parameter, mixed)
        curved = ((slopes.bend * strength) * found.shifted.second).sum((1, 2))
        block = block + mixed + mixed.T + jnp.diag(plus(jnp.zeros(k), tables.shift_parameter, curved))
    return block + (growth.jacobian * slopes.second) @ growth.jacobian.T


def _couple(
    columns: Float[Array, "p d"], pairs: Pairs, found: Rates, *, weights: tuple[Array, Array, Array, Array]
) -> Float[Array, "p d"]:
    """Add the Hessian of two bin-wise parameters that share a bin; `weights` are ∂ν/∂γ, γ, bend and curvature."""
    e, f = pairs.first, pairs.second
    part, gamma, bend, bow = weights
    both = along_last(pairs.sample, e) * along_last(pairs.sample, f) * along_last(found.yields, pairs.bin[e])
    joint = bow[e] * part[e] * part[f] + bend[e] * both.sum(0) / (gamma[e] * gamma[f])
    added: Array = columns.at[pairs.parameter[e], pairs.parameter[f]].add(joint, mode="promise_in_bounds")
    return added


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
