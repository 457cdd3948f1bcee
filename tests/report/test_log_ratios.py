"""Histograms of unbinned channels, compared with what the closed-form densities give."""

import numpy as np
import pytest

from neyman.likelihood.generation import generated
from neyman.plots.log_ratio import filled
from neyman.report.log_ratios import FEWEST, MOST, LogRatios, log_ratios


@pytest.fixture(scope="module")
def region(mixed):
    (only,) = log_ratios(mixed.fit, signals=["signal"]).regions
    return only


def test_expectations_are_integrals_of_the_densities(region, closed_form):
    x, dx, log_p, _ = closed_form
    axis = log_p(x, "signal") - log_p(x, "background")
    for name, expected in (("signal", 60.0), ("background", 400.0)):
        wanted = filled(axis, expected * np.exp(log_p(x, name)) * dx, np.array(region.edges))
        np.testing.assert_allclose(region.prefit.samples[name], wanted, rtol=1e-5)
    assert FEWEST <= len(region.edges) - 1 == round(np.sqrt(460) - 0.5) <= MOST


def test_sums_over_bins_are_the_yields(mixed, region):
    model = mixed.fit.model
    for stage, theta in ((region.prefit, model.inits), (region.postfit, mixed.fit.theta)):
        for name, values in stage.samples.items():
            assert sum(values) == pytest.approx(model.expected(theta)["SR"][name][0])


def test_after_the_fit_the_shape_has_moved(mixed, region, closed_form):
    """At α = +1 or −1 a template is the density itself; between them code 4 is near."""
    x, dx, log_p, _ = closed_form
    axis, alpha = log_p(x, "signal") - log_p(x, "background"), mixed.fit["width"].value
    wanted = filled(axis, np.exp(log_p(x, "background", alpha)) * dx, np.array(region.edges))
    found = np.array(region.postfit.samples["background"])
    np.testing.assert_allclose(found / found.sum(), wanted / wanted.sum(), rtol=0.01)


def test_the_data_are_where_they_are(mixed, region, closed_form):
    _, _, log_p, _ = closed_form
    axis = log_p(mixed.x, "signal") - log_p(mixed.x, "background")
    np.testing.assert_array_equal(region.data, filled(axis, np.ones(len(axis)), np.array(region.edges)))
    assert region.data_error is None
    assert region.over == (["signal"], ["background"])


@pytest.mark.parametrize("stage", ["prefit", "postfit"])
def test_the_uncertainty_is_that_of_the_parameters(mixed, region, closed_form, stage):
    """Against derivatives of Asimov data, which are made elsewhere."""
    fit, model = mixed.fit, mixed.fit.model
    x, _, log_p, _ = closed_form
    axis = log_p(x, "signal") - log_p(x, "background")
    theta = model.inits if stage == "prefit" else fit.theta
    spread = np.diag(np.where(model.constrained, 1.0, 0.0)) if stage == "prefit" else fit.covariance

    def histogram(at):
        return filled(axis, model.asimov(at).events[0].weights, np.array(region.edges))

    step = 1e-3 * np.eye(len(theta))
    slopes = np.array([(histogram(theta + each) - histogram(theta - each)) / 2e-3 for each in step])
    wanted = np.sqrt(np.diagonal(slopes.T @ spread @ slopes))
    np.testing.assert_allclose(getattr(region, stage).error, wanted, rtol=1e-4)


def test_hidden_data_leave_no_trace(mixed, region):
    found = log_ratios(mixed.fit, signals=["signal"], hidden=["SR"])
    (hidden,) = found.regions
    assert hidden.data is None
    assert hidden.data_error is None
    assert hidden.model_copy(update={"data": region.data}) == region
    assert LogRatios.model_validate_json(found.to_json()) == found


def test_weights_have_their_errors(mixed_with, masses, tmp_path):
    weights = np.where(masses > 0, 2.0, 0.5)
    model = mixed_with(tmp_path, x=masses, weights=weights)
    (region,) = log_ratios(model.fit(), signals=["signal"]).regions
    assert sum(region.data) == pytest.approx(weights.sum())
    assert sum(each**2 for each in region.data_error) == pytest.approx((weights**2).sum())


@pytest.mark.parametrize("signals", [[], ["signal", "background"], ["other"]])
def test_samples_of_one_kind_are_compared_with_the_reference(mixed, closed_form, signals):
    x, dx, log_p, log_p_ref = closed_form
    (region,) = log_ratios(mixed.fit, signals=signals).regions
    assert region.over is None
    total = (60 * np.exp(log_p(x, "signal")) + 400 * np.exp(log_p(x, "background"))) / 460
    wanted = filled(np.log(total) - log_p_ref(x), 460 * total * dx, np.array(region.edges))
    np.testing.assert_allclose(np.sum(list(region.prefit.samples.values()), 0), wanted, rtol=1e-5)


def test_a_sample_without_events_still_has_a_density(mixed_with, masses, tmp_path):
    (region,) = log_ratios(mixed_with(tmp_path, x=masses, signal=0.0).fit(), signals=["signal"]).regions
    assert region.over == (["signal"], ["background"])
    assert not np.any(region.prefit.samples["signal"])


def test_a_negative_yield(mixed_with, masses, tmp_path):
    model = mixed_with(tmp_path, x=masses, signal=-20.0)
    best = model.fit(fixed={"mu": 1.0})
    (region,) = log_ratios(best, signals=["signal"]).regions
    assert sum(region.prefit.samples["signal"]) == pytest.approx(-20)


def test_nothing_to_show(mixed_with, masses, tmp_path):
    alike = mixed_with(tmp_path, x=masses, only=("signal",), alike=True)
    assert log_ratios(alike.fit()).regions == []


def test_no_events_seen(mixed_with, tmp_path):
    best = mixed_with(tmp_path, x=np.zeros(0)).fit(fixed={"mu": 1.0})
    (region,) = log_ratios(best, signals=["signal"]).regions
    assert not np.any(region.data)


def test_other_data_than_the_workspace_has(mixed, rng):
    drawn = generated(mixed.fit.model, times=10, rng=rng)
    (region,) = log_ratios(mixed.fit.model.fit(drawn), signals=["signal"]).regions
    assert sum(region.data) == pytest.approx(460, abs=1)
    assert region.data_error is not None
