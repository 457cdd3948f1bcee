"""The sums over events on a CPU, compiled by Numba.

Blocks of events are worked on one after the other, each in three steps: densities of each sample with the logarithmic
derivatives q = g′/g and g″/g of its pairs; their mixture; sums. What is kept of a block stays in the cache, and every
inner loop runs over the events of a block, so that it becomes vector instructions.

Blocks are divided into parts that do not depend on the number of threads; sums of parts are added in order. A result
is hence the same to the last bit however many threads there are: OMP_NUM_THREADS if that is set, else one per CPU.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int

from neyman.likelihood.unbinned.templates import Morphing, Templates

Function = TypeVar("Function", bound=Callable[..., Any])
Values = Float[np.ndarray, "..."]
Numbers = Int[np.ndarray, "..."]

PARTS = 64
# Numbers of events times pairs below which another thread costs more time than it saves.
_WORTH_A_THREAD = 200_000


def _jit(*fastmath: str) -> Callable[[Function], Function]:
    """Numba's decorator. Not-a-number and infinity keep their meaning: `nnan` and `ninf` are never allowed."""
    decorator: Callable[[Function], Function] = numba.njit(
        nogil=True, cache=True, error_model="numpy", fastmath=set(fastmath)
    )
    return decorator


_sums = _jit("reassoc", "contract", "arcp", "nsz")
_exact = _jit("contract")  # for functions whose roundings must happen as they are written

# ln 2 in two numbers, the first with so few digits that its multiples are exact.
_LN2_HIGH, _LN2_LOW = float.fromhex("0x1.62e42fefa2p-1"), float.fromhex("0x1.9ef35793c7673p-41")
_ROUND = 1.5 * 2.0**52  # added and taken away again, it rounds to an integer, which is then in the lowest bits
_BIAS = 1023
_EXP_SERIES = tuple(1 / math.factorial(k) for k in range(13, -1, -1))
_LOG_SERIES = tuple(2 / (2 * k + 1) for k in range(9, 0, -1))  # of ln((1 + s) / (1 − s)) / s − 2, in s²
_BITS_OF_ONE = _BIAS << 52
_BITS_OF_ROOT_HALF = int(np.float64(math.sqrt(0.5)).view(np.int64))
_BITS_OF_2_52 = (_BIAS + 52) << 52
_SMALLEST = float(np.finfo(np.float64).smallest_normal)


@_exact
@no_type_check
def multiply_by_exp(x: Values, target: Values) -> None:
    """Multiply the target by eˣ: infinity for x > 709.43, zero for x < −708.74."""
    for i in range(x.size):
        y = x[i]
        y = -709.2 if y < -709.2 else y
        y = 709.5 if y > 709.5 else y
        shifted = y * (1 / math.log(2)) + _ROUND
        n = shifted - _ROUND
        rest = (y - n * _LN2_HIGH) - n * _LN2_LOW
        series = 0.0
        for coefficient in _EXP_SERIES:
            series = series * rest + coefficient
        power = np.int64((np.float64(shifted).view(np.int64) + _BIAS) << 52).view(np.float64)
        target[i] *= series * power


@_exact
@no_type_check
def replace_by_log(x: Values) -> None:
    """Replace positive, normal, finite numbers by their logarithms."""
    for i in range(x.size):
        bits = np.float64(x[i]).view(np.int64)
        biased = (bits + (_BITS_OF_ONE - _BITS_OF_ROOT_HALF)) >> 52
        exponent = np.int64(biased | _BITS_OF_2_52).view(np.float64) - (2.0**52 + _BIAS)
        # x = 2^exponent (1 + f) with 1 + f between √½ and √2; s = f / (2 + f).
        f = np.int64(bits - ((biased - _BIAS) << 52)).view(np.float64) - 1.0
        s = f / (2.0 + f)
        square = s * s
        series = 0.0
        for coefficient in _LOG_SERIES:
            series = (series + coefficient) * square
        half = 0.5 * f * f
        x[i] = exponent * _LN2_HIGH + (f - (half - (s * (half + series) + exponent * _LN2_LOW)))


