"""How far a map moves events: its displacement z − x against x, as quantiles over all that it depends on besides."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_finite, require_shape

LEVELS = (0.025, 0.16, 0.5, 0.84, 0.975)
"""The quantiles: the median, and the central 68 % and 95 % of events."""


def displacement_quantiles(
    x: Float[np.ndarray, " n"], displacement: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]
) -> Float[np.ndarray, "5 k"]:
    """Quantiles of the displacement in bins of x: the median, and the central 68 % and 95 % of events.

    A correction that is one function of x has bands of no width but what the bin's own width makes; their width is
    what it owes to the conditions.

    Args:
        x: The variable before the correction.
        displacement: What the correction adds to it.
        edges: Edges of the bins of x.

    Returns:
        Quantiles at 0.025, 0.16, 0.5, 0.84 and 0.975, shape `(5, k)`; NaN in a bin without events.

    Raises:
        DataError: If lengths differ, a number is not finite, or edges do not increase.

    Examples:
        >>> x = np.linspace(0, 1, 1000, endpoint=False)
        >>> print(displacement_quantiles(x, 0.1 + 0 * x, np.array([0.0, 0.5, 1.0, 2.0]))[2])
        [0.1 0.1 nan]
    """
    require_shape("x", x, (None,))
    require_shape("displacement", displacement, x.shape)
    require_shape("edges", edges, (None,))
    for name, values in (("x", x), ("displacement", displacement), ("edges", edges)):
        require_finite(name, values)
    if (np.diff(edges) <= 0).any():
        raise DataError("edges that do not increase", expected="increasing numbers", where="displacement_quantiles")
    bins = np.searchsorted(edges, x, side="right") - 1
    found = np.full((len(LEVELS), len(edges) - 1), np.nan)
    for index in range(len(edges) - 1):
        inside = displacement[bins == index]
        if len(inside):
            found[:, index] = np.quantile(inside, LEVELS)
    return found
