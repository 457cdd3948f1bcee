import pytest

from neyman.fit.blinding import BlindedParameter, Blinding
from neyman.fit.hiding import hide
from neyman.likelihood.outcomes import (
    ConstructedInterval,
    GoodnessOfFit,
    HypothesisTest,
    NeymanConstruction,
    UpperLimit,
)
from neyman.likelihood.results import BestFit, Contour, Correlation, Estimate, Interval, Intervals, UnbinnedCheck

MARK = Blinding(parameters={"mu": BlindedParameter(seed=64 * "f", scale=0.5)}, regions=("SR",))
"""An offset of +0.5."""
IDENTITY = {"workspace": "abc", "measurement": "m", "poi": "mu"}


def best_fit(**changes):
    return BestFit(
        **IDENTITY,
        **{
            "converged": True,
            "message": "minimum found, with mu at a bound",
            "twice_nll": 12.0,
            "parameters": {"mu": Estimate(value=0.0, error=1.0), "jes": Estimate(value=0.2, error=0.9)},
            "correlation": Correlation(names=["mu", "jes"], matrix=[[1, 0.3], [0.3, 1]]),
            "minimiser": "newton",
            "steps": 5,
            "distance": 0.0,
            "at_bounds": ["mu", "jes"],
            "other_minima": [],
        }
        | changes,
    )


def test_best_fit():
    found = hide(best_fit(), MARK)
    assert found.blinded
    assert found.parameters["mu"].value == pytest.approx(0.5)
    assert found.parameters["jes"].value == 0.2
    assert found.at_bounds == ["jes"]
    assert "mu at" not in found.message
    back = found.model_copy(
        update={k: getattr(best_fit(), k) for k in ("parameters", "at_bounds", "message", "blinded")}
    )
    assert back == best_fit()


def test_a_message_about_other_parameters_stays():
    message = "minimum found, with jes at a bound"
    assert hide(best_fit(message=message, at_bounds=["jes"]), MARK).message == message


def test_values_that_are_not_there_stay_so():
    found = hide(best_fit(parameters={"mu": Estimate(value=None, error=None)}), MARK)
    assert found.parameters["mu"].value is None


def test_a_parameter_that_the_workspace_fixes_is_known_and_would_tell_the_offset():
    fixed = best_fit(parameters={"mu": Estimate(value=1.0, error=0.0)})
    assert hide(fixed, MARK) == fixed


def test_intervals_and_contours_of_others_are_not_touched():
    interval = Interval(lower=None, upper=1.5, delta=1.0)
    both = Intervals(**IDENTITY, parameters={"mu": 1.0, "jes": 1.0}, intervals={"mu": interval, "jes": interval})
    found = hide(both, MARK)
    assert found.parameters == {"mu": pytest.approx(1.5), "jes": 1.0}
    assert found.intervals["mu"].lower is None
    assert found.intervals["mu"].upper == pytest.approx(2.0)
    assert found.intervals["jes"] == interval
    contour = Contour(
        **IDENTITY,
        parameters=("jes", "k"),
        best=(0.0, 1.0),
        x=[0.0, 1.0],
        y=[0.0, 2.0],
        delta_twice_nll=[[1, 2], [3, 4]],
    )
    assert hide(contour, MARK) is contour


def test_goodness_of_fit_says_nothing_of_the_parameter():
    result = GoodnessOfFit(**IDENTITY, statistic=3.0, degrees_of_freedom=2, p_value=0.2, method="asymptotic")
    assert hide(result, MARK) is result


def test_tests_of_another_parameter_are_shown():
    test = HypothesisTest(
        **IDENTITY, poi_value=1.0, cls_obs=0.3, cls_exp=[0.1] * 5, clsb_obs=0.1, clb_obs=0.5, q_obs=1.0
    )
    limit = UpperLimit(**IDENTITY, obs=2.0, exp=[1.0] * 5, level=0.05, scan=[test])
    hidden = hide(limit, MARK)
    assert (hidden.obs, hidden.scan, hidden.exp) == (None, [], [1.0] * 5)
    assert hide(test, MARK).cls_obs is None
    other = limit.model_copy(update={"poi": "k"})
    assert hide(other, MARK) is other


