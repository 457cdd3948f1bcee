"""The sums over events on a CPU, compiled by Numba.

Blocks of events are worked on one after the other, each in three steps: densities of each sample with the logarithmic
derivatives q = g′/g and g″/g of its pairs; their mixture; sums. What is kept of a block stays in the cache, and every
inner loop runs over the events of a block, so that it becomes vector instructions.

Blocks are divided into parts that do not depend on the number of threads; sums of parts are added in order. A result
is hence the same to the last bit however many threads there are: OMP_NUM_THREADS if that is set, else one per CPU.
"""

# ruff: noqa: FBT001, PLR0912, PLR0917 - compiled functions take arrays one by one, by position, and are all loops

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast, no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int

from neyman.likelihood.unbinned.templates import Morphing, Templates
from neyman.likelihood.unbinned.threads import share, threads_allowed

Function = TypeVar("Function", bound=Callable[..., Any])
Values = Float[np.ndarray, "..."]
Numbers = Int[np.ndarray, "..."]

PARTS = 64
_LARGEST = 2**22  # numbers in the sums of all parts, of which there are fewer if each has many
# Numbers of events times pairs below which another thread costs more time than it saves.
_WORTH_A_THREAD = 200_000


class Table(NamedTuple):
    """Events, and which pairs belong to which sample.

    Attributes:
        ratio: Of the templates.
        varied: Of the templates.
        weights: Of events, shape (M, B).
        bounds: Where the pairs of each sample begin, and where the last ends, shape (S + 1,).
        parameter: Systematic of each pair, shape (Q,).
        edges: Where the blocks of each part begin, and where the last ends, shape (P + 1,).
    """

    ratio: Values
    varied: Values
    weights: Values
    bounds: Numbers
    parameter: Numbers
    edges: Numbers


class Moments(NamedTuple):
    """Sums over the events of each part; an event has in each sample a share a.

    Attributes:
        totals: Σ a, shape (P, S).
        slopes: Σ a q of each pair, shape (P, Q).
        bends: Σ a h of each pair, shape (P, Q).
        products: Σ a q q′ of each pair with those of its sample that come before it, shape (P, Q, most pairs of one).
    """

    totals: Values
    slopes: Values
    bends: Values
    products: Values


def _jit(*fastmath: str) -> Callable[[Function], Function]:
    """Numba's decorator. Not-a-number and infinity keep their meaning: `nnan` and `ninf` are never allowed."""

    def decorate(function: Function) -> Function:
        jit: Any = functools.partial(numba.njit, nogil=True, error_model="numpy", fastmath=set(fastmath))
        try:
            found = jit(cache=True)(function)
        except RuntimeError:  # there is no folder that can be written to: it is compiled in every process
            found = jit()(function)
        return cast(Function, found)

    return decorate


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
    low: int,
    parameter: Numbers,
    inside: Values,
    side: Numbers,
    distance: Values,
    curvature: bool,
    density: Values,
    exponent: Values,
    q: Values,
    h: Values,
) -> None:
    """Multiply the density of a sample in block m by the g of its pairs, `low` and those that follow.

    q = g′/g and h = g″/g of these pairs are left in as many rows.
    """
    size = density.size
    outside = False
    for row in range(parameter.size):
        k, j = parameter[row], low + row
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
def _settle(weights: Values, p: Values, effective: Values, inverse: Values, lowest: Values) -> int:
    """Find 1/p and replace p by ln p; events of no weight, or whose p is no density, get effective weight 0.

    Returns:
        The number of events with a weight whose p is no density.
    """
    refused = 0
    for i in range(p.size):
        x = p[i]
        counts = weights[i] != 0.0
        fine = counts & (x >= _SMALLEST) & (x < np.inf)
        here = x if counts else np.inf
        low = lowest[i]
        lowest[i] = here if here < low else (low if here >= low else -np.inf)
        refused += counts & (not fine)
        p[i] = x if fine else 1.0
        effective[i] = weights[i] if fine else 0.0
        inverse[i] = 1.0 / p[i]
    replace_by_log(p)
    return refused


@_sums
@no_type_check
def _add_products(x: Values, y: Values, target: Values) -> None:
    """Add Σ_i x_ai y_bi, b ≤ a, to the target; what is added above the diagonal is of no use.

    Two rows by two: loads are what takes time, and so there is one for each product, not two.
    """
    last = y.shape[0] - 1
    for a in range(0, last + 1, 2):
        next_a = min(a + 1, last)
        for b in range(0, a + 1, 2):
            next_b = min(b + 1, last)
            t00, t01, t10, t11 = 0.0, 0.0, 0.0, 0.0
            for i in range(x.shape[1]):
                t00 += x[a, i] * y[b, i]
                t01 += x[a, i] * y[next_b, i]
                t10 += x[next_a, i] * y[b, i]
                t11 += x[next_a, i] * y[next_b, i]
            target[a, b] += t00
            if next_a > a:
                target[next_a, b] += t10
            if next_b > b:
                target[a, next_b] += t01
            if next_a > a and next_b > b:
                target[next_a, next_b] += t11


