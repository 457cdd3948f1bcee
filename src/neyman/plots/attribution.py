"""Which features make an event anomalous: bars for one event, a table of shades for several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from neyman.core.errors import DataError
from neyman.plots.event_display import EventObjects, draw_event
from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.rows import SMALL, name_rows
from neyman.plots.style import EXACT, Style, pin, styled
from neyman.plots.text import apart_numbers, fitting_legend, put_title, short

ABOVE, BELOW = "#c8502e", "#3f76c9"  # apart for colour-blind readers and in greyscale
LABEL = r"attribution $-\sigma s$: how far beyond background"


def plot_attribution(
    names: Sequence[str],
    attribution: Float[np.ndarray, " d"],
    *,
    values: Sequence[str] = (),
    most: int = 12,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """The features of one event that push its score, the strongest first.

    To the right, the value is above what background has for events that are otherwise like this one; to the left, it
    is below.

    Args:
        names: The features.
        attribution: One number each; the sign says in which direction it is off.
        values: The value of each feature with its unit, as text.
        most: Features at most.
        title: Which event it is.
        style: Look of the figure.

    Raises:
        DataError: If there are no names, one stands twice, lengths differ, or a number is not finite.
    """
    _check(names, attribution, values, most)
    with styled(style):
        figure = new_figure(height=1.3 + 0.26 * min(most, len(names)))
        axes = one_panel(figure)
        draw_attribution(axes, names, attribution, values=values, most=most)
        put_title(axes, title, room=0.6)
    return figure


def plot_candidate(
    event: EventObjects,
    names: Sequence[str],
    attribution: Float[np.ndarray, " d"],
    *,
    values: Sequence[str] = (),
    most: int = 10,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """A candidate for a physicist to look at: the event on the left, what makes it anomalous on the right.

    Args:
        event: Its objects.
        names: The features.
        attribution: One number each.
        values: The value of each feature with its unit, as text.
        most: Features at most.
        title: Which event it is.
        style: Look of the figure.

    Raises:
        DataError: As `plot_attribution`.
    """
    _check(names, attribution, values, most)
    with styled(style):
        figure = new_figure(width=9.6, height=4.3)
        grid = figure.add_gridspec(1, 2, width_ratios=(1.25, 1.0))
        left, right = one_panel(figure, grid[0]), one_panel(figure, grid[1])
        handles = draw_event(left, event)
        draw_attribution(right, names, attribution, values=values, most=most)
        right.set_xlabel(r"attribution $-\sigma s$")
        put_title(left, title, room=0.5)
        if handles:
            fitting_legend(figure, handles)
    return figure


def draw_attribution(
    axes: Axes, names: Sequence[str], attribution: np.ndarray, *, values: Sequence[str] = (), most: int = 12
) -> None:
    """Draw the bars of one event into a panel."""
    order = np.argsort(-np.abs(attribution), kind="stable")[:most]
    shown = attribution[order]
    name_rows(axes, [names[row] for row in order], [values[row] for row in order] if values else ())
    axes.barh(np.arange(len(order)), shown, height=0.68, color=np.where(shown > 0, ABOVE, BELOW).tolist())
    axes.axvline(0, color=EXACT, linewidth=0.8)
    reach = 1.1 * float(np.abs(shown).max()) or 1.0
    axes.set_xlim(-reach, reach)
    axes.set_xlabel(LABEL)
    apart_numbers(axes)
    axes.locator_params(axis="x", nbins=5)


def plot_attributions(
    names: Sequence[str],
    attribution: Float[np.ndarray, "n d"],
    events: Sequence[str],
    *,
    most: int = 16,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Several events at once: the share of each feature in what is unusual of an event, features by their largest.

    A shade is the square of the attribution with its sign, over the sum of squares of the event: ±1 is all of it.

    Args:
        names: The features, d of them.
        attribution: One row an event.
        events: The name of each event.
        most: Features at most.
        title: What else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no names or events, one stands twice, shapes differ, or a number is not finite.
    """
    require_names(names)
    require_names(events)
    require_numbers("attribution", attribution, (len(events), len(names)))
    squares = attribution**2
    share = np.sign(attribution) * squares / np.maximum(squares.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    order = np.argsort(-np.abs(share).max(axis=0), kind="stable")[:most]
    shown = share[:, order].T
    with styled(style):
        figure = new_figure(height=1.7 + 0.24 * len(order))
        axes = one_panel(figure)
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        name_rows(axes, [names[row] for row in order])
        axes.set_xticks(range(len(events)), [short(name, 9) for name in events], fontsize=SMALL)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="both", which="both", length=0)
        bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
        pin(bar.ax)
        bar.ax.tick_params(labelsize=SMALL)
        bar.set_label("share, with its direction", fontsize=10)
        axes.set_xlabel("row of the candidate")
        put_title(axes, title, room=0.6)
    return figure


def _check(names: Sequence[str], attribution: np.ndarray, values: Sequence[Any], most: int) -> None:
    require_names(names)
    require_numbers("attribution", attribution, (len(names),))
    if values and len(values) != len(names):
        raise DataError(f"{len(values)} values", expected=f"{len(names)}, one a feature")
    if most < 1:
        raise DataError(f"most is {most}", expected="at least one row")
