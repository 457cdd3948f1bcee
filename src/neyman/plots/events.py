"""The columns of sets of events as histograms, against an expectation or against one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, MultipleLocator

from neyman.core.errors import DataError
from neyman.diagnostics.intervals import poisson_interval
from neyman.events import Column, Events
from neyman.plots.panels import WIDTH, legend_above, new_figure, one_panel, two_panels
from neyman.plots.style import BAND, EXACT, Style, colour, styled

BINS = 25
HEIGHT = 3.3  # inches of the panels of one column
PULLS = 4.5  # the range of the pull panels; what is beyond is drawn as a triangle at the edge


@dataclass(frozen=True)
class Expectation:
    """The probabilities that a theory gives the bins of one column.

    Attributes:
        edges: Edges of the bins, shape `(k + 1,)`; the histograms are made in the same bins.
        probability: Probability of each bin, shape `(k,)`.
    """

    edges: Float[np.ndarray, " edges"]
    probability: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class Counts:
    """A histogram with the distance from each count to the ends of its interval."""

    value: Float[np.ndarray, " k"]
    below: Float[np.ndarray, " k"]
    above: Float[np.ndarray, " k"]


def plot_events(
    sets: Mapping[str, Events],
    *,
    expected: Mapping[str, Expectation] | None = None,
    expected_label: str = "theory",
    columns: tuple[str, ...] | None = None,
    bins: int = BINS,
    style: Style = "plain",
) -> Figure:
    """Histograms of each column with Poisson error bars, two columns side by side.

    All sets are scaled to the size of the first. The pulls below each histogram are (observed − expected)/error where
    there is an expectation, otherwise (set − first set)/error.

    Args:
        sets: Sets of events by name.
        expected: Bin probabilities by column; a column without is drawn without.
        expected_label: What they come from.
        columns: Which columns, in order; default all of the first set.
        bins: Bins of columns without an expectation.
        style: Look of the figure.

    Raises:
        DataError: If there are no sets or an empty one, a column is unknown, or an expectation does not fit its edges.
    """
    if not sets or not all(len(events) for events in sets.values()):
        raise DataError("no sets of events, or an empty one", expected="at least one event in each")
    schema = next(iter(sets.values())).schema
    names = columns or schema.names
    across = min(2, len(names))
    down = -(-len(names) // across)
    with styled(style):
        figure = new_figure(WIDTH if across == 1 else 1.3 * WIDTH, 0.4 + down * HEIGHT)
        # One grid for all panels, main and lower in turn, so that they line up; decorations make the gaps.
        grid = figure.add_gridspec(2 * down, across, height_ratios=[2.6, 1.0] * down)
        handles: list[Any] = []
        panels: tuple[Axes, Axes | None]
        for index, name in enumerate(names):
            row, column = divmod(index, across)
            theory = (expected or {}).get(name)
            if theory is None and len(sets) == 1:
                panels = one_panel(figure, grid[2 * row : 2 * row + 2, column]), None
            else:
                panels = two_panels(figure, (grid[2 * row, column], grid[2 * row + 1, column]))
            found = _draw(panels, schema[name], sets, theory, expected_label=expected_label, bins=bins)
            handles = max(handles, found, key=len)
        legend_above(figure, handles, columns=4)
    return figure


def unit_label(column: Column) -> str:
    """Label and unit of a column as matplotlib writes them: GeV^2 becomes GeV²."""
    return column.axis_label.replace("^2]", "$^2$]").replace("^4]", "$^4$]")


def _draw(
    panels: tuple[Axes, Axes | None],
    column: Column,
    sets: Mapping[str, Events],
    theory: Expectation | None,
    *,
    expected_label: str,
    bins: int,
) -> list[Any]:
    edges = _edges(column, sets, bins) if theory is None else theory.edges
    upper, lower = panels
    total = _total(next(iter(sets.values())))
    handles: list[Any] = []
    expected: Counts | None = None
    if theory is not None:
        if len(theory.probability) != len(edges) - 1:
            raise DataError(
                f"{len(theory.probability)} probabilities and {len(edges)} edges for '{column.name}'",
                expected="one edge more than probabilities",
            )
        mean = total * theory.probability
        expected = Counts(mean, np.zeros_like(mean), np.zeros_like(mean))
        handles.append(upper.stairs(mean, edges, color=EXACT, linewidth=1.4, label=expected_label))
    if lower is not None:
        _pull_panel(lower)
    top = 0.0 if expected is None else float(expected.value.max())
    for index, (name, events) in enumerate(sets.items()):
        counts = _histogram(events, column.name, edges, scale=total / _total(events))
        # Several sets stand a little beside one another, so that their bars do not hide each other.
        x = 0.5 * (edges[1:] + edges[:-1]) + 0.12 * np.diff(edges) * (2 * index - len(sets) + 1)
        shade = EXACT if theory is None and index == 0 else colour(index - (theory is None))
        look: dict[str, Any] = {"color": shade, "marker": "osD^v"[index % 5], "linestyle": "none", "markersize": 3.6}
        bars = upper.errorbar(x, counts.value, yerr=[counts.below, counts.above], elinewidth=1.1, label=name, **look)
        handles.append(bars)
        top = max(top, float((counts.value + counts.above).max()))
        if expected is None:
            expected = counts
        elif lower is not None:
            pull = _pulls(counts, expected)
            lower.plot(x, np.where(np.abs(pull) < PULLS, pull, np.nan), **look)
            for side, marker in ((1, "^"), (-1, "v")):
                off = side * pull >= PULLS
                lower.plot(x[off], np.full(off.sum(), side * (PULLS - 0.5)), marker, color=shade, markersize=5.0)
    upper.set_ylim(0, 1.15 * top)
    upper.set_xlim(edges[0], edges[-1])
    upper.set_ylabel(_count_label(column, edges))
    bottom = upper if lower is None else lower
    bottom.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    bottom.set_xlabel(unit_label(column))
    _angle_ticks(bottom, column, edges)
    return handles


def _edges(column: Column, sets: Mapping[str, Events], bins: int) -> Float[np.ndarray, " edges"]:
    """Equal bins over the range of the column, or of the values where the column has no range."""
    low, high = column.low, column.high
    if not np.isfinite([low, high]).all():
        values = np.concatenate([events[column.name] for events in sets.values()])
        low, high = (low if np.isfinite(low) else values.min()), (high if np.isfinite(high) else values.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _total(events: Events) -> float:
    return float(len(events)) if events.weights is None else float(events.weights.sum())


def _histogram(events: Events, name: str, edges: Float[np.ndarray, " edges"], *, scale: float) -> Counts:
    value, _ = np.histogram(events[name], edges, weights=events.weights)
    if events.weights is None:
        low, high = poisson_interval(value)
        return Counts(scale * value, scale * (value - low), scale * (high - value))
    error = scale * np.sqrt(np.histogram(events[name], edges, weights=events.weights**2)[0])
    return Counts(scale * value, error, error)


def _pulls(counts: Counts, expected: Counts) -> Float[np.ndarray, " k"]:
    """Differences in units of the errors on the sides that face each other."""
    above = counts.value > expected.value
    error = np.hypot(
        np.where(above, counts.below, counts.above),
        np.where(above, expected.above, expected.below),
    )
    difference = counts.value - expected.value
    return np.asarray(np.divide(difference, error, out=np.zeros_like(difference), where=error > 0))


def _pull_panel(axes: Axes) -> None:
    axes.axhspan(-2, 2, color=BAND, alpha=0.45, linewidth=0)
    axes.axhspan(-1, 1, color=BAND, linewidth=0)
    axes.axhline(0, color=EXACT, linewidth=0.9)
    axes.set_ylim(-PULLS, PULLS)
    axes.yaxis.set_major_locator(FixedLocator([-3, 0, 3]))
    axes.yaxis.set_minor_locator(MultipleLocator(1))
    axes.set_ylabel("pull")


def _count_label(column: Column, edges: Float[np.ndarray, " edges"]) -> str:
    widths = np.diff(edges)
    if not np.allclose(widths, widths[0]):
        return "events per bin"
    unit = "" if column.unit == "1" else f" {column.unit.replace('^2', '$^2$').replace('^4', '$^4$')}"
    return f"events / {widths[0]:.2g}{unit}"


def _angle_ticks(axes: Axes, column: Column, edges: Float[np.ndarray, " edges"]) -> None:
    if column.unit == "rad" and column.periodic and np.isclose(edges[-1] - edges[0], 2 * np.pi):
        quarters = np.array([-4, -2, 0, 2, 4, 6, 8])
        names = [r"$-\pi$", r"$-\pi/2$", "0", r"$\pi/2$", r"$\pi$", r"$3\pi/2$", r"$2\pi$"]
        seen = [index for index in range(7) if edges[0] - 1e-6 <= quarters[index] * np.pi / 4 <= edges[-1] + 1e-6]
        axes.set_xticks(quarters[seen] * np.pi / 4, [names[index] for index in seen])
        axes.xaxis.set_minor_locator(MultipleLocator(np.pi / 8))
