"""Interpolation between the templates of a systematic, with first and second derivatives (CERN-OPEN-2012-016, §4.1).

| code | for | inside |α| ≤ 1 | outside | notes |
|---|---|---|---|---|
| `code4p` | histosys | polynomial of degree 6 | linear | default; twice differentiable |
| `code0` | histosys | linear | linear | kink at 0 |
| `code2` | histosys | parabola | linear | exactly as pyhf, whose lines forget an offset: it jumps at ±1 |
| `code4` | normsys | polynomial of degree 6 | exponential | default; twice differentiable |
| `code1` | normsys | exponential | exponential | kink at 0 |

A template is interpolated by a sum, nominal + Δ(α), a normalisation by a factor f(α). At a kink the derivative is the
one on the side that is asked for.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from neyman.likelihood.precision import Floats, jnp

HistosysCode = Literal["code0", "code2", "code4p"]
NormsysCode = Literal["code1", "code4"]
KINKED = ("code0", "code1")

# Solves for the polynomial whose value, slope and curvature are those of the exponentials at α = ±1.
_MATCH = np.linalg.inv(
    np.array(
        [
            [1, 1, 1, 1, 1, 1],
            [-1, 1, -1, 1, -1, 1],
            [1, 2, 3, 4, 5, 6],
            [1, -2, 3, -4, 5, -6],
            [0, 2, 6, 12, 20, 30],
            [0, 2, -6, 12, -20, 30],
        ],
        dtype=float,
    )
)


class Shift(NamedTuple):
    """What Δ(α) of a template needs: arrays of shape (parameters, ...).

    Attributes:
        odd: Coefficient of α inside.
        even: Coefficient of the even part inside.
        up: Slope above.
        down: Slope below.
    """

    odd: Floats
    even: Floats
    up: Floats
    down: Floats


class Factor(NamedTuple):
    """What f(α) of a normalisation needs: arrays of shape (parameters, ...).

    Attributes:
        inside: Coefficients of α to α⁶, shape (6, parameters, ...).
        up: Logarithm of the factor at α = 1.
        down: Logarithm of the factor at α = −1.
    """

    inside: Floats
    up: Floats
    down: Floats


class Interpolated(NamedTuple):
    """A value with its first and second derivative in α."""

    value: Floats
    first: Floats
    second: Floats


def shift(
    lo: Float[np.ndarray, ...], nominal: Float[np.ndarray, ...], hi: Float[np.ndarray, ...], code: HistosysCode
) -> Shift:
    """Prepare Δ(α) from templates at α = −1, 0 and 1."""
    up, down = hi - nominal, nominal - lo
    mean, half = 0.5 * (up + down), 0.5 * (up - down)
    if code == "code2":
        return Shift(mean, half, mean + 2 * half, mean - 2 * half)
    return Shift(mean, half / 8, up, down)


def factor(lo: Float[np.ndarray, ...], hi: Float[np.ndarray, ...]) -> Factor:
    """Prepare f(α) from the factors at α = −1 and 1, both positive."""
    up, down = np.log(hi), np.log(lo)
    edges = np.stack([hi - 1, lo - 1, up * hi, -down * lo, up**2 * hi, down**2 * lo])
    return Factor(np.einsum("rc,c...->r...", _MATCH, edges), up, down)


def shifted(data: Shift, alpha: Float[Array, "k ..."], side: Float[Array, "k ..."], code: HistosysCode) -> Interpolated:
    """Δ(α) and its derivatives.

    Args:
        data: Of `shift`, with one parameter in each row.
        alpha: Parameters, broadcastable against `data`.
        side: +1 or −1, the side on which a kink is approached; same shape as `alpha`.
        code: The interpolation code.
    """
    odd, even, up, down = data
    zero = jnp.zeros_like(up * alpha)
    if code == "code0":
        slope = jnp.where(_above(alpha, side), up, down)
        return Interpolated(slope * alpha, slope + zero, zero)
    above, below = alpha > 1, alpha < -1
    if code == "code2":
        line_up, inside = (
            up * (alpha - 1),
            Interpolated(alpha * (odd + even * alpha), odd + 2 * even * alpha, 2 * even + zero),
        )
    else:
        square = alpha * alpha
        line_up = up * alpha
        inside = Interpolated(
            alpha * (odd + alpha * even * (15 + square * (-10 + 3 * square))),
            odd + alpha * even * (30 + square * (-40 + 18 * square)),
            even * (30 + square * (-120 + 90 * square)),
        )
    return Interpolated(
        jnp.where(above, line_up, jnp.where(below, down * alpha, inside.value)),
        jnp.where(above, up, jnp.where(below, down, inside.first)),
        jnp.where(above | below, zero, inside.second),
    )


def scaled(data: Factor, alpha: Float[Array, "k ..."], side: Float[Array, "k ..."], code: NormsysCode) -> Interpolated:
    """f(α) and its derivatives; arguments as of `shifted`."""
    rate = jnp.where(_above(alpha, side), data.up, -data.down)
    outside = jnp.exp(rate * alpha)
    if code == "code1":
        return Interpolated(outside, rate * outside, rate * rate * outside)
    powers = jnp.cumprod(jnp.stack([jnp.ones_like(alpha), *[alpha] * 5]), axis=0)
    order = np.arange(1.0, 7.0).reshape(-1, *[1] * data.up.ndim)
    value = (data.inside * powers).sum(0) * alpha
    first = (data.inside * order * powers).sum(0)
    second = (data.inside[1:] * (order * (order - 1))[1:] * powers[:-1]).sum(0)
    beyond = jnp.abs(alpha) >= 1
    return Interpolated(
        jnp.where(beyond, outside, 1 + value),
        jnp.where(beyond, rate * outside, first),
        jnp.where(beyond, rate * rate * outside, second),
    )


def _above(alpha: Float[Array, ...], side: Float[Array, ...]) -> Array:
    return jnp.where(alpha == 0, side > 0, alpha > 0)
