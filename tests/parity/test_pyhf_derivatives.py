"""−2 ln L, its gradient and its Hessian against pyhf and automatic differentiation of pyhf."""

from __future__ import annotations

import numpy as np
import pytest

from .workspaces_written import DEFAULT, normfactor, normsys, sample, workspace


def same_derivatives(case, theta, array):
    """Our derivatives at a point are pyhf's to 1e-6, of each entry or of what the curvatures say is its scale."""
    value, gradient, hessian = case.oracle.derivatives(theta, array)
    data = case.data(array)
    scale = np.sqrt(np.abs(np.diagonal(hessian))) + 1e-12
    assert np.isfinite(hessian).all()
    assert case.model.twice_nll(theta, data) == pytest.approx(value, rel=1e-9)
    np.testing.assert_array_less(
        np.abs(case.model.gradient(theta, data) - gradient), 1e-6 * (np.abs(gradient) + scale) + 1e-12
    )
    np.testing.assert_array_less(
        np.abs(case.model.hessian(theta, data) - hessian), 1e-6 * (np.abs(hessian) + np.outer(scale, scale)) + 1e-12
    )


def test_parameters_are_those_of_pyhf(case):
    model, oracle = case.model, case.oracle
    assert model.names == oracle.names
    np.testing.assert_array_equal(model.inits, oracle.inits)
    np.testing.assert_array_equal(model.bounds, oracle.bounds)
    np.testing.assert_array_equal(model.fixed, oracle.fixed)
    np.testing.assert_array_equal(np.concatenate([model.observed.main, model.observed.auxiliary]), oracle.data)


def test_expected_data_are_those_of_pyhf(case):
    theta = case.points(1, seed=3)[0]
    asimov = case.model.asimov(theta)
    expected = np.asarray(case.oracle.model.expected_data(theta))
    np.testing.assert_allclose(np.concatenate([asimov.main, asimov.auxiliary]), expected, rtol=1e-12, atol=1e-12)


def test_values_at_random_points(case):
    points = case.points(20)
    found = [case.model.twice_nll(theta) for theta in points]
    expected = [case.oracle.value(theta, case.oracle.data) for theta in points]
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_derivatives_at_random_points(case):
    for theta in case.points(20 if len(case.model.names) < 40 else 2):
        same_derivatives(case, theta, case.oracle.data)


def test_derivatives_with_other_data_and_auxiliary_data(case):
    rng = np.random.default_rng(8)
    array = case.oracle.data.copy()
    bins = case.model.grid.bins
    array[:bins] = rng.poisson(array[:bins] + 1)
    array[bins:] = array[bins:] * rng.uniform(0.9, 1.1, len(array) - bins) + np.where(array[bins:] == 0, 0.3, 0)
    same_derivatives(case, case.points(1, seed=9)[0], array)


def test_twice_nll_is_that_of_pyhf_where_nothing_is_expected(compare):
    """pyhf's NumPy knows 0 ln 0 = 0; its JAX has no derivatives there, so ours are held against finite differences."""
    spec = workspace(
        {
            "SR": [
                sample("signal", [0.0, 3.0], normfactor("mu"), normsys("x", 0.9, 1.1)),
                sample("background", [0.0, 9.0], normsys("x", 0.8, 1.3)),
            ]
        },
        {"SR": [0, 14]},
    )
    case = compare("nothing", spec, DEFAULT)
    theta = np.array([1.3, 0.4])
    assert case.model.twice_nll(theta) == pytest.approx(case.oracle.value(theta, case.oracle.data), rel=1e-12)
    for index in range(2):
        step = 1e-5 * np.eye(2)[index]
        up, down = case.model.twice_nll(theta + step), case.model.twice_nll(theta - step)
        assert case.model.gradient(theta)[index] == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_a_bin_with_events_and_no_expectation_has_no_likelihood(compare):
    spec = workspace(
        {"SR": [sample("signal", [1.0, 3.0], normfactor("mu")), sample("background", [0.0, 9.0])]}, {"SR": [2, 14]}
    )
    case = compare("impossible", spec, DEFAULT)
    assert case.oracle.value([0.0], case.oracle.data) == np.inf
    assert case.model.twice_nll([0.0]) == np.inf
