"""Widths of posteriors: learned against exact, and against the number of events."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neyman.core.errors import DataError
from neyman.plots.panels import legend_above, new_figure, two_panels
from neyman.plots.style import EXACT, LEARNED, Style, pin, styled


def plot_widths(
    mean: Float[np.ndarray, " b"],
    sd: Float[np.ndarray, " b"],
    exact_mean: Float[np.ndarray, " b"],
    exact_sd: Float[np.ndarray, " b"],
    *,
    label: str = r"$\theta$",
    style: Style = "plain",
) -> Figure:
    """Learned against exact standard deviation of each test, and how far the means are apart.

    Args:
        mean: Mean of the learned posterior of each test.
        sd: Its standard deviation.
        exact_mean: Mean of the exact posterior.
        exact_sd: Its standard deviation.
        label: The parameter, as an axis writes it.
        style: Look of the figure.

    Raises:
        DataError: If lengths differ, there are no tests, or a value is not finite.
    """
    values = (mean, sd, exact_mean, exact_sd)
    if len({len(value) for value in values}) > 1 or len(mean) == 0 or not all(np.isfinite(v).all() for v in values):
        raise DataError("means and widths empty, of different lengths or not finite", expected="one number per test")
    apart = (mean - exact_mean) / exact_sd
    with styled(style):
        figure = new_figure(height=4.0)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            pin(axes)
            axes.set_box_aspect(1)
        ends = np.array([min(sd.min(), exact_sd.min()), max(sd.max(), exact_sd.max())])
        ends += 0.06 * (ends[1] - ends[0] or ends[1]) * np.array([-1, 1])
        (equal,) = left.plot(ends, ends, color=EXACT, linestyle="--", linewidth=1.0, label="equal")
        (tests,) = left.plot(
            exact_sd, sd, "o", color=LEARNED, alpha=0.55, markersize=3.6, markeredgewidth=0, label=f"{len(sd)} tests",
            rasterized=len(sd) > 2000,
        )  # fmt: skip
        left.set_xlim(*ends)
        left.set_ylim(*ends)
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=5))
        left.set_xlabel(f"exact sd of {label}")
        left.set_ylabel(f"learned sd of {label}")
        left.set_title(f"mean ratio {np.mean(sd / exact_sd):.3f}")
        reach = 1.1 * max(float(np.abs(apart).max()), 0.1)
        right.hist(apart, bins=np.linspace(-reach, reach, 32), color=LEARNED, alpha=0.25, histtype="stepfilled")
        right.hist(apart, bins=np.linspace(-reach, reach, 32), color=LEARNED, histtype="step", linewidth=1.4)
        right.axvline(0, color=EXACT, linestyle="--", linewidth=1.0)
        right.set_xlim(-reach, reach)
        right.set_ylim(0, 1.15 * right.dataLim.y1)
        right.set_xlabel("(learned − exact mean) / exact sd")
        right.set_ylabel("tests per bin")
        right.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        right.set_title(f"mean {apart.mean():+.3f}, rms {np.sqrt(np.mean(apart**2)):.3f}".replace("-", "−"))
        legend_above(figure, [tests, equal])
    return figure


def plot_width_scaling(
    n_events: Float[np.ndarray, " k"],
    width: Float[np.ndarray, " k"],
    *,
    bound_at_one: float,
    spread: Float[np.ndarray, " k"] | None = None,
    exact: Float[np.ndarray, " k"] | None = None,
    label: str = r"$\theta$",
    style: Style = "plain",
) -> Figure:
    r"""Width of the posterior against the number of events, with the Cramér-Rao line \(1/\sqrt{N I_1}\).

    Args:
        n_events: Number of events in a set.
        width: Mean width of the learned posterior there.
        bound_at_one: The Cramér-Rao bound for one event, \(1/\sqrt{I_1}\).
        spread: Error or spread of the width, for error bars.
        exact: Mean width of the exact posterior there; a prior makes it narrower than the bound for few events.
        label: The parameter, as an axis writes it.
        style: Look of the figure.

    Raises:
        DataError: If lengths differ, or a number is not positive.
    """
    if len(n_events) != len(width) or len(width) == 0 or not ((n_events > 0) & (width > 0)).all() or bound_at_one <= 0:
        raise DataError("numbers of events and widths do not fit", expected="as many, all above zero")
    with styled(style):
        figure = new_figure(height=5.2)
        upper, lower = two_panels(figure)
        line = np.geomspace(n_events.min() / 1.5, n_events.max() * 1.5, 50)
        handles: list[Any] = upper.plot(
            line, bound_at_one / np.sqrt(line), color=EXACT, linestyle="--", linewidth=1.2,
            label=r"Cramér-Rao, $\propto 1/\sqrt{N}$",
        )  # fmt: skip
        lower.axhline(1, color=EXACT, linestyle="--", linewidth=1.2)
        bound = bound_at_one / np.sqrt(n_events)
        if exact is not None:
            look: dict[str, Any] = {
                "marker": "s",
                "color": EXACT,
                "markerfacecolor": "white",
                "linestyle": "none",
                "markersize": 8,
            }
            handles += upper.plot(n_events, exact, label="exact posterior", **look)
            lower.plot(n_events, exact / bound, **look)
        bars: dict[str, Any] = {"fmt": "o", "color": LEARNED, "markersize": 5}
        handles.append(upper.errorbar(n_events, width, yerr=spread, label="learned posterior", **bars))
        lower.errorbar(n_events, width / bound, yerr=None if spread is None else spread / bound, **bars)
        upper.set_xscale("log")
        upper.set_yscale("log")
        upper.set_xlim(line[0], line[-1])
        upper.set_ylabel(f"posterior sd of {label}")
        lower.set_ylabel("ratio to\nCramér-Rao")
        lower.set_xlabel("number of events $N$")
        shown = np.concatenate([width / bound, [1.0], [] if exact is None else exact / bound])
        margin = 0.25 * max(float(np.ptp(shown)), 0.08)
        lower.set_ylim(shown.min() - margin, shown.max() + margin)
        legend_above(figure, handles)
    return figure
