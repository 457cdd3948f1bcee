"""Where events lie in the plane of two scores, and the four regions that two cuts make of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_names, require_numbers
from neyman.plots.panels import WIDTH, new_figure
from neyman.plots.style import EXACT, TRUTH, Style, pin, styled
from neyman.plots.text import apart_numbers, minus, short

# Corners in axes coordinates: A is high in the first score, D in the second, B in both, C in none.
CORNERS = {"A": (1, 0), "B": (1, 1), "C": (0, 0), "D": (0, 1)}
DEEPEST = 1e-5  # the lowest colour, as a fraction of the highest
ROOM = 0.25  # of the width of a panel: what a region has at least, so that its yield stands inside
TAIL = 5e-4  # of the events of a class, at either end of a score, that need not be seen
COLOURS = "YlGnBu"  # from light to dark also in greyscale, so that white is empty
HALO = (withStroke(linewidth=3.0, foreground="white"),)


def plot_plane(
    edges: tuple[Float[np.ndarray, " e"], Float[np.ndarray, " f"]],
    counts: Mapping[str, Float[np.ndarray, "n m"]],
    cuts: tuple[float, float],
    *,
    yields: Mapping[str, Float[np.ndarray, 4]] | None = None,
    labels: tuple[str, str] = ("score $f_1$", "score $f_2$"),
    style: Style = "plain",
) -> Figure:
    """The density of each class of events in the plane, with the cuts and the yields of A, B, C and D.

    Cells at or below zero, as negative weights make them, are white. Each class has its own range, as signal reaches
    further than background: from its first to its last events, and wider where a region would have no room.

    Args:
        edges: Edges of the cells along the first and the second score.
        counts: Events in each cell, by class; the first axis is the first score. One or two classes.
        cuts: Cuts on the first and the second score.
        yields: Events in A, B, C and D, by class; those of a class may be left out.
        labels: The scores, as axes write them.
        style: Look of the figure.

    Raises:
        DataError: If there are not one or two classes, shapes differ, edges do not increase, a number is not finite,
            or yields belong to no class.
    """
    yields = {} if yields is None else yields
    _check(edges, counts, cuts, yields)
    with styled(style):
        alone = len(counts) == 1
        figure = new_figure(0.62 * WIDTH if alone else WIDTH, 4.8 if alone else 4.4)
        panels = list(figure.subplots(1, len(counts), squeeze=False)[0])
        for axes, (name, cells) in zip(panels, counts.items(), strict=True):
            pin(axes)
            _draw(figure, axes, edges, cells)
            _regions(axes, cuts, yields.get(name))
            axes.set_xlim(*_limits(edges[0], np.abs(cells).sum(axis=1), cuts[0]))
            axes.set_ylim(*_limits(edges[1], np.abs(cells).sum(axis=0), cuts[1]))
            axes.set_title(short(name, 28), loc="left")
            axes.set_xlabel(labels[0])
            apart_numbers(axes)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        panels[0].set_ylabel(labels[1])
    return figure


def _check(
    edges: tuple[np.ndarray, np.ndarray],
    counts: Mapping[str, np.ndarray],
    cuts: tuple[float, float],
    yields: Mapping[str, np.ndarray],
) -> None:
    require_names(tuple(counts))
    if len(counts) > 2:
        raise DataError(f"{len(counts)} classes of events", expected="one or two", hint="draw a figure for each")
    for which, values in zip(("first", "second"), edges, strict=True):
        require_numbers(f"edges of the {which} score", values, (None,))
        require_increasing(f"edges of the {which} score", values)
        if len(values) < 2:
            raise DataError("one edge", where=f"edges of the {which} score", expected="at least two")
    for name, cells in counts.items():
        require_numbers(f"counts of '{name}'", cells, (len(edges[0]) - 1, len(edges[1]) - 1))
    require_numbers("cuts", np.asarray(cuts, float), (2,))
    for name, values in yields.items():
        if name not in counts:
            raise DataError(f"yields of '{name}', which has no counts", expected=f"one of {', '.join(counts)}")
        require_numbers(f"yields of '{name}'", values, (4,))


def _limits(edges: np.ndarray, events: np.ndarray, cut: float) -> tuple[float, float]:
    """From the first to the last interval that holds events, and wider where the cut would be close to the end."""
    shares = np.cumsum(events) / (events.sum() or 1.0)
    low, high = float(edges[0]), float(edges[-1])
    if events.any():
        low = float(edges[np.searchsorted(shares, TAIL, side="right")])
        high = float(edges[np.searchsorted(shares, 1 - TAIL) + 1])
    inside = ROOM / (1 - ROOM)
    return min(low, cut - inside * (high - cut)), max(high, cut + inside * (cut - low))


def _draw(figure: Figure, axes: Axes, edges: tuple[np.ndarray, np.ndarray], cells: np.ndarray) -> None:
    shown = np.ma.masked_less_equal(cells, 0.0)
    top = float(shown.max()) if shown.count() else 1.0
    bottom = max(float(shown.min()), DEEPEST * top) if shown.count() else 0.1
    bottom = min(bottom, 0.2 * top)
    norm = LogNorm(bottom, top, clip=True)
    image = axes.pcolormesh(*edges, shown.T, cmap=COLOURS, norm=norm, rasterized=True)
    bar = figure.colorbar(image, ax=axes, location="bottom", fraction=0.05, aspect=24)
    bar.set_label("events / cell", loc="center")
    pin(bar.ax)
    bar.ax.tick_params(axis="y", which="both", left=False, right=False)
    bar.ax.tick_params(axis="x", which="both", top=False, labelsize=10)
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    if top < 100 * bottom:  # matplotlib would write each of 2, 3, … 9 out, over one another
        bar.set_ticks(_one_two_five(bottom, top))
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _one_two_five(low: float, high: float) -> list[float]:
    """The numbers 1, 2 and 5, times powers of ten, in a range.

    Examples:
        >>> _one_two_five(0.03, 0.7)
        [0.05, 0.1, 0.2, 0.5]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [value for power in powers for step in (1, 2, 5) if low <= (value := float(f"{step}e{power}")) <= high]


def _regions(axes: Axes, cuts: tuple[float, float], yields: np.ndarray | None) -> None:
    """The cuts; in the corners the letters, outermost, and beside them what the regions hold."""
    look: dict[str, Any] = {"color": TRUTH, "linewidth": 1.5, "path_effects": HALO}
    axes.axvline(cuts[0], **look)
    axes.axhline(cuts[1], **look)
    for index, (letter, (right, top)) in enumerate(CORNERS.items()):
        held = "" if yields is None else _events(float(yields[index]))
        bold = rf"$\mathbf{{{letter}}}$"
        text = f"{held}  {bold}" if right else f"{bold}  {held}"
        axes.annotate(
            text.strip(),
            (right, top),
            (-6 if right else 6, -6 if top else 6),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right" if right else "left",
            va="top" if top else "bottom",
            fontsize=10.5,
            color=EXACT,
            path_effects=HALO,
        )


def _events(value: float) -> str:
    """A yield to three digits, or all before the decimal point.

    Examples:
        >>> _events(94123.4), _events(0.01234)
        ('94,123', '0.0123')
    """
    return minus(f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")
