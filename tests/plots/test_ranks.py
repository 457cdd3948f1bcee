from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from neyman.diagnostics import rank_ecdf, rank_uniformity
from neyman.plots import plot_ranks


@pytest.fixture
def ranks():
    return np.random.default_rng(1).integers(0, 201, size=400)


def test_bars_are_the_counts_and_the_curve_is_the_ecdf(ranks):
    figure = plot_ranks(ranks, 200, label="$C_9$", bins=10)
    left, right = figure.axes
    band, bars = [patch for patch in left.patches if isinstance(patch, StepPatch)]
    counts = np.histogram(ranks, bins=np.arange(11) * 20.1)[0]
    np.testing.assert_array_equal(bars.get_data().values, counts)
    assert (band.get_data().baseline < counts.mean()).all()
    assert (band.get_data().values > counts.mean()).all()
    curve = rank_ecdf(ranks, 200)
    drawn = right.lines[-1].get_xydata()
    np.testing.assert_allclose(drawn, np.stack([curve.level, curve.ecdf - curve.level], axis=1))
    assert left.get_xlabel() == "rank of $C_9$ / 200"
    assert f"p = {rank_uniformity(ranks, 200, bins=10).chi_square_p_value:.2g}" in left.get_title()


def test_the_band_holds_99_per_cent_of_the_bins():
    drawn = np.random.default_rng(2).integers(0, 200, size=(200, 300))
    figure = plot_ranks(drawn[0], 199, bins=20)
    band = next(patch for patch in figure.axes[0].patches if isinstance(patch, StepPatch)).get_data()
    counts = np.stack([np.histogram(row, np.arange(21) * 10)[0] for row in drawn])
    assert 0.985 < ((counts >= band.baseline) & (counts <= band.values)).mean() < 0.999


def test_says_in_words_whether_the_curve_leaves_its_band(ranks):
    assert plot_ranks(ranks, 200).axes[1].get_title() == "inside the 99 % band"
    assert plot_ranks(ranks // 2, 200).axes[1].get_title() == "leaves the 99 % band"
