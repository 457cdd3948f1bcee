"""Upper limits: CLs against the parameter of interest, and limits of several signals with their expected bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_fraction
from neyman.plots.inputs import require_increasing, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import EXACT, LINES, TRUTH, Style, styled
from neyman.plots.text import apart_numbers, axis_label, fitting_legend, minus, put_title, short

# Green and yellow as everybody reads them, in shades that stay apart for colour-blind readers and in greyscale.
ONE_SIGMA, TWO_SIGMA = "#78b159", "#ffdf7f"


@dataclass(frozen=True)
class ClsScan:
    r"""\(\mathrm{CL}_s\) at values of the parameter of interest (Read, J. Phys. G 28 (2002) 2693).

    Attributes:
        poi: Increasing values of the parameter of interest, shape `(n,)`.
        expected: \(\mathrm{CL}_s\) expected without a signal at −2, −1, 0, 1, 2 standard deviations, shape `(5, n)`.
        observed: That of the data; None while they are blinded.
        expected_limit: Where the median crosses 1 − level; found on the straight lines between the points by default.
        observed_limit: The same of the data.

    Raises:
        DataError: If there are fewer than two points, lengths differ, positions do not increase, or a number is not in
            0..1.
    """

    poi: Float[np.ndarray, " n"]
    expected: Float[np.ndarray, "5 n"]
    observed: Float[np.ndarray, " n"] | None = None
    expected_limit: float | None = None
    observed_limit: float | None = None

    def __post_init__(self) -> None:
        require_numbers("values of the parameter", self.poi, (None,))
        require_increasing("values of the parameter", self.poi)
        if len(self.poi) < 2:
            raise DataError("CLs at one point", expected="at least two")
        require_numbers("expected CLs", self.expected, (5, len(self.poi)), low=0.0, high=1.0)
        if self.observed is not None:
            require_numbers("observed CLs", self.observed, (len(self.poi),), low=0.0, high=1.0)
        for name, value in (("expected", self.expected_limit), ("observed", self.observed_limit)):
            if value is not None and not np.isfinite(value):
                raise DataError(f"{name} limit is {value}", expected="a finite number, or None")


def plot_cls(
    scan: ClsScan,
    *,
    level: float = 0.95,
    label: str = r"$\mu$",
    unit: str = "",
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Observed and expected CLs, and the values of the parameter above which 1 − level is not reached.

    Args:
        scan: CLs and where they cross.
        level: Confidence level of the limit.
        label: The parameter of interest, as an axis writes it.
        unit: Its unit.
        title: The model, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If the level is not in (0, 1).
    """
    require_fraction("level", level)
    alpha = 1 - level
    curves = [("expected", scan.expected[2], scan.expected_limit, "--", 1.6)]
    if scan.observed is not None:
        curves.insert(0, ("observed", scan.observed, scan.observed_limit, "-", 1.9))
    with styled(style):
        figure = new_figure(height=4.8)
        axes = one_panel(figure)
        bands = _bands(axes, scan.poi, scan.expected)
        handles: list[Any] = []
        for name, cls, limit, dashes, width in curves:
            at = crossing(scan.poi, cls, alpha) if limit is None else limit
            found = "no limit in the scan" if at is None else minus(f"limit {at:.4g}")
            handles += axes.plot(
                scan.poi, cls, color=EXACT, linestyle=dashes, linewidth=width, label=f"{name}: {found}"
            )
            if at is not None:
                axes.plot([at, at], [0, alpha], color=TRUTH, linestyle=dashes, linewidth=1.2)
                axes.plot(at, alpha, "o", color=TRUTH, markersize=4.5, zorder=4)
        axes.axhline(alpha, color=TRUTH, linewidth=1.0)
        note = f"{alpha:.3g}"
        axes.text(1.015, alpha, note, transform=axes.get_yaxis_transform(), va="center", fontsize=9.5, color=TRUTH)
        axes.set_xlim(scan.poi[0], scan.poi[-1])
        axes.set_ylim(0, 1.06 * max(float(scan.expected.max()), alpha, *(cls.max() for _, cls, *_ in curves)))
        axes.set_xlabel(axis_label(label, unit))
        axes.set_ylabel(r"$\mathrm{CL}_s$")
        apart_numbers(axes)
        put_title(axes, title)
        fitting_legend(figure, [*handles, *bands])
    return figure