@_sums
@no_type_check
def _vary(
    varied: Values,
    m: int,
    parameter: Numbers,
    low: int,
    high: int,
    inside: Values,
    side: Numbers,
    distance: Values,
    curvature: bool,
    density: Values,
    exponent: Values,
    q: Values,
    h: Values,
    base: int,
) -> None:
    """Multiply the density of a sample in block m by the g of its pairs, low to high.

    q = g′/g and h = g″/g of pair j are left in row j − base.
    """
    size = density.size
    outside = False
    for j in range(low, high):
        k, row = parameter[j], j - base
        if side[k] != 0:
            if not outside:
                for i in range(size):
                    exponent[i] = 0.0
                outside = True
            logs = 2 - side[k]  # ln u above, ln d below
            for i in range(size):
                rate = side[k] * varied[m, j, logs, i]
                exponent[i] += distance[k] * varied[m, j, logs, i]
                q[row, i] = rate
                if curvature:
                    h[row, i] = rate * rate
            continue
        a0, a1, a2, a3, a4, a5, a6 = inside[0, k]
        b0, b1, b2, b3, b4, b5, b6 = inside[1, k]
        c0, c1, c2, c3, c4, c5, c6 = inside[2, k]
        for i in range(size):
            u, log_u, d, log_d = varied[m, j, 0, i], varied[m, j, 1, i], varied[m, j, 2, i], varied[m, j, 3, i]
            g = a0 + u * (a1 + log_u * (a3 + log_u * a5)) + d * (a2 + log_d * (a4 + log_d * a6))
            first = b0 + u * (b1 + log_u * (b3 + log_u * b5)) + d * (b2 + log_d * (b4 + log_d * b6))
            density[i] *= g
            q[row, i] = first / g
            if curvature:
                second = c0 + u * (c1 + log_u * (c3 + log_u * c5)) + d * (c2 + log_d * (c4 + log_d * c6))
                h[row, i] = second / g
    if outside:
        multiply_by_exp(exponent, density)


@_sums
@no_type_check
def _settle(weights: Values, m: int, p: Values, effective: Values, inverse: Values, lowest: Values) -> int:
    """Find 1/p and replace p by ln p; events of no weight, or whose p is no density, get effective weight 0.

    Returns:
        The number of events with a weight whose p is no density.
    """
    refused = 0
    for i in range(p.size):
        x = p[i]
        counts = weights[m, i] != 0.0
        fine = counts & (x >= _SMALLEST) & (x < np.inf)
        here = x if counts else np.inf
        low = lowest[i]
        lowest[i] = here if here < low else (low if here >= low else -np.inf)
        refused += counts & (not fine)
        p[i] = x if fine else 1.0
        effective[i] = weights[m, i] if fine else 0.0
        inverse[i] = 1.0 / p[i]
    replace_by_log(p)
    return refused


@_sums
@no_type_check
def _first_order(
    density: Values,
    q: Values,
    weighted_inverse: Values,
    coefficients: Values,
    bounds: Numbers,
    parameter: Numbers,
    gradient: Values,
) -> None:
    samples, size = density.shape
    for s in range(samples):
        total = 0.0
        for i in range(size):
            density[s, i] *= weighted_inverse[i]
            total += density[s, i]
        gradient[s] += total
        for j in range(bounds[s], bounds[s + 1]):
            total = 0.0
            for i in range(size):
                total += density[s, i] * q[j, i]
            gradient[samples + parameter[j]] += coefficients[s] * total


@_sums
@no_type_check
def _second_order(
    density: Values,
    q: Values,
    h: Values,
    effective: Values,
    inverse: Values,
    coefficients: Values,
    bounds: Numbers,
    parameter: Numbers,
    rows: Values,
    share: Values,
    spare: Values,
    gradient: Values,
    bend: Values,
    outer: Values,
) -> None:
    samples, size = density.shape
    for a in range(samples, rows.shape[0]):
        for i in range(size):
            rows[a, i] = 0.0
    for s in range(samples):
        c = coefficients[s]
        total = 0.0
        for i in range(size):
            rows[s, i] = density[s, i] * inverse[i]
            share[i] = effective[i] * rows[s, i]
            total += share[i]
        gradient[s] += total
        for j in range(bounds[s], bounds[s + 1]):
            at = samples + parameter[j]
            total, own = 0.0, 0.0
            for i in range(size):
                spare[i] = share[i] * q[j, i]
                rows[at, i] += c * rows[s, i] * q[j, i]
                total += spare[i]
                own += share[i] * h[j, i]
            gradient[at] += c * total
            bend[at, s] += total
            bend[at, at] += c * own
            for other in range(bounds[s], j):
                total = 0.0
                for i in range(size):
                    total += spare[i] * q[other, i]
                bend[at, samples + parameter[other]] += c * total
    for a in range(rows.shape[0]):
        for i in range(size):
            spare[i] = effective[i] * rows[a, i]
        for b in range(a + 1):
            total = 0.0
            for i in range(size):
                total += spare[i] * rows[b, i]
            outer[a, b] += total


