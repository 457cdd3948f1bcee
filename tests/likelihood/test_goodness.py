"""Goodness of fit of a model with a region in bins and one without: what it measures, and what it notices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, ks_2samp, kstest, norm

from neyman.core.errors import InputError
from neyman.likelihood.data import Data
from neyman.likelihood.goodness import energy_distance, goodness_of_fit, looks, saturated
from neyman.likelihood.many import fit_many
from neyman.likelihood.outcomes import GoodnessOfFit
from neyman.likelihood.toys import goodness_of_fit_with_toys

from .mixture import SAMPLES, drawn, events, log_ratios, workspace


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """The model describes these data."""
    x = drawn(np.random.default_rng(1), [63, 310, 131])
    return workspace(tmp_path_factory.mktemp("good"), x, control=(1010.0, 480.0)).model().fit()


@pytest.fixture(scope="module")
def bumpy(tmp_path_factory):
    """These have a narrow peak that no sample has."""
    rng = np.random.default_rng(2)
    x = np.append(drawn(rng, [60, 300, 140]), norm.rvs(8.5, 0.15, size=40, random_state=rng))
    return workspace(tmp_path_factory.mktemp("bumpy"), x).model().fit()


@pytest.fixture(scope="module")
def tested(fit):
    return goodness_of_fit_with_toys(fit, count=60, seed=1)


def brute(x, w, y, v):
    """2 E|X − Y| − E|X − X′| − E|Y − Y′| from all pairs, in any number of dimensions."""

    def mean(a, of_a, b, of_b):
        return of_a @ np.linalg.norm(a[:, None] - b, axis=2) @ of_b

    return 2 * mean(x, w, y, v) - mean(x, w, x, w) - mean(y, v, y, v)


def test_energy_distance_is_that_of_all_pairs():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=50), rng.normal(0.3, 1.2, size=80)
    y[10:12] = x[4]  # ties do no harm
    y.sort()
    w, v = rng.dirichlet(np.ones(50)), rng.dirichlet(np.ones(80))
    assert energy_distance(x, w, y, v) == pytest.approx(brute(x[:, None], w, y[:, None], v), rel=1e-10)
    assert energy_distance(y, v, y, v) == pytest.approx(0, abs=1e-12)


def test_energy_in_two_dimensions_is_that_of_all_pairs(tmp_path):
    """Of log-ratios that are made uncorrelated, whichever they are; a few directions stand for all."""
    x = drawn(np.random.default_rng(4), [60, 300, 140])
    fit = workspace(tmp_path, x, reference_events=400).model().fit()
    (look,) = looks(fit)
    nominal, _ = log_ratios(drawn(np.random.default_rng(5), [400] * 3))
    here, there = (np.stack([each[1] - each[0], each[2] - each[0]], axis=1) for each in (log_ratios(x)[0], nominal))
    weights = fit.model.asimov(fit.theta).events[0].weights
    share = weights / weights.sum()
    root = np.linalg.cholesky(np.linalg.inv(np.cov(there.T, aweights=share, ddof=0)))
    truth = brute(here @ root, np.full(500, 1 / 500), there @ root, share)
    assert look.distances(fit.theta, fit.data.events[0]).energy == pytest.approx(500 * truth, rel=0.03)


def test_saturated_statistic_has_one_bin_for_the_unbinned_channel(fit):
    """Densities must not enter: it is what the same model says whose region is one bin."""
    table = fit.model.expected(fit.theta)
    nu = np.array([*sum(table["CR"].values()), *sum(table["SR"].values())])
    n = np.array([1010, 480, 504])
    direct = 2 * (nu - n + n * np.log(n / nu)).sum() + fit["slope"].value ** 2
    found = goodness_of_fit(fit)
    assert found.statistic == pytest.approx(direct, rel=1e-9)
    assert found.degrees_of_freedom == 3 - 2
    assert found.p_value is None  # the distribution of events has a say in the fit


def test_no_events_are_a_count_too(fit):
    model = fit.model
    empty = Data(model.observed.main * [1, 1, 0], model.observed.auxiliary, (events(np.zeros(0)),))
    assert saturated(model, fit.theta, model.value(fit.theta, empty), empty) > 500
    (look,) = looks(fit)
    assert look.distances(fit.theta, empty.events[0]) == (0.0, 0.0)


def test_histogram_is_of_the_score(fit):
    """For a signal strength that is, up to a factor and a constant, the signal's share of the density."""
    (look,) = looks(fit)
    at = events(np.linspace(0.5, 9, 300))
    yields = [each[0] for each in fit.model.expected(fit.theta)["SR"].values()]
    alpha = fit.theta[[fit.model.index("slope")]]
    densities = look.channel.densities(at, np.array(yields), alpha)
    share = densities[0] / densities.sum(0) / fit["mu"].value
    assert look.summary(at) == pytest.approx(share, rel=1e-5)


def test_bins_are_of_equal_probability_and_their_chi2_is_of_a_multinomial(fit):
    (look,) = looks(fit)
    expected = fit.model.asimov(fit.theta).events[0]
    bins = len(look.edges) + 1
    assert bins == round(2 * 504**0.4)
    edges = [-np.inf, *look.edges, np.inf]
    share = np.histogram(look.summary(expected), edges, weights=expected.weights)[0] / expected.total
    assert share == pytest.approx(np.full(bins, 1 / bins), rel=0.05)
    n = np.histogram(look.summary(fit.data.events[0]), edges)[0]
    found = goodness_of_fit(fit).unbinned["SR"]
    assert found.summary == "score"
    assert found.statistic == pytest.approx(2 * (n * np.log(n / (504 * share))).sum(), rel=1e-9)
    assert found.degrees_of_freedom == bins - 1
    assert found.p_value_asymptotic == pytest.approx(chi2.sf(found.statistic, bins - 1))
    assert found.p_value is None
    assert found.energy_p_value is None


