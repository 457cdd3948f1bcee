r"""Exact and independent events from the angular distribution, without rejection.

The density is a mixture of positive parts, each of which is drawn in closed form:

1. q²: the spline in q² is a mixture of B-splines. A B-spline is the density of \(\sum_i \lambda_i t_i\),
   its knots \(t_i\) with flat Dirichlet weights \(\lambda\) (Curry and Schoenberg, J. Anal. Math. 17 (1966)
   71), so that exponential numbers give q² exactly.
2. θK, θl: integrated over φ, the density is a sum of six products of sin²θK or cos²θK with sin²θl or
   (1 ± cos θl)², whose factors are not negative because densities at cos θl = ±1 are not. Each factor is the
   density of an order statistic of three uniform numbers: the median has 1 − x², the largest (1 + x)², the
   smallest (1 − x)², and that of largest modulus x².
3. φ: the terms in cos φ, sin φ, cos 2φ and sin 2φ sum to zero over φ, φ + π/2, φ + π and φ + 3π/2. So a
   flat φ followed by the choice of one of these four, by its density, has exactly the right distribution.

Exact means: but for rounding, and for the densities of single B-splines, which may be negative where the true
density all but vanishes. That concerns less than 10⁻⁷ of the events, and for muons in 1 < q² < 8 GeV² none.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.simulation.eos.tables import DEGREE, AngularTable

CHUNK = 16384  # events at a time: the work arrays stay in the processor's cache

# Rows: the factors of sin²θK sin²θl, sin²θK (1 + cos θl)², sin²θK (1 − cos θl)², the same for cos²θK; then
# those that go with cos 2φ, cos φ, cos φ, sin φ, sin φ, sin 2φ. Columns: J_i in the order of `NAMES`.
_PARTS = np.zeros((12, 12))
_PARTS[0, [0, 2]] = 0.5, -1.5
_PARTS[1, [0, 2, 7]] = 0.25, 0.25, 0.25
_PARTS[2, [0, 2, 7]] = 0.25, 0.25, -0.25
_PARTS[3, [1, 3]] = 0.5, -1.5
_PARTS[4, [1, 3, 8]] = 0.25, 0.25, 0.25
_PARTS[5, [1, 3, 8]] = 0.25, 0.25, -0.25
_PARTS[6, 4] = 1
_PARTS[7, 5] = 4
_PARTS[8, 6] = 2
_PARTS[9, 9] = 2
_PARTS[10, 10] = 4
_PARTS[11, 11] = 1
_VOLUMES = np.array([4 / 3, 8 / 3, 8 / 3, 2 / 3, 4 / 3, 4 / 3])  # integrals of the six over angles, times 3/(8π)


class Sampler:
    """Draws events from a table of angular coefficients."""

    def __init__(self, table: AngularTable) -> None:
        self._table = table
        self._parts = np.ascontiguousarray(np.einsum("pi,kmi->pmk", _PARTS, table.factors))
        self._volumes = _VOLUMES[:, None] * table.spans

    def draw(self, theta: Float[np.ndarray, "b d"], n: int, rng: np.random.Generator) -> Float[np.ndarray, "b n 4"]:
        """Sets of n events each, one set per row of θ; columns q², cos θl, cos θK, φ."""
        monomials = self._table.monomials(theta)
        out = np.empty((len(theta), n, 4))
        sets = max(1, CHUNK // n)
        for first in range(0, len(theta), sets):
            parts = np.matmul(monomials[first : first + sets], self._parts)  # (12, sets, k)
            for start in range(0, n, CHUNK):
                piece = out[first : first + sets, start : start + CHUNK]
                piece[:] = self._chunk(parts, piece.shape[1], rng)
        return out

    def _chunk(
        self, parts: Float[np.ndarray, "12 b k"], n: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "b n 4"]:
        _, b, k = parts.shape
        part, spline = np.divmod(self._choose(parts, n, rng), k)  # (b, n) each
        row = (spline + k * np.arange(b)[:, None]).ravel()
        part, spline = part.ravel(), spline.ravel()
        out = np.empty((b * n, 4))
        out[:, 0] = self._q2(spline, rng)
        cos_l = _cos_theta_l(part % 3, rng)
        cos_k = _cos_theta_K(part < 3, rng)
        out[:, 1], out[:, 2] = cos_l, cos_k
        out[:, 3] = _phi(parts.reshape(12, -1).take(row, axis=1), cos_l, cos_k, rng)
        return out.reshape(b, n, 4)

    def _choose(self, parts: Float[np.ndarray, "12 b k"], n: int, rng: np.random.Generator) -> np.ndarray:
        """Which of the parts × B-splines each event comes from."""
        # What is negative here is so by rounding: the parts are squares of amplitudes.
        weights = np.maximum(parts[:6] * self._volumes[:, None], 0)
        edges = np.cumsum(weights.transpose(1, 0, 2).reshape(parts.shape[1], -1), axis=1)
        aim = rng.random((len(edges), n)) * edges[:, -1:]
        return np.stack([edge.searchsorted(at, side="right") for edge, at in zip(edges, aim, strict=True)])

    def _q2(self, spline: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        knots = self._table.knots
        shares = rng.standard_exponential((DEGREE + 2, len(spline)))
        total = shares.sum(axis=0)
        for i in range(len(shares)):
            shares[i] *= knots.take(spline + i)
        # Rounding must not carry an event out of the window.
        return np.asarray(np.clip(shares.sum(axis=0) / total, knots[0], knots[-1]))


def _cos_theta_l(kind: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    low, middle, high = _ordered(len(kind), rng)
    return np.where(kind == 0, middle, np.where(kind == 1, high, low))


def _cos_theta_K(transverse: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, " n"]:  # noqa: N802
    low, middle, high = _ordered(len(transverse), rng)
    return np.where(transverse, middle, np.where(low + high > 0, high, low))


def _ordered(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three uniform numbers in (−1, 1), in order."""
    first, second, third = 2 * rng.random((3, n)) - 1
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.minimum(low, third), np.maximum(low, np.minimum(high, third)), np.maximum(high, third)


def _phi(
    parts: Float[np.ndarray, "12 n"],
    cos_l: Float[np.ndarray, " n"],
    cos_k: Float[np.ndarray, " n"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " n"]:
    sk2, ck2 = 1 - cos_k**2, cos_k**2
    sl2, plus, minus = 1 - cos_l**2, (1 + cos_l) ** 2, (1 - cos_l) ** 2
    both = sk2 * sl2
    flat = sk2 * (parts[0] * sl2 + parts[1] * plus + parts[2] * minus)
    flat += ck2 * (parts[3] * sl2 + parts[4] * plus + parts[5] * minus)
    mixed = cos_k * np.sqrt(both)
    with_cos, with_sin = mixed * (cos_l * parts[7] + parts[8]), mixed * (cos_l * parts[10] + parts[9])

    first, second, third = rng.random((3, len(cos_l)))
    phi = first * (np.pi / 2)
    cos, sin = np.cos(phi), np.sin(phi)
    twice = both * (parts[6] * (cos**2 - sin**2) + parts[11] * 2 * sin * cos)  # the same at φ + π
    quarter = 2 * second * flat > flat + twice  # φ + π/2, where `twice` has the other sign
    even = np.where(quarter, flat - twice, flat + twice)
    odd = np.where(quarter, with_sin * cos - with_cos * sin, with_cos * cos + with_sin * sin)
    half = 2 * third * even > even + odd  # φ + π, where `odd` has the other sign
    return np.asarray(phi + (np.pi / 2) * quarter - np.pi * half)
