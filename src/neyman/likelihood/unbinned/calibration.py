"""Reference weights that agree with the likelihood, for data that are made from the reference.

The likelihood takes ∫ p_s(x|α) dx = 1 for granted: Z_s(α) relies on ratios whose nominal density integrates to one.
Means over a reference that was sampled scatter about that, and data made of such events would not have their minimum
where they were made. Survey statistics calls the remedy calibration (Deville and Särndal, JASA 87 (1992) 376): the
weights that are nearest to the given ones, v′ = v (1 + λ·b(x)), and have the right means of b. Here b are the
densities and their derivatives in α, so that the gradient of −ln L vanishes at the truth, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from neyman.likelihood.unbinned.density import Normaliser
from neyman.likelihood.unbinned.templates import Templates

_BLOCKS = 64  # that are looked at together
_STEP = 1e-4
_RANK = 1e-9


def calibrated(
    templates: Templates, weights: Float[np.ndarray, " n"], alpha: Float[np.ndarray, " k"], z: Normaliser
) -> Float[np.ndarray, " n"]:
    """Weights of the reference events, with a sum of one and the means that the likelihood expects at a point.

    Args:
        templates: Density ratios at the reference events.
        weights: Of the reference, shape (N,).
        alpha: The point, shape (K,).
        z: Z and its derivatives there.

    Returns:
        Shape (N,). An event whose weight would change its sign has none.
    """
    v = weights / weights.sum()
    pairs = [(int(s), int(k)) for s, k in zip(templates.pair_sample, templates.pair_parameter, strict=True)]
    target = np.array([1.0, *z.value, *(z.value[s] * z.first[s, k] for s, k in pairs)])
    mean, spread = np.zeros(len(target)), np.zeros((len(target), len(target)))
    for rows, piece in _pieces(templates):
        b = _functions(piece, alpha, pairs)
        mean += b @ v[rows]
        spread += (b * v[rows]) @ b.T
    scale = 1 / np.sqrt(np.maximum(np.diagonal(spread), 1e-300))
    solution = np.linalg.lstsq(spread * np.outer(scale, scale), (target - mean) * scale, rcond=_RANK)[0] * scale
    change = np.concatenate([solution @ _functions(piece, alpha, pairs) for _, piece in _pieces(templates)])
    found: Float[np.ndarray, " n"] = v * np.maximum(1 + change, 0.0)
    return found


def _pieces(templates: Templates) -> Iterator[tuple[slice, Templates]]:
    """Some blocks of the events at a time, and which events these are."""
    size = templates.ratio.shape[2]
    for first in range(0, len(templates.ratio), _BLOCKS):
        blocks = slice(first, first + _BLOCKS)
        rows = slice(first * size, min((first + _BLOCKS) * size, templates.events))
        count = rows.stop - rows.start
        yield rows, replace(templates, ratio=templates.ratio[blocks], varied=templates.varied[blocks], events=count)


def _functions(
    templates: Templates, alpha: Float[np.ndarray, " k"], pairs: list[tuple[int, int]]
) -> Float[np.ndarray, "b n"]:
    """One, the density of each sample, and its derivative in each parameter that changes it."""
    densities = templates.densities(alpha)
    slopes = {}
    for k in {k for _, k in pairs}:
        step = _STEP * (np.arange(len(alpha)) == k)
        slopes[k] = (templates.densities(alpha + step) - templates.densities(alpha - step)) / (2 * _STEP)
    return np.vstack([np.ones(densities.shape[1]), densities, *(slopes[k][s] for s, k in pairs)])
