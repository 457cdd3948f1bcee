"""A one-dimensional posterior: learned, exact, prior and truth in one panel."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from neyman.diagnostics.grids import moments, normalise, quantiles
from neyman.diagnostics.intervals import ONE_SIGMA
from neyman.plots.panels import legend_above, new_figure, one_panel, two_panels
from neyman.plots.style import EXACT, LEARNED, PRIOR, TRUTH, Style, styled

VISIBLE = np.array([1e-4, 1 - 1e-4])  # quantiles between which a posterior is worth drawing
CENTRAL = np.array([0.5 * (1 - ONE_SIGMA), 0.5 * (1 + ONE_SIGMA)])


def plot_posterior(
    grid: Float[np.ndarray, " g"],
    log_density: Float[np.ndarray, " g"],
    *,
    exact: Float[np.ndarray, " g"] | None = None,
    prior: Float[np.ndarray, " g"] | None = None,
    truth: float | None = None,
    truth_label: str = "truth",
    label: str = r"$\theta$",
    learned_label: str = "learned",
    exact_label: str = "exact",
    style: Style = "plain",
) -> Figure:
    """The learned posterior with its central 68 % interval, over the exact one, the prior and the truth.

    With an exact posterior there is a lower panel: learned minus exact, in per cent of the exact one's maximum (their
    ratio would show only the tails, where nothing is).

    Args:
        grid: Increasing values of the parameter.
        log_density: Log-density of the learned posterior there, up to a constant.
        exact: Log-density of the exact posterior there, up to a constant.
        prior: Log-density of the prior there, up to a constant.
        truth: The value that made the data, or another to compare with.
        truth_label: What that value is.
        label: The parameter, as an axis writes it.
        learned_label: What the learned posterior is called.
        exact_label: What the exact posterior is called.
        style: Look of the figure.

    Raises:
        DataError: For a grid that does not increase, or a density that is NaN or vanishes everywhere.
    """
    learned_density = np.exp(normalise(grid, log_density))
    mean, sd = moments(grid, log_density)
    low, high = quantiles(grid, log_density, CENTRAL)
    with styled(style):
        figure = new_figure(height=4.4 if exact is None else 5.4)
        if exact is None:
            upper = one_panel(figure)
            bottom = upper
        else:
            upper, bottom = two_panels(figure)
        name = f"{learned_label}: {with_error(float(mean), float(sd))}"
        handles: list[Any] = upper.plot(grid, learned_density, color=LEARNED, label=name)
        upper.fill_between(grid, learned_density, color=LEARNED, alpha=0.15, linewidth=0)
        inside = np.union1d(grid[(grid > low) & (grid < high)], [low, high])
        interval = upper.fill_between(
            inside, np.interp(inside, grid, learned_density), color=LEARNED, alpha=0.25, linewidth=0,
            label="central 68 %",
        )  # fmt: skip
        handles.append(interval)
        top, ends = float(learned_density.max()), quantiles(grid, log_density, VISIBLE)
        if exact is not None:
            exact_density = np.exp(normalise(grid, exact))
            exact_mean, exact_sd = moments(grid, exact)
            name = f"{exact_label}: {with_error(float(exact_mean), float(exact_sd))}"
            handles += upper.plot(grid, exact_density, color=EXACT, linestyle="--", label=name)
            difference = 100 * (learned_density - exact_density) / exact_density.max()
            bottom.axhline(0, color=EXACT, linestyle="--", linewidth=1.0)
            bottom.plot(grid, difference, color=LEARNED)
            bottom.fill_between(grid, difference, color=LEARNED, alpha=0.15, linewidth=0)
            largest = max(1.0, 1.2 * float(np.abs(difference).max()))
            bottom.set_ylim(-largest, largest)
            bottom.set_ylabel("difference\n[% of max.]")
            top = max(top, float(exact_density.max()))
            also = quantiles(grid, exact, VISIBLE)
            ends = np.array([min(ends[0], also[0]), max(ends[1], also[1])])
        if prior is not None:
            handles += upper.plot(grid, np.exp(normalise(grid, prior)), color=PRIOR, linewidth=1.3, label="prior")
        if truth is not None:
            for axes in {upper, bottom}:
                line = axes.axvline(truth, color=TRUTH, linestyle=":", linewidth=1.6)
            line.set_label(f"{truth_label}: {truth:.4g}")
            handles.append(line)
            ends = np.array([min(ends[0], truth), max(ends[1], truth)])
        margin = 0.04 * (ends[1] - ends[0])
        upper.set_xlim(max(grid[0], ends[0] - margin), min(grid[-1], ends[1] + margin))
        upper.set_ylim(0, 1.12 * top)
        upper.set_ylabel("probability density")
        bottom.set_xlabel(label)
        legend_above(figure, handles)
    return figure


def with_error(value: float, error: float) -> str:
    """A value and its error, to two digits of the error.

    Examples:
        >>> print(with_error(4.3, 0.1763))
        4.30 ± 0.18
    """
    # The exponent of the rounded error: 0.0998 is 0.10, two digits of which end at the second decimal.
    decimals = max(0, 1 - int(f"{error:.1e}".partition("e")[2])) if error > 0 else 3
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")
