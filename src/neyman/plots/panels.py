"""Empty figures: one panel, or a main panel with a lower one that shares its axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from neyman.plots.style import pin

WIDTH = 7.0  # inches at 100 dots: 700 pixels, a column of a page on a screen


def new_figure(width: float = WIDTH, height: float = 4.8) -> Figure:
    """An empty figure that belongs to nobody's global state."""
    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def one_panel(figure: Figure, at: SubplotSpec | None = None) -> Axes:
    """One panel that fills the figure, or a place of its grid."""
    axes = figure.add_subplot(at or figure.add_gridspec()[0])
    pin(axes)
    return axes


def two_panels(
    figure: Figure, at: tuple[SubplotSpec, SubplotSpec] | None = None, *, heights: Sequence[float] = (3.0, 1.2)
) -> tuple[Axes, Axes]:
    """A main panel and one below it, on one horizontal axis; in the whole figure or two places of its grid."""
    if at is None:
        grid = figure.add_gridspec(2, 1, height_ratios=heights)
        at = grid[0], grid[1]
    upper = figure.add_subplot(at[0])
    lower = figure.add_subplot(at[1], sharex=upper)
    for axes in (upper, lower):
        pin(axes)
    upper.tick_params(axis="x", which="both", labelbottom=False)
    figure.align_ylabels([upper, lower])
    return upper, lower


def legend_above(figure: Figure, handles: Sequence[Any], *, columns: int = 3) -> None:
    """A legend outside of the panels, where it cannot cover data."""
    figure.legend(handles=handles, loc="outside upper center", ncols=min(columns, len(handles)))
