from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.diagnostics import cumulative, kl_divergence, moments, normalise, quantiles

GRID = np.linspace(-12, 12, 2401)
means = st.floats(-2, 2)
widths = st.floats(0.2, 1.5)


def gaussian(mean, sd):
    return -0.5 * ((GRID - mean) / sd) ** 2


@given(means, widths, means, widths, st.floats(-1e4, 1e4))
def test_divergence_of_gaussians(m1, s1, m2, s2, shift):
    expected = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    found = kl_divergence(GRID, gaussian(m1, s1) + shift, gaussian(m2, s2) - shift)
    assert float(found) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@given(means, widths)
def test_moments_and_quantiles_of_gaussians(mean, sd):
    found_mean, found_sd = moments(GRID, gaussian(mean, sd))
    assert float(found_mean) == pytest.approx(mean, abs=1e-9)
    assert float(found_sd) == pytest.approx(sd, rel=1e-9)
    found = quantiles(GRID, gaussian(mean, sd), np.array([0.15865525, 0.5, 0.84134475]))
    np.testing.assert_allclose(found, [mean - sd, mean, mean + sd], atol=1e-4)


def test_many_at_once_agree_with_one_by_one():
    log_p = np.stack([gaussian(0, 1), gaussian(1, 0.5), gaussian(-1, 2)])
    log_q = np.roll(log_p, 1, axis=0)
    q = np.array([0.1, 0.9])
    assert kl_divergence(GRID, log_p, log_q).shape == (3,)
    assert quantiles(GRID, log_p, q).shape == (3, 2)
    for row in range(3):
        assert kl_divergence(GRID, log_p, log_q)[row] == kl_divergence(GRID, log_p[row], log_q[row])
        np.testing.assert_array_equal(quantiles(GRID, log_p, q)[row], quantiles(GRID, log_p[row], q))
        np.testing.assert_array_equal(cumulative(GRID, log_p)[row], cumulative(GRID, log_p[row]))
        assert moments(GRID, log_p)[1][row] == moments(GRID, log_p[row])[1]


def test_log_densities_far_below_underflow():
    np.testing.assert_allclose(normalise(GRID, gaussian(0, 1) - 1e6), normalise(GRID, gaussian(0, 1)), atol=1e-8)


def test_normalised_densities_integrate_to_one_on_uneven_grids():
    grid = np.sort(np.random.default_rng(1).uniform(0, 5, 50))
    log_density = np.random.default_rng(2).normal(size=(4, 50))
    np.testing.assert_allclose(np.trapezoid(np.exp(normalise(grid, log_density)), grid, axis=1), 1)


@pytest.mark.parametrize("density", [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1, 0, 1]])
def test_quantiles_invert_the_piecewise_linear_density(density):
    with np.errstate(divide="ignore"):
        log_density = np.log(np.array(density, dtype=float))
    grid = np.array([0.0, 1.0, 3.0])
    q = np.linspace(0.01, 0.99, 33)
    found = quantiles(grid, log_density, q)
    assert (np.diff(found) > 0).all()
    fine = np.union1d(np.linspace(0, 3, 30001), grid)
    integral = np.concatenate(([0], np.cumsum(0.5 * np.diff(fine) * np.convolve(np.interp(fine, grid, density), [1, 1], "valid"))))  # fmt: skip # noqa: E501
    np.testing.assert_allclose(np.interp(found, fine, integral / integral[-1]), q, atol=1e-6)


def test_vanishing_densities():
    box = np.where(np.abs(GRID) < 1, 0.0, -np.inf)
    assert kl_divergence(GRID, box, gaussian(0, 1)) == pytest.approx(0.5 * np.log(2 * np.pi) - np.log(2) + 1 / 6, abs=0.01)  # fmt: skip # noqa: E501
    assert kl_divergence(GRID, gaussian(0, 1), box) == np.inf
    assert kl_divergence(GRID, box, box) == 0
    low, high = quantiles(GRID, box, np.array([0.0, 1.0]))
    assert low == pytest.approx(-1, abs=0.011) or low == GRID[0]
    assert high == pytest.approx(1, abs=0.011)
    assert moments(GRID, box)[1] == pytest.approx(1 / np.sqrt(3), rel=0.01)


def test_sees_what_coverage_and_ranks_cannot():
    """A posterior that ignores the data is calibrated, and far from the exact one."""
    assert kl_divergence(GRID, gaussian(0, np.sqrt(0.5)), gaussian(0, 1)) > 0.09


REFUSED = [
    pytest.param(GRID[::-1], np.zeros(len(GRID)), "increasing", id="decreasing"),
    pytest.param(GRID[:1], np.zeros(1), "at least two", id="one point"),
    pytest.param(GRID, np.zeros(3), "of 2401 values", id="other length"),
    pytest.param(GRID, np.empty((0, len(GRID))), "at least one", id="none"),
    pytest.param(GRID, np.full(len(GRID), np.nan), "log-density is nan", id="nan"),
    pytest.param(GRID, np.full((2, len(GRID)), -np.inf), "2 of 2 densities vanish", id="vanishes"),
]


@pytest.mark.parametrize(("grid", "log_density", "message"), REFUSED)
def test_refused(grid, log_density, message):
    with pytest.raises(DataError) as caught:
        inspect.unwrap(normalise)(grid, log_density)
    assert message in str(caught.value)


def test_fractions_outside_are_refused():
    with pytest.raises(DataError, match="0, 1"):
        quantiles(GRID, gaussian(0, 1), np.array([1.5]))
