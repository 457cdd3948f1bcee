"""Profiles, intervals, contours and impacts: against fits that are made one by one."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.likelihood.goodness import goodness_of_fit
from neyman.likelihood.outcomes import GoodnessOfFit
from neyman.likelihood.results import Contour, Impacts, Intervals, Scan


@pytest.fixture(scope="module")
def fit(counting):
    return counting.fit()


def risen(fit, **fixed):
    """−2 ln L above the minimum, from a fit of its own."""
    return fit.model.fit(fit.data, fixed=fixed).result.twice_nll - fit.result.twice_nll


def test_scan(fit):
    scan = fit.scan("mu", points=7)
    assert scan.values[0] == pytest.approx(fit["mu"].value - 3 * fit["mu"].error)
    for value, rise in zip(scan.values, scan.delta_twice_nll, strict=True):
        assert rise == pytest.approx(risen(fit, mu=value), abs=1e-7)
    assert all(scan.converged)
    assert scan.interval_68.lower < fit["mu"].value < scan.interval_68.upper
    assert Scan.model_validate_json(scan.model_dump_json()) == scan


def test_intervals_end_where_the_profile_crosses(fit):
    for delta in (1.0, 3.84):
        found = fit.intervals(["mu", "k", "shape"], delta=delta)
        for name, interval in found.intervals.items():
            for end in (interval.lower, interval.upper):
                assert risen(fit, **{name: end}) == pytest.approx(delta, abs=1e-3)
    assert Intervals.model_validate_json(found.model_dump_json()) == found


def test_interval_that_a_bound_ends(build):
    model = build({"SR": {"signal": ([6.0], ("normfactor", "mu")), "background": ([30.0],)}}, {"SR": [32]}).model()
    interval = model.fit().intervals().intervals["mu"]
    assert interval.lower is None
    assert interval.upper > 1 / 3


def test_intervals_of_a_poisson_mean(build):
    """−2 ln L of a count alone is 2 (μ − n + n ln(n/μ)): its crossings are known."""
    model = build(
        {"SR": {"signal": ([1.0], ("normfactor", "mu"))}},
        {"SR": [9]},
        parameters=[{"name": "mu", "bounds": [[0.0, 50.0]]}],
    ).model()
    interval = model.fit().intervals().intervals["mu"]
    for end in (interval.lower, interval.upper):
        assert 2 * (end - 9 + 9 * np.log(9 / end)) == pytest.approx(1, abs=1e-4)


def test_contour(fit):
    contour = fit.contour("mu", "k", points=5)
    for row, column in ((0, 0), (2, 4), (3, 1)):
        expected = risen(fit, mu=contour.x[column], k=contour.y[row])
        assert contour.delta_twice_nll[row][column] == pytest.approx(expected, abs=1e-6)
    assert Contour.model_validate_json(contour.model_dump_json()) == contour


def test_impacts_are_those_of_fits_with_a_parameter_held(fit):
    found = fit.impacts(groups={"all": ["eff", "shape"], "shape": ["shape"]})
    for impact in found.impacts:
        for up, sign in ((impact.postfit_up, 1), (impact.postfit_down, -1)):
            moved = fit.model.fit(fixed={impact.name: impact.value + sign * impact.error})
            assert up == pytest.approx(moved["mu"].value - fit["mu"].value, abs=1e-6)
    held = fit.model.fit(fixed={"eff": fit["eff"].value, "shape": fit["shape"].value})
    assert found.statistical == pytest.approx(held["mu"].error, rel=1e-6)
    assert found.groups["all"] == pytest.approx(np.sqrt(fit["mu"].error ** 2 - held["mu"].error ** 2), rel=1e-4)
    kept = found.model_dump_json()  # what has no number is null
    assert Impacts.model_validate_json(kept).model_dump_json() == kept


def test_goodness_of_fit_is_that_of_the_saturated_model(fit):
    found = goodness_of_fit(fit)
    table = fit.model.expected(fit.theta)
    nu = np.concatenate([sum(samples.values()) for samples in table.values()])
    n = fit.data.main
    pulls = (fit.theta[fit.model.auxiliary_of] - fit.data.auxiliary) ** 2
    assert found.statistic == pytest.approx(2 * (nu - n + n * np.log(n / nu)).sum() + pulls.sum(), rel=1e-9)
    assert found.degrees_of_freedom == 1
    assert GoodnessOfFit.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "call",
    [
        lambda fit: fit.scan("nu"),
        lambda fit: fit.scan("mu", low=2.0, high=1.0),
        lambda fit: fit.scan("mu", points=1),
        lambda fit: fit.scan("mu", low=float("nan")),
        lambda fit: fit.contour("mu", "mu"),
        lambda fit: fit.contour("mu", "nu"),
        lambda fit: fit.impacts("nu"),
        lambda fit: fit.impacts(groups={"all": ["nu"]}),
        lambda fit: fit.model.fit(fixed={"mu": 1.0}).scan("mu"),
        lambda fit: fit.model.fit(fixed={"mu": 1.0}).impacts("mu"),
    ],
)
def test_bad_input(fit, message, call):
    with pytest.raises(InputError) as error:
        call(fit)
    message(error)
