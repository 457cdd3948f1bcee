"""CLs, limits and significance against pyhf: observed data that are not Asimov's, bounds, shifted auxiliary data."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest

from neyman.likelihood.hypotheses import hypothesis_test, hypothesis_tests, significance
from neyman.likelihood.limits import upper_limit

from .pyhf_oracle import backend, precise
from .workspaces_written import QUICKEST, WORKSPACES, normfactor, sample, workspace

# pyhf warns where its fits stray into negative rates; what it answers is compared all the same.
pytestmark = pytest.mark.filterwarnings("ignore:.*invalid value encountered:RuntimeWarning")

# With zero as the lower bound of the parameter of interest, as pyhf's q̃ wants it, and fits of less than seconds.
# Where likelihoods have kinks or jumps (codes 0 and 2), Minuit stops with an error or in another minimum.
ROUGH = ["everything, parabola", "everything, kinked", "interference, kinked"]
SMALL = [name for name in WORKSPACES if not name.startswith(("configured", "large")) and name not in ROUGH]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICKEST else [pytest.mark.slow, pytest.mark.guard], id=name)
        for name in SMALL
    ],
)
def small(request, compare):
    build, codes = WORKSPACES[request.param]
    return compare(request.param, build(), codes)


def of_pyhf(oracle, array, value):
    """CLs observed and expected."""
    with np.errstate(all="ignore"):
        observed, expected = pyhf.infer.hypotest(
            value, array, oracle.model, par_bounds=oracle.bounds.tolist(), return_expected_set=True
        )
    return float(observed), [float(each) for each in expected]


@pytest.mark.parametrize("value", [0.5, 2.0])
def test_cls_of_polished_minima(small, value):
    with precise():
        observed, expected = of_pyhf(small.oracle, small.oracle.data, value)
    found = hypothesis_test(small.model, value)
    assert found.cls_obs == pytest.approx(observed, abs=1e-5)
    assert found.cls_exp == pytest.approx(expected, abs=1e-5)


def test_cls_with_pyhf_as_it_comes(small):
    """Its minima are good to 1e-4 of −2 ln L or so, and its CLs to what follows from that."""
    with backend("numpy", pyhf.optimize.minuit_optimizer()):
        observed, expected = of_pyhf(small.oracle, small.oracle.data, 1.0)
    found = hypothesis_test(small.model, 1.0)
    assert found.cls_obs == pytest.approx(observed, abs=5e-4)
    assert found.cls_exp == pytest.approx(expected, abs=5e-4)


def test_cls_with_shifted_auxiliary_data(small):
    array, bins = small.oracle.data.copy(), small.model.grid.bins
    array[:bins] = np.round(array[:bins] * 1.1)
    array[bins:] = np.where(array[bins:] == 0, 0.7, array[bins:] * 1.02)
    with precise():
        observed, expected = of_pyhf(small.oracle, array, 1.3)
    found = hypothesis_test(small.model, 1.3, small.data(array))
    assert found.cls_obs == pytest.approx(observed, abs=1e-5)
    assert found.cls_exp == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ROUGH)
def test_q_of_rough_likelihoods(name, compare):
    build, codes = WORKSPACES[name]
    case = compare(name, build(), codes)
    free = case.oracle.minimise(case.oracle.data)[1]
    held = case.oracle.minimise(case.oracle.data, held={case.model.index("mu"): 2.0})[1]
    assert hypothesis_test(case.model, 2.0).q_obs == pytest.approx(held - free, abs=1e-6)


def test_several_values_at_once_are_each_alone(small):
    together = hypothesis_tests(small.model, [0.3, 1.1, 4.0])
    for test in together:
        assert test.cls_obs == pytest.approx(hypothesis_test(small.model, test.poi_value).cls_obs, abs=1e-7)


def test_significance(small):
    with precise(), np.errstate(all="ignore"):
        p_value, expected = pyhf.infer.hypotest(
            0.0, small.oracle.data, small.oracle.model, test_stat="q0", return_expected=True
        )
    found = significance(small.model)
    assert found.p_value == pytest.approx(float(p_value), abs=1e-5)
    assert found.observed**2 == pytest.approx(found.q0)
    assert 0 < float(expected) <= 0.5


@pytest.mark.parametrize(
    "name", ["uncorrelated", "at the bound", pytest.param("everything", marks=[pytest.mark.slow, pytest.mark.guard])]
)
def test_pyhf_finds_cls_at_the_level_where_our_limits_are(name, compare):
    build, codes = WORKSPACES[name]
    case = compare(name, build(), codes)
    found = upper_limit(case.model)
    with precise():
        assert of_pyhf(case.oracle, case.oracle.data, found.obs)[0] == pytest.approx(0.05, abs=1e-5)
        for band, limit in enumerate(found.exp):
            assert of_pyhf(case.oracle, case.oracle.data, limit)[1][band] == pytest.approx(0.05, abs=1e-5)


def test_upper_limit_of_pyhf(compare):
    build, codes = WORKSPACES["uncorrelated"]
    case = compare("uncorrelated", build(), codes)
    with backend("numpy"), np.errstate(all="ignore"):
        scan = pyhf.infer.intervals.upper_limits.toms748_scan
        observed, expected = scan(case.oracle.data, case.oracle.model, 0.05, 9.0, rtol=1e-4)
    found = upper_limit(case.model)
    assert found.obs == pytest.approx(float(observed), rel=1e-3)
    assert found.exp == pytest.approx([float(each) for each in expected], rel=1e-3)


def test_a_limit_beyond_the_bound_of_the_parameter_of_interest(compare):
    """The bound holds the best fit; CLs is asked of values beyond it, as pyhf does with wider bounds."""
    channels = {"SR": [sample("signal", [1.0], normfactor("mu")), sample("background", [400.0])]}
    narrow = compare("narrow", workspace(channels, {"SR": [395]}), WORKSPACES["correlated"][1])
    wide_spec = workspace(channels, {"SR": [395]}, [{"name": "mu", "bounds": [[0.0, 500.0]]}])
    wide = compare("wide", wide_spec, WORKSPACES["correlated"][1])
    found = upper_limit(narrow.model)
    assert found.obs > 10
    assert found.obs == pytest.approx(upper_limit(wide.model).obs, rel=1e-4)


def test_signal_without_effect_is_told(compare, message):
    from neyman.core.errors import NumericsError

    channels = {"SR": [sample("signal", [0.0], normfactor("mu")), sample("background", [40.0])]}
    case = compare("none", workspace(channels, {"SR": [39]}), WORKSPACES["correlated"][1])
    with pytest.raises(NumericsError) as error:
        upper_limit(case.model)
    message(error, "mu")
