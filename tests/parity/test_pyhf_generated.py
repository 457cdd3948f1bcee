"""The same comparisons for workspaces that nobody has chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from neyman.likelihood.hypotheses import hypothesis_test

from .conftest import make
from .pyhf_oracle import precise
from .test_pyhf_derivatives import same_derivatives
from .test_pyhf_hypotheses import of_pyhf
from .workspaces_generated import workspaces

pytestmark = pytest.mark.filterwarnings("ignore:.*invalid value encountered:RuntimeWarning")


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
    if fit.result.twice_nll > lowest - 1e-6:  # else ours is the better minimum
        errors = np.where(np.isfinite(fit.errors), fit.errors, 0.1)
        np.testing.assert_array_less(np.abs(fit.theta - theta), 0.01 * errors + 1e-9)
    free = ~case.model.fixed
    hessian = case.oracle.derivatives(fit.theta, case.oracle.data)[2][np.ix_(free, free)] / 2
    if np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian).min() > 1e-9:
        np.testing.assert_allclose(fit.errors[free], np.sqrt(np.diagonal(np.linalg.inv(hessian))), rtol=1e-4)
    with precise():
        observed, expected = of_pyhf(case.oracle, case.oracle.data, 1.0)
    found = hypothesis_test(case.model, 1.0)
    assert found.cls_obs == pytest.approx(observed, abs=1e-4)
    assert found.cls_exp == pytest.approx(expected, abs=1e-4)


@given(workspaces())
@settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
def test_generated(drawn):
    all_of(drawn)


@pytest.mark.slow
@pytest.mark.guard
@given(workspaces())
@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
def test_two_hundred_generated(drawn):
    all_of(drawn)