def plot_limits(
    signal: Float[np.ndarray, " n"],
    expected: Float[np.ndarray, "5 n"],
    *,
    observed: Float[np.ndarray, " n"] | None = None,
    theory: Mapping[str, Float[np.ndarray, " n"]] | None = None,
    label: str = "signal",
    unit: str = "",
    limit_label: str = r"95 % CL upper limit on $\mu$",
    limit_unit: str = "",
    log_y: bool = False,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """Upper limits against a parameter of the signal, such as its mass, with the bands expected without a signal.

    Args:
        signal: Increasing values of the parameter of the signal, one per limit.
        expected: Limits expected at −2, −1, 0, 1, 2 standard deviations, shape `(5, n)`.
        observed: Limits from the data; None while they are blinded.
        theory: Predictions in the units of the limits, by name.
        label: The parameter of the signal, as an axis writes it.
        unit: Its unit.
        limit_label: What the limits are on.
        limit_unit: Its unit.
        log_y: Whether the vertical axis is logarithmic.
        title: The search, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no limits, lengths differ, positions do not increase, a number is not finite, or one is
            not positive on a logarithmic axis.
    """
    curves = {} if theory is None else dict(theory)
    require_numbers("values of the signal", signal, (None,))
    require_increasing("values of the signal", signal)
    low = np.nextafter(0, 1) if log_y else -np.inf
    require_numbers("expected limits", expected, (5, len(signal)), low=low)
    if observed is not None:
        require_numbers("observed limits", observed, (len(signal),), low=low)
    for name, values in curves.items():
        require_numbers(f"theory '{name}'", values, (len(signal),), low=low)
    # A single limit is drawn as wide as a twentieth of its position, for a band needs a width.
    half = 0.05 * abs(float(signal[0])) or 0.5
    x = signal if len(signal) > 1 else signal[0] + half * np.array([-1.0, 1.0])

    def wide(values: Float[np.ndarray, "*rows n"]) -> Float[np.ndarray, "*rows m"]:
        return values if len(signal) > 1 else np.repeat(values, 2, axis=-1)

    with styled(style):
        figure = new_figure(height=4.8)
        axes = one_panel(figure)
        if log_y:
            axes.set_yscale("log")
        bands = _bands(axes, x, wide(expected))
        handles: list[Any] = []
        if observed is not None:
            axes.plot(x, wide(observed), color=EXACT, linewidth=1.9)
            axes.plot(signal, observed, "o", color=EXACT, markersize=3.6)
            handles.append(Line2D([], [], color=EXACT, marker="o", markersize=3.6, linewidth=1.9, label="observed"))
        handles += axes.plot(x, wide(expected[2]), color=EXACT, linestyle="--", linewidth=1.6, label="expected")
        for index, (name, values) in enumerate(curves.items()):
            dashes = LINES[(index + 2) % len(LINES)]
            bands += axes.plot(x, wide(values), color=TRUTH, linestyle=dashes, linewidth=1.6, label=short(name))
        margin = 0.0 if len(signal) > 1 else 4 * half
        axes.set_xlim(x[0] - margin, x[-1] + margin)
        limits = np.concatenate([expected.ravel(), [] if observed is None else observed])
        axes.set_ylim(*_range(limits, log_y=log_y))
        axes.set_xlabel(axis_label(label, unit))
        axes.set_ylabel(axis_label(limit_label, limit_unit))
        apart_numbers(axes)
        put_title(axes, title)
        fitting_legend(figure, [*handles, *bands])
    return figure


def crossing(poi: Float[np.ndarray, " n"], cls: Float[np.ndarray, " n"], alpha: float) -> float | None:
    """The largest value at which straight lines between the points cross `alpha` from above; None if they never do.

    Examples:
        >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.1, 0.0]), 0.05)
        1.5
    """
    falls = np.flatnonzero((cls[:-1] >= alpha) & (cls[1:] < alpha))
    if not len(falls):
        return None
    left = int(falls[-1])
    part = (cls[left] - alpha) / (cls[left] - cls[left + 1])
    return float(poi[left] + part * (poi[left + 1] - poi[left]))


def _bands(axes: Axes, x: Float[np.ndarray, " n"], expected: Float[np.ndarray, "5 n"]) -> list[Any]:
    """Bands of one and two standard deviations, the wider one below."""
    look: dict[str, Any] = {"linewidth": 0, "zorder": 1}
    wide = axes.fill_between(x, expected[0], expected[4], color=TWO_SIGMA, label="expected ±2 σ", **look)
    narrow = axes.fill_between(x, expected[1], expected[3], color=ONE_SIGMA, label="expected ±1 σ", **look)
    return [narrow, wide]


def _range(limits: Float[np.ndarray, " m"], *, log_y: bool) -> tuple[float, float]:
    """The range of the limits; a theory far away from them does not press them flat."""
    low, high = float(limits.min()), float(limits.max())
    if log_y:
        return low / 2, 2 * high
    return min(0.0, 1.1 * low), 1.15 * high if high > 0 else 1.0
