"""The learning rate as a pure function of the step: nothing to save, nothing to resume wrongly."""

from __future__ import annotations

import math

_WARM_UP = 0.1


def one_cycle(step: int, total: int, *, peak: float) -> float:
    """The learning rate at a step: linear up to the peak, then half a cosine to zero (arXiv:1708.07120).

    Examples:
        >>> [round(one_cycle(step, 100, peak=1.0), 3) for step in (0, 9, 55, 100)]
        [0.1, 1.0, 0.5, 0.0]
    """
    warm = max(1, round(_WARM_UP * total))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))
