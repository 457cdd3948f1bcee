"""How much signal is left when background is rejected, and by how much that improves a significance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neyman.core.errors import DataError
from neyman.plots.inputs import require_numbers
from neyman.plots.panels import new_figure
from neyman.plots.style import EXACT, LINES, Style, colour, pin, styled
from neyman.plots.text import fitting_legend, put_title

DENSE = 0.18  # opacity of a band
MOST = 6


@dataclass(frozen=True)
class RocCurve:
    """A ROC curve at chosen background efficiencies.

    Attributes:
        background: Background efficiencies, increasing, shape `(n,)`, above zero.
        signal: Signal efficiency at each.
        low: Lower end of its interval.
        high: Upper end of its interval.
        sic: Signal efficiency over √(background efficiency); NaN where too little background is left to tell.
        sic_low: Lower end of its interval, with the error of the background efficiency.
        sic_high: Upper end of its interval.

    Raises:
        DataError: If shapes differ, an efficiency is outside 0 to 1, or none is above zero.
    """

    background: Float[np.ndarray, " n"]
    signal: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]
    sic: Float[np.ndarray, " n"]
    sic_low: Float[np.ndarray, " n"]
    sic_high: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        shape = (len(self.background),)
        require_numbers("background efficiency", self.background, (None,), low=0.0, high=1.0)
        for name in ("signal", "low", "high"):
            require_numbers(f"{name} efficiency", getattr(self, name), shape, low=0.0, high=1.0)
        for name in ("sic", "sic_low", "sic_high"):
            require_numbers(name, np.nan_to_num(getattr(self, name)), shape, low=0.0)
        if not (self.background > 0).any():
            raise DataError("no background efficiency above zero", expected="at least one, for a logarithmic axis")


def plot_roc(
    curves: Mapping[str, RocCurve], *, smallest: float, level: float = 0.68, title: str = "", style: Style = "plain"
) -> Figure:
    """Signal efficiency on the left, significance improvement on the right, both over background efficiency.

    Dashed lines are what guessing gives. Below the smallest background efficiency that the sample can measure, the
    panels are hatched: nothing is known there.

    Args:
        curves: One for each signal, by name.
        smallest: The background efficiency of a single event.
        level: Confidence level of the bands, for the label.
        title: What else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no curves, more than six, or `smallest` is not in (0, 1).
    """
    if not 1 <= len(curves) <= MOST:
        raise DataError(f"{len(curves)} curves", expected=f"1 to {MOST}, which can be told apart")
    if not 0 < smallest < 1:
        raise DataError(f"smallest background efficiency {smallest:g}", expected="above 0 and below 1")
    left_end = min([smallest, *(float(curve.background[curve.background > 0].min()) for curve in curves.values())])
    left_end = max(left_end, 0.3 * smallest)
    with styled(style):
        figure = new_figure(height=3.9)
        left, right = figure.subplots(1, 2)
        handles: list[Any] = []
        for number, (name, curve) in enumerate(curves.items()):
            look: dict[str, Any] = {"color": colour(number), "linestyle": LINES[number]}
            at = curve.background > 0
            x = curve.background[at]
            left.plot(x, curve.signal[at], **look)
            left.fill_between(x, curve.low[at], curve.high[at], color=colour(number), alpha=DENSE, linewidth=0)
            right.plot(x, curve.sic[at], **look)
            right.fill_between(x, curve.sic_low[at], curve.sic_high[at], color=colour(number), alpha=DENSE, linewidth=0)
            handles.append(Line2D([], [], **look, label=name))
        guess = np.geomspace(left_end, 1, 200)
        random: dict[str, Any] = {"color": EXACT, "linestyle": ":", "linewidth": 1.1}
        left.plot(guess, guess, **random)
        right.plot(guess, np.sqrt(guess), **random)
        handles.append(Line2D([], [], **random, label="guessing"))
        for axes in (left, right):
            pin(axes)
            axes.set_xscale("log")
            axes.set_xlim(left_end, 1.0)
            axes.set_xlabel("background efficiency")
            if left_end < smallest:
                axes.axvspan(left_end, smallest, facecolor="none", edgecolor="#c5c9d0", hatch="////", linewidth=0)
        left.set_yscale("log")
        left.set_ylim(max(left_end, 1e-4), 1.15)
        left.set_ylabel("signal efficiency")
        right.set_ylim(0.0, _top(right, curves))
        right.set_ylabel(r"significance improvement $\varepsilon_S/\sqrt{\varepsilon_B}$")
        put_title(left, title or f"bands: {100 * level:.0f} % intervals", room=0.4)
        fitting_legend(figure, handles)
    return figure


def _top(axes: Axes, curves: Mapping[str, RocCurve]) -> float:
    """Bands may go beyond the panel where a handful of background events decides; the lines stay inside."""
    low, _ = axes.get_xlim()
    lines = [curve.sic[(curve.background >= low) & np.isfinite(curve.sic)] for curve in curves.values()]
    return 1.35 * max([1.0, *(float(line.max()) for line in lines if line.size)])
