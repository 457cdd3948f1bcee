"""The sums over events in JAX: what `compiled` computes, for GPUs and the like.

A scan over groups of blocks, with written-out derivatives; within a group each step is one array operation. On a CPU
a group is one block, which stays in the cache; elsewhere a group is large enough to keep the device busy.
"""

from __future__ import annotations

import functools
import weakref
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from neyman.likelihood.precision import Floats, Ints, jax, jnp
from neyman.likelihood.unbinned.templates import Morphing, Templates

# Events times pairs in a group: each temporary array has 128 KB on a CPU, and 32 MB on what has many more cores.
_GROUP_ON_CPU, _GROUP = 2**14, 2**22
_SMALLEST = float(np.finfo(np.float64).smallest_normal)


class Layout(NamedTuple):
    """What is compiled in, besides shapes.

    Attributes:
        bounds: Where the pairs of each sample begin, and where the last ends.
        parameter: Systematic of each pair.
        parameters: Number of systematics.
    """

    bounds: tuple[int, ...]
    parameter: tuple[int, ...]
    parameters: int

    @property
    def spans(self) -> list[slice]:
        """The pairs of each sample."""
        return [slice(low, high) for low, high in zip(self.bounds[:-1], self.bounds[1:], strict=True)]

    @property
    def owner(self) -> Ints:
        """Sample of each pair, shape (Q,)."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    @property
    def columns(self) -> Float[np.ndarray, "q k"]:
        """One where a systematic is that of a pair, else zero."""
        found: Float[np.ndarray, "q k"] = (
            np.equal.outer(np.array(self.parameter, int), np.arange(self.parameters)) * 1.0
        )
        return found


class Resident(NamedTuple):
    """Templates on the device, in G groups of M blocks; what fills up the last group weighs nothing."""

    ratio: Float[Array, "g m s b"]
    varied: Float[Array, "g m q 4 b"]
    layout: Layout


class _Weights(NamedTuple):
    """`Morphing` for pairs in place of systematics."""

    inside: Float[Array, "3 q 7 1"]
    side: Float[Array, "q 1"]
    distance: Float[Array, "q 1"]


class _Densities(NamedTuple):
    """u of samples, shape (M, S, B), with g′/g and g″/g of pairs, shape (M, Q, B), in a group of M blocks."""

    u: Floats
    q: Array
    h: Array


_on_device: weakref.WeakKeyDictionary[Templates, Resident] = weakref.WeakKeyDictionary()


def resident(templates: Templates) -> Resident:
    """Templates on the device. They are sent there once, and stay as long as the templates themselves."""
    if templates not in _on_device:
        blocks, pairs, _, size = templates.varied.shape
        many = (_GROUP_ON_CPU if jax.default_backend() == "cpu" else _GROUP) // (size * max(pairs, 1))
        group = max(min(many, blocks), 1)
        layout = Layout(
            tuple(templates.bounds.tolist()),
            tuple(templates.pair_parameter.tolist()),
            templates.parameters,
        )
        _on_device[templates] = Resident(
            _grouped(templates.ratio, group, templates.ratio),
            _grouped(templates.varied, group, templates.varied),
            layout,
        )
    return _on_device[templates]


def mixture(
    templates: Templates,
    weights: Float[np.ndarray, "m b"],
    coefficients: Float[np.ndarray, " s"],
    alpha: Float[np.ndarray, " k"],
    *,
    curvature: bool,
) -> tuple[float, float, int, Float[np.ndarray, " n"], Float[np.ndarray, "n n"], Float[np.ndarray, "n n"]]:
    """Sums of `sums.mixture`: value, lowest p, number of events whose p is no density, gradient, bend, outer."""
    ratio, varied, layout = resident(templates)
    lowest, value, refused, gradient, *matrices = _mixture(
        ratio,
        varied,
        _grouped(weights, ratio.shape[1], np.zeros_like(weights)),
        coefficients,
        Morphing.at(alpha),
        layout=layout,
        curvature=curvature,
    )
    bend, outer = map(np.array, matrices) if curvature else np.zeros((2, len(gradient), len(gradient)))
    return float(value), float(lowest), int(refused), np.array(gradient), bend, outer


def expectations(
    templates: Templates, weights: Float[np.ndarray, "m b"], alpha: Float[np.ndarray, " k"], *, curvature: bool
) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, "s k"], Float[np.ndarray, "s k k"]]:
    """Sums of `sums.expectations`: value, gradient, Hessian."""
    ratio, varied, layout = resident(templates)
    value, gradient, *hessian = _expectations(
        ratio,
        varied,
        _grouped(weights, ratio.shape[1], np.zeros_like(weights)),
        Morphing.at(alpha),
        layout=layout,
        curvature=curvature,
    )
    samples, size = gradient.shape
    return np.array(value), np.array(gradient), np.array(hessian[0]) if curvature else np.zeros((samples, size, size))


def _grouped(
    blocks: Float[np.ndarray, "n ..."], group: int, filling: Float[np.ndarray, "n ..."]
) -> Float[Array, "g m ..."]:
    whole = np.concatenate([blocks, filling[: -len(blocks) % group]])
    return jnp.asarray(whole.reshape(len(whole) // group, group, *blocks.shape[1:]))


@functools.partial(jax.jit, static_argnames=("layout", "curvature"))
def _mixture(
    ratio: Floats, varied: Floats, weights: Floats, c: Floats, morphing: Morphing, *, layout: Layout, curvature: bool
) -> tuple[Array, ...]:
    of_pairs, c_of_pairs = _of_pairs(layout, morphing), jnp.asarray(c)[layout.owner]
    size = len(c) + layout.parameters

    def step(carry: tuple[Array, ...], group: tuple[Floats, Floats, Floats]) -> tuple[tuple[Array, ...], None]:
        at, w = _densities(layout, *group[:2], of_pairs), group[2]
        p = jnp.einsum("s,msb->mb", c, at.u)
        counts = w != 0
        fine = counts & (p >= _SMALLEST) & (p < jnp.inf)
        w, p_or_one = jnp.where(fine, w, 0.0), jnp.where(fine, p, 1.0)
        share = at.u / p_or_one[:, None]
        weighted = w[:, None] * share
        found = [
            (w * jnp.log(p_or_one)).sum(),
            (counts & ~fine).sum(),
            jnp.concatenate([weighted.sum((0, 2)), (c_of_pairs * _slopes(layout, weighted, at)) @ layout.columns]),
        ]
        if curvature:
            mixed, curved = _bends(layout, weighted, at)
            corner = jnp.einsum("s,skl->kl", c, curved)
            found.append(jnp.block([[jnp.zeros((len(c), len(c))), mixed], [mixed.T, corner]]))
            pulls = c_of_pairs[:, None] * share[:, layout.owner] * at.q
            rows = jnp.concatenate([share, jnp.einsum("mqb,qk->mkb", pulls, layout.columns)], 1)
            found.append(jnp.einsum("mab,mcb->ac", w[:, None] * rows, rows))
        lowest = jnp.where(counts, jnp.where(jnp.isnan(p), -jnp.inf, p), jnp.inf).min()
        return (jnp.minimum(carry[0], lowest), *(old + new for old, new in zip(carry[1:], found, strict=True))), None

    start = (
        jnp.array(jnp.inf),
        jnp.array(0.0),
        jnp.array(0),
        jnp.zeros(size),
        *[jnp.zeros((size, size))] * (2 * curvature),
    )
    sums: tuple[Array, ...] = jax.lax.scan(step, start, (ratio, varied, weights))[0]
    return sums


@functools.partial(jax.jit, static_argnames=("layout", "curvature"))
def _expectations(
    ratio: Floats, varied: Floats, weights: Floats, morphing: Morphing, *, layout: Layout, curvature: bool
) -> tuple[Array, ...]:
    of_pairs, samples, size = _of_pairs(layout, morphing), len(layout.bounds) - 1, layout.parameters

    def step(carry: tuple[Array, ...], group: tuple[Floats, Floats, Floats]) -> tuple[tuple[Array, ...], None]:
        at = _densities(layout, *group[:2], of_pairs)
        weighted = group[2][:, None] * at.u
        found = [weighted.sum((0, 2)), *(_bends(layout, weighted, at) if curvature else [])]
        if not curvature:
            by_sample = np.equal.outer(np.arange(samples), layout.owner) * _slopes(layout, weighted, at)
            found.append(by_sample @ layout.columns)
        return tuple(old + new for old, new in zip(carry, found, strict=True)), None

    start = (jnp.zeros(samples), jnp.zeros((samples, size)), *[jnp.zeros((samples, size, size))] * curvature)
    sums: tuple[Array, ...] = jax.lax.scan(step, start, (ratio, varied, weights))[0]
    return sums


def _of_pairs(layout: Layout, morphing: Morphing) -> _Weights:
    parameter = np.array(layout.parameter, int)
    inside, side, distance = (jnp.asarray(part) for part in morphing)
    return _Weights(inside[:, parameter, :, None], side[parameter, None], distance[parameter, None])


def _densities(layout: Layout, ratio: Floats, varied: Floats, of_pairs: _Weights) -> _Densities:
    u, log_u, d, log_d = (varied[:, :, row].astype(float) for row in range(4))
    inside, side, distance = of_pairs

    def polynomial(order: int) -> Array:
        one, bu, bd, blu, bld, bllu, blld = (inside[order, :, j] for j in range(7))
        found: Array = one + u * (bu + log_u * (blu + log_u * bllu)) + d * (bd + log_d * (bld + log_d * blld))
        return found

    def within() -> tuple[Array, Array, Array]:
        g = polynomial(0)
        return g, polynomial(1) / g, polynomial(2) / g

    def beyond() -> tuple[Array, Array, Array]:
        logs = jnp.where(side > 0, log_u, log_d)
        outside = jnp.exp(distance * logs), side * logs, logs**2
        g, q, h = (jnp.where(side == 0, one, other) for one, other in zip(within(), outside, strict=True))
        return g, q, h

    g, q, h = jax.lax.cond((side == 0).all(), within, beyond)
    products = jnp.stack([g[:, span].prod(1) for span in layout.spans], 1)
    return _Densities(ratio * products, q, h)


def _slopes(layout: Layout, weighted: Floats, at: _Densities) -> Float[Array, " q"]:
    """Σ a u q of each pair, with densities a u that carry their weights."""
    found: Array = jnp.einsum("mqb,mqb->q", weighted[:, layout.owner], at.q)
    return found


def _bends(layout: Layout, weighted: Floats, at: _Densities) -> tuple[Float[Array, "s k"], Float[Array, "s k k"]]:
    """First and second derivatives in α of Σ a u of each sample, with densities a u that carry their weights."""
    first, second = [], []
    for s, span in enumerate(layout.spans):
        q, columns = at.q[:, span], layout.columns[span]
        pulled = weighted[:, s, None] * q
        products = jnp.einsum("mqb,mpb->qp", pulled, q)
        own = jnp.einsum("mb,mqb->q", weighted[:, s], at.h[:, span])
        products = jnp.where(np.eye(len(columns), dtype=bool), own[:, None], products)
        first.append(pulled.sum((0, 2)) @ columns)
        second.append(columns.T @ products @ columns)
    return jnp.stack(first), jnp.stack(second)
