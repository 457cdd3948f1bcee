import numpy as np
import pytest
from scipy import stats

from neyman.core.errors import DataError, InputError
from neyman.events import Column, Events, Schema
from neyman.posterior.inference import draw, exact_estimator, infer
from neyman.posterior.results import InferenceResult

METHODS = ["flow", "exact"]


def at(toy, mean, count=100):
    """A set whose mean is this to the bit."""
    x = np.linspace(-1.7, 1.7, count)
    return Events({"x": x - x.mean() + mean}, toy.schema)


# The flow has been trained for three seconds; the grid is off by the trapezoidal rule.
TOLERANCE = {"exact": 2e-3, "flow": 0.15}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mean", [0.2, -0.9, 0.97])
def test_the_closed_form(scores, toy, mean, method):
    events = at(toy, mean)
    truth, found = toy.posterior(events, scores.prior), infer(scores, events, method=method)
    numbers, within = found.parameters["mu"], TOLERANCE[method] * truth.sd
    assert numbers.mean == pytest.approx(truth.mean, abs=within)
    assert numbers.sd == pytest.approx(truth.sd, abs=within)
    expected = truth.quantile(np.array([0.16, 0.5, 0.84]))
    np.testing.assert_allclose([numbers.q16, numbers.q50, numbers.q84], expected, atol=within)
    assert (found.method, found.n_events, found.prior) == (method, 100, {"mu": (-1.0, 1.0)})


@pytest.mark.parametrize("method", METHODS)
def test_curves_are_densities(scores, toy, method):
    found = infer(scores, at(toy, 0.2), method=method)
    for curve in (found.density["mu"], found.exact["mu"]):
        log_density = np.array([-np.inf if value is None else value for value in curve.log_density])
        assert (curve.grid[0], curve.grid[-1]) == (-1, 1)
        assert np.trapezoid(np.exp(log_density), curve.grid) == pytest.approx(1, abs=1e-3)
        mean = np.trapezoid(np.exp(log_density) * curve.grid, curve.grid)
        assert mean == pytest.approx(0.2, abs=0.01)
    if method == "exact":
        assert found.density == found.exact


def test_a_curve_is_null_where_there_is_nothing(scores, toy):
    values = infer(scores, at(toy, 0.2, 5000), method="exact").exact["mu"].log_density
    assert values[0] is values[-1] is None
    assert None not in values[470:490]


@pytest.mark.parametrize("method", METHODS)
def test_draws_follow_the_posterior(scores, toy, method):
    events = at(toy, 0.95)
    truth = toy.posterior(events, scores.prior)
    samples = draw(scores, events, 2000, np.random.default_rng(1), method=method)
    assert samples.shape == (2000, 1)
    np.testing.assert_array_equal(samples, draw(scores, events, 2000, np.random.default_rng(1), method=method))
    if method == "exact":
        assert stats.kstest(samples[:, 0], truth.cdf).pvalue > 1e-3
    assert samples.mean() == pytest.approx(truth.mean, abs=0.2 * truth.sd)
    assert samples.std() == pytest.approx(truth.sd, rel=0.2)


def test_the_set_encoder_answers_as_well(set_encoder, toy):
    truth = toy.posterior(at(toy, 0.3), set_encoder.prior)
    assert infer(set_encoder, at(toy, 0.3)).parameters["mu"].mean == pytest.approx(truth.mean, abs=0.2 * truth.sd)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("mean", "edge"), [(-1.0, "-1"), (0.95, "1"), (1.5, "1"), (0.0, None), (0.6, None)])
def test_a_posterior_at_the_edge_of_the_prior_warns(scores, toy, mean, edge, method):
    warnings = infer(scores, at(toy, mean), method=method).warnings
    assert len(warnings) == (edge is not None)
    if edge is not None:
        assert f"mu is cut off by the prior at {edge}:" in warnings[0]


def test_a_posterior_may_be_cut_off_on_both_sides(scores, toy):
    assert len(infer(scores, at(toy, 0.0, 2), method="exact").warnings) == 2


