"""The score of background and of signals, the threshold, and what is flagged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from neyman.core.errors import DataError
from neyman.diagnostics.intervals import binomial_interval
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, two_panels
from neyman.plots.style import BAND, EXACT, LINES, TRUTH, Style, colour, styled
from neyman.plots.text import fitting_legend, put_title

FLAGGED = "#fdecec"
MOST = 5
LEVEL = 0.682689492137086


def plot_scores(
    edges: Float[np.ndarray, " b1"],
    calibration: Float[np.ndarray, " b"],
    test: Float[np.ndarray, " b"] | None = None,
    *,
    signals: Mapping[str, Float[np.ndarray, " b"]] | None = None,
    threshold: float | None = None,
    fpr: float | None = None,
    log_x: bool = False,
    label: str = "score",
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Fractions of events in bins of the score, and below the fraction that is at or above each edge.

    Calibration background is the grey area; test background, which it was not calibrated on, are points with 68 %
    Poisson-like (Clopper-Pearson) errors. All events must be in the bins: what is beyond belongs to the last one.

    Args:
        edges: Edges of the bins.
        calibration: Calibration background in each bin.
        test: Background that neither trained nor calibrated.
        signals: Signals in each bin, by name; at most five.
        threshold: Events at or above it are flagged; None if the sample is too small for the promise.
        fpr: The false-positive rate that was asked for, as a line in the lower panel.
        log_x: Whether the axis of the score is logarithmic; all edges must be above zero then.
        label: What the score is.
        title: What else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If shapes differ, counts are negative or none, edges do not increase, or there are too many signals.
    """
    signals = dict(signals or {})
    bins = len(edges) - 1
    require_numbers("edges", edges, (None,))
    require_increasing("edges", edges)
    samples = {"calibration": calibration, **({} if test is None else {"test": test}), **signals}
    for name, counts in samples.items():
        require_numbers(f"counts of {name}", counts, (bins,), low=0.0)
        if not counts.sum():
            raise DataError("no events in any bin", where=name, expected="at least one")
    if len(signals) > MOST:
        raise DataError(f"{len(signals)} signals", expected=f"at most {MOST}, which can be told apart")
    if log_x and edges[0] <= 0:
        raise DataError(f"an edge at {edges[0]:g}", where="edges[0]", expected="above zero, for a logarithmic axis")
    centres = np.sqrt(edges[1:] * edges[:-1]) if log_x else 0.5 * (edges[1:] + edges[:-1])
    with styled(style):
        figure = new_figure(height=5.6)
        upper, lower = two_panels(figure, heights=(2.0, 1.3))
        handles: list[Any] = [Patch(facecolor=BAND, edgecolor="#9aa0aa", label="background, calibration")]
        upper.stairs(calibration / calibration.sum(), edges, fill=True, facecolor=BAND, edgecolor="#9aa0aa")
        _survival(lower, edges, calibration, color="#80868f", band=True)
        if test is not None:
            point: dict[str, Any] = {"color": EXACT, "marker": "o", "markersize": 3.2, "linestyle": "none"}
            _points(upper, centres, test, point)
            _survival(lower, edges, test, color=EXACT, band=False)
            handles.append(Line2D([], [], **point, label="background, test"))
        for number, (name, counts) in enumerate(signals.items()):
            look: dict[str, Any] = {"color": colour(number), "linestyle": LINES[number]}
            upper.stairs(counts / counts.sum(), edges, linewidth=1.6, **look)
            lower.stairs(_at_or_above(counts)[:-1], edges, linewidth=1.4, baseline=None, **look)
            handles.append(Line2D([], [], **look, label=name))
        if threshold is not None:
            for axes in (upper, lower):
                axes.axvspan(threshold, edges[-1], facecolor=FLAGGED, zorder=-2)
                axes.axvline(threshold, color=TRUTH, linewidth=1.3)
            handles.append(Patch(facecolor=FLAGGED, edgecolor=TRUTH, label="flagged"))
        if fpr is not None:
            lower.axhline(fpr, color=TRUTH, linewidth=1.0, linestyle="--")
        background = calibration.sum() if test is None else max(calibration.sum(), test.sum())
        upper.set_yscale("log")
        upper.set_ylim(0.35 / background, 2.5 * max(float((each / each.sum()).max()) for each in samples.values()))
        lower.set_yscale("log")
        lower.set_ylim(0.35 / background, 1.6)
        if log_x:
            lower.set_xscale("log")
        lower.set_xlim(edges[0], edges[-1])
        upper.set_ylabel("fraction of events")
        lower.set_ylabel("fraction above")
        lower.set_xlabel(f"{label}: higher is more anomalous")
        put_title(upper, title)
        fitting_legend(figure, handles)
    return figure


def _points(axes: Axes, at: np.ndarray, counts: np.ndarray, look: dict[str, Any]) -> None:
    total = counts.sum()
    seen = counts > 0
    value = counts[seen] / total
    low, high = binomial_interval(counts[seen], total, level=LEVEL)
    axes.errorbar(at[seen], value, yerr=(value - low, high - value), elinewidth=1.0, zorder=3, **look)


def _at_or_above(counts: np.ndarray) -> np.ndarray:
    """Fractions at or above each edge; the last is zero."""
    return np.asarray(np.append(np.cumsum(counts[::-1])[::-1], 0.0) / counts.sum())


def _survival(axes: Axes, edges: np.ndarray, counts: np.ndarray, *, color: str, band: bool) -> None:
    """A falling line, with its interval if it is the one to compare with."""
    above = np.cumsum(counts[::-1])[::-1]
    at, total = edges[:-1], counts.sum()
    seen = above > 0
    axes.plot(at[seen], above[seen] / total, color=color, linewidth=1.4)
    if band:
        low, high = binomial_interval(above, total, level=0.95)
        axes.fill_between(at, low, high, color=BAND, linewidth=0, zorder=-1)
