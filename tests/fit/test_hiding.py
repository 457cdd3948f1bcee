import pytest

from neyman.fit.blinding import BlindedParameter, Blinding
from neyman.fit.hiding import hide
from neyman.likelihood.results import (
    BestFit,
    Contour,
    Correlation,
    Estimate,
    GoodnessOfFit,
    HypothesisTest,
    Interval,
    Intervals,
    UpperLimit,
)

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
