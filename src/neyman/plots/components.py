"""Events by their two first principal components, how much variance each has, and distances between events."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure
from neyman.plots.style import EXACT, LEARNED, Style, pin, styled
from neyman.plots.text import apart_numbers, fitting_legend

SHOWN = 30  # components


def plot_components(
    points: Float[np.ndarray, "n 2"], explained: Float[np.ndarray, " k"], *, style: Style = "plain"
) -> Figure:
    """Events in the plane of the two first principal components, and the variance of all of them.

    The plane shows 99 % of the events along each axis; a few may be farther out.

    Args:
        points: Their two first components.
        explained: Fraction of the variance of each component, falling.
        style: Look of the figure.

    Raises:
        DataError: If a shape differs, a number is not finite, or a fraction is not in 0 to 1.
    """
    require_numbers("components", points, (None, 2))
    require_numbers("explained", explained, (None,), low=0.0, high=1.0)
    numbers = np.arange(1, min(SHOWN, len(explained)) + 1)
    with styled(style):
        figure = new_figure(height=3.5)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            pin(axes)
        left.plot(*points.T, ".", color=LEARNED, markersize=2.0, alpha=0.35, rasterized=True)
        for limits, values in zip((left.set_xlim, left.set_ylim), points.T, strict=True):
            low, high = np.quantile(values, [0.005, 0.995])
            margin = 0.15 * (high - low) or 1.0
            limits(low - margin, high + margin)
        left.set_xlabel(f"1st component, {100 * explained[0]:.0f} % of variance")
        second = f", {100 * explained[1]:.0f} %" if len(explained) > 1 else ""
        left.set_ylabel(f"2nd component{second}")
        right.bar(numbers, 100 * explained[: len(numbers)], color=LEARNED, alpha=0.55)
        right.plot(numbers, 100 * np.cumsum(explained)[: len(numbers)], color=EXACT, marker="o", markersize=2.5)
        right.set_ylim(0, 105)
        right.set_xlim(0.3, len(numbers) + 0.7)
        right.set_xlabel("component")
        right.set_ylabel("variance: each, and so far [%]")
    return figure


def plot_distances(
    edges: Float[np.ndarray, " e"],
    pairs: Float[np.ndarray, " b"],
    nearest: Float[np.ndarray, " b"],
    *,
    style: Style = "plain",
) -> Figure:
    """Distances between random pairs of standardised events, and from each event to its nearest neighbour.

    The further the two are apart, the more structure there is at scales below that of the whole sample.

    Args:
        edges: Edges of the bins.
        pairs: Random pairs in each bin.
        nearest: Nearest neighbours in each bin.
        style: Look of the figure.

    Raises:
        DataError: If shapes differ or counts are negative.
    """
    require_increasing("edges", edges)
    for name, counts in (("pairs", pairs), ("nearest", nearest)):
        require_numbers(name, counts, (len(edges) - 1,), low=0.0)
    with styled(style):
        figure = new_figure(height=3.2)
        axes = figure.subplots()
        pin(axes)
        axes.stairs(pairs / max(float(pairs.sum()), 1.0), edges, color=LEARNED)
        axes.stairs(nearest / max(float(nearest.sum()), 1.0), edges, color=EXACT, linestyle="--")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(bottom=0)
        apart_numbers(axes)
        axes.set_xlabel("Euclidean distance of standardised events")
        axes.set_ylabel("fraction per bin")
        fitting_legend(
            figure,
            [
                Line2D([], [], color=LEARNED, label="random pairs"),
                Line2D([], [], color=EXACT, linestyle="--", label="nearest neighbours"),
            ],
        )
    return figure