@_sums
@no_type_check
def _mixture_parts(
    ratio: Values,
    varied: Values,
    weights: Values,
    coefficients: Values,
    bounds: Numbers,
    parameter: Numbers,
    inside: Values,
    side: Numbers,
    distance: Values,
    curvature: bool,
    edges: Numbers,
    first: int,
    last: int,
    scalars: Values,
    gradient: Values,
    bend: Values,
    outer: Values,
) -> None:
    samples, size = ratio.shape[1], ratio.shape[2]
    density, rows = np.empty((samples, size)), np.empty((gradient.shape[1], size))
    q, h = np.empty((varied.shape[1], size)), np.empty((varied.shape[1] if curvature else 0, size))
    p, effective, inverse, spare, lowest = np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    for part in range(first, last):
        value = 0.0
        for i in range(size):
            lowest[i] = np.inf
        for m in range(edges[part], edges[part + 1]):
            for i in range(size):
                p[i] = 0.0
            for s in range(samples):
                low, high, u = bounds[s], bounds[s + 1], density[s]
                for i in range(size):
                    u[i] = ratio[m, s, i]
                _vary(varied, m, parameter, low, high, inside, side, distance, curvature, u, spare, q, h, 0)
                for i in range(size):
                    p[i] += coefficients[s] * u[i]
            scalars[part, 2] += _settle(weights, m, p, effective, inverse, lowest)
            for i in range(size):
                value += effective[i] * p[i]
            if curvature:
                _second_order(
                    density,
                    q,
                    h,
                    effective,
                    inverse,
                    coefficients,
                    bounds,
                    parameter,
                    rows,
                    p,
                    spare,
                    gradient[part],
                    bend[part],
                    outer[part],
                )
            else:
                for i in range(size):
                    inverse[i] *= effective[i]
                _first_order(density, q, inverse, coefficients, bounds, parameter, gradient[part])
        scalars[part, 0] = value
        smallest = np.inf
        for i in range(size):
            smallest = min(smallest, lowest[i])
        scalars[part, 1] = smallest


@_sums
@no_type_check
def _expectation_parts(
    ratio: Values,
    varied: Values,
    weights: Values,
    bounds: Numbers,
    parameter: Numbers,
    inside: Values,
    side: Numbers,
    distance: Values,
    curvature: bool,
    edges: Numbers,
    first: int,
    last: int,
    value: Values,
    gradient: Values,
    hessian: Values,
) -> None:
    samples, size = ratio.shape[1], ratio.shape[2]
    most = 0
    for s in range(samples):
        most = max(most, bounds[s + 1] - bounds[s])
    q, h = np.empty((most, size)), np.empty((most if curvature else 0, size))
    density, spare = np.empty(size), np.empty(size)
    for part in range(first, last):
        for m in range(edges[part], edges[part + 1]):
            for s in range(samples):
                low, high = bounds[s], bounds[s + 1]
                for i in range(size):
                    density[i] = weights[m, i] * ratio[m, s, i]
                _vary(varied, m, parameter, low, high, inside, side, distance, curvature, density, spare, q, h, low)
                total = 0.0
                for i in range(size):
                    total += density[i]
                value[part, s] += total
                for j in range(high - low):
                    k = parameter[low + j]
                    total = 0.0
                    for i in range(size):
                        spare[i] = density[i] * q[j, i]
                        total += spare[i]
                    gradient[part, s, k] += total
                    if not curvature:
                        continue
                    total = 0.0
                    for i in range(size):
                        total += density[i] * h[j, i]
                    hessian[part, s, k, k] += total
                    for other in range(j):
                        total = 0.0
                        for i in range(size):
                            total += spare[i] * q[other, i]
                        hessian[part, s, k, parameter[low + other]] += total