def unbinned_check(**changes):
    return UnbinnedCheck(
        **{
            "normalised": True,
            "events": 123.0,
            "lowest_density": 0.3,
            "negative": ["signal"],
            "extrapolated": {"jes": 1.5, "mu": 2.0},
            "reference_events": 1000,
            "drift": {"signal": 1.1},
            "effective_size": {"signal": 900.0},
            "nominal_integral": {"signal": 1.001},
        }
        | changes
    )


def test_what_a_fit_says_of_unbinned_channels():
    warning = "VR: shapes are extrapolated beyond their templates: jes = 1.50, mu = 2.00"
    fit = best_fit(
        unbinned={"SR": unbinned_check(), "VR": unbinned_check()},
        warnings=["VR: the density is not positive at every event", warning],
        message="minimum found, but VR: the density is not positive at every event; 1 more in warnings",
        at_bounds=[],
    )
    found = hide(fit, MARK)
    assert found.blinded
    assert set(found.unbinned) == {"VR"}  # the number of events of a hidden region is not told
    assert found.unbinned["VR"] == unbinned_check(negative=[], extrapolated={"jes": 1.5})
    assert found.warnings == ["VR: the density is not positive at every event"]
    assert found.message == fit.message
    told = fit.model_copy(update={"message": f"minimum found, but {warning}; 1 more in warnings"})
    assert hide(told, MARK).message == "minimum found"


def test_integrals_of_densities_that_a_blinded_parameter_may_change():
    mark = Blinding(parameters={"jes": BlindedParameter(seed=64 * "f", scale=0.5)}, regions=())
    found = hide(best_fit(unbinned={"SR": unbinned_check()}), mark).unbinned["SR"]
    assert found == unbinned_check(negative=[], extrapolated={"mu": 2.0}, drift={}, effective_size={})


def test_a_hidden_region_without_blinded_parameters():
    mark = Blinding(parameters={}, regions=("SR",))
    fit = best_fit(unbinned={"SR": unbinned_check(), "VR": unbinned_check()})
    found = hide(fit, mark)
    assert found.unbinned == {"VR": unbinned_check()}
    assert (found.parameters, found.message, found.blinded) == (fit.parameters, fit.message, True)
    assert hide(best_fit(unbinned={"VR": unbinned_check()}), mark).blinded is False


def test_a_construction_is_left_out_unless_it_is_of_what_is_expected():
    interval = ConstructedInterval(level=0.683, lower=0.5, upper=1.5, lower_error=0.1)
    lists = ("values", "observed", "critical_68", "critical_68_error", "critical_95", "critical_95_error", "p_values")
    result = NeymanConstruction(
        **IDENTITY,
        parameter="mu",
        best=1.0,
        statistic="t",
        **{name: [1.0, 2.0] for name in lists},
        asymptotic_critical=(1.0, 4.0),
        toys=100,
        converged=[100, 100],
        seed=0,
        interval_68=interval,
        interval_95=interval,
        asymptotic_68=interval,
        asymptotic_95=interval,
    )
    found = hide(result, MARK)
    assert found.blinded
    assert (found.best, found.converged, *(getattr(found, name) for name in lists)) == (None, *[[]] * 8)
    nothing = ConstructedInterval(level=0.683, lower=None, upper=None, lower_error=None, upper_error=None)
    assert found.interval_68 == found.asymptotic_95 == nothing
    assert hide(result.model_copy(update={"parameter": "jes"}), MARK).blinded is False
    expected = result.model_copy(update={"blinded": True})
    assert hide(expected, MARK) is expected
