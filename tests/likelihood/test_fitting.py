"""Fits: what Asimov data give back, kinks, bounds, and what is said when a fit cannot be trusted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brute

from neyman.core.errors import WorkspaceError
from neyman.likelihood.data import Data
from neyman.likelihood.results import BestFit


def test_fit_of_asimov_data_gives_its_parameters_back(counting):
    values = {"mu": 1.7, "k": 0.93, "shape": 0.6, "eff": -0.8}
    fit = counting.fit(counting.asimov(values))
    np.testing.assert_allclose(fit.theta, counting.vector(values), atol=1e-6)
    assert fit.result.message == "minimum found"


def test_fit_of_asimov_data_at_a_bound(build):
    model = build(
        {
            "SR": {
                "signal": ([6.0, 3.0], ("normfactor", "mu")),
                "background": ([30.0, 20.0], ("normsys", "x", {"lo": 0.9, "hi": 1.1})),
            }
        },
        {"SR": [30, 20]},
    ).model()
    fit = model.fit(model.asimov({"mu": 0.0, "x": 0.5}))
    np.testing.assert_allclose(fit.theta, model.vector({"mu": 0.0, "x": 0.5}), atol=1e-6)


def test_parameter_at_a_bound_is_named(build):
    model = build({"SR": {"signal": ([6.0], ("normfactor", "mu")), "background": ([30.0],)}}, {"SR": [22]}).model()
    fit = model.fit()
    assert fit["mu"].value == 0
    assert fit.result.at_bounds == ["mu"]
    assert "mu at a bound" in fit.result.message


def test_undetermined_parameter_is_named(build):
    model = build(
        {"SR": {"signal": ([6.0], ("normfactor", "mu"), ("normfactor", "twin")), "background": ([30.0],)}}, {"SR": [39]}
    ).model()
    fit = model.fit()
    assert fit.result.converged is False or "do not determine" in fit.result.message
    assert fit.result.twice_nll == pytest.approx(model.fit(fixed={"twin": 1.0}).result.twice_nll, abs=1e-6)


def test_a_fit_with_undetermined_parameters_is_as_exact_as_any_other(build):
    """A free factor on the only bin of a channel and one on its sample: any point of a valley will do."""
    found = (
        build(
            {
                "SR": {"signal": ([170.0], ("normfactor", "mu"), ("shapefactor", "free"))},
                "CR": {"background": ([80.0, 90.0], ("normsys", "x", {"lo": 0.9, "hi": 1.1}))},
            },
            {"SR": [201], "CR": [91, 85]},
        )
        .model()
        .fit()
    )
    assert found.result.converged, found.result.message
    assert found.result.steps < 30
    assert found.result.distance < 1e-10
    assert found["mu"].value * found["free[0]"].value == pytest.approx(201 / 170, rel=1e-6)
    assert "do not determine" in found.result.message


def test_likelihood_that_is_zero_at_the_start_is_said(build):
    model = build(
        {"SR": {"signal": ([6.0, 0.0], ("normfactor", "mu")), "background": ([30.0, 0.0],)}}, {"SR": [39, 2]}
    ).model()
    fit = model.fit()
    assert not fit.result.converged
    assert "no expectation" in fit.result.message


def test_step_to_where_the_likelihood_is_zero_is_taken_back(build):
    """The first step would leave a bin with events and less than none expected; the answer is 1 + mu = 5/101."""
    signal, background = ([100.0, 1.0], ("normfactor", "mu")), ([200.0, 1.0],)
    bounds = [{"name": "mu", "bounds": [[-10.0, 10.0]]}]
    fit = build({"SR": {"signal": signal, "background": background}}, {"SR": [0, 5]}, parameters=bounds).model().fit()
    assert fit.result.converged, fit.result.message
    assert fit["mu"].value == pytest.approx(5 / 101 - 1, abs=1e-8)


@pytest.mark.parametrize("observed", [98, 100, 103, 109, 91])
def test_minimum_of_a_kinked_likelihood(build, observed):
    """Code 0 with a template that is up at both ends: at α = 0 the likelihood has a kink, and may have its minimum."""
    model = build(
        {"SR": {"background": ([100.0], ("histosys", "y", {"lo_data": [107.0], "hi_data": [115.0]}))}},
        {"SR": [observed]},
        poi="",
    ).model(histosys="code0")
    fit = model.fit(starts=4)
    lowest = min(model.twice_nll([alpha]) for alpha in np.linspace(-3, 3, 601))
    assert fit.result.converged
    assert fit.result.twice_nll <= lowest + 1e-6
    if observed <= 100:
        assert fit["y"].value == 0
    else:
        assert abs(fit["y"].value) > 0.01


def test_minimum_is_that_of_a_search_of_everything(build):
    model = build(
        {
            "SR": {
                "signal": ([4.0, 9.0], ("normfactor", "mu")),
                "background": ([20.0, 25.0], ("normsys", "x", {"lo": 0.8, "hi": 1.1})),
            }
        },
        {"SR": [22, 41]},
    ).model(normsys="code1")
    lowest = brute(model.twice_nll, ((0, 5), (-3, 3)), Ns=25, full_output=True)[1]
    assert model.fit().result.twice_nll <= lowest + 1e-6


def test_minimisers_agree(counting):
    one, other = counting.fit(), counting.fit(minimiser="minuit")
    assert one.result.twice_nll == pytest.approx(other.result.twice_nll, abs=1e-4)
    np.testing.assert_array_less(np.abs(one.theta - other.theta), 0.05 * one.errors)
    np.testing.assert_allclose(one.errors, other.errors, rtol=1e-2)


def test_result_is_read_back_from_json(counting):
    result = counting.fit().result
    assert BestFit.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda m: m.fit(fixed={"nu": 1.0}), ["nu", "mu"]),
        (lambda m: m.fit(fixed={"mu": np.nan}), ["mu", "nan", "finite"]),
        (lambda m: m.twice_nll([1.0, 2.0]), ["2 parameters", "4"]),
        (lambda m: m.twice_nll({"mu": np.inf}), ["mu", "inf"]),
        (lambda m: m.fit(Data(np.ones(2), m.observed.auxiliary)), ["2 events in bins", "3"]),
        (lambda m: m.fit(Data(np.array([1.0, np.nan, 1.0]), m.observed.auxiliary)), ["not finite"]),
        (lambda m: m.fit(Data(np.array([1.0, -2.0, 1.0]), m.observed.auxiliary)), ["-2", "zero or more"]),
        (lambda m: m.fit(Data(m.observed.main, np.zeros(5))), ["5 auxiliary data", "2"]),
        (lambda m: m.fit(Data(m.observed.main, np.array([0.0, np.inf]))), ["auxiliary", "not finite"]),
        (lambda m: m.fit()["nu"], ["nu"]),
    ],
)
def test_bad_input(counting, message, call, parts):
    with pytest.raises(WorkspaceError) as error:
        call(counting)
    message(error, *parts)


def test_measurement_and_parameter_of_interest_that_are_not_there(build, message):
    workspace = build({"SR": {"signal": ([6.0], ("normfactor", "mu"))}}, {"SR": [7]})
    for options in ({"measurement": "other"}, {"poi": "nu"}):
        with pytest.raises(WorkspaceError) as error:
            workspace.model(**options)
        message(error, *options.values())
