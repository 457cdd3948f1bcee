"""Coverage curves: how often regions contain the truth, against how often they should."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neyman.core.errors import DataError
from neyman.diagnostics.coverage import CoverageCurve
from neyman.diagnostics.intervals import binomial_interval
from neyman.plots.panels import legend_above, new_figure, two_panels
from neyman.plots.style import BAND, EXACT, LINES, Style, colour, styled


def plot_coverage(
    curves: Mapping[str, CoverageCurve],
    *,
    kind: str = "regions of highest density",
    style: Style = "plain",
) -> Figure:
    """Coverage against credibility of one or more posteriors, and the difference below.

    The band is where a calibrated posterior lies, at each level on its own, for the curve with the fewest tests.

    Args:
        curves: The curves by name, e.g. one per number of events; from `hpd_coverage`, `central_coverage` or `tarp`.
        kind: What the regions are, for the axis.
        style: Look of the figure.

    Raises:
        DataError: If there are no curves.
    """
    if not curves:
        raise DataError("no coverage curves", expected="at least one")
    fewest = min(curves.values(), key=lambda curve: curve.n)
    level = np.linspace(0, 1, 201)
    low, high = binomial_interval(fewest.n * level, fewest.n, level=fewest.confidence)
    with styled(style):
        figure = new_figure(height=5.6)
        upper, lower = two_panels(figure, heights=(2.6, 1.2))
        text = f"{100 * fewest.confidence:g} % band, {fewest.n} tests"
        band = upper.fill_between(level, low, high, color=BAND, linewidth=0, label=text)
        lower.fill_between(level, low - level, high - level, color=BAND, linewidth=0)
        (exact,) = upper.plot([0, 1], [0, 1], color=EXACT, linestyle="--", linewidth=1.0, label="calibrated")
        lower.axhline(0, color=EXACT, linestyle="--", linewidth=1.0)
        handles: list[Any] = []
        largest = float((high - level).max())
        for index, (name, curve) in enumerate(curves.items()):
            look: dict[str, Any] = {"color": colour(index), "linestyle": LINES[index % len(LINES)]}
            x = np.concatenate(([0.0], curve.level, [1.0]))
            y = np.concatenate(([0.0], curve.coverage, [1.0]))
            handles += upper.plot(x, y, label=f"{name} (p = {curve.p_value:.2g})", **look)
            lower.plot(x, y - x, **look)
            largest = max(largest, float(np.abs(y - x).max()))
        upper.set_xlim(0, 1)
        upper.set_ylim(0, 1)
        lower.set_ylim(-1.15 * largest, 1.15 * largest)
        upper.set_ylabel("fraction that contains the truth")
        lower.set_ylabel("difference")
        lower.set_xlabel(f"probability of the {kind}")
        legend_above(figure, [*handles, exact, band], columns=2)
    return figure
