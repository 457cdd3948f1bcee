"""The same comparisons for workspaces that nobody has chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy.stats import norm

from neyman.likelihood.hypotheses import Reference, hypothesis_test

from .conftest import make
from .pyhf_oracle import backend
from .test_pyhf_derivatives import same_derivatives
from .workspaces_generated import workspaces
from .workspaces_written import DEFAULT


def all_of(drawn):
    spec, codes, seed = drawn
    case = make("generated", spec, codes)
    points = case.points(20, seed)
    np.testing.assert_allclose(
        [case.model.twice_nll(theta) for theta in points],
        [case.oracle.value(theta, case.oracle.data) for theta in points],
        rtol=1e-9,
    )
    for theta in points:
        same_derivatives(case, theta, case.oracle.data)
    theta, lowest = case.oracle.minimise(case.oracle.data)
    fit = case.model.fit()
    assert fit.result.converged, fit.result.message
    assert fit.result.twice_nll <= lowest + 1e-6
    if codes != DEFAULT:  # at kinks and jumps the oracle's minimiser stops above our minimum
        return
    assert fit.result.twice_nll == pytest.approx(case.oracle.value(fit.theta, case.oracle.data), rel=1e-9)
    if fit.result.twice_nll < lowest - 1e-6:  # systematics with several minima: the oracle is in a higher one
        return
    errors = np.where(np.isfinite(fit.errors), fit.errors, 0.1)
    np.testing.assert_array_less(np.abs(fit.theta - theta), 0.01 * errors + 1e-9)
    free = ~case.model.fixed
    hessian = case.oracle.derivatives(fit.theta, case.oracle.data)[2][np.ix_(free, free)] / 2
    if np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian).min() > 1e-9:
        np.testing.assert_allclose(fit.errors[free], np.sqrt(np.diagonal(np.linalg.inv(hessian))), rtol=1e-4)
    q_obs, q_asimov, cls_obs, cls_exp = of_polished(case.oracle, 1.0)
    (ours,) = Reference.of(case.model).statistics([1.0])[1]
    assert ours <= q_asimov + 1e-5
    found = hypothesis_test(case.model, 1.0)
    assert found.q_obs <= q_obs + 1e-5
    if min(ours - q_asimov, found.q_obs - q_obs) < -1e-5:  # held at 1, the oracle is in a higher minimum
        return
    assert found.cls_obs == pytest.approx(cls_obs, abs=1e-4)
    assert found.cls_exp == pytest.approx(cls_exp, abs=1e-4)


def of_polished(oracle, value):
    """q̃ of data and Asimov data, CLs observed and expected: polished minima of pyhf, formulae of arXiv:1007.1727."""
    poi = oracle.model.config.poi_index
    free, lowest = oracle.minimise(oracle.data)
    background = oracle.minimise(oracle.data, held={poi: 0.0})[0]
    with backend("numpy"):
        asimov = np.asarray(oracle.model.expected_data(background))
    q = 0.0 if free[poi] > value else max(oracle.minimise(oracle.data, held={poi: value})[1] - lowest, 0.0)
    q_asimov = oracle.minimise(asimov, held={poi: value})[1] - oracle.value(background, asimov)
    root = np.sqrt(q_asimov)
    above = np.sqrt(q) - root if q <= q_asimov else (q - q_asimov) / (2 * root)
    bands = np.array([2.0, 1.0, 0.0, -1.0, -2.0])
    return q, q_asimov, norm.sf(above + root) / norm.sf(above), (norm.sf(bands + root) / norm.sf(bands)).tolist()


@given(workspaces())
@settings(max_examples=4, derandomize=True, suppress_health_check=list(HealthCheck))
def test_generated(drawn):
    all_of(drawn)


@pytest.mark.slow  # a quarter of an hour to half an hour
@pytest.mark.timeout(7200)
@given(workspaces())
@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
def test_two_hundred_generated(drawn):
    all_of(drawn)
