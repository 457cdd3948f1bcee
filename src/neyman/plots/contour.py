"""Regions of two parameters of interest, from the profile likelihood on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import LEARNED, TRUTH, Style, colour, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title, short

# −2 ln(1 − p), the quantiles of χ² with two degrees of freedom at the probabilities of one and two standard deviations.
LEVELS = {"68.3 %": 2.295748928898636, "95.4 %": 6.180074306244173}
DASHES: tuple[Any, ...] = ("-", "--")
MARKS = "DsP^v"


@dataclass(frozen=True)
class GridScan:
    r"""\(-2\Delta\ln L\) on a grid of two parameters, the others profiled.

    Attributes:
        x: Increasing values of the first parameter, shape `(nx,)`.
        y: Increasing values of the second one, shape `(ny,)`.
        q: \(-2\ln L/\hat L\), shape `(ny, nx)`.
        best: The best fit (x, y); None if it is not known.

    Raises:
        DataError: If an axis has fewer than two points or does not increase, shapes differ, or a number is not finite.
    """

    x: Float[np.ndarray, " nx"]
    y: Float[np.ndarray, " ny"]
    q: Float[np.ndarray, "ny nx"]
    best: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name, values in (("x", self.x), ("y", self.y)):
            require_numbers(name, values, (None,))
            require_increasing(name, values)
            if len(values) < 2:
                raise DataError(f"a grid of one value of {name}", expected="at least two")
        require_numbers("q", self.q, (len(self.y), len(self.x)))
        if self.best is not None and not np.isfinite(self.best).all():
            raise DataError(f"best fit is {self.best}", expected="finite numbers, or None")


def plot_contour(
    scans: Mapping[str, GridScan],
    *,
    labels: tuple[str, str] = ("x", "y"),
    units: tuple[str, str] = ("", ""),
    references: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    r"""Contours of 68.3 % and 95.4 % confidence for two parameters together, and the best fits.

    They are where \(-2\Delta\ln L\) is 2.30 and 6.18 (Wilks, Ann. Math. Stat. 9 (1938) 60, two degrees of freedom). The
    legend says so where a grid does not reach a level.

    Args:
        scans: The grids by name, e.g. `{"observed": ..., "expected": ...}`.
        labels: The two parameters, as axes write them.
        units: Their units.
        references: Points to compare with by name, such as the Standard Model.
        title: The fit, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no grids, or a reference is not finite.
    """
    points = {} if references is None else dict(references)
    if not scans:
        raise DataError("no grids, so nothing to draw", expected="at least one")
    for name, point in points.items():
        require_numbers(f"reference '{name}'", np.array(point), (2,))
    with styled(style):
        figure = new_figure(width=6.2, height=5.4)
        axes = one_panel(figure)
        handles: list[Any] = []
        for index, (name, scan) in enumerate(scans.items()):
            shade = LEARNED if index == 0 else colour(index)
            for (text, level), dashes in zip(LEVELS.items(), DASHES, strict=True):
                reached = scan.q.min() < level < scan.q.max()
                if reached:
                    axes.contour(scan.x, scan.y, scan.q, [level], colors=[shade], linestyles=[dashes], linewidths=1.8)
                    if index == 0:
                        axes.contourf(scan.x, scan.y, scan.q, [scan.q.min() - 1, level], colors=[shade], alpha=0.15)
                missing = "" if reached else " (beyond the grid)"
                words = f"{short(name)}, {text}{missing}"
                handles.append(Line2D([], [], color=shade, linestyle=dashes, linewidth=1.8, label=words))
            if scan.best is not None:
                star: dict[str, Any] = {"marker": "*", "markersize": 12, "color": shade, "markeredgecolor": "white"}
                star["clip_on"] = False
                handles += axes.plot(*scan.best, linestyle="none", label=f"{short(name)}, best fit", **star)
        for (name, point), mark in zip(points.items(), MARKS * len(points), strict=False):
            look: dict[str, Any] = {"color": TRUTH, "markersize": 7, "markeredgecolor": "white", "clip_on": False}
            handles += axes.plot(*point, mark, label=short(name), **look)
        corners = [(scan.x[end], scan.y[end]) for scan in scans.values() for end in (0, -1)]
        seen = np.array([*corners, *points.values(), *(scan.best for scan in scans.values() if scan.best is not None)])
        axes.set_xlim(seen[:, 0].min(), seen[:, 0].max())
        axes.set_ylim(seen[:, 1].min(), seen[:, 1].max())
        axes.set_xlabel(axis_label(labels[0], units[0]))
        axes.set_ylabel(axis_label(labels[1], units[1]))
        apart_numbers(axes)
        put_title(axes, title)
        fitting_legend(figure, handles)
    return figure
