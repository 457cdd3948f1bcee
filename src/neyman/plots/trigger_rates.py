"""Rates of the paths of a trigger, with the rate of all before and with each: from crossings to what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.rows import name_rows
from neyman.plots.style import EXACT, LEARNED, TRUTH, Style, styled
from neyman.plots.text import fitting_legend, put_title

LEFT = 0.3  # of the smallest number that is drawn


@dataclass(frozen=True)
class Rates:
    """Rates in Hz.

    Attributes:
        value: Of each path, shape `(n,)`.
        low: Lower ends of the intervals.
        high: Upper ends.
        cumulative: Of each path and all before it together.
    """

    value: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]
    cumulative: Float[np.ndarray, " n"]


def plot_trigger_rates(
    names: Sequence[str],
    rates: Rates,
    *,
    crossings: float,
    target: float | None = None,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """A bar for each path with its 68 % interval, and a step for the rate of the menu so far.

    Args:
        names: The paths.
        rates: Their rates.
        crossings: Rate of bunch crossings in Hz, the right end of the axis.
        target: The rate that is aimed at.
        title: Luminosity, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no paths, a name stands twice, lengths differ, or a number is negative.
    """
    require_names(names)
    for name in ("value", "low", "high", "cumulative"):
        require_numbers(name, getattr(rates, name), (len(names),), low=0.0)
    positive = [values[values > 0] for values in (rates.value, rates.low, rates.high)]
    left = LEFT * float(np.concatenate([*positive, [crossings]]).min())
    rows = np.arange(len(names))
    with styled(style):
        figure = new_figure(height=1.6 + 0.34 * len(names))
        axes = one_panel(figure)
        axes.set_xscale("log")
        axes.set_xlim(left, 3.0 * crossings)
        name_rows(axes, names)
        axes.barh(rows, np.maximum(rates.value - left, 0.0), left=left, height=0.6, color=LEARNED, alpha=0.55)
        axes.hlines(rows, np.maximum(rates.low, left), rates.high, color=EXACT, linewidth=1.2, zorder=3)
        axes.stairs(rates.cumulative, np.arange(len(names) + 1) - 0.5, orientation="horizontal", color=TRUTH,
                    linewidth=1.6, baseline=None)  # fmt: skip
        axes.axvline(crossings, color=EXACT, linewidth=1.1, linestyle="-.")
        handles: list[Any] = [
            Patch(facecolor=LEARNED, alpha=0.55, label="path, after prescale"),
            Line2D([], [], color=EXACT, linewidth=1.2, label="68 % interval"),
            Line2D([], [], color=TRUTH, linewidth=1.6, label="menu so far"),
            Line2D([], [], color=EXACT, linewidth=1.1, linestyle="-.", label="crossings"),
        ]
        if target is not None:
            axes.axvline(target, color=EXACT, linewidth=1.1, linestyle=":")
            handles.append(Line2D([], [], color=EXACT, linewidth=1.1, linestyle=":", label="target"))
        axes.set_xlabel("rate [Hz]")
        put_title(axes, title, room=0.6)
        fitting_legend(figure, handles)
    return figure