@_sums
@no_type_check
def _add_slopes(share: Values, q: Values, slopes: Values) -> None:
    """Add Σ a q of the pairs of a sample whose events have the shares a."""
    for row in range(slopes.size):
        slope = 0.0
        for i in range(share.size):
            slope += share[i] * q[row, i]
        slopes[row] += slope


@_sums
@no_type_check
def _add_bends(
    share: Values, q: Values, h: Values, weighted: Values, slopes: Values, bends: Values, products: Values
) -> None:
    """Add Σ a q, Σ a h and Σ a q q′. `weighted` is overwritten."""
    for row in range(slopes.size):
        slope, bend = 0.0, 0.0
        for i in range(share.size):
            weighted[row, i] = share[i] * q[row, i]
            slope += share[i] * q[row, i]
            bend += share[i] * h[row, i]
        slopes[row] += slope
        bends[row] += bend
    _add_products(weighted, q, products)


@_sums
@no_type_check
def _mixture_parts(
    table: Table,
    morphing: Morphing,
    coefficients: Values,
    curvature: bool,
    first: int,
    last: int,
    scalars: Values,
    moments: Moments,
    outer: Values,
) -> None:
    ratio, varied, weights, bounds, parameter, edges = table
    inside, side, distance = morphing
    totals, slopes, bends, products = moments
    pairs, samples, size = varied.shape[1], ratio.shape[1], ratio.shape[2]
    q, h = np.empty((pairs, size)), np.empty((pairs if curvature else 0, size))
    # Rows of u/p of samples, then of the pull of each systematic: the derivatives of ln p.
    rows, weighted = np.empty((outer.shape[1], size)), np.empty((outer.shape[1], size))
    p, effective, inverse = np.empty(size), np.empty(size), np.empty(size)
    over, spare, lowest = np.empty(size), np.empty(size), np.empty(size)
    for part in range(first, last):
        value = 0.0
        for i in range(size):
            lowest[i] = np.inf
        for m in range(edges[part], edges[part + 1]):
            for i in range(size):
                p[i] = 0.0
            for s in range(samples):
                low, high, u, c = bounds[s], bounds[s + 1], rows[s], coefficients[s]
                for i in range(size):
                    u[i] = ratio[m, s, i]
                of_sample = parameter[low:high]
                _vary(varied, m, low, of_sample, inside, side, distance, curvature, u, spare, q[low:high], h[low:high])
                for i in range(size):
                    p[i] += c * u[i]
            scalars[part, 2] += _settle(weights[m], p, effective, inverse, lowest)
            for i in range(size):
                value += effective[i] * p[i]
            for i in range(size):
                over[i] = effective[i] * inverse[i]
            for s in range(samples):
                low, high = bounds[s], bounds[s + 1]
                total = 0.0
                for i in range(size):
                    spare[i] = over[i] * rows[s, i]
                    total += spare[i]
                totals[part, s] += total
                mine = slopes[part, low:high]
                if curvature:
                    _add_bends(
                        spare, q[low:high], h[low:high], weighted, mine, bends[part, low:high], products[part, low:high]
                    )
                else:
                    _add_slopes(spare, q[low:high], mine)
            if not curvature:
                continue
            for row in range(rows.shape[0]):
                for i in range(size):
                    rows[row, i] = inverse[i] * rows[row, i] if row < samples else 0.0
            for s in range(samples):
                for j in range(bounds[s], bounds[s + 1]):
                    row = samples + parameter[j]
                    for i in range(size):
                        rows[row, i] += coefficients[s] * rows[s, i] * q[j, i]
            for row in range(rows.shape[0]):
                for i in range(size):
                    weighted[row, i] = effective[i] * rows[row, i]
            _add_products(weighted, rows, outer[part])
        smallest = np.inf
        for i in range(size):
            smallest = min(smallest, lowest[i])
        scalars[part, 0], scalars[part, 1] = value, smallest


@_sums
@no_type_check
def _expectation_parts(
    table: Table, morphing: Morphing, curvature: bool, first: int, last: int, moments: Moments
) -> None:
    ratio, varied, weights, bounds, parameter, edges = table
    inside, side, distance = morphing
    totals, slopes, bends, products = moments
    size, most = ratio.shape[2], products.shape[2]
    share, spare = np.empty(size), np.empty(size)
    q, h, weighted = np.empty((most, size)), np.empty((most, size)), np.empty((most, size))
    for part in range(first, last):
        for m in range(edges[part], edges[part + 1]):
            for s in range(ratio.shape[1]):
                low, high = bounds[s], bounds[s + 1]
                for i in range(size):
                    share[i] = weights[m, i] * ratio[m, s, i]
                of_sample, mine = parameter[low:high], slopes[part, low:high]
                _vary(varied, m, low, of_sample, inside, side, distance, curvature, share, spare, q, h)
                total = 0.0
                for i in range(size):
                    total += share[i]
                totals[part, s] += total
                if curvature:
                    _add_bends(
                        share, q[: high - low], h, weighted, mine, bends[part, low:high], products[part, low:high]
                    )
                else:
                    _add_slopes(share, q, mine)


