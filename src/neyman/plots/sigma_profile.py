"""At which scale candidates are unusual: the norm of the score over levels of noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator

from neyman.core.errors import DataError
from neyman.plots.inputs import require_increasing, require_names, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import BAND, EXACT, LINES, Style, colour, styled
from neyman.plots.text import fitting_legend, minus, put_title

MOST = 5


def plot_sigma_profile(
    sigmas: Float[np.ndarray, " s"],
    background: Float[np.ndarray, "3 s"],
    candidates: Float[np.ndarray, "n s"],
    names: Sequence[str],
    *,
    scored_at: float | None = None,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    r"""σ‖s‖ of candidates over the level of noise, and of background its median with 68 % of events.

    A candidate above the band at low noise has details that background does not have; one at high noise is far from
    the bulk.

    Args:
        sigmas: Levels of noise, increasing, in standard deviations of the features.
        background: 16 %, 50 % and 84 % quantiles of background at each.
        candidates: One row a candidate; the first five are drawn.
        names: The names of the candidates.
        scored_at: The level at which events are scored.
        title: What else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If shapes differ, a number is negative or not finite, or levels do not increase.
    """
    require_names(names)
    require_numbers("sigmas", sigmas, (None,), low=0.0)
    require_increasing("sigmas", sigmas)
    require_numbers("background", background, (3, len(sigmas)), low=0.0)
    require_numbers("candidates", candidates, (len(names), len(sigmas)), low=0.0)
    if sigmas[0] <= 0:
        raise DataError("a level of noise of zero", expected="levels above zero, for a logarithmic axis")
    with styled(style):
        figure = new_figure(height=4.2)
        axes = one_panel(figure)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.fill_between(sigmas, background[0], background[2], color=BAND, linewidth=0)
        axes.plot(sigmas, background[1], color="#5f6368")
        handles: list[Any] = [
            Line2D([], [], color="#5f6368", label="background, median"),
            Patch(facecolor=BAND, label="68 % of background"),
        ]
        for number, (name, values) in enumerate(zip(names[:MOST], candidates[:MOST], strict=True)):
            look: dict[str, Any] = {"color": colour(number), "linestyle": LINES[number], "marker": "o", "markersize": 3}
            axes.plot(sigmas, values, **look)
            handles.append(Line2D([], [], **look, label=name))
        if scored_at is not None:
            axes.axvline(scored_at, color=EXACT, linewidth=1.0, linestyle=":")
            handles.append(Line2D([], [], color=EXACT, linewidth=1.0, linestyle=":", label="scored here"))
        axes.set_xlim(0.93 * sigmas[0], 1.07 * sigmas[-1])
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{value:g}")))
        axes.tick_params(axis="x", which="minor", labelbottom=False)
        axes.set_xlabel(r"level of noise $\sigma$ [standard deviations of the features]")
        axes.set_ylabel(r"$\sigma\,\Vert s\Vert$")
        put_title(axes, title)
        fitting_legend(figure, handles)
    return figure
