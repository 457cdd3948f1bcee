"""The distribution in one region before or after a fit: stacked samples, their uncertainty, data, and the ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.observed import Observed, Points
from neyman.plots.panels import new_figure, one_panel, two_panels
from neyman.plots.style import BAND, EXACT, LINES, TRUTH, Style, colour, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, put_title, short

# Petroff, arXiv:2107.02270: ten colours, for stacks of more samples than a style has colours.
TEN = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
OTHER = "#efe3c8"
REACHES = (0.12, 0.23, 0.58, 1.08)  # of the ratio panel to either side of one
DEEPEST = 1e-9  # where a logarithmic axis starts at the lowest, as a fraction of its top
HATCH: dict[str, Any] = {"fill": True, "facecolor": "none", "edgecolor": "#55585e", "hatch": "//////", "linewidth": 0}


def plot_stack(
    samples: Mapping[str, Float[np.ndarray, " k"]],
    error: Float[np.ndarray, " k"],
    *,
    data: Observed | None = None,
    edges: Float[np.ndarray, " edges"] | None = None,
    signals: tuple[str, ...] = (),
    lines: Mapping[str, Float[np.ndarray, " k"]] | None = None,
    colours: Mapping[str, str] | None = None,
    most: int = 10,
    title: str = "",
    label: str = "",
    unit: str = "",
    error_label: str = "uncertainty",
    per_width: bool = False,
    log_y: bool = False,
    style: Style = "plain",
) -> Figure:
    """Samples on top of one another, the largest above the smaller ones and signals on top of all.

    With data there is a lower panel, data / prediction; what is beyond its range is drawn as a triangle at the edge. A
    bin in which nothing is expected has no ratio. Blinded bins are shaded, and their data change no pixel.

    Args:
        samples: Expected events per bin by sample. Their order gives the colours, so that a sample looks the same
            before and after the fit.
        error: Uncertainty of the sum of the samples in each bin.
        data: The data and their blinded bins.
        edges: Edges of the bins, shape `(k + 1,)`; without, bins are numbered from 1.
        signals: Samples that are drawn on top.
        lines: Yields that are drawn as lines and are not in the sum, e.g. a signal times ten.
        colours: Colours by sample, where those of the style will not do.
        most: Layers of the stack at most; the smallest samples are added up where there are more.
        title: The region, and what else the reader must know.
        label: What the horizontal axis shows.
        unit: Its unit.
        error_label: What the uncertainty holds.
        per_width: Whether yields are divided by the widths of the bins.
        log_y: Whether the vertical axis is logarithmic.
        style: Look of the figure.

    Raises:
        DataError: If there are no samples, lengths differ, edges do not increase, a number is not finite, an
            uncertainty is negative, or a signal is not among the samples.
    """
    _check(samples, error, data=data, edges=edges, lines=lines or {}, signals=signals)
    bins = np.arange(0.5, len(error) + 1) if edges is None else edges
    per = np.diff(bins) if per_width else np.ones(len(error))
    total, band = np.sum(list(samples.values()), axis=0) / per, error / per
    with styled(style):
        figure = new_figure(height=4.8 if data is None else 5.8)
        upper, lower = (one_panel(figure), None) if data is None else two_panels(figure, heights=(3.0, 1.1))
        if log_y:
            upper.set_yscale("log")
        handles: list[Any] = []
        base = np.zeros(len(error))
        for name, (values, shade) in _layers(samples, signals, most, colours or {}).items():
            top = base + values / per
            layer = upper.stairs(top, bins, baseline=base, fill=True, color=shade, label=short(name, 32))
            handles.insert(0, layer)  # the legend reads like the stack, from the top
            base = top
        upper.stairs(total, bins, color=EXACT, linewidth=0.9)
        handles.append(upper.stairs(total + band, bins, baseline=total - band, label=error_label, **HATCH))
        reach = [total, np.minimum(total + band, 2.5 * total.max())]  # a huge uncertainty may leave the picture
        for index, (name, values) in enumerate((lines or {}).items()):
            dashes = LINES[(index + 1) % len(LINES)]
            line = upper.stairs(
                values / per, bins, baseline=None, color=TRUTH, linewidth=1.8, linestyle=dashes, label=short(name, 32)
            )
            handles.append(line)
            reach.append(values / per)
        if data is not None and lower is not None:
            points = data.points().over(per)
            reach += [points.low, points.high]
            bars = _draw(upper, bins, points)
            if data.seen.any():
                handles.insert(0, bars)
            _draw_ratio(lower, bins, points.over(total), Points(total, total - band, total + band).over(total))
            if not data.seen.all():
                handles.append(_shade(upper, bins, ~data.seen))
                _shade(lower, bins, ~data.seen)
        upper.set_xlim(bins[0], bins[-1])
        upper.set_ylim(*_limits(total, np.concatenate(reach), log_y=log_y))
        put_title(upper, title)
        upper.set_ylabel(_count_label(bins, unit, numbered=edges is None, per_width=per_width))
        bottom = upper if lower is None else lower
        bottom.set_xlabel(axis_label(label or ("bin" if edges is None else ""), unit))
        apart_numbers(bottom)
        if edges is None:
            bottom.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
            bottom.xaxis.set_minor_locator(NullLocator())
        fitting_legend(figure, handles)
    return figure


def _check(
    samples: Mapping[str, np.ndarray],
    error: np.ndarray,
    *,
    data: Observed | None,
    edges: np.ndarray | None,
    lines: Mapping[str, np.ndarray],
    signals: tuple[str, ...],
) -> None:
    if not samples:
        raise DataError("no samples, so nothing to stack", expected="at least one")
    require_numbers("error", error, (None,), low=0.0)
    for name, values in (*samples.items(), *lines.items()):
        require_numbers(f"yields of '{name}'", values, (len(error),))
    if data is not None and len(data.counts) != len(error):
        raise DataError(f"{len(data.counts)} bins of data, {len(error)} of samples", expected="as many")
    if edges is not None:
        require_numbers("edges", edges, (len(error) + 1,))
        require_increasing("edges", edges)
    for name in signals:
        if name not in samples:
            raise DataError(f"signal '{name}' is not a sample", expected=f"one of {', '.join(samples)}")


def _layers(
    samples: Mapping[str, Float[np.ndarray, " k"]],
    signals: tuple[str, ...],
    most: int,
    colours: Mapping[str, str],
) -> dict[str, tuple[Float[np.ndarray, " k"], str]]:
    """Yields and colour of each layer, from the lowest to the highest."""
    palette = [colour(index) for index in range(len(samples))]
    if len(set(palette)) < len(palette):
        palette = [TEN[index % len(TEN)] for index in range(len(samples))]
    shade = dict(zip(samples, palette, strict=True)) | dict(colours)
    backgrounds = sorted((name for name in samples if name not in signals), key=lambda name: float(samples[name].sum()))
    n_small = 0 if len(samples) <= most else min(len(samples) - most + 1, len(backgrounds))
    small, large = backgrounds[:n_small], backgrounds[n_small:]
    layers = {f"other ({n_small})": (np.sum([samples[name] for name in small], axis=0), OTHER)} if small else {}
    return layers | {name: (samples[name], shade[name]) for name in (*large, *signals)}


def _draw(axes: Axes, bins: Float[np.ndarray, " edges"], points: Points) -> Any:  # noqa: ANN401 - its stubs have no type
    seen = np.isfinite(points.value)
    x, y = 0.5 * (bins[1:] + bins[:-1])[seen], points.value[seen]
    bars = np.array([y - points.low[seen], points.high[seen] - y])
    return axes.errorbar(x, y, yerr=bars, fmt="o", color=EXACT, markersize=4.2, elinewidth=1.1, label="data")


def _draw_ratio(axes: Axes, bins: Float[np.ndarray, " edges"], points: Points, band: Points) -> None:
    axes.stairs(band.high, bins, baseline=band.low, **HATCH)
    axes.axhline(1, color=EXACT, linewidth=0.9)
    away = np.abs(points.value - 1)
    widest = max(np.nanmax(away, initial=0.0), float(np.nanmedian([*(band.high - 1), 0.0])))
    reach = next((reach for reach in REACHES if 1.15 * widest < reach), REACHES[-1])
    _draw(axes, bins, points)
    centre = 0.5 * (bins[1:] + bins[:-1])
    for side, marker in ((1, "^"), (-1, "v")):
        off = side * (points.value - 1) >= reach
        axes.plot(centre[off], np.full(off.sum(), 1 + 0.9 * side * reach), marker, color=EXACT, markersize=5.0)
    axes.set_ylim(1 - reach, 1 + reach)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.set_ylabel("data / pred.")


def _shade(axes: Axes, bins: Float[np.ndarray, " edges"], blinded: Bool[np.ndarray, " k"]) -> Patch:
    look: dict[str, Any] = {"color": BAND, "alpha": 0.6, "linewidth": 0}
    change = np.flatnonzero(np.diff(blinded, prepend=False, append=False))
    for start, stop in change.reshape(-1, 2):
        axes.axvspan(bins[start], bins[stop], zorder=0, **look)
    return Patch(**look, label="blinded")


def _limits(total: Float[np.ndarray, " k"], reach: Float[np.ndarray, " n"], *, log_y: bool) -> tuple[float, float]:
    """The range of the vertical axis, with headroom; a logarithmic one starts below the smallest sum."""
    top = float(np.nanmax(reach))
    top = top if top > 0 else 1.0
    if not log_y:
        return min(0.0, 1.15 * float(np.nanmin(reach))), 1.12 * top
    bottom = 0.2 * float(total[total > 0].min(initial=top))
    bottom = max(bottom, DEEPEST * top)
    return bottom, top * (top / bottom) ** 0.06


def _count_label(bins: Float[np.ndarray, " edges"], unit: str, *, numbered: bool, per_width: bool) -> str:
    widths = np.diff(bins)
    if per_width:
        return f"events / {unit or 'width of bin'}"
    if numbered or not np.allclose(widths, widths[0]):
        return "events / bin"
    return f"events / {widths[0]:.3g} {unit}".strip()
