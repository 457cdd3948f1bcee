"""Simulation before and after a correction, and the data it should look like: histogram, ratio to data, and pulls."""

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

from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, two_panels
from neyman.plots.style import BAND, CYCLE, EXACT, LEARNED, Style, pin, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title

REACHES = (0.06, 0.12, 0.23, 0.58, 1.08)  # of the ratio panel to either side of one
KNOWN = 0.3  # relative error up to which a bin decides about the ranges of the panels
PULLS = 4.4  # of the pull panel to either side of zero
SIMULATED = CYCLE[1]
VARIED = "#b9cdf0"


@dataclass(frozen=True)
class Binned:
    """A histogram of weighted events.

    Attributes:
        value: Sum of weights in each bin, shape `(k,)`.
        error: Square root of the sum of squared weights, shape `(k,)`.
    """

    value: Float[np.ndarray, " k"]
    error: Float[np.ndarray, " k"]

    @classmethod
    def of(
        cls,
        values: Float[np.ndarray, " n"],
        edges: Float[np.ndarray, " edges"],
        weights: Float[np.ndarray, " n"] | None = None,
    ) -> Binned:
        """Fill a histogram; what is outside of the edges is left out.

        Args:
            values: One number for each event.
            edges: Increasing edges of the bins.
            weights: Weight of each event, negative ones too; default one.

        Examples:
            >>> Binned.of(np.array([0.1, 0.2, 0.9, 7.0]), np.array([0.0, 0.5, 1.0]))
            Binned(value=array([2., 1.]), error=array([1.41421356, 1.        ]))
        """
        w = np.ones(len(values)) if weights is None else weights
        value, _ = np.histogram(values, edges, weights=w)
        square, _ = np.histogram(values, edges, weights=w**2)
        return cls(value, np.sqrt(square))

    def times(self, factor: float | Float[np.ndarray, " k"]) -> Binned:
        """The histogram scaled, by one factor or by one in each bin."""
        return Binned(self.value * factor, self.error * np.abs(factor))


@dataclass(frozen=True)
class _Drawn:
    edges: np.ndarray
    data: Binned
    simulation: Binned
    corrected: Binned
    spread: np.ndarray | None


def plot_corrected(
    edges: Float[np.ndarray, " edges"],
    *,
    data: Binned,
    simulation: Binned,
    corrected: Binned,
    variations: Float[np.ndarray, "m k"] | None = None,
    label: str = "",
    unit: str = "",
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    style: Style = "plain",
) -> Figure:
    """Data, simulation and corrected simulation; below them both ratios to data, and the pulls of the correction.

    All is drawn as given: scale simulation to the data before. The band of the correction is its root mean square
    distance to the varied histograms, so that two shifts up and down are drawn as one band also where they cross. The
    grey band of the middle panel is the uncertainty of the data, the error bars there are the statistics of the
    simulation. A pull is corrected less data over both statistical errors; variations are not in it. What is beyond
    a lower panel is a triangle at its edge.

    Args:
        edges: Edges of the bins, shape `(k + 1,)`.
        data: The data, with their errors.
        simulation: Simulation as it was.
        corrected: Simulation corrected.
        variations: The corrected histogram for each variation of the correction: bootstrap members, or up and down.
        label: The variable, as an axis writes it.
        unit: Its unit.
        title: What else the reader must know, e.g. χ²/bin.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is, which is how tails are seen.
        style: Look of the figure.

    Raises:
        DataError: If there are no bins, shapes differ, edges do not increase or are not above zero with `log_x`, a
            number is not finite, or an error is negative.
    """
    histograms = {"data": data, "simulation": simulation, "corrected": corrected}
    _check(edges, histograms, variations, log_x=log_x)
    per, y_label = _per(edges, unit, log_x=log_x)
    scaled = {name: each.times(1 / per) for name, each in histograms.items()}
    spread = None
    if variations is not None:
        spread = np.sqrt(np.mean((variations / per - scaled["corrected"].value) ** 2, axis=0))
    drawn = _Drawn(edges, **scaled, spread=spread)
    with styled(style):
        figure = new_figure(height=6.6)
        grid = figure.add_gridspec(3, 1, height_ratios=(3.0, 1.25, 0.85))
        upper, ratio = two_panels(figure, (grid[0], grid[1]))
        pulls = figure.add_subplot(grid[2], sharex=upper)
        pin(pulls)
        ratio.tick_params(axis="x", which="both", labelbottom=False)
        if log_x:
            upper.set_xscale("log")
        _histograms(upper, drawn)
        _vertical(upper, drawn, log_y=log_y)
        _ratios(ratio, drawn)
        _pulls(pulls, drawn)
        upper.set_xlim(edges[0], edges[-1])
        upper.set_ylabel(y_label)
        put_title(upper, title)
        pulls.set_xlabel(axis_label(label, unit))
        if log_x:
            pulls.tick_params(axis="x", pad=6.5)
        else:
            apart_numbers(pulls)
        figure.align_ylabels([upper, ratio, pulls])
        fitting_legend(figure, _key(varied=spread is not None))
    return figure


