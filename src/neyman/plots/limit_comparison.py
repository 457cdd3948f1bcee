"""Upper limits of several analyses beside one another: expected bands as bars, one row an analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.limits import ONE_SIGMA, TWO_SIGMA
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.rows import name_rows
from neyman.plots.style import EXACT, TRUTH, Style, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title

ROW = 0.42  # inches
LOGARITHMIC = 30.0  # ratio of the largest to the smallest limit from which the axis is logarithmic
NO_LIMIT = "no limit"


def plot_limit_comparison(
    names: tuple[str, ...],
    expected: Float[np.ndarray, "n 5"],
    *,
    observed: Float[np.ndarray, " n"] | None = None,
    best: float | None = None,
    best_label: str = "best score",
    label: str = r"95 % CL upper limit on $\mu$",
    unit: str = "",
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Expected limits of each analysis with bands of one and two standard deviations, medians beside them.

    An analysis whose median is NaN has no limit, which is what its row says; a single end that is NaN has no band.

    Args:
        names: The analyses.
        expected: Limits expected without a signal at −2, −1, 0, 1, 2 standard deviations, NaN for none.
        observed: Limits from the data, NaN for none; None while all are blinded.
        best: A limit to compare all with, drawn as a line.
        best_label: What that is.
        label: What the limits are on.
        unit: Its unit.
        title: The search, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no names, one stands twice, shapes differ, or a limit is negative or infinite.
    """
    _check(names, expected, observed, best)
    with styled(style):
        figure = new_figure(height=1.35 + ROW * len(names))
        axes = one_panel(figure)
        notes = [f"{median:.3g}" if np.isfinite(median) else NO_LIMIT for median in expected[:, 2].tolist()]
        name_rows(axes, names, notes)
        axes.tick_params(axis="y", labelsize=10)
        for note in axes.texts:
            note.set_fontsize(10)
        axes.text(1.015, 1.0, "median", transform=axes.transAxes, va="bottom", fontsize=9)
        shown = [expected, *([] if observed is None else [observed]), *([] if best is None else [np.array([best])])]
        _scale(axes, np.concatenate([values.ravel() for values in shown]))
        handles = _bars(axes, expected)
        if observed is not None:
            rows = np.flatnonzero(np.isfinite(observed))
            axes.plot(observed[rows], rows, "o", color=EXACT, markersize=5.5, zorder=5)
            handles.insert(0, Line2D([], [], color=EXACT, marker="o", linestyle="none", label="observed"))
        if best is not None:
            line = axes.axvline(best, color=TRUTH, linestyle="--", linewidth=1.5, zorder=4)
            line.set_label(f"{best_label}: {best:.3g}")
            handles.append(line)
        axes.set_xlabel(axis_label(label, unit))
        if axes.get_xscale() == "linear":
            apart_numbers(axes)
        put_title(axes, title, room=0.6)
        fitting_legend(figure, handles)
    return figure


def _check(names: tuple[str, ...], expected: np.ndarray, observed: np.ndarray | None, best: float | None) -> None:
    require_names(names)
    for what, values, shape in (
        ("expected limits", expected, (len(names), 5)),
        ("observed limits", observed, (len(names),)),
        ("best limit", None if best is None else np.array([best]), (1,)),
    ):
        if values is not None:
            known = values if what == "best limit" else np.where(np.isnan(values), 0.0, values)
            require_numbers(what, known, shape, low=0.0)


def _bars(axes: Axes, expected: np.ndarray) -> list[Any]:
    """Both bands and the median of each row."""
    for ends, shade, height in (((0, 4), TWO_SIGMA, 0.62), ((1, 3), ONE_SIGMA, 0.62)):
        low, high = expected[:, ends[0]], expected[:, ends[1]]
        rows = np.flatnonzero(np.isfinite(low) & np.isfinite(high))
        axes.barh(rows, (high - low)[rows], left=low[rows], height=height, color=shade, linewidth=0)
    rows = np.flatnonzero(np.isfinite(expected[:, 2]))
    axes.vlines(expected[rows, 2], rows - 0.31, rows + 0.31, color=EXACT, linewidth=2.0, zorder=3)
    return [
        Line2D([], [], color=EXACT, linewidth=2.0, label="expected median"),
        Patch(color=ONE_SIGMA, label="±1 σ"),
        Patch(color=TWO_SIGMA, label="±2 σ"),
    ]


def _scale(axes: Axes, limits: np.ndarray) -> None:
    positive = limits[np.isfinite(limits) & (limits > 0)]
    if not positive.size:
        axes.set_xlim(0, 1)
    elif positive.max() > LOGARITHMIC * positive.min():
        axes.set_xscale("log")
        axes.set_xlim(0.7 * positive.min(), 1.4 * positive.max())
    else:
        axes.set_xlim(0, 1.08 * positive.max())