@_exact
@no_type_check
def _collect(table: Table, moments: Moments, curvature: bool, totals: Values, first: Values, second: Values) -> None:
    """Add up the parts, in order: Σ a u of each sample, with first and second derivatives in α."""
    for part in range(moments.totals.shape[0]):
        for s in range(totals.size):
            low = table.bounds[s]
            totals[s] += moments.totals[part, s]
            for j in range(low, table.bounds[s + 1]):
                k = table.parameter[j]
                first[s, k] += moments.slopes[part, j]
                if not curvature:
                    continue
                second[s, k, k] += moments.bends[part, j]
                for other in range(low, j):
                    product = moments.products[part, j, other - low]
                    second[s, k, table.parameter[other]] += product
                    second[s, table.parameter[other], k] += product


def mixture(
    templates: Templates,
    weights: Float[np.ndarray, "m b"],
    coefficients: Float[np.ndarray, " s"],
    alpha: Float[np.ndarray, " k"],
    *,
    curvature: bool,
) -> tuple[float, float, int, Values, Values, Values]:
    """Sums of `sums.mixture`: value, lowest p, number of events whose p is no density, gradient, bend, outer."""
    samples, size = len(coefficients), len(coefficients) + len(alpha)
    table, moments, parts = _prepared(templates, weights)
    morphing, scalars, outer = Morphing.at(alpha), np.zeros((parts, 3)), np.zeros((parts, size, size))

    def work(first: int, last: int) -> None:
        _mixture_parts(table, morphing, coefficients, curvature, first, last, scalars, moments, outer)

    share(work, parts, threads=_threads(templates))
    lowest, refused = float(scalars[:, 1].min(initial=np.inf)), int(scalars[:, 2].sum())
    bend, square = np.zeros((size, size)), np.zeros((size, size))
    if refused:
        return -np.inf, lowest, refused, np.zeros(size), bend, square
    totals, first, second = _collected(templates, table, moments, curvature=curvature)
    if curvature:
        bend[:samples, samples:], bend[samples:, :samples] = first, first.T
        bend[samples:, samples:] = np.einsum("s,skl->kl", coefficients, second)
        lower = np.tril(outer.sum(0), -1)
        square = lower + lower.T
        np.fill_diagonal(square, np.einsum("pnn->n", outer))
    return float(scalars[:, 0].sum()), lowest, 0, np.concatenate([totals, coefficients @ first]), bend, square


def expectations(
    templates: Templates, weights: Float[np.ndarray, "m b"], alpha: Float[np.ndarray, " k"], *, curvature: bool
) -> tuple[Values, Values, Values]:
    """Sums of `sums.expectations`: value, gradient, Hessian."""
    table, moments, parts = _prepared(templates, weights)
    morphing = Morphing.at(alpha)

    def work(first: int, last: int) -> None:
        _expectation_parts(table, morphing, curvature, first, last, moments)

    share(work, parts, threads=_threads(templates))
    return _collected(templates, table, moments, curvature=curvature)


def _prepared(templates: Templates, weights: Float[np.ndarray, "m b"]) -> tuple[Table, Moments, int]:
    """What is read, what is written, and the number of parts. That depends on nothing but sizes."""
    blocks, samples, _ = templates.ratio.shape
    pairs = len(templates.pair_sample)
    bounds = templates.bounds
    most = int((bounds[1:] - bounds[:-1]).max())
    numbers = pairs * most + (samples + templates.parameters) ** 2
    parts = min(blocks, PARTS, max(_LARGEST // numbers, 8))
    edges = np.arange(parts + 1) * blocks // max(parts, 1)
    table = Table(templates.ratio, templates.varied, weights, bounds, templates.pair_parameter, edges)
    shapes = (parts, samples), (parts, pairs), (parts, pairs), (parts, pairs, most)
    return table, Moments(*map(np.zeros, shapes)), parts


def _threads(templates: Templates) -> int:
    pairs = templates.events * len(templates.pair_sample)
    return min(threads_allowed(), 1 + pairs // _WORTH_A_THREAD)


def _collected(
    templates: Templates, table: Table, moments: Moments, *, curvature: bool
) -> tuple[Values, Values, Values]:
    samples, size = templates.ratio.shape[1], templates.parameters
    found = np.zeros(samples), np.zeros((samples, size)), np.zeros((samples, size, size))
    _collect(table, moments, curvature, *found)
    return found
