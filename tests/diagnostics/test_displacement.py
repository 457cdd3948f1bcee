from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.diagnostics import displacement_quantiles

EDGES = np.array([0.0, 1, 2, 4])


def test_quantiles_are_those_of_the_events_of_a_bin():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 5, 20_000)
    moved = x + x * rng.normal(size=len(x))
    found = displacement_quantiles(x, moved, EDGES)
    for index, (low, high) in enumerate(itertools.pairwise(EDGES)):
        inside = np.sort(moved[(x >= low) & (x < high)])
        below = [(inside < value).mean() for value in found[:, index]]
        np.testing.assert_allclose(below, [0.025, 0.16, 0.5, 0.84, 0.975], atol=2 / len(inside))


def test_a_function_of_x_alone_has_bands_as_wide_as_the_bin_makes_them():
    x = np.linspace(0, 4, 4001)
    found = displacement_quantiles(x, 0.1 * x, EDGES)
    np.testing.assert_allclose(found[4] - found[0], 0.95 * 0.1 * np.diff(EDGES), rtol=1e-2)


def test_bins_without_events_are_nan():
    assert np.isnan(displacement_quantiles(np.array([0.5]), np.array([1.0]), EDGES)[:, 1:]).all()


@pytest.mark.parametrize(
    ("x", "displacement", "edges", "text"),
    [
        (np.zeros(3), np.zeros(2), EDGES, "displacement has shape"),
        (np.array([np.nan]), np.zeros(1), EDGES, "x is nan"),
        (np.zeros(0), np.zeros(0), EDGES, "empty"),
        (np.zeros(1), np.zeros(1), EDGES[::-1], "do not increase"),
    ],
)
def test_refused(x, displacement, edges, text):
    with pytest.raises(InputError, match=text) as error:
        inspect.unwrap(displacement_quantiles)(x, displacement, edges)
    assert len(str(error.value).splitlines()) <= 5
