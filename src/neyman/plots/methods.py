"""One number by several methods, row by row, beside what is reached without any error of a method: the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.rows import SMALL, name_rows
from neyman.plots.style import BAND, CYCLE, EXACT, LEARNED, Style, styled
from neyman.plots.text import apart_numbers, fitting_legend, minus, put_title, short

MARKERS = ("D", "o", "s", "^", "v", "P")
SHADES = (CYCLE[1], LEARNED, CYCLE[3], CYCLE[2], CYCLE[4], CYCLE[5])
LOGARITHMIC = 8.0  # ratio of the largest to the smallest number from which the axis is logarithmic
BEYOND = 3.0  # of the range that the rest needs; what lies farther away is drawn at the edge
ROW, APART = 0.3, 0.115  # inches of a row, and between two methods that must not hide each other's error bars
FLOOR = "#5f6368"


@dataclass(frozen=True)
class Estimates:
    """A number for each row.

    Attributes:
        value: The numbers, shape `(r,)`; NaN where there is none.
        error: Their standard deviations; None where they are not known.
    """

    value: Float[np.ndarray, " r"]
    error: Float[np.ndarray, " r"] | None = None


def plot_methods(
    rows: Sequence[str],
    methods: Mapping[str, Estimates],
    *,
    floor: Estimates | None = None,
    floor_label: str = "floor: data against data",
    perfect: float | None = None,
    label: str = "",
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """The methods in each row, below one another if they have error bars, and the floor as a line across the row.

    The axis is logarithmic where numbers differ by more than a factor of eight and all are above zero. With `perfect`
    it is linear around that number; what is far from it is a triangle at the edge.

    Args:
        rows: The names of the rows, e.g. cells of phase space, or thresholds; of two lines, if they are long.
        methods: The numbers of each method, in the order of the legend; at most six.
        floor: What two independent samples of data give; its error is drawn as a band.
        floor_label: What the legend calls it.
        perfect: The number that is aimed at, marked by a line, e.g. a ratio of one.
        label: What the numbers are.
        title: What else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no rows or methods, more than six methods, a name stands twice, shapes differ, a
            number is infinite, or an error is negative.
    """
    _check(rows, methods, floor)
    apart = APART if any(each.error is not None for each in methods.values()) else 0.0
    height = max(ROW, apart * (len(methods) + 1.4))
    with styled(style):
        figure = new_figure(height=1.45 + height * len(rows))
        axes = one_panel(figure)
        name_rows(axes, rows)
        names = [minus("\n".join(short(line) for line in row.split("\n"))) for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=SMALL if any("\n" in row for row in rows) else 9.5)
        for row in range(1, len(rows)):
            axes.axhline(row - 0.5, color=BAND, linewidth=0.8, zorder=0)
        shown = [each.value for each in methods.values()] + ([] if floor is None else [floor.value])
        axes.set_xlim(*_range(axes, np.concatenate(shown), methods, perfect))
        if floor is not None:
            _floor(axes, floor)
        if perfect is not None:
            axes.axvline(perfect, color=EXACT, linewidth=0.9, zorder=1)
        handles: list[Any] = []
        for number, (name, found) in enumerate(methods.items()):
            at = np.arange(len(rows)) + (number - 0.5 * (len(methods) - 1)) * apart / height
            look: dict[str, Any] = {"marker": MARKERS[number], "color": SHADES[number], "linestyle": "none"}
            _points(axes, at, found, look)
            handles.append(Line2D([], [], **look, label=name))
        if floor is not None:
            band = Patch(facecolor=BAND, edgecolor=FLOOR, linewidth=0.9, label=floor_label)
            handles.append(band if floor.error is not None else Line2D([], [], color=FLOOR, label=floor_label))
        axes.set_xlabel(label)
        put_title(axes, title, room=0.6)
        fitting_legend(figure, handles)
    return figure


def _check(rows: Sequence[str], methods: Mapping[str, Estimates], floor: Estimates | None) -> None:
    require_names(rows)
    require_names(list(methods))
    if len(methods) > len(MARKERS):
        raise DataError(f"{len(methods)} methods", expected=f"at most {len(MARKERS)}, which can be told apart")
    for name, each in {**methods, **({} if floor is None else {"floor": floor})}.items():
        require_numbers(name, np.where(np.isnan(each.value), 0.0, each.value), (len(rows),))
        if each.error is not None:
            known = np.where(np.isnan(each.error), 0.0, each.error)
            require_numbers(f"error of {name}", known, (len(rows),), low=0.0)


def _range(
    axes: Axes, shown: np.ndarray, methods: Mapping[str, Estimates], perfect: float | None
) -> tuple[float, float]:
    finite = shown[np.isfinite(shown)]
    if not finite.size:
        return 0.0, 1.0
    if perfect is not None:
        # The method that comes closest decides; of the others only what is not far off.
        closest = min(_away(each, perfect) for each in methods.values())
        reach = 1.15 * min(BEYOND * closest, max(float(np.abs(finite - perfect).max()), closest)) or 0.1
        apart_numbers(axes)
        return perfect - reach, perfect + reach
    if finite.min() > 0 and finite.max() > LOGARITHMIC * finite.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{value:g}")))
        axes.tick_params(axis="x", which="minor", labelbottom=False)
        return float(finite.min()) / 1.3, float(finite.max()) * 1.3
    apart_numbers(axes)
    margin = 0.08 * float(np.ptp(finite)) or 0.1
    return min(0.0, float(finite.min()) - margin), float(finite.max()) + margin


def _away(found: Estimates, perfect: float) -> float:
    """The largest distance of a method, error bars included."""
    error = np.zeros(len(found.value)) if found.error is None else np.nan_to_num(found.error)
    away = np.abs(found.value - perfect) + error
    known = away[np.isfinite(away)]
    return float(known.max()) if known.size else np.inf


def _floor(axes: Axes, floor: Estimates) -> None:
    for row, value in enumerate(floor.value.tolist()):
        if not np.isfinite(value):
            continue
        axes.vlines(value, row - 0.5, row + 0.5, color=FLOOR, linewidth=1.5, zorder=1)
        if floor.error is not None and np.isfinite(floor.error[row]):
            error = float(floor.error[row])
            axes.fill_betweenx([row - 0.5, row + 0.5], value - error, value + error, color=BAND, linewidth=0, zorder=0)


def _points(axes: Axes, at: np.ndarray, found: Estimates, look: Mapping[str, Any]) -> None:
    low, high = axes.get_xlim()
    margin = 0.02 * (high - low) if axes.get_xscale() == "linear" else 0.0  # where a point would be cut in two
    low, high = low + margin, high - margin
    inside = (found.value > low) & (found.value < high)
    error = None if found.error is None else np.nan_to_num(found.error[inside])
    axes.errorbar(found.value[inside], at[inside], xerr=error, elinewidth=1.1, markersize=5.0, zorder=3, **look)
    for off, marker, place in ((found.value <= low, "<", 0.012), (found.value >= high, ">", 0.988)):
        arrow = {**look, "marker": marker, "markerfacecolor": "none", "markersize": 6.0}
        edge = np.full(off.sum(), place)
        axes.plot(edge, at[off], transform=axes.get_yaxis_transform(), zorder=3, **arrow)
