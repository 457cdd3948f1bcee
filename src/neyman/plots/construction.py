"""Neyman constructions: the test statistic of the data, what pseudo-experiments allow it to be, and the intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, two_panels
from neyman.plots.style import EXACT, Style, colour, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title

LEVELS = ("68.3 %", "95.4 %")
HIGHEST = 12.0  # where the vertical axis ends at the latest
Ends = tuple[float, float]


@dataclass(frozen=True)
class Construction:
    """A Neyman construction on a grid, for two confidence levels, and what the asymptotic formulae say instead.

    Attributes:
        poi: Increasing values of the parameter, shape `(n,)`.
        observed: The test statistic of the data there, shape `(n,)`.
        critical: What 68.3 % and 95.4 % of pseudo-experiments do not exceed, shape `(2, n)`.
        error: Statistical errors of these; zero where they are not known, shape `(2, n)`.
        asymptotic: Both for many events.
        best: The best fit.
        intervals: Ends of both constructed intervals; an end beyond the grid is infinite.
        asymptotic_intervals: Ends of both asymptotic intervals.

    Raises:
        DataError: If there are fewer than two points, lengths differ, positions do not increase, a number is not finite
            or an error is negative, or the ends of an interval are not in order.
    """

    poi: Float[np.ndarray, " n"]
    observed: Float[np.ndarray, " n"]
    critical: Float[np.ndarray, "2 n"]
    error: Float[np.ndarray, "2 n"]
    asymptotic: tuple[float, float]
    best: float
    intervals: tuple[Ends, Ends]
    asymptotic_intervals: tuple[Ends, Ends]

    def __post_init__(self) -> None:
        require_numbers("values of the parameter", self.poi, (None,))
        require_increasing("values of the parameter", self.poi)
        if len(self.poi) < 2:
            raise DataError("a construction at one point", expected="at least two")
        require_numbers("observed", self.observed, (len(self.poi),))
        require_numbers("critical values", self.critical, (2, len(self.poi)))
        require_numbers("errors of critical values", self.error, (2, len(self.poi)), low=0.0)
        for value in (*self.asymptotic, self.best):
            if not np.isfinite(value):
                raise DataError(f"asymptotic value or best fit is {value}", expected="a finite number")
        for low, high in (*self.intervals, *self.asymptotic_intervals):
            if not low <= high:
                raise DataError(f"interval from {low} to {high}", expected="the lower end first")


def plot_construction(
    found: Construction,
    *,
    label: str = r"$\mu$",
    unit: str = "",
    statistic: str = r"$t_\mu$",
    title: str = "",
    style: Style = "plain",
) -> Figure:
    r"""Where the statistic of the data crosses its critical values, and below it the intervals that follow.

    Args:
        found: The construction.
        label: The parameter, as an axis writes it.
        unit: Its unit.
        statistic: The test statistic, as an axis writes it.
        title: The fit, and what else the reader must know.
        style: Look of the figure.
    """
    with styled(style):
        figure = new_figure(height=5.8)
        upper, lower = two_panels(figure, heights=(3.0, 1.1))
        handles: list[Any] = list(
            upper.plot(found.poi, found.observed, color=EXACT, marker="o", markersize=3.0, label="observed")
        )
        shades = [colour(index) for index in range(2)]
        for level, shade, critical, error, asymptotic in zip(
            LEVELS, shades, found.critical, found.error, found.asymptotic, strict=True
        ):
            text = f"{level} of toys"
            upper.errorbar(found.poi, critical, yerr=error, fmt="none", color=shade, elinewidth=1.1)
            handles += upper.plot(found.poi, critical, color=shade, marker="s", markersize=3.5, label=text)
            handles.append(
                upper.axhline(asymptotic, color=shade, linestyle="--", linewidth=1.2, label=f"{level} asymptotic")
            )
        upper.plot(found.best, 0, "*", color=EXACT, markersize=10, clip_on=False, zorder=5)
        upper.set_xlim(found.poi[0], found.poi[-1])
        top = 1.6 * max(float(found.critical.max()), *found.asymptotic)
        upper.set_ylim(0, float(np.clip(top, 5.0, HIGHEST)))
        upper.set_ylabel(statistic)
        _draw_intervals(lower, found, shades)
        lower.set_xlabel(axis_label(label, unit))
        apart_numbers(lower)
        put_title(upper, title)
        fitting_legend(figure, handles)
    return figure


def _draw_intervals(axes: Axes, found: Construction, shades: list[str]) -> None:
    """A bar for each interval, constructed ones solid; an open end runs off the panel."""
    low, high = found.poi[0], found.poi[-1]
    beyond = 0.05 * (high - low)
    for index, shade in enumerate(shades):
        for offset, dashes, (left, right) in (
            (-0.16, "-", found.intervals[index]),
            (0.16, "--", found.asymptotic_intervals[index]),
        ):
            ends = np.clip([left, right], low - beyond, high + beyond)
            axes.plot(
                ends, [index + offset] * 2, color=shade, linestyle=dashes, linewidth=2.2, marker="|", markersize=9
            )
    axes.axvline(found.best, color=EXACT, linewidth=1.0, linestyle=":")
    axes.set_yticks([0, 1], LEVELS)
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_ylim(1.6, -0.6)
