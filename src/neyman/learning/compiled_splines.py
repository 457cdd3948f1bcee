"""Rational-quadratic splines on a CPU, compiled by Numba: one pass over events for the value, one for the gradient.

In torch a spline is fifty small operations, and as many on the way back; they cost about as much as the network that
gives the raw numbers. Here each event is looked at once, only its own bin is computed, and the gradient is written down
(not recorded). `neyman.learning.splines.rational_quadratic` computes the same by other means, and tests compare them.
"""

# ruff: noqa: FBT001, PLR0917 - compiled functions take arrays one by one, by position

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from neyman.learning.splines import LEAST, STEEPEST

Function = TypeVar("Function", bound=Callable[..., Any])
Values = Float[np.ndarray, "..."]


def rational_quadratic(
    value: Float[Tensor, "*n"], raw: Float[Tensor, "*n p"], bins: int, bound: float, *, inverse: bool
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """As `neyman.learning.splines.rational_quadratic`, for tensors on the CPU; it can be differentiated once.

    Args:
        value: Where.
        raw: Widths, heights and slopes, all before they are made positive.
        bins: K.
        bound: B.
        inverse: Whether the value is on the vertical axis.
    """
    flat = raw.reshape(-1, raw.shape[-1])
    apply: Any = _RationalQuadratic.apply
    found, log_slope = apply(value.reshape(-1), flat, bins, bound, inverse)
    return found.view(value.shape), log_slope.view(value.shape)


class _RationalQuadratic(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch has no type for it
        value: Tensor,
        raw: Tensor,
        bins: int,
        bound: float,
        inverse: bool,
    ) -> tuple[Tensor, Tensor]:
        value, raw = value.contiguous(), raw.contiguous()
        shares = torch.softmax(raw[:, : 2 * bins].view(-1, 2, bins), dim=-1)
        found, log_slope = torch.empty_like(value), torch.empty_like(value)
        k, piece = torch.empty(len(value), dtype=torch.int32), value.new_empty(len(value), 5)
        tensors = (value, shares, raw, found, log_slope, k, piece)
        _evaluate(*(each.detach().numpy() for each in tensors), bound, inverse)
        ctx.save_for_backward(shares, k, piece)
        ctx.bound, ctx.inverse = bound, inverse
        return found, log_slope

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_found: Tensor, of_log_slope: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        shares, k, piece = ctx.saved_tensors
        of_value = torch.empty_like(of_found)
        of_raw = of_found.new_empty(len(of_found), 3 * shares.shape[-1] - 1)
        tensors = (of_found.contiguous(), of_log_slope.contiguous(), shares, k, piece, of_value, of_raw)
        _differentiate(*(each.numpy() for each in tensors), ctx.bound, ctx.inverse)
        return of_value, of_raw, None, None, None


def _jit(function: Function) -> Function:
    """Numba's decorator. Not-a-number and infinity keep their meaning."""
    allowed = {"contract", "reassoc", "arcp", "nsz"}
    jit: Any = functools.partial(numba.njit, nogil=True, error_model="numpy", fastmath=allowed)
    try:
        found = jit(cache=True)(function)
    except RuntimeError:  # there is no folder that can be written to: it is compiled in every process
        found = jit()(function)
    return cast(Function, found)


OUTSIDE = -1  # as the number of a bin
# Between them slopes are free; at them they are held, and raw numbers have no say.
_LOWEST, _HIGHEST = (1 + 1e-6) * math.exp(-STEEPEST), (1 - 1e-6) * math.exp(STEEPEST)


@_jit
@no_type_check
def _evaluate(
    value: Values,
    shares: Values,
    raw: Values,
    found: Values,
    log_slope: Values,
    bins: Int[np.ndarray, " n"],
    piece: Values,
    bound: float,
    inverse: bool,
) -> None:
    """Find the bin, and in it the value; keep t, width, height and slopes of the piece for the gradient."""
    n, _, K = shares.shape
    free, axis = 1 - K * LEAST, 1 if inverse else 0
    for i in range(n):
        if not abs(value[i]) <= bound:
            found[i], log_slope[i], bins[i] = value[i], 0, OUTSIDE
            continue
        v = 0.5 * (value[i] / bound + 1)
        k, here, there = 0, 0.0, 0.0
        size = LEAST + free * shares[i, axis, 0]
        while k < K - 1 and here + size <= v:
            here += size
            there += LEAST + free * shares[i, 1 - axis, k]
            k += 1
            size = LEAST + free * shares[i, axis, k]
        other = LEAST + free * shares[i, 1 - axis, k]
        d0 = _slope(raw[i, 2 * K + k - 1]) if k > 0 else 1.0
        d1 = _slope(raw[i, 2 * K + k]) if k < K - 1 else 1.0
        rest = v - here
        if inverse:
            w, h = other, size
            s = h / w
            bend = d0 + d1 - 2 * s
            b = h * d0 - rest * bend
            discriminant = b * b + 4 * s * rest * (h * (s - d0) + rest * bend)
            t = 2 * s * rest / (b + math.sqrt(max(discriminant, 0.0)))
        else:
            w, h = size, other
            s = h / w
            bend = d0 + d1 - 2 * s
            t = rest / w
        q = t * (1 - t)
        below = s + bend * q
        y = w * t if inverse else h * (s * t * t + d0 * q) / below
        slope = s * s * (d1 * t * t + 2 * s * q + d0 * (1 - t) * (1 - t)) / (below * below)
        found[i] = bound * (2 * (there + y) - 1)
        log_slope[i] = -math.log(slope) if inverse else math.log(slope)
        bins[i] = k
        piece[i, 0], piece[i, 1], piece[i, 2], piece[i, 3], piece[i, 4] = t, w, h, d0, d1


@_jit
@no_type_check
def _differentiate(
    of_found: Values,
    of_log_slope: Values,
    shares: Values,
    bins: Int[np.ndarray, " n"],
    piece: Values,
    of_value: Values,
    of_raw: Values,
    bound: float,
    inverse: bool,
) -> None:
    """What changes the loss by how much, in terms of t, width w, height h, s = h/w and the slopes d at both ends.

    For the inverse x(y), y is what is given: dx = (dy − ∂y/∂shape dshape) / (dy/dx). So gradients by the shape are
    those of the spline itself, for another gradient by y.
    """
    n, _, K = shares.shape
    free = 1 - K * LEAST
    for i in range(n):
        k = bins[i]
        of_raw[i] = 0
        if k == OUTSIDE:
            of_value[i] = of_found[i]
            continue
        t, w, h, d0, d1 = piece[i, 0], piece[i, 1], piece[i, 2], piece[i, 3], piece[i, 4]
        per_w = 1 / w
        s, u, q = h * per_w, 1 - t, t * (1 - t)
        bend = d0 + d1 - 2 * s
        # log slope = 2 log s + log above − 2 log below
        below, above = s + bend * q, d1 * t * t + 2 * s * q + d0 * u * u
        per_below, per_above = 1 / below, 1 / above
        ratio = (s * t * t + d0 * q) * per_below  # (y − start) / h
        slope = s * s * above * per_below * per_below
        log_slope_by_t = 2 * (d1 * t + s * (u - t) - d0 * u) * per_above - 2 * bend * (u - t) * per_below
        of_y, of_log = 2 * bound * of_found[i], of_log_slope[i]
        if inverse:
            of_log = -of_log
            of_y = -(of_y + of_log * log_slope_by_t * per_w) / slope
        of_t = of_y * w * slope + of_log * log_slope_by_t
        of_value[i] = (-of_y if inverse else of_t * per_w) / (2 * bound)
        part = of_y * h * per_below
        of_s = part * (t * t - ratio * (1 - 2 * q)) + 2 * of_log * (1 / s + q * per_above - (1 - 2 * q) * per_below)
        bent = -q * (part * ratio + 2 * of_log * per_below)
        of_d0 = bent + part * q + of_log * u * u * per_above
        of_d1 = bent + of_log * t * t * per_above
        if k > 0:
            of_raw[i, 2 * K + k - 1] = of_d0 * d0 if _LOWEST < d0 < _HIGHEST else 0.0
        if k < K - 1:
            of_raw[i, 2 * K + k] = of_d1 * d1 if _LOWEST < d1 < _HIGHEST else 0.0
        _spread(shares[i, 0], k, -of_t * per_w, -(of_t * t + of_s * s) * per_w, free, of_raw[i, :K])
        _spread(shares[i, 1], k, of_y, of_y * ratio + of_s * per_w, free, of_raw[i, K : 2 * K])


@_jit
@no_type_check
def _spread(shares: Values, k: int, of_start: float, of_size: float, free: float, of_raw: Values) -> None:
    """From the start and the size of a bin to raw numbers: all bins before it move its start (softmax)."""
    mean = of_size * shares[k]
    for j in range(k):
        mean += of_start * shares[j]
    for j in range(len(shares)):
        own = of_start if j < k else 0.0
        of_raw[j] = free * shares[j] * (own - mean)
    of_raw[k] += free * shares[k] * of_size


@_jit
@no_type_check
def _slope(raw: float) -> float:
    """At a knot."""
    return math.exp(min(max(raw, -STEEPEST), STEEPEST))
