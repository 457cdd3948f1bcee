"""The distribution of a statistic in toys: under one hypothesis or several, with the asymptotic laws and the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from neyman.core.errors import DataError
from neyman.diagnostics.intervals import poisson_interval
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import EXACT, TRUTH, Style, colour, styled
from neyman.plots.text import apart_numbers, fitting_legend, minus, put_title, short

SEEN = 0.999  # of the toys are inside of the axis at least


@dataclass(frozen=True)
class Law:
    """A density to draw over toys, such as an asymptotic one; without the part that sits at a single value.

    Attributes:
        x: Increasing values of the statistic, shape `(m,)`.
        density: Probability per unit of the statistic there, shape `(m,)`.

    Raises:
        DataError: If lengths differ, positions do not increase, or a number is negative or not finite.
    """

    x: Float[np.ndarray, " m"]
    density: Float[np.ndarray, " m"]

    def __post_init__(self) -> None:
        require_numbers("values of the statistic", self.x, (None,))
        require_increasing("values of the statistic", self.x)
        require_numbers("density", self.density, (len(self.x),), low=0.0)


def plot_toys(
    toys: Mapping[str, Float[np.ndarray, " _"]],
    *,
    observed: float | None = None,
    laws: Mapping[str, Law] | None = None,
    label: str = r"$q_\mu$",
    bins: int = 40,
    log_y: bool = True,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Histograms of a statistic in toys, as densities with Poisson error bars.

    For a test statistic there are two hypotheses, for a goodness of fit there is one. The axis holds the observed value
    and all but the highest thousandth of the toys; the legend says how many are beyond.

    Args:
        toys: The statistic in each toy, by hypothesis.
        observed: The statistic of the data; None while they are blinded.
        laws: Densities to compare with; one with the name of a hypothesis gets its colour.
        label: The statistic, as an axis writes it.
        bins: Bins of the histograms.
        log_y: Whether the vertical axis is logarithmic.
        title: The test, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no toys or bins, or a number is not finite.
    """
    if not toys or bins < 1:
        raise DataError("no toys or no bins, so nothing to draw", expected="at least one of each")
    for name, values in toys.items():
        require_numbers(f"toys of '{name}'", values, (None,))
    if observed is not None and not np.isfinite(observed):
        raise DataError(f"observed is {observed}", expected="a finite number, or None")
    edges = _edges(toys, observed, bins)
    centre, width = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
    shades: dict[str, str] = {}
    with styled(style):
        figure = new_figure(height=4.6)
        axes = one_panel(figure)
        if log_y:
            axes.set_yscale("log")
        handles: list[Any] = []
        tops: list[float] = []
        for index, (name, values) in enumerate(toys.items()):
            shades[name] = colour(index)
            count = np.histogram(values, edges)[0]
            per = len(values) * width
            low, high = poisson_interval(count)
            axes.stairs(count / per, edges, fill=True, color=shades[name], alpha=0.2)
            outline = axes.stairs(count / per, edges, baseline=None, color=shades[name], linewidth=1.5)
            filled = count > 0  # a bar on each empty bin would say nothing
            bars = np.array([count - low, high - count])[:, filled] / per
            axes.errorbar(
                centre[filled], count[filled] / per, yerr=bars, fmt="none", color=shades[name], elinewidth=1.1
            )
            beyond = len(values) - int(count.sum())
            outline.set_label(f"{short(name)}: {len(values)} toys" + (f", {beyond} beyond" if beyond else ""))
            handles.append(outline)
            tops.append(float(high.max()) / per)
        for name, law in (laws or {}).items():
            text = f"{short(name)}: asymptotic" if name in shades else short(name)
            handles += axes.plot(law.x, law.density, color=shades.get(name, EXACT), label=text)
        if observed is not None:
            line = axes.axvline(observed, color=TRUTH, linewidth=1.8, label=minus(f"observed: {observed:.3g}"))
            handles.append(line)
        axes.set_xlim(edges[0], edges[-1])
        bottom = 0.3 / (max(len(values) for values in toys.values()) * width)
        axes.set_ylim(bottom if log_y else 0, max(tops) * (2.0 if log_y else 1.12))
        axes.set_xlabel(label)
        axes.set_ylabel("probability density")
        apart_numbers(axes)
        put_title(axes, title)
        fitting_legend(figure, handles)
    return figure


def _edges(
    toys: Mapping[str, Float[np.ndarray, " _"]], observed: float | None, bins: int
) -> Float[np.ndarray, " edges"]:
    """Equal bins over the lowest toy, the observed value and most of the toys."""
    seen = [] if observed is None else [observed]
    low = min(*seen, *(float(values.min()) for values in toys.values()), np.inf)
    high = max(*seen, *(float(np.quantile(values, SEEN)) for values in toys.values()), -np.inf)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high + 0.02 * (high - low), bins + 1)
