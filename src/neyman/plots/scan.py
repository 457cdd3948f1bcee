"""Profile likelihood scans of one parameter of interest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import EXACT, LINES, PRIOR, Style, colour, styled
from neyman.plots.text import apart_numbers, axis_label, errors_only, fitting_legend, minus, put_title, with_errors

LEVELS = ((1.0, "68.3 %"), (4.0, "95.4 %"))  # quantiles of χ² with one degree of freedom
HIGHEST = 12.0  # where the vertical axis ends at the latest
FEW = 40  # up to this many points are marked


@dataclass(frozen=True)
class Scan:
    r"""\(-2\Delta\ln L\) at values of the parameter of interest, and what was read off.

    Attributes:
        poi: Increasing values of the parameter of interest, shape `(n,)`.
        q: \(-2\ln L/\hat L\) there, other parameters profiled, shape `(n,)`.
        best: The best fit; None if it is not known.
        interval: The ends of the 68.3 % interval; an end that the likelihood does not bound is infinite.

    Raises:
        DataError: If there are fewer than two points, lengths differ, positions do not increase, a number is not
            finite, or the best fit is not inside of its interval.
    """

    poi: Float[np.ndarray, " n"]
    q: Float[np.ndarray, " n"]
    best: float | None = None
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        require_numbers("values of the parameter", self.poi, (None,))
        require_numbers("q", self.q, (len(self.poi),))
        require_increasing("values of the parameter", self.poi)
        if len(self.poi) < 2:
            raise DataError("a scan of one point", expected="at least two")
        if self.best is not None and not np.isfinite(self.best):
            raise DataError(f"best fit is {self.best}", expected="a finite number, or None")
        if self.interval is not None and (self.best is None or not self.interval[0] <= self.best <= self.interval[1]):
            raise DataError(
                f"interval {self.interval}, best fit {self.best}", expected="a best fit inside of its interval"
            )

    def name_with_result(self, name: str, *, blinded: bool) -> str:
        """What the legend says: the value with its errors, or without the value while it is blinded."""
        if self.best is None or (blinded and self.interval is None):
            return name
        if self.interval is None:
            return minus(f"{name}: {self.best:.3g}")
        below, above = self.best - self.interval[0], self.interval[1] - self.best
        return f"{name}: {errors_only(below, above) if blinded else with_errors(self.best, below, above)}"


def plot_scan(
    scans: Mapping[str, Scan],
    *,
    label: str = r"$\mu$",
    unit: str = "",
    blinded: bool = False,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    r"""Scans on one axis, with the lines of the 68.3 % and 95.4 % intervals of one parameter.

    Args:
        scans: The scans by name, the full one first, e.g. `{"total": ..., "statistical only": ...}`.
        label: The parameter of interest, as an axis writes it.
        unit: Its unit.
        blinded: Whether a hidden offset was added to its values: the axis says so, and the legend gives errors alone.
        title: The fit, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no scans.
    """
    if not scans:
        raise DataError("no scans, so nothing to draw", expected="at least one")
    with styled(style):
        figure = new_figure(height=4.6)
        axes = one_panel(figure)
        handles: list[Any] = []
        for index, (name, scan) in enumerate(scans.items()):
            shade = EXACT if index == 0 else colour(index - 1)
            text = scan.name_with_result(name, blinded=blinded)
            look: dict[str, Any] = {"color": shade, "linestyle": LINES[index % len(LINES)], "label": text}
            handles += axes.plot(scan.poi, scan.q, marker="o" if len(scan.poi) <= FEW else "", markersize=3.0, **look)
            _mark(axes, scan, shade)
        low = min(scan.poi[0] for scan in scans.values())
        high = max(scan.poi[-1] for scan in scans.values())
        bottom = min(0.0, *(float(scan.q.min()) for scan in scans.values()))
        top = max(float(scan.q.max()) for scan in scans.values())
        axes.set_xlim(low, high)
        axes.set_ylim(1.1 * bottom, float(np.clip(1.08 * top, 5.0, HIGHEST)))
        for level, text in LEVELS:
            axes.axhline(level, color=PRIOR, linestyle="--", linewidth=1.0, zorder=0)
            axes.text(1.015, level, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9.5)
        axes.set_ylabel(r"$-2\,\Delta\ln L$")
        axes.set_xlabel(axis_label(f"{label} + hidden offset" if blinded else label, unit))
        apart_numbers(axes)
        put_title(axes, title)
        fitting_legend(figure, handles)
    return figure


def _mark(axes: Axes, scan: Scan, shade: str) -> None:
    """The best fit as a star on the axis, and lines down from where the scan leaves the 68.3 % interval."""
    if scan.best is not None:
        axes.plot(scan.best, 0, "*", color=shade, markersize=10, clip_on=False, zorder=5)
    for end in scan.interval or ():
        if np.isfinite(end):
            axes.plot([end, end], [0, 1], color=shade, linewidth=1.3, linestyle=":")
