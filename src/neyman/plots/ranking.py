"""The parameters that move the parameter of interest most: impacts before and after the fit, with their pulls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.rows import ROW, name_rows
from neyman.plots.style import EXACT, Style, pin, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title

UP, DOWN = "#3f76c9", "#f0a640"  # apart for colour-blind readers and in greyscale
POINT: dict[str, Any] = {"color": EXACT, "marker": "o", "markersize": 3.8, "linestyle": "none"}
LEAST = 1.5  # how far from zero the axis of the pulls reaches at least


@dataclass(frozen=True)
class Impacts:
    r"""How the fitted parameter of interest moves when one other parameter is shifted and fixed.

    Attributes:
        names: The parameters.
        after: Shifts for \(\hat\theta - \hat\sigma\) and \(\hat\theta + \hat\sigma\), shape `(2, n)`.
        before: Shifts for \(\hat\theta - \sigma_0\) and \(\hat\theta + \sigma_0\), shape `(2, n)`; NaN for a parameter
            without a prior width.
        pull: \((\hat\theta - \theta_0)/\sigma_0\), shape `(n,)`; NaN for a parameter without a prior width.
        pull_error: \(\hat\sigma/\sigma_0\), shape `(n,)`; NaN where the pull is.

    Raises:
        DataError: If there are none, lengths differ, a name stands twice, or a number is infinite, or NaN where it must
            not be.
    """

    names: tuple[str, ...]
    after: Float[np.ndarray, "2 n"]
    before: Float[np.ndarray, "2 n"]
    pull: Float[np.ndarray, " n"]
    pull_error: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        n = len(self.names)
        require_names(self.names)
        require_numbers("impact after the fit", self.after, (2, n))
        require_numbers("impact before the fit", _nan_as_zero(self.before), (2, n))
        require_numbers("pull", _nan_as_zero(self.pull), (n,))
        require_numbers("error of a pull", np.where(np.isnan(self.pull), 0.0, self.pull_error), (n,), low=0.0)

    @property
    def size(self) -> Float[np.ndarray, " n"]:
        """The larger of the two shifts after the fit, by which parameters are ranked."""
        return np.asarray(np.abs(self.after).max(axis=0))


def plot_ranking(
    impacts: Impacts,
    *,
    poi: str = r"$\mu$",
    unit: str = "",
    most: int = 20,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    r"""Impacts on the parameter of interest on the upper axis, pulls on the lower one; the largest impact comes first.

    Filled boxes are shifts by the width after the fit, open boxes by that before it. The figure holds only differences
    of the parameter of interest, so that it can be shown while its value is blinded.

    Args:
        impacts: The impacts and pulls.
        poi: The parameter of interest, as an axis writes it.
        unit: Its unit.
        most: Parameters at most; the figure says how many are left out.
        title: The fit, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If `most` is not positive.
    """
    if most < 1:
        raise DataError(f"most is {most}", expected="at least one row")
    order = np.argsort(-impacts.size, kind="stable")
    kept, left = order[:most], order[most:]
    pull, pull_error = impacts.pull[kept], impacts.pull_error[kept]
    with styled(style):
        figure = new_figure(height=1.6 + max(ROW * (len(kept) + 1), 0.5))
        axes = one_panel(figure)
        name_rows(axes, [impacts.names[row] for row in kept])
        reach = _draw_boxes(axes, impacts.before[:, kept], filled=False)
        reach = 1.1 * max(reach, _draw_boxes(axes, impacts.after[:, kept], filled=True)) or 1.0
        axes.set_xlim(-reach, reach)
        axes.set_xlabel(axis_label(rf"impact on {poi}", unit))
        # A second horizontal axis, drawn over the boxes.
        pulls = axes.twiny()
        pin(pulls)
        axes.xaxis.set_ticks_position("top")
        axes.xaxis.set_label_position("top")
        pulls.xaxis.set_ticks_position("bottom")
        pulls.xaxis.set_label_position("bottom")
        for at in (-1, 0, 1):
            pulls.axvline(at, color=EXACT, linewidth=0.8, linestyle=":" if at else "-")
        pulls.errorbar(pull, np.arange(len(kept)), xerr=pull_error, **POINT)
        furthest = 1.1 * float(np.nanmax([LEAST, *(np.abs(pull) + pull_error)]))
        pulls.set_xlim(-furthest, furthest)
        note = (
            f"\n{len(left)} of {len(order)} not shown, with impacts up to {impacts.size[left].max():.2g}"
            if len(left)
            else ""
        )
        pulls.set_xlabel(r"pull $(\hat{\theta} - \theta_0)\,/\,\sigma_0$" + note)
        put_title(axes, title, room=0.5)
        for shown in (axes, pulls):
            apart_numbers(shown)
            shown.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
        fitting_legend(figure, _key())
    return figure


def _draw_boxes(axes: Axes, shifts: Float[np.ndarray, "2 r"], *, filled: bool) -> float:
    """One box per shift, the shorter over the longer where both go to one side; returns the longest."""
    rows = np.arange(shifts.shape[1])
    length = np.abs(np.nan_to_num(shifts))
    up_is_longer = length[1] > length[0]
    for longer in (True, False):
        up = up_is_longer == longer
        shade = np.where(up, UP, DOWN).tolist()
        look: dict[str, Any] = (
            {"color": shade, "height": 0.62} if filled else {"color": "none", "edgecolor": shade, "height": 0.84}
        )
        axes.barh(rows, np.where(up, shifts[1], shifts[0]), linewidth=1.1, **look)
    return float(length.max())


def _nan_as_zero(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), 0.0, values)


def _key() -> list[Any]:
    return [
        Line2D([], [], **POINT | {"linestyle": "-"}, label="pull"),
        Patch(facecolor=UP, label=r"$+1\hat{\sigma}$ after the fit"),
        Patch(facecolor=DOWN, label=r"$-1\hat{\sigma}$ after the fit"),
        Patch(facecolor="none", edgecolor=UP, label=r"$+1\sigma_0$ before"),
        Patch(facecolor="none", edgecolor=DOWN, label=r"$-1\sigma_0$ before"),
    ]
