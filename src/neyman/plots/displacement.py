"""How far a correction moves events: its displacement z − x against x, as bands over all other variables."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from neyman.core.errors import DataError
from neyman.diagnostics.displacement import LEVELS
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import EXACT, LEARNED, TRUTH, Style, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title

WIDE, NARROW = "#d9e5fa", "#a9c4f2"


def plot_displacement(
    edges: Float[np.ndarray, " edges"],
    quantiles: Float[np.ndarray, "5 k"],
    *,
    truth: Float[np.ndarray, " k"] | None = None,
    label: str = "x",
    unit: str = "",
    title: str = "",
    log_x: bool = False,
    style: Style = "plain",
) -> Figure:
    """The median displacement in bins of the variable, and the bands of 68 % and 95 % of the events in the bin.

    Args:
        edges: Edges of the bins of x.
        quantiles: From `diagnostics.displacement_quantiles`; NaN where there is nothing to draw.
        truth: The median displacement of the exact map, where it is known.
        label: The variable, as an axis writes it.
        unit: Its unit.
        title: What else the reader must know, e.g. the mean distance.
        log_x: Whether the horizontal axis is logarithmic.
        style: Look of the figure.

    Raises:
        DataError: If shapes differ, edges do not increase or are not above zero with `log_x`, a number is infinite,
            or there is no bin with events.
    """
    require_numbers("edges", edges, (None,), **({"low": np.finfo(float).tiny} if log_x else {}))
    require_increasing("edges", edges)
    require_numbers("quantiles", np.where(np.isnan(quantiles), 0.0, quantiles), (len(LEVELS), len(edges) - 1))
    if truth is not None:
        require_numbers("truth", np.where(np.isnan(truth), 0.0, truth), (len(edges) - 1,))
    if not np.isfinite(quantiles).any():
        raise DataError("no bin has events", expected="quantiles of one bin at least")
    with styled(style):
        figure = new_figure(height=4.2)
        axes = one_panel(figure)
        if log_x:
            axes.set_xscale("log")
        for low, high, shade in ((0, 4, WIDE), (1, 3, NARROW)):
            axes.stairs(quantiles[high], edges, baseline=np.nan_to_num(quantiles[low]), fill=True, color=shade)
        axes.axhline(0, color=EXACT, linewidth=0.9)
        median = axes.stairs(quantiles[2], edges, baseline=None, color=LEARNED, linewidth=1.8, label="median")
        handles = [median, Patch(color=NARROW, label="68 % of events"), Patch(color=WIDE, label="95 % of events")]
        if truth is not None:
            handles.append(
                axes.stairs(
                    truth, edges, baseline=None, color=TRUTH, linewidth=1.5, linestyle="--", label="exact, median"
                )
            )
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(axis_label(label, unit))
        axes.set_ylabel(axis_label("corrected − uncorrected", unit))
        if log_x:
            axes.tick_params(axis="x", pad=6.5)
        else:
            apart_numbers(axes)
        put_title(axes, title)
        fitting_legend(figure, handles)
    return figure
