from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from neyman.core.errors import DataError
from neyman.plots.observed import Observed, Points

COUNTS = np.array([0.0, 1, 7, 120])


def test_errors_are_garwood_intervals():
    points = Observed(COUNTS).points()
    tail = 0.158655253931457
    np.testing.assert_allclose(points.low, [0, *(0.5 * chi2.ppf(tail, 2 * COUNTS[1:]))])
    np.testing.assert_allclose(points.high, 0.5 * chi2.ppf(1 - tail, 2 * COUNTS + 2))
    np.testing.assert_array_equal(points.value, COUNTS)


def test_weighted_data_bring_their_errors_and_may_be_negative():
    points = Observed(np.array([-1.0, 2.0]), error=np.array([2.0, 1.0])).points()
    np.testing.assert_array_equal(points.low, [-3, 1])
    np.testing.assert_array_equal(points.high, [1, 3])


@pytest.mark.parametrize("hidden", [np.nan, np.inf, -3.0, 1e9])
def test_blinded_bins_are_not_looked_at(hidden):
    points = Observed(np.array([1.0, hidden]), blinded=np.array([False, True])).points()
    for values in (points.value, points.low, points.high):
        assert np.isfinite(values[0])
        assert np.isnan(values[1])


def test_nothing_is_divided_by_zero():
    ratio = Points(COUNTS, COUNTS, COUNTS).over(np.array([1.0, 0.0, -2.0, 60.0]))
    np.testing.assert_array_equal(ratio.value, [0, np.nan, np.nan, 2])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"counts": np.array([])}, "empty"),
        ({"counts": np.array([1.0, np.nan])}, r"data\[1\]: nan"),
        ({"counts": np.array([1.0, -1.0])}, r"data\[1\]: -1.0"),
        ({"counts": COUNTS, "error": np.ones(3)}, "data error has shape"),
        ({"counts": COUNTS, "error": -np.ones(4)}, r"data error\[0\]"),
        ({"counts": COUNTS, "blinded": np.array([True])}, "blinded has shape"),
        ({"counts": COUNTS, "blinded": np.ones(4)}, "True or False"),
    ],
)
def test_refused(raw, arguments, text):
    with pytest.raises(DataError, match=text):
        raw(Observed, **arguments)