def mixture(
    templates: Templates,
    weights: Float[np.ndarray, "m b"],
    coefficients: Float[np.ndarray, " s"],
    alpha: Float[np.ndarray, " k"],
    *,
    curvature: bool,
) -> tuple[float, float, int, Values, Values, Values]:
    """Sums of `sums.mixture`: value, lowest p, number of events whose p is no density, gradient, bend, outer."""
    edges = _edges(len(templates.ratio))
    parts, size = len(edges) - 1, len(coefficients) + len(alpha)
    side = size if curvature else 0
    scalars, gradient = np.zeros((parts, 3)), np.zeros((parts, size))
    bend, outer = np.zeros((parts, side, side)), np.zeros((parts, side, side))

    def work(first: int, last: int) -> None:
        _mixture_parts(
            templates.ratio,
            templates.varied,
            weights,
            coefficients,
            _bounds(templates),
            templates.pair_parameter,
            *Morphing.at(alpha),
            curvature,
            edges,
            first,
            last,
            scalars,
            gradient,
            bend,
            outer,
        )

    _share(work, parts, templates)
    value, _, refused = scalars.sum(0)
    lowest = scalars[:, 1].min(initial=np.inf)
    matrices = (_whole(bend.sum(0)), _whole(outer.sum(0))) if curvature else np.zeros((2, size, size))
    return float(value), float(lowest), int(refused), gradient.sum(0), *matrices


def expectations(
    templates: Templates, weights: Float[np.ndarray, "m b"], alpha: Float[np.ndarray, " k"], *, curvature: bool
) -> tuple[Values, Values, Values]:
    """Sums of `sums.expectations`: value, gradient, Hessian."""
    edges = _edges(len(templates.ratio))
    parts, samples, size = len(edges) - 1, templates.ratio.shape[1], len(alpha)
    side = size if curvature else 0
    value, gradient = np.zeros((parts, samples)), np.zeros((parts, samples, size))
    hessian = np.zeros((parts, samples, side, side))

    def work(first: int, last: int) -> None:
        _expectation_parts(
            templates.ratio,
            templates.varied,
            weights,
            _bounds(templates),
            templates.pair_parameter,
            *Morphing.at(alpha),
            curvature,
            edges,
            first,
            last,
            value,
            gradient,
            hessian,
        )

    _share(work, parts, templates)
    whole = _whole(hessian.sum(0)) if curvature else np.zeros((samples, size, size))
    return value.sum(0), gradient.sum(0), whole


def _whole(lower: Values) -> Values:
    """The symmetric matrices of which the lower triangles are given."""
    return lower + np.tril(lower, -1).swapaxes(-1, -2)


def _bounds(templates: Templates) -> Numbers:
    """Where the pairs of each sample begin, and where the last ends, shape (S + 1,)."""
    return np.searchsorted(templates.pair_sample, np.arange(templates.ratio.shape[1] + 1))


def _edges(blocks: int) -> Numbers:
    """Where parts begin, and where the last ends."""
    parts = min(blocks, PARTS)
    return np.arange(parts + 1) * blocks // max(parts, 1)


def _share(work: Callable[[int, int], None], parts: int, templates: Templates) -> None:
    """Do all parts, in threads where that pays. Each thread takes some at a time, lest the slowest is waited for."""
    pairs = templates.events * max(len(templates.pair_sample), 1)
    threads = min(threads_allowed(), parts, 1 + pairs // _WORTH_A_THREAD)
    if threads <= 1:
        work(0, parts)
        return
    pieces = min(4 * threads, parts)
    cuts = [parts * piece // pieces for piece in range(pieces + 1)]
    queue = iter(zip(cuts[:-1], cuts[1:], strict=True))

    def drain() -> None:
        for first, last in queue:
            work(first, last)

    waiting = [_pool(os.getpid(), threads - 1).submit(drain) for _ in range(threads - 1)]
    drain()
    for one in waiting:
        one.result()


def threads_allowed() -> int:
    """OMP_NUM_THREADS if it is set, else the number of CPUs that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """One pool for each process: threads do not survive a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"neyman-sums-{process}")
