"""Nuisance parameters after a fit: how far they were pulled from their prior values, how much they were constrained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure
from neyman.plots.rows import ROW, name_rows
from neyman.plots.style import BAND, EXACT, LEARNED, Style, pin, styled
from neyman.plots.text import fitting_legend, minus, put_title

FURTHEST = 5.0  # where the axis of the pulls ends at the latest
CONSTRAINED = 0.8  # widths after the fit below this one, in units of those before, get a colour
LEAST, MOST = 0.05, 1.5  # how far from one the axis of the gammas reaches


@dataclass(frozen=True)
class Pulls:
    r"""Constrained parameters after a fit, in units of their prior widths.

    Attributes:
        names: Their names.
        value: Pulls \((\hat\theta - \theta_0)/\sigma_0\), shape `(n,)`.
        error: Widths after the fit over those before, \(\hat\sigma/\sigma_0\), shape `(n,)`.

    Raises:
        DataError: If there are none, lengths differ, a name stands twice, or a number is not finite.
    """

    names: tuple[str, ...]
    value: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        require_names(self.names)
        require_numbers("pull", self.value, (len(self.names),))
        require_numbers("error of a pull", self.error, (len(self.names),), low=0.0)


@dataclass(frozen=True)
class Gammas:
    r"""Factors of single bins after a fit, such as those of the Monte Carlo statistics; all are one before it.

    Attributes:
        names: Their names.
        value: \(\hat\gamma\), shape `(n,)`.
        error: Their widths after the fit, shape `(n,)`.
        prior_error: Their widths before the fit, shape `(n,)`.

    Raises:
        DataError: If there are none, lengths differ, a name stands twice, or a number is not finite.
    """

    names: tuple[str, ...]
    value: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    prior_error: Float[np.ndarray, " n"]

    def __post_init__(self) -> None:
        require_names(self.names)
        require_numbers("gamma", self.value, (len(self.names),))
        require_numbers("error of a gamma", self.error, (len(self.names),), low=0.0)
        require_numbers("prior error of a gamma", self.prior_error, (len(self.names),), low=0.0)

    def in_prior_widths(self) -> Pulls:
        """As pulls; a gamma without a prior width counts as if its width were one."""
        width = np.where(self.prior_error > 0, self.prior_error, 1.0)
        return Pulls(self.names, (self.value - 1) / width, self.error / width)


def plot_pulls(
    pulls: Pulls | None, *, gammas: Gammas | None = None, most: int = 40, title: str = "", style: Style = "plain"
) -> Figure:
    """Pulls with their errors over bands of one and two prior widths; below, the gammas about one.

    Numbers stand beside the rows. What lies beyond the axis is drawn as a triangle at its edge. Where there are more
    parameters than `most`, those that the data moved or constrained most are drawn, in their order.

    Args:
        pulls: The parameters with a prior width; None for a model that has only gammas.
        gammas: The factors of single bins.
        most: Rows of each panel at most; the figure says how many are left out.
        title: The fit, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there is nothing to draw, or `most` is not positive.
    """
    if (pulls is None and gammas is None) or most < 1:
        raise DataError("nothing to draw", expected="pulls or gammas, and at least one row")
    rows = [min(most, len(shown.names)) for shown in (pulls, gammas) if shown is not None]
    with styled(style):
        figure = new_figure(height=0.6 + sum(max(ROW * (n + 1), 0.5) + 0.7 for n in rows))
        panels = list(figure.subplots(len(rows), 1, squeeze=False, height_ratios=[max(n + 1, 3) for n in rows])[:, 0])
        for axes in panels:
            pin(axes)
        put_title(panels[0], title, room=0.5)
        if pulls is not None:
            _draw_pulls(panels[0], pulls, *_most_moved(pulls, most))
        if gammas is not None:
            _draw_gammas(panels[-1], gammas, *_most_moved(gammas.in_prior_widths(), most))
        fitting_legend(figure, _key(bands=pulls is not None, prior=gammas is not None))
    return figure


def _most_moved(pulls: Pulls, most: int) -> tuple[list[int], str]:
    """The rows to draw, and what to say of the others."""
    moved = np.maximum(np.abs(pulls.value), np.abs(1 - pulls.error))
    order = np.argsort(-moved, kind="stable")
    kept, left = sorted(order[:most].tolist()), order[most:]
    if not len(left):
        return kept, ""
    largest = f"{moved[left].max():.2g}"
    return kept, f"\n{len(left)} of {len(order)} not shown, with |pull| and |1 − width| up to {largest}"


def _draw_pulls(axes: Axes, pulls: Pulls, kept: list[int], left_out: str) -> None:
    value, error = pulls.value[kept], pulls.error[kept]
    reach = float(np.clip(1.1 * (np.abs(value) + error).max(), 2.5, FURTHEST))
    axes.axvspan(-2, 2, color=BAND, alpha=0.45, linewidth=0)
    axes.axvspan(-1, 1, color=BAND, linewidth=0)
    axes.axvline(0, color=EXACT, linewidth=0.9)
    name_rows(axes, [pulls.names[row] for row in kept], _notes(value, error, decimals=2))
    _draw_points(axes, value, error, constrained=error < CONSTRAINED, centre=0.0, reach=reach)
    axes.set_xlabel(r"$(\hat{\theta} - \theta_0)\,/\,\sigma_0$" + left_out)


def _draw_gammas(axes: Axes, gammas: Gammas, kept: list[int], left_out: str) -> None:
    value, error, prior = gammas.value[kept], gammas.error[kept], gammas.prior_error[kept]
    widest = np.maximum(np.abs(value - 1) + error, prior).max()
    reach = float(np.clip(1.15 * widest, LEAST, MOST))
    axes.barh(np.arange(len(kept)), 2 * prior, left=1 - prior, height=0.8, color=BAND)
    axes.axvline(1, color=EXACT, linewidth=0.9)
    name_rows(axes, [gammas.names[row] for row in kept], _notes(value, error, decimals=3))
    _draw_points(axes, value, error, constrained=error < CONSTRAINED * prior, centre=1.0, reach=reach)
    axes.set_xlabel(r"$\hat{\gamma}$" + left_out)


def _draw_points(
    axes: Axes,
    value: Float[np.ndarray, " r"],
    error: Float[np.ndarray, " r"],
    *,
    constrained: Bool[np.ndarray, " r"],
    centre: float,
    reach: float,
) -> None:
    rows = np.arange(len(value))
    for shown, shade in ((~constrained, EXACT), (constrained, LEARNED)):
        axes.errorbar(
            value[shown], rows[shown], xerr=error[shown], fmt="o", color=shade, markersize=3.8, elinewidth=1.3
        )
        for side, marker in ((1, ">"), (-1, "<")):
            off = shown & (side * (value - centre) > reach)
            axes.plot(np.full(off.sum(), centre + 0.97 * side * reach), rows[off], marker, color=shade, markersize=5.5)
    axes.set_xlim(centre - reach, centre + reach)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))


def _notes(value: Float[np.ndarray, " r"], error: Float[np.ndarray, " r"], *, decimals: int) -> list[str]:
    """Values and errors as they stand beside the rows."""
    return [minus(f"{x:.{decimals}f} ± {dx:.{decimals}f}") for x, dx in zip(value, error, strict=True)]


def _key(*, bands: bool, prior: bool) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=EXACT, marker="o", markersize=3.8, linewidth=1.3, label="after the fit"),
        Line2D(
            [],
            [],
            color=LEARNED,
            marker="o",
            markersize=3.8,
            linewidth=1.3,
            label=rf"constrained: $\hat{{\sigma}}/\sigma_0 <$ {CONSTRAINED:g}",
        ),
    ]
    if bands:
        handles += [
            Patch(color=BAND, label=r"$\pm 1\,\sigma_0$"),
            Patch(color=BAND, alpha=0.45, label=r"$\pm 2\,\sigma_0$"),
        ]
    return [*handles, Patch(color=BAND, label="before the fit")] if prior and not bands else handles
