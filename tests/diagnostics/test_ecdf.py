from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.diagnostics import ecdf_band, rank_ecdf


@pytest.mark.parametrize(("n", "points", "level"), [(50, 20, 0.95), (200, 99, 0.99), (500, 60, 0.9)])
def test_the_band_holds_everywhere_at_once_as_often_as_it_says(n, points, level):
    z = np.arange(1, points + 1) / (points + 1)
    low, high = ecdf_band(n, z, level=level)
    uniform = np.sort(np.random.default_rng(1).random((4000, n)), axis=1)
    ecdf = np.stack([np.searchsorted(row, z, side="right") for row in uniform]) / n
    inside = ((ecdf >= low) & (ecdf <= high)).all(axis=1).mean()
    # At least the level; more by what the steps of whole counts leave unused.
    error = np.sqrt(level * (1 - level) / 4000)
    assert level - 4 * error < inside < level + 0.35 * (1 - level) + 4 * error


def test_one_point_gives_the_binomial_interval():
    from scipy.stats import binom

    low, high = ecdf_band(100, np.array([0.5]), level=0.95)
    assert (low[0] * 100, high[0] * 100) == pytest.approx(binom.interval(0.95, 100, 0.5))


def test_symmetric():
    z = np.arange(1, 20) / 20
    low, high = ecdf_band(137, z)
    np.testing.assert_allclose(low, 1 - high[::-1])


def test_wider_than_pointwise_and_narrower_than_bonferroni():
    from scipy.stats import binom

    z = np.arange(1, 100) / 100
    low, high = ecdf_band(1000, z, level=0.99)
    pointwise = binom.interval(0.99, 1000, 0.5)
    bonferroni = binom.interval(1 - 0.01 / 99, 1000, 0.5)
    width = 1000 * (high - low)[49]
    assert pointwise[1] - pointwise[0] < width < bonferroni[1] - bonferroni[0]


def test_ecdf_of_evenly_spread_ranks_is_the_diagonal():
    curve = rank_ecdf(np.arange(100), 99, points=33)
    np.testing.assert_allclose(curve.ecdf, curve.level)
    assert curve.within
    assert len(curve.level) == 33


def test_few_samples_give_few_points():
    curve = rank_ecdf(np.array([0, 1, 2, 3]), 3)
    np.testing.assert_allclose(curve.level, [0.25, 0.5, 0.75])


@pytest.mark.parametrize("z", [[0.0, 0.5], [0.5, 1.0], [0.5, 0.5], [0.6, 0.5], []])
def test_points_that_do_not_increase_inside_the_interval_are_refused(z):
    with pytest.raises(DataError, match="increasing points"):
        ecdf_band(10, np.array(z))


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(DataError, match="level"):
        ecdf_band(10, np.array([0.5]), level=level)