def _check(edges: np.ndarray, histograms: dict[str, Binned], variations: np.ndarray | None, *, log_x: bool) -> None:
    require_numbers("edges", edges, (None,), **({"low": np.finfo(float).tiny} if log_x else {}))
    require_increasing("edges", edges)
    bins = len(edges) - 1
    for name, each in histograms.items():
        require_numbers(name, each.value, (bins,))
        require_numbers(f"error of {name}", each.error, (bins,), low=0.0)
    if variations is not None:
        require_numbers("variations", variations, (None, bins))


def _per(edges: np.ndarray, unit: str, *, log_x: bool) -> tuple[np.ndarray, str]:
    """What heights are divided by, and the name of the result: the width of a bin unless bins look equally wide."""
    seen = np.diff(np.log(edges) if log_x else edges)
    if np.allclose(seen, seen[0]):
        width = "bin" if log_x else f"{seen[0]:.3g} {unit}".strip()
        return np.ones(len(seen)), f"events / {width}"
    return np.diff(edges), f"events / {unit or 'width of bin'}"


def _histograms(axes: Axes, drawn: _Drawn) -> None:
    edges, data, corrected = drawn.edges, drawn.data, drawn.corrected.value
    axes.stairs(drawn.simulation.value, edges, baseline=None, color=SIMULATED, linewidth=1.7, linestyle="--")
    if drawn.spread is not None:
        axes.stairs(corrected + drawn.spread, edges, baseline=corrected - drawn.spread, fill=True, color=VARIED)
    axes.stairs(corrected, edges, baseline=None, color=LEARNED, linewidth=1.8)
    empty = (data.value == 0) & (data.error == 0)  # no point rather than one without an error
    _bars(axes, edges, Binned(np.where(empty, np.nan, data.value), data.error), color=EXACT)


def _bars(axes: Axes, edges: np.ndarray, points: Binned, *, color: str, size: float = 4.0) -> None:
    seen = np.isfinite(points.value)
    look: dict[str, Any] = {"fmt": "o", "color": color, "markersize": size, "elinewidth": 1.1, "zorder": 4}
    axes.errorbar(_centres(axes, edges)[seen], points.value[seen], yerr=points.error[seen], **look)


def _centres(axes: Axes, edges: np.ndarray) -> np.ndarray:
    """The middle of each bin as it is seen."""
    if axes.get_xscale() == "log":
        return np.asarray(np.sqrt(edges[1:] * edges[:-1]))
    return np.asarray(0.5 * (edges[1:] + edges[:-1]))


