"""Ranks of the truth: their histogram, and their distribution function minus that of uniform ranks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure

from neyman.diagnostics.ecdf import rank_ecdf
from neyman.diagnostics.ranks import rank_histogram, rank_uniformity
from neyman.plots.panels import legend_above, new_figure
from neyman.plots.style import BAND, EXACT, LEARNED, Style, pin, styled


def plot_ranks(
    ranks: Int[np.ndarray, " b"],
    n_samples: int,
    *,
    label: str = "",
    bins: int | None = None,
    level: float = 0.99,
    style: Style = "plain",
) -> Figure:
    """Rank histogram with a pointwise band on the left, ECDF difference with a simultaneous band on the right.

    Args:
        ranks: Rank of the truth in each test.
        n_samples: Posterior samples per test.
        label: The parameter, as an axis writes it.
        bins: Bins of the histogram; default as in `rank_uniformity`.
        level: Probability of the bands: of each bin on its own, and of the whole curve.
        style: Look of the figure.

    Raises:
        DataError: For no ranks, or ranks outside 0..n_samples.
    """
    from scipy.special import bdtr

    test = rank_uniformity(ranks, n_samples, bins=bins)
    observed, expected = rank_histogram(ranks, n_samples, test.bins)
    curve = rank_ecdf(ranks, n_samples, level=level)
    # The counts of one bin are binomial; its central interval at `level`.
    cdf = bdtr(np.arange(test.n + 1.0)[None, :], test.n, expected[:, None] / test.n)
    low, high = (cdf < 0.5 * (1 - level)).sum(axis=1), (cdf < 0.5 * (1 + level)).sum(axis=1)
    edges = np.linspace(0, 1, test.bins + 1)
    per_cent = f"{100 * level:g} %"
    with styled(style):
        figure = new_figure(height=3.6)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            pin(axes)
            axes.set_xlim(0, 1)
            axes.set_xlabel(f"rank of {label} / {n_samples}" if label else f"rank / {n_samples}")
        band = left.stairs(high, edges, baseline=low, fill=True, color=BAND, label=f"{per_cent} if calibrated")
        (flat,) = left.plot([0, 1], [expected.mean()] * 2, color=EXACT, linestyle="--", linewidth=1.0, label="uniform")
        bars = left.stairs(observed, edges, color=LEARNED, linewidth=1.7, label=f"{test.n} tests")
        left.set_ylim(0, 1.25 * max(observed.max(), high.max()))
        left.set_ylabel("tests per bin")
        left.set_title(rf"$\chi^2$ = {test.chi_square:.1f} / {test.bins - 1},  p = {test.chi_square_p_value:.2g}")
        right.fill_between(curve.level, curve.low - curve.level, curve.high - curve.level, color=BAND, linewidth=0)
        right.axhline(0, color=EXACT, linestyle="--", linewidth=1.0)
        right.plot(curve.level, curve.ecdf - curve.level, color=LEARNED)
        largest = 1.25 * max(np.abs(curve.ecdf - curve.level).max(), (curve.high - curve.level).max())
        right.set_ylim(-largest, largest)
        right.set_ylabel("ECDF minus uniform")
        right.set_title(f"inside the {per_cent} band" if curve.within else f"leaves the {per_cent} band")
        legend_above(figure, [bars, flat, band])
    return figure
