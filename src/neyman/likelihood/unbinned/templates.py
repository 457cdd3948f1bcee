"""Density ratios at events, stored in blocks, and how they depend on the parameters of systematics.

The density of sample s at event i, relative to the reference density of the channel, is

    u_si(α) = r_si Π_k g_sk(x_i; α_k) ,      g(±1) = p_s(x|±1) / p_s(x|0) ,

with g between the templates as of code 4 (CERN-OPEN-2012-016, §4.1; `neyman.likelihood.interpolation`): exponential
for |α| ≥ 1, else the polynomial of degree 6 whose value, slope and curvature are those of the exponentials at ±1.
The polynomial is linear in six numbers per event, e = (u − 1, d − 1, u ln u, −d ln d, u ln² u, d ln² d) with u = g(+1)
and d = g(−1), so that g = 1 + Σ_j b_j(α) e_j: what depends on α is computed once for all events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Integer

from neyman.core.errors import DataError

# Events are converted, checked and gathered this many at a time: a quarter of a megabyte for each array in use.
_AT_ONCE = 32_768
_ALIGNMENT = 64

Values = Float[np.ndarray, "..."]
Storage = type[np.float64] | type[np.float32]


class Morphing(NamedTuple):
    """What g and its derivatives need to know of α, for each of K systematics.

    Attributes:
        inside: Shape (3, K, 7): for g, g′ and g″, what multiplies 1, u, d, u ln u, d ln d, u ln² u, d ln² d.
        side: Shape (K,): 0 where |α| < 1, else the sign of α.
        distance: |α|, shape (K,).
    """

    inside: Float[np.ndarray, "3 k 7"]
    side: Int[np.ndarray, " k"]
    distance: Float[np.ndarray, " k"]

    @classmethod
    def at(cls, alpha: Float[np.ndarray, " k"]) -> Morphing:
        """At one point. An α that is not a number gives densities that are none.

        Examples:
            >>> Morphing.at(np.array([0.0, 0.5, -2.0])).side
            array([ 0,  0, -1])
        """
        powers = np.minimum(np.maximum(alpha, -1.0), 1.0)[:, None] ** _POWERS
        return cls(powers @ _INSIDE, 1 * (alpha >= 1) - (alpha <= -1), np.abs(alpha))


def _inside() -> Float[np.ndarray, "3 7 7"]:
    """From powers of α, 0 to 6, to what multiplies 1, u, d, … in g, g′ and g″."""
    power = np.arange(1.0, 7.0)
    sign = (-1) ** power
    slope, curvature = power, power * (power - 1)
    # What the polynomial, and its first two derivatives, must be at α = ±1 gives the coefficients of α to α⁶.
    match = np.linalg.inv(np.stack([power**0, sign, slope, -sign * slope, curvature, sign * curvature]))
    value = np.zeros((7, 7))
    value[0, 0] = 1.0
    value[1:, 1:] = match * [1, 1, 1, -1, 1, 1]
    value[1:, 0] = -match[:, 0] - match[:, 1]
    derivative = np.diag(power, 1)  # of αⁿ, in powers of α
    return np.stack([value, derivative @ value, derivative @ derivative @ value])


_INSIDE = _inside()
_POWERS = np.arange(7.0)


@dataclass(frozen=True, eq=False)
class Templates:
    """Density ratios of S samples at N events, in M blocks of B; Q pairs (sample, systematic) vary them.

    The last block is filled up with ratios of 1, which have no weight.

    Attributes:
        ratio: r, shape (M, S, B).
        varied: g(+1), ln g(+1), g(−1), ln g(−1), shape (M, Q, 4, B).
        pair_sample: Sample of each pair, ascending, shape (Q,).
        pair_parameter: Systematic of each pair, shape (Q,).
        parameters: K, the number of systematics.
        events: N.
    """

    ratio: Float[np.ndarray, "m s b"]
    varied: Float[np.ndarray, "m q 4 b"]
    pair_sample: Int[np.ndarray, " q"]
    pair_parameter: Int[np.ndarray, " q"]
    parameters: int
    events: int

    @classmethod
    def build(
        cls,
        log_ratio: Float[np.ndarray, "s n"] | Sequence[Values],
        hi: Sequence[Values],
        lo: Sequence[Values],
        pair_sample: Sequence[int] | Integer[np.ndarray, " q"],
        pair_parameter: Sequence[int] | Integer[np.ndarray, " q"],
        *,
        parameters: int,
        dtype: Storage = np.float64,
        block: int = 512,
    ) -> Templates:
        """From logarithms of ratios, which may be memory-mapped: they are read piece by piece.

        Args:
            log_ratio: ln r, an array of shape (N,) for each sample.
            hi: ln g(+1), an array of shape (N,) for each pair.
            lo: ln g(−1), likewise.
            pair_sample: Sample of each pair, in any order.
            pair_parameter: Systematic of each pair.
            parameters: Number of systematics.
            dtype: How ratios are stored. Sums over events are in double precision anyway; single precision halves
                memory and moves ln p of an event by up to about (1 + systematics of a sample) · 10⁻⁷.
            block: Events in a block.

        Raises:
            DataError: If arrays differ in length, a number is not finite or too large for `dtype`, or pairs are not
                what they should be.
        """
        pairs = _pairs(pair_sample, pair_parameter, samples=len(log_ratio), parameters=parameters)
        if not len(hi) == len(lo) == len(pairs):
            raise DataError(f"{len(hi)} arrays at α = +1 and {len(lo)} at −1", expected=f"{len(pairs)} of each")
        if not len(log_ratio):
            raise DataError("no samples", expected="the log-ratio of at least one")
        events = len(log_ratio[0])
        blocks = -(-events // block)
        ratio = _aligned((blocks, len(log_ratio), block), dtype)
        varied = _aligned((blocks, len(pairs), 4, block), dtype)
        for s, logs in enumerate(log_ratio):
            _fill(logs, None, ratio[:, s], events, f"log-ratio of sample {s}")
        order = sorted(range(len(pairs)), key=pairs.__getitem__)
        for q, pair in enumerate(order):
            s, k = pairs[pair]
            for row, side, logs in ((0, "+1", hi[pair]), (2, "−1", lo[pair])):
                where = f"log-ratio of sample {s} at {side} of systematic {k}"
                _fill(logs, varied[:, q, row + 1], varied[:, q, row], events, where)
        sample, parameter = np.array([pairs[pair] for pair in order], np.int64).reshape(-1, 2).T.copy()
        return cls(ratio, varied, sample, parameter, parameters, events)

    @cached_property
    def bounds(self) -> Int[np.ndarray, " s1"]:
        """Where the pairs of each sample begin, and where the last ends, shape (S + 1,)."""
        return np.searchsorted(self.pair_sample, np.arange(self.ratio.shape[1] + 1))

    def pack(self, weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, "m b"]:
        """Weights of events in blocks, in double precision; what fills up the last block weighs nothing.

        Raises:
            DataError: If there are not N weights, or one is not finite.
        """
        packed = np.zeros((len(self.ratio), self.ratio.shape[2]))
        _same_length(weights, self.events, "weights")
        _finite(weights, "weights", 0)
        packed.reshape(-1)[: self.events] = weights
        return packed

    def take(self, rows: Integer[np.ndarray, " n"]) -> Templates:
        """Some of the events, in the order and as often as asked for."""
        _in_range(rows, self.events)
        size = self.ratio.shape[2]
        blocks = -(-len(rows) // size)
        ratio = _aligned((blocks, *self.ratio.shape[1:]), self.ratio.dtype.type)
        varied = _aligned((blocks, *self.varied.shape[1:]), self.ratio.dtype.type)
        for m in range(blocks):
            block, at = np.divmod(rows[m * size : (m + 1) * size], size)
            for source, target, filler in ((self.ratio, ratio, _ONE), (self.varied, varied, _UNVARIED)):
                target[m, ..., : len(at)] = np.moveaxis(source[block, ..., at], 0, -1)
                target[m, ..., len(at) :] = filler
        return Templates(ratio, varied, self.pair_sample, self.pair_parameter, self.parameters, len(rows))

    def densities(self, alpha: Float[np.ndarray, " k"]) -> Float[np.ndarray, "s n"]:
        """u_si(α), shape (S, N)."""
        morphing = Morphing.at(alpha)
        samples, size = self.ratio.shape[1:]
        found = np.empty((samples, len(self.ratio) * size))
        for blocks in _pieces(len(self.ratio), max(_AT_ONCE // size, 1)):
            here = found[:, blocks.start * size : blocks.stop * size].reshape(samples, -1, size)
            here[...] = self.ratio[blocks].swapaxes(0, 1)
            for q, (s, k) in enumerate(zip(self.pair_sample.tolist(), self.pair_parameter.tolist(), strict=True)):
                if alpha[k] != 0:
                    here[s] *= _factor(self.varied[blocks, q].astype(np.float64, copy=False), morphing, k)
        return found[:, : self.events]


_ONE = np.ones((1, 1))
_UNVARIED = np.array([[1.0], [0.0], [1.0], [0.0]])


def _factor(varied: Float[np.ndarray, "m 4 b"], morphing: Morphing, k: int) -> Float[np.ndarray, "m b"]:
    u, log_u, d, log_d = varied.swapaxes(0, 1)
    found: Values
    if morphing.side[k]:
        found = np.exp(morphing.distance[k] * (log_u if morphing.side[k] > 0 else log_d))
        return found
    one, bu, bd, blu, bld, bllu, blld = morphing.inside[0, k]
    found = one + u * (bu + log_u * (blu + log_u * bllu)) + d * (bd + log_d * (bld + log_d * blld))
    return found


def _pairs(
    sample: Sequence[int] | Integer[np.ndarray, " q"],
    parameter: Sequence[int] | Integer[np.ndarray, " q"],
    *,
    samples: int,
    parameters: int,
) -> list[tuple[int, int]]:
    if len(sample) != len(parameter):
        raise DataError(f"{len(sample)} samples of pairs and {len(parameter)} systematics", expected="as many of each")
    pairs = [(int(s), int(k)) for s, k in zip(sample, parameter, strict=True)]
    seen = set()
    for number, (s, k) in enumerate(pairs):
        where = f"pair {number}, sample {s} with systematic {k}"
        if not (0 <= s < samples and 0 <= k < parameters):
            raise DataError("no such pair", where=where, expected=f"{samples} samples, {parameters} systematics")
        if (s, k) in seen:
            raise DataError("given twice", where=where, expected="each systematic once per sample")
        seen.add((s, k))
    return pairs


def _fill(
    logs: Values,
    log_target: Float[np.ndarray, "m b"] | None,
    target: Float[np.ndarray, "m b"],
    events: int,
    where: str,
) -> None:
    _same_length(logs, events, where)
    size = target.shape[1]
    for blocks in _pieces(len(target), max(_AT_ONCE // size, 1)):
        start, stop = blocks.start * size, min(blocks.stop * size, events)
        padded = np.zeros((blocks.stop - blocks.start) * size)
        padded[: stop - start] = logs[start:stop]
        _finite(padded, where, start)
        padded = padded.reshape(-1, size)
        with np.errstate(over="ignore"):
            target[blocks] = np.exp(padded)
        _finite(target[blocks].reshape(-1), f"exponential of the {where}", start)
        if log_target is not None:
            log_target[blocks] = padded


def _same_length(values: Values, events: int, where: str) -> None:
    if values.shape != (events,):
        raise DataError(f"shape {values.shape}", where=where, expected=f"({events},), one number for each event")


def _finite(values: Float[np.ndarray, " n"], where: str, start: int) -> None:
    fine = np.isfinite(values)
    if not fine.all():
        first = int(np.argmin(fine))
        raise DataError(f"event {start + first} is {values[first]}", where=where, expected="finite numbers")


def _in_range(rows: Integer[np.ndarray, " n"], events: int) -> None:
    wrong = (rows < 0) | (rows >= events)
    if wrong.any():
        raise DataError(f"there is no event {rows[np.argmax(wrong)]}", expected=f"numbers below {events}")


def _pieces(blocks: int, at_once: int) -> Iterator[slice]:
    for start in range(0, blocks, at_once):
        yield slice(start, min(start + at_once, blocks))


def _aligned(shape: tuple[int, ...], dtype: Storage) -> Values:
    """An array that starts at a cache line, as loads of whole vectors like it."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
