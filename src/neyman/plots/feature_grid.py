"""Small histograms of many features, to look over a table at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure
from neyman.plots.style import BAND, LINES, TRUTH, Style, colour, pin, styled
from neyman.plots.text import fitting_legend, minus, short

COLUMNS = 5
CELL = 1.28  # inches
MOST = 5
DECADES = 30.0  # that a logarithmic axis spans at least: less, and the scatter of a flat histogram looks like structure


def plot_features(
    names: Sequence[str],
    edges: Sequence[Float[np.ndarray, " e"]],
    background: Sequence[Float[np.ndarray, " b"]],
    *,
    others: Mapping[str, Sequence[Float[np.ndarray, " b"]]] | None = None,
    marks: Sequence[Float[np.ndarray, " m"]] = (),
    log_y: bool = True,
    label: str = "background",
    style: Style = "plain",
) -> Figure:
    """One panel a feature: the background grey, others as lines, all of area one.

    Args:
        names: The features.
        edges: Edges of each histogram.
        background: Events in its bins.
        others: Events of others in the same bins, by name; at most five.
        marks: Numbers of single events in each panel, as candidates, drawn as ticks above the histogram.
        log_y: Whether the vertical axes are logarithmic.
        label: What the legend calls the grey one.
        style: Look of the figure.

    Raises:
        DataError: If there are no names, one stands twice, or lengths differ.
    """
    require_names(names)
    others = dict(others or {})
    if len(others) > MOST:
        raise DataError(f"{len(others)} samples", expected=f"at most {MOST}, which can be told apart")
    for what, given in {
        "edges": edges,
        "background": background,
        **others,
        **({"marks": marks} if marks else {}),
    }.items():
        if len(given) != len(names):
            raise DataError(f"{len(given)} histograms", where=what, expected=f"{len(names)}, one a feature")
    rows = -(-len(names) // COLUMNS)
    with styled(style):
        figure = new_figure(width=9.0, height=0.5 + CELL * rows)
        grid = figure.add_gridspec(rows, COLUMNS)
        for index, name in enumerate(names):
            axes = figure.add_subplot(grid[index // COLUMNS, index % COLUMNS])
            pin(axes)
            require_numbers(name, background[index], (len(edges[index]) - 1,), low=0.0)
            axes.stairs(_unit(background[index]), edges[index], fill=True, facecolor=BAND, edgecolor="#9aa0aa")
            for number, counts in enumerate(others.values()):
                require_numbers(name, counts[index], (len(edges[index]) - 1,), low=0.0)
                axes.stairs(_unit(counts[index]), edges[index], color=colour(number), linestyle=LINES[number],
                            linewidth=1.1)  # fmt: skip
            if marks:
                inside = np.clip(marks[index], edges[index][0], edges[index][-1])
                axes.plot(inside, np.full(len(inside), 0.93), "|", color=TRUTH, markersize=6.0, clip_on=False,
                          transform=axes.get_xaxis_transform())  # fmt: skip
            if log_y:
                axes.set_yscale("log")
                low, high = axes.get_ylim()
                axes.set_ylim(min(low, high / DECADES), high)
            axes.set_title(minus(short(name, 22)), fontsize=7.5, pad=2.5)
            axes.set_xlim(edges[index][0], edges[index][-1])
            axes.yaxis.set_major_locator(NullLocator())
            axes.yaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_locator(MaxNLocator(nbins=2, prune="both"))
            axes.tick_params(axis="x", labelsize=6.5, length=3.0, pad=2.0)
        if others or marks:
            handles: list[Any] = [Line2D([], [], color="#9aa0aa", linewidth=5, label=label)]
            handles += [
                Line2D([], [], color=colour(number), linestyle=LINES[number], label=name)
                for number, name in enumerate(others)
            ]
            if marks:
                tick: dict[str, Any] = {"color": TRUTH, "marker": "|", "markersize": 9, "linestyle": "none"}
                handles.append(Line2D([], [], **tick, label="candidates"))
            fitting_legend(figure, handles)
    return figure


def _unit(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts / max(float(counts.sum()), 1.0))