@pytest.mark.parametrize("count", [1, 19, 201, 5000])
def test_sizes_that_were_not_trained_for(scores, toy, message, count):
    for ask in (infer, lambda *args: draw(*args, 5, np.random.default_rng(1))):
        with pytest.raises(DataError) as error:
            ask(scores, at(toy, 0.2, count))
        message(error, f"{count} events", "20 to 200", "--method exact")
    truth = toy.posterior(at(toy, 0.2, count), scores.prior)
    found = infer(scores, at(toy, 0.2, count), method="exact").parameters["mu"]
    assert found.sd == pytest.approx(truth.sd, rel=2e-3)


@pytest.mark.parametrize("count", [20, 200])
def test_the_smallest_and_the_largest_size_are_served(scores, toy, count):
    assert infer(scores, at(toy, 0.2, count)).n_events == count


@pytest.mark.parametrize("method", METHODS)
def test_events_that_cannot_be_used(scores, toy, message, method):
    x = at(toy, 0.2)["x"]
    other = Schema((Column(name="y"),))
    for events, part in (
        (Events({"x": np.array([])}, toy.schema), "empty"),
        (Events({"y": x}, other), "no column 'x'"),
        (Events({"x": x}, toy.schema, weights=np.full(100, 2.0)), "weights"),
        (Events({"x": x}, toy.schema, weights=np.where(x > 0, 1.0, -1.0)), "weights"),
    ):
        with pytest.raises(DataError) as error:
            infer(scores, events, method=method)
        message(error, part)


def test_weights_of_one_are_no_weights(scores, toy):
    events = at(toy, 0.2)
    weighted = Events({"x": events["x"]}, toy.schema, weights=np.ones(100))
    assert infer(scores, weighted) == infer(scores, events)


def test_other_columns_do_not_matter(scores, toy):
    events = at(toy, 0.2)
    more = Events({"y": np.zeros(100), "x": events["x"]}, Schema((Column(name="y"), Column(name="x", low=-5, high=5))))
    assert infer(scores, more) == infer(scores, events)


def test_ranges_of_the_training_decide(scores, toy, message):
    """Events with a wider schema than that of the training must still be inside."""
    from dataclasses import replace

    narrow = replace(scores, schema=Schema((Column(name="x", low=-1.0, high=1.0),)))
    with pytest.raises(DataError) as error:
        infer(narrow, at(toy, 0.2))
    message(error, "'x'", "-1 to 1")


def test_methods(scores, toy, message):
    with pytest.raises(InputError) as error:
        infer(scores, at(toy, 0.2), method="mcmc")
    message(error, "mcmc", "flow or exact")


def test_without_a_density_there_is_no_exact_method(scores, toy, message):
    from dataclasses import replace

    class Unknown:
        parameters, schema = toy.parameters, toy.schema
        simulate, simulate_sets, config = toy.simulate, toy.simulate_sets, toy.config

    blind = replace(scores)
    blind.__dict__["simulator"] = Unknown()
    assert exact_estimator(blind) is None
    assert infer(blind, at(toy, 0.2)).exact is None
    for ask in (
        lambda: infer(blind, at(toy, 0.2), method="exact"),
        lambda: draw(blind, at(toy, 0.2), 3, np.random.default_rng(1), method="exact"),
    ):
        with pytest.raises(InputError) as error:
            ask()
        message(error, "not known", "method: flow")


def test_the_result_names_what_it_came_from(scores, toy, tmp_path):
    assert infer(scores, at(toy, 0.2)).artefact is None
    saved = scores.save(tmp_path / "artefact")
    found = infer(saved, at(toy, 0.2), observed="abc")
    assert (found.artefact, found.observed) == (saved.digest, "abc")


def test_the_result_survives_json(scores, toy, tmp_path):
    found = infer(scores, at(toy, 0.95, 5000), method="exact")
    found.save(tmp_path / "result.json")
    assert InferenceResult.load(tmp_path / "result.json") == found
    assert None in found.exact["mu"].log_density
