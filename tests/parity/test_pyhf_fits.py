"""Minima, best fits and errors against pyhf: with its own minimiser, and with its likelihood minimised to the end."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest

from .pyhf_oracle import backend


def within(fit, theta, *, sigmas):
    """All parameters of the fit are where they should be, by a fraction of their errors."""
    errors = np.where(np.isfinite(fit.errors), fit.errors, 0.1)
    np.testing.assert_array_less(np.abs(fit.theta - theta), sigmas * errors + 1e-9)


def other_data(case):
    """Data that nothing was fitted to, and auxiliary data away from their nominal values."""
    rng, bins = np.random.default_rng(12), case.model.grid.bins
    array = case.oracle.data.copy()
    array[:bins] = rng.poisson(array[:bins] + 0.5)
    shift = 0.5 * rng.normal(size=len(array) - bins) * np.where(array[bins:] == 0, 1, 0.02)
    array[bins:] += shift * np.maximum(np.abs(array[bins:]), 1)
    return array


def test_minimum_is_that_of_the_polished_pyhf(case):
    theta, lowest = case.oracle.minimise(case.oracle.data)
    fit = case.model.fit()
    assert fit.result.converged
    assert fit.result.twice_nll == pytest.approx(lowest, abs=1e-6)
    within(fit, theta, sigmas=1e-3)


def test_minimum_with_other_data(case):
    array = other_data(case)
    theta, lowest = case.oracle.minimise(array)
    fit = case.model.fit(case.data(array))
    assert fit.result.converged
    assert fit.result.twice_nll == pytest.approx(lowest, abs=1e-6)
    within(fit, theta, sigmas=1e-3)


def test_minimum_with_the_parameter_of_interest_held(case):
    held = case.model.index("mu")
    theta, lowest = case.oracle.minimise(case.oracle.data, held={held: 1.7})
    fit = case.model.fit(fixed={"mu": 1.7})
    assert fit.result.twice_nll == pytest.approx(lowest, abs=1e-6)
    assert fit["mu"].value == 1.7
    assert fit["mu"].error == 0
    within(fit, theta, sigmas=1e-3)


def test_minimum_is_not_above_that_of_pyhf_itself(case):
    with backend("numpy", pyhf.optimize.minuit_optimizer()), np.errstate(all="ignore"):
        theta, lowest = pyhf.infer.mle.fit(case.oracle.data, case.oracle.model, return_fitted_val=True)
    fit = case.model.fit()
    assert fit.result.twice_nll <= float(lowest) + 1e-6
    within(fit, np.asarray(theta), sigmas=0.01)


def test_errors_are_those_of_the_hessian(case):
    fit = case.model.fit()
    if "kinked" in case.name and (fit.theta == 0).any():
        pytest.skip("a parameter at a kink: the Hessian is another one on each side")
    free = ~case.model.fixed
    hessian = case.oracle.derivatives(fit.theta, case.oracle.data)[2][np.ix_(free, free)] / 2
    if not np.isfinite(hessian).all() or np.linalg.eigvalsh(hessian).min() <= 0:
        at_bound = [name for name in case.model.names if name in fit.result.at_bounds]
        assert at_bound, "a Hessian that cannot be inverted, and no parameter at a bound"
        return
    np.testing.assert_allclose(fit.errors[free], np.sqrt(np.diagonal(np.linalg.inv(hessian))), rtol=1e-4)
    assert (fit.errors[~free] == 0).all()


def test_minuit_agrees(case):
    if len(case.model.names) > 100:
        pytest.skip("Minuit takes minutes")
    fit, second = case.model.fit(), case.model.fit(minimiser="minuit")
    assert fit.result.twice_nll <= second.result.twice_nll + 1e-6
    within(fit, second.theta, sigmas=0.05)
