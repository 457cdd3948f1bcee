"""What log ratios of a varied density are relative to, told by reference events.

A density integrates to one. Of H = ln p_varied/p_nominal that is true of ∫ p_ref r e^H, r being p_nominal/p_ref, and of
H = ln p_varied/p_ref of ∫ p_ref e^H. And a variation is small: in the first case H itself, in the second H − ln r.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

BLOCK = 1 << 16
"""Events at a time, so that arrays larger than memory may stay in their files."""
CLEARLY = 4.0
"""How much smaller a variation is for what it is relative to, before that is believed."""


class Relative(NamedTuple):
    """What a log ratio is relative to.

    Attributes:
        to_reference: Whether it is the reference density, and not the nominal density of the sample.
        integral: What the varied density integrates to if it is.
    """

    to_reference: bool
    integral: float


def relative(
    weights: Float[np.ndarray, " r"], log_ratio: Float[np.ndarray, " r"], varied: Float[np.ndarray, " r"]
) -> Relative:
    """Find out what a varied log ratio is relative to.

    Args:
        weights: Of the reference events, shape (R,).
        log_ratio: ln r of the sample, L, shape (R,).
        varied: The log ratio in question, H, shape (R,).

    Returns:
        The reference density, if both `E[r (H − L)²] < E[r H²] / 4` and `|E[e^H] / E[r] − 1| < |E[r e^H] / E[r] − 1|`
        hold, E being the mean over the reference events; else the nominal one.

    Examples:
        >>> x, one = np.linspace(-3, 3, 61), np.ones(61)
        >>> log_ratio = np.log(1 + 0.3 * np.sin(x))
        >>> relative(one, log_ratio, np.log(1 + 0.31 * np.sin(x))).to_reference
        True
        >>> relative(one, log_ratio, np.full(61, 0.01)).to_reference
        False
    """
    sums = np.zeros(5)
    with np.errstate(over="ignore", invalid="ignore"):  # of what is not meant so; it is not believed then
        for start in range(0, len(weights), BLOCK):
            v, low, high = (np.asarray(each[start : start + BLOCK], float) for each in (weights, log_ratio, varied))
            r, g = v * np.exp(low), np.exp(high)
            sums += [r.sum(), (r * g).sum(), (v * g).sum(), (r * high**2).sum(), (r * (high - low) ** 2).sum()]
        total, to_nominal, to_reference, size, size_to_reference = sums
        nearer = abs(to_reference / total - 1) < abs(to_nominal / total - 1)
        smaller = size_to_reference * CLEARLY < size
    return Relative(bool(nearer and smaller), float(to_reference / total))
