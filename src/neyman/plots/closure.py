"""Closure of the ABCD method: the background in B, and what A, C and D predict for it, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.observed import Points
from neyman.plots.panels import new_figure, two_panels
from neyman.plots.style import BAND, EXACT, LEARNED, TRUTH, Style, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title

LOGARITHMIC = 30.0  # ratio of the largest to the smallest yield from which the axis is logarithmic
REACHES = (0.23, 0.58, 1.08)  # of the ratio panel to either side of one
VISIBLE = 0.01  # of the largest signal: bins that a logarithmic axis shows
PREDICTED = "#b9cdf0"


@dataclass(frozen=True)
class Prediction:
    """What A, C and D predict for B.

    Attributes:
        value: A·D/C of each bin; NaN where C is not above zero.
        error: Its standard deviation.
    """

    value: Float[np.ndarray, " b"]
    error: Float[np.ndarray, " b"]


def predict(background: Float[np.ndarray, "b 4"], variance: Float[np.ndarray, "b 4"]) -> Prediction:
    """The prediction A·D/C with its error, propagated to first order; a region that is empty is no trouble, but C.

    Args:
        background: Yields in A, B, C and D.
        variance: Sums of squared weights.

    Examples:
        >>> yields = np.array([[400.0, 55, 4000, 500]])
        >>> found = predict(yields, yields)
        >>> print(f"{found.value[0]:.1f} ± {found.error[0]:.1f}")
        50.0 ± 3.4
    """
    a, _, c, d = background.T
    c = np.where(c > 0, c, np.nan)
    slopes = np.stack([d / c, np.zeros(len(c)), -a * d / c**2, a / c], axis=1)
    return Prediction(a * d / c, np.sqrt((slopes**2 * variance).sum(axis=1)))


def plot_closure(
    background: Float[np.ndarray, "b 4"],
    variance: Float[np.ndarray, "b 4"],
    *,
    signal: Float[np.ndarray, " b"] | None = None,
    edges: Float[np.ndarray, " edges"] | None = None,
    label: str = "",
    unit: str = "",
    largest: float = 0.1,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """The background in B over its prediction A·D/C in each bin, and below the ratio of the two.

    A bin without a prediction (nothing in C, or in A or D) has no ratio. Points beyond the lower panel are triangles
    at its edge. The vertical axis is logarithmic where the yields differ by more than a factor of 30.

    Args:
        background: Yields in A, B, C and D.
        variance: Sums of squared weights.
        signal: Signal in B, drawn as a line.
        edges: Edges of the bins; without, bins are numbered from 1.
        label: The discriminant, as an axis writes it.
        unit: Its unit.
        largest: Non-closure that is tolerated, marked in the lower panel.
        title: The regions, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no bins, shapes differ, edges do not increase, a number is not finite, a variance is
            negative, or `largest` is not above zero.
    """
    _check(background, variance, signal, edges, largest)
    found = predict(background, variance)
    true, error = background[:, 1], np.sqrt(variance[:, 1])
    bins = np.arange(0.5, len(true) + 1) if edges is None else edges
    with styled(style):
        figure = new_figure(height=5.8)
        upper, lower = two_panels(figure, heights=(2.6, 1.2))
        low, high = found.value - found.error, found.value + found.error
        look: dict[str, Any] = {"baseline": None, "linewidth": 1.8}
        upper.stairs(high, bins, baseline=np.nan_to_num(low), fill=True, color=PREDICTED)
        upper.stairs(found.value, bins, color=LEARNED, **look)
        if signal is not None:
            upper.stairs(signal, bins, color=TRUTH, linestyle="--", **look)
        drawn = np.where(true != 0, true, np.nan)  # an empty bin has no point, rather than one without an error
        _points(upper, bins, Points(drawn, drawn - error, drawn + error))
        _scale(upper, found, true, error, signal)
        _ratio(lower, bins, found, Points(true, true - error, true + error), largest)
        upper.set_xlim(bins[0], bins[-1])
        upper.set_ylabel("events / bin")
        put_title(upper, title)
        lower.set_xlabel(axis_label(label or ("bin" if edges is None else ""), unit))
        apart_numbers(lower)
        if edges is None:
            lower.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
            lower.xaxis.set_minor_locator(NullLocator())
        fitting_legend(figure, _key(largest, signal=signal is not None))
    return figure


def _check(
    background: np.ndarray,
    variance: np.ndarray,
    signal: np.ndarray | None,
    edges: np.ndarray | None,
    largest: float,
) -> None:
    require_numbers("background", background, (None, 4))
    require_numbers("variance", variance, background.shape, low=0.0)
    if signal is not None:
        require_numbers("signal", signal, (len(background),))
    if edges is not None:
        require_numbers("edges", edges, (len(background) + 1,))
        require_increasing("edges", edges)
    if not 0 < largest < np.inf:
        raise DataError(f"largest non-closure {largest:g}", expected="a number above zero, e.g. 0.1")


def _points(axes: Axes, bins: np.ndarray, points: Points) -> None:
    x = 0.5 * (bins[1:] + bins[:-1])
    bars = np.array([points.value - points.low, points.high - points.value])
    seen = np.isfinite(points.value)
    axes.errorbar(x[seen], points.value[seen], yerr=bars[:, seen], fmt="o", color=EXACT, elinewidth=1.1)


def _scale(axes: Axes, found: Prediction, true: np.ndarray, error: np.ndarray, signal: np.ndarray | None) -> None:
    """The range of what is known to a factor of two, and of all but the tails of the signal."""
    known = found.error < found.value
    peak = np.zeros(0) if signal is None else signal[signal >= VISIBLE * signal.max()]
    shown = np.concatenate([true[error <= true], found.value[known], peak])
    positive = shown[shown > 0]
    top = float(max([0.0, *(true + error), *(found.value + found.error)[known], *shown])) or 1.0
    if positive.size and positive.max() > LOGARITHMIC * positive.min():
        bottom = max(0.4 * float(positive.min()), 1e-6 * top)
        axes.set_yscale("log")
        axes.set_ylim(bottom, top * (top / bottom) ** 0.06)
    else:
        axes.set_ylim(min(0.0, 1.15 * float(shown.min(initial=0.0))), 1.12 * top)


def _ratio(axes: Axes, bins: np.ndarray, found: Prediction, true: Points, largest: float) -> None:
    predicted = np.where(found.value > 0, found.value, np.nan)
    points, band = true.over(predicted), found.error / predicted
    axes.stairs(1 + band, bins, baseline=np.nan_to_num(1 - band, nan=1.0), fill=True, color=PREDICTED)
    axes.axhspan(1 - largest, 1 + largest, color=BAND, alpha=0.55, linewidth=0, zorder=0)
    for side in (-1, 1):
        axes.axhline(1 + side * largest, color="#5f6368", linewidth=1.0, linestyle=":")
    axes.axhline(1, color=LEARNED, linewidth=1.8)
    _points(axes, bins, points)
    widest = max(float(np.nanmax(np.abs(points.value - 1), initial=0.0)), 1.2 * largest)
    reach = next((reach for reach in REACHES if 1.15 * widest < reach), max(REACHES[-1], 1.3 * largest))
    centre = 0.5 * (bins[1:] + bins[:-1])
    for side, marker in ((1, "^"), (-1, "v")):
        off = side * (points.value - 1) >= reach
        axes.plot(centre[off], np.full(off.sum(), 1 + 0.9 * side * reach), marker, color=EXACT, markersize=5.5)
    axes.set_ylim(1 - reach, 1 + reach)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.set_ylabel("B / prediction")


def _key(largest: float, *, signal: bool) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=EXACT, marker="o", linestyle="none", label="background in B"),
        Line2D([], [], color=LEARNED, label=r"prediction $A\cdot D/C$"),
        Patch(color=PREDICTED, label="its uncertainty"),
        Patch(facecolor=BAND, edgecolor="#5f6368", linestyle=":", label=f"±{100 * largest:g} %"),
    ]
    if signal:
        handles.append(Line2D([], [], color=TRUTH, linestyle="--", label=r"signal in B, $\mu$ = 1"))
    return handles