def test_where_the_parameter_of_interest_does_nothing_the_density_is_histogrammed(tmp_path):
    x = drawn(np.random.default_rng(6), [60, 300, 140])
    document = workspace(tmp_path, x, reference_events=400).to_dict()
    del document["channels"][0]["samples"][0]["modifiers"][0]
    document["channels"][1]["samples"][0]["modifiers"].append({"name": "mu", "type": "normfactor", "data": None})
    fit = type(workspace(tmp_path, x)).from_dict(document, folder=tmp_path).model().fit()
    (look,) = looks(fit)
    assert look.summary.sides is None
    at = events(np.linspace(0.5, 9, 50))
    density = look.summary.here(at).sum(0)
    assert look.summary(at) == pytest.approx(np.log(density))
    assert goodness_of_fit(fit).unbinned["SR"].summary == "density"


def test_expected_events_are_no_misfit(fit):
    """Those of the reference, as they are expected."""
    asimov = fit.model.fit(fit.model.asimov(fit.theta))
    found = goodness_of_fit(asimov)
    one = found.unbinned["SR"]
    assert max(found.statistic, one.statistic, one.energy) < 0.05  # a sampled reference integrates densities to near 1


def test_good_data_are_good(tested):
    one = tested.unbinned["SR"]
    assert min(tested.p_value, one.p_value, one.energy_p_value) > 1e-2
    assert (tested.method, tested.toys) == ("toys", 60)
    assert len(tested.toy_statistics) == len(one.toy_statistics) == len(one.toy_energies) == 60
    # Parameters are fitted to the events: χ² of all bins less one is on the high side.
    assert one.degrees_of_freedom - 4 < np.mean(one.toy_statistics) < one.degrees_of_freedom + 1


def test_a_bump_is_noticed_by_both(bumpy):
    """By numbers that no pseudo-experiment comes near; the number of events alone does not tell."""
    found = goodness_of_fit_with_toys(bumpy, count=50, seed=2)
    one = found.unbinned["SR"]
    assert one.p_value_asymptotic < 5e-3  # on the high side, as parameters were fitted; see below for that of toys
    assert one.p_value == one.energy_p_value == pytest.approx(1 / 51)
    for value, toys in ((one.statistic, one.toy_statistics), (one.energy, one.toy_energies)):
        assert (value - np.mean(toys)) / np.std(toys) > 3.5


@pytest.mark.slow
def test_a_bump_is_improbable(bumpy):
    found = goodness_of_fit_with_toys(bumpy, count=1100, seed=3).unbinned["SR"]
    assert found.p_value < 1e-3
    assert found.energy_p_value < 1e-3


def analytic(model, rng):
    """Data drawn from the densities themselves, not from the reference."""
    counts = rng.poisson([count for _, count in SAMPLES.values()])
    here = events(drawn(rng, counts))
    return Data(np.append(rng.poisson([1000.0, 500.0]), here.total), rng.normal(size=1), (here,))


def test_data_of_the_model_are_distributed_as_pseudo_experiments(fit, tested):
    """Those of the densities in closed form against those that are drawn from the reference."""
    model, rng = fit.model, np.random.default_rng(7)
    data = [analytic(model, rng) for _ in range(60)]
    fits = fit_many(model, data, fit.theta)
    assert fits.converged.all()
    (look,) = looks(fit)
    own = [look.distances(theta, one.events[0]) for theta, one in zip(fits.theta, data, strict=True)]
    counts = [saturated(model, fits.theta[i], float(fits.value[i]), data[i]) for i in range(60)]
    one = tested.unbinned["SR"]
    assert ks_2samp([each.histogram for each in own], one.toy_statistics).pvalue > 1e-3
    assert ks_2samp([each.energy for each in own], one.toy_energies).pvalue > 1e-3
    assert ks_2samp(counts, tested.toy_statistics).pvalue > 1e-3


@pytest.mark.slow
def test_p_values_are_uniform(fit):
    rng, found = np.random.default_rng(8), []
    for number in range(30):
        best = fit.model.fit(analytic(fit.model, rng))
        one = goodness_of_fit_with_toys(best, count=49, seed=number)
        found.append((one.p_value, one.unbinned["SR"].p_value, one.unbinned["SR"].energy_p_value))
    for values in np.transpose(found):
        assert kstest(values, "uniform").pvalue > 1e-3


def test_the_result_comes_back_and_does_not_depend_on_who_computes(fit, tested, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    tested.save(tmp_path / "good.json")
    assert GoodnessOfFit.load(tmp_path / "good.json") == tested
    with ThreadPoolExecutor(2) as executor:
        fewer = goodness_of_fit_with_toys(fit, count=52, seed=1, executor=executor)
    assert fewer.toy_statistics == tested.toy_statistics[:52]
    assert fewer.unbinned["SR"].toy_energies == tested.unbinned["SR"].toy_energies[:52]


def test_no_pseudo_experiments_are_refused(fit):
    with pytest.raises(InputError, match="at least 1"):
        goodness_of_fit_with_toys(fit, count=0)


def test_bins_alone_are_as_before(counting):
    found = goodness_of_fit_with_toys(counting.fit(), count=50, seed=1)
    assert found.unbinned == {}
    assert found.p_value == pytest.approx((1 + np.sum(np.array(found.toy_statistics) >= found.statistic)) / 51)