def _vertical(axes: Axes, drawn: _Drawn, *, log_y: bool) -> None:
    histograms = (drawn.data, drawn.simulation, drawn.corrected)
    tops = [each.value + each.error for each in histograms]
    top = float(np.max(tops if drawn.spread is None else [*tops, drawn.corrected.value + drawn.spread]))
    top = top if top > 0 else 1.0
    if not log_y:
        lowest = float(np.min([each.value for each in histograms]))
        axes.set_ylim(min(0.0, 1.15 * lowest), 1.1 * top)
        return
    known = np.concatenate([each.value[each.error < each.value] for each in histograms])
    bottom = 0.4 * float(np.min(known, initial=top))
    axes.set_ylim(bottom, top * (top / bottom) ** 0.06)  # before the scale, which else looks for positive numbers
    axes.set_yscale("log")


def _ratios(axes: Axes, drawn: _Drawn) -> None:
    edges, data = drawn.edges, drawn.data
    over = 1 / np.where(data.value > 0, data.value, np.nan)
    before, after, error = drawn.simulation.times(over), drawn.corrected.times(over), data.error * over
    axes.stairs(1 + error, edges, baseline=np.nan_to_num(1 - error, nan=1.0), fill=True, color=BAND)
    axes.axhline(1, color=EXACT, linewidth=0.9)
    axes.stairs(before.value, edges, baseline=None, color=SIMULATED, linewidth=1.7, linestyle="--")
    if drawn.spread is not None:
        high, low = after.value + drawn.spread * over, after.value - drawn.spread * over
        axes.stairs(high, edges, baseline=np.nan_to_num(low, nan=1.0), fill=True, color=VARIED, alpha=0.8)
    _bars(axes, edges, after, color=LEARNED, size=3.4)
    reach = _reach(before, after, error)
    for found, shade in ((before, SIMULATED), (after, LEARNED)):
        _beyond(axes, edges, found.value - 1, range_=(1 - reach, 1 + reach), color=shade)
    axes.set_ylim(1 - reach, 1 + reach)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.set_ylabel("ratio to data")


def _reach(before: Binned, after: Binned, error: np.ndarray) -> float:
    """Wide enough for what is known of both, as far as that is possible."""
    away = [np.abs(each.value - 1)[(error < KNOWN) & (each.error < KNOWN)] for each in (before, after)]
    widest = float(np.max(np.concatenate(away), initial=0.0))
    return next((reach for reach in REACHES if 1.1 * widest < reach), REACHES[-1])


def _beyond(axes: Axes, edges: np.ndarray, away: np.ndarray, *, range_: tuple[float, float], color: str) -> None:
    """Triangles for what the range of the panel leaves out."""
    centre, reach = 0.5 * (range_[0] + range_[1]), 0.5 * (range_[1] - range_[0])
    for side, marker in ((1, "^"), (-1, "v")):
        off = side * away >= reach
        at = np.full(off.sum(), centre + 0.9 * side * reach)
        axes.plot(_centres(axes, edges)[off], at, marker, color=color, markersize=4.5, zorder=5)


def _pulls(axes: Axes, drawn: _Drawn) -> None:
    error = np.hypot(drawn.data.error, drawn.corrected.error)
    pull = (drawn.corrected.value - drawn.data.value) / np.where(error > 0, error, np.nan)
    axes.axhspan(-1, 1, color=BAND, alpha=0.55, linewidth=0, zorder=0)
    for line in (-2, 2):
        axes.axhline(line, color="#5f6368", linewidth=0.9, linestyle=":")
    axes.stairs(pull, drawn.edges, fill=True, color=LEARNED, alpha=0.75)
    axes.axhline(0, color=EXACT, linewidth=0.9)
    _beyond(axes, drawn.edges, pull, range_=(-PULLS, PULLS), color=EXACT)
    axes.set_ylim(-PULLS, PULLS)
    axes.set_yticks([-2, 0, 2])
    axes.set_ylabel("pull")


def _key(*, varied: bool) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=EXACT, marker="o", linestyle="none", label="data"),
        Line2D([], [], color=SIMULATED, linestyle="--", label="simulation"),
        Line2D([], [], color=LEARNED, marker="o", markersize=3.4, label="corrected simulation"),
        Patch(color=BAND, label="data's uncertainty"),
    ]
    if varied:
        handles.insert(3, Patch(color=VARIED, label="its variations"))
    return handles
