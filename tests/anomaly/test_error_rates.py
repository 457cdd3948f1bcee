"""The promise P(true false-positive rate > α) ≤ δ, kept exactly by a score whose distribution is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binom, chi, chi2

from neyman.anomaly.config import EnergyConfig
from neyman.anomaly.conformal import order_statistic, threshold
from neyman.anomaly.energy_model import EnergyModel, new_network
from neyman.anomaly.onnx_graph import onnx_model
from neyman.anomaly.preparation import NONE, Preparation
from neyman.anomaly.runtime import Scorer, session
from neyman.anomaly.scores.mahalanobis import Mahalanobis
from neyman.anomaly.scoring import Scoring

EXPERIMENTS, DELTA = 2000, 0.05
RATES = [(1e-2, 299), (1e-2, 1000), (1e-3, 2995), (1e-3, 6000)]  # the fewest events that allow a promise, and more

pytestmark = pytest.mark.guard


def exact_tail(n, fpr):
    """P(Beta(r, n + 1 − r) > α), by SciPy's binomial."""
    r = order_statistic(n, fpr, DELTA)
    tail = float(binom.cdf(r - 1, n, fpr))
    assert tail <= DELTA
    return tail


def misses(true_rates, fpr, tail):
    """By how many standard deviations the fraction of broken promises is above the exact one."""
    return ((true_rates > fpr).mean() - tail) / np.sqrt(tail * (1 - tail) / len(true_rates))


def experiments(n, seed):
    """χ² of 57 degrees of freedom, n events at a time, in batches that fit in memory."""
    rng = np.random.default_rng(seed)
    for _ in range(8):
        yield rng.chisquare(57, (EXPERIMENTS // 8, n))


@pytest.mark.parametrize(("fpr", "n"), RATES)
def test_the_promise_is_kept_and_nothing_is_given_away(fpr, n):
    true_rates = np.concatenate([chi2.sf(threshold(each, fpr, DELTA), 57) for each in experiments(n, seed=1)])
    assert len(true_rates) == EXPERIMENTS
    assert abs(misses(true_rates, fpr, exact_tail(n, fpr))) < 3


@pytest.mark.parametrize(("fpr", "n"), RATES)
def test_with_ties_it_is_kept_all_the_more(fpr, n):
    """Scores in steps of 2: a score is above the cut if it is above the upper edge of the cut's step."""
    true_rates = []
    for each in experiments(n, seed=2):
        cut = threshold(np.floor(each / 2), fpr, DELTA)
        true_rates.append(chi2.sf(2 * (cut + 1), 57))  # P(⌊X/2⌋ > cut)
    assert misses(np.concatenate(true_rates), fpr, exact_tail(n, fpr)) < 3
    assert (np.concatenate(true_rates) < fpr).mean() > 0.9


@pytest.mark.parametrize(("fpr", "n"), [(1e-2, 299), (1e-3, 2995)])
def test_events_that_decided_about_the_score_cannot_calibrate_it(fpr, n):
    """Of ten scores, all of them uniform, training takes the one whose threshold on its own events is lowest."""
    rng = np.random.default_rng(3)
    trained, held_out = [], []
    for _ in range(EXPERIMENTS // 20):
        cuts = threshold(rng.random((20, 10, n)), fpr, DELTA)
        trained.append(1 - cuts.min(axis=1))
        held_out.append(1 - threshold(rng.random((20, n)), fpr, DELTA))
    tail = exact_tail(n, fpr)
    assert abs(misses(np.concatenate(held_out), fpr, tail)) < 3
    assert misses(np.concatenate(trained), fpr, tail) > 30


def test_nor_can_those_that_a_covariance_was_fitted_to():
    rng = np.random.default_rng(4)
    rates = {"training": [], "held out": []}
    for _ in range(100):
        train, held_out, fresh = (rng.normal(size=(n, 25)) for n in (400, 400, 5000))
        score = Mahalanobis().fit(train)
        for name, events in (("training", train), ("held out", held_out)):
            cut = threshold(score.score_samples(events), 0.02, DELTA)
            rates[name].append((score.score_samples(fresh) > cut).mean())
    assert (np.array(rates["training"]) > 0.02).mean() > 0.5
    assert (np.array(rates["held out"]) > 0.02).mean() < 0.2  # of the 5 %, blurred by 5000 events


SIGMA, WIDTH = 0.5, 3


@pytest.fixture(scope="module")
def scorer():
    """An energy that is that of a standard normal exactly: its score norm is σ‖z‖/(1 + σ²), a χ of three degrees."""
    network = new_network(WIDTH, EnergyConfig(width=8, blocks=1, noise={"low": SIGMA, "levels": 1}))
    torch.nn.init.zeros_(network.output.weight)
    torch.nn.init.zeros_(network.output.bias)
    inputs = np.arange(WIDTH)
    preparation = Preparation(
        ("a", "b", "c"),
        inputs,
        np.full(WIDTH, NONE),
        np.ones(WIDTH),
        10.0 * inputs,
        2.0 + inputs,
        np.zeros(WIDTH, dtype=int),
    )
    scoring = Scoring("score_norm", preparation, EnergyModel(network, score_level=0))
    run = session(onnx_model(scoring))
    return Scorer(preparation.names, "score_norm", preparation, np.array([]), "", run, run)


@pytest.mark.parametrize(("fpr", "n"), [(1e-2, 299), (1e-3, 2995)])
def test_the_promise_is_kept_from_raw_features_to_flags(scorer, fpr, n):
    rng = np.random.default_rng(5)
    raw = rng.normal(size=(EXPERIMENTS * n, WIDTH)) * scorer.preparation.scale + scorer.preparation.centre
    scores = scorer.score(raw).reshape(EXPERIMENTS, n)
    cuts = np.array([replace(scorer, calibration=np.sort(each)).threshold(fpr, DELTA) for each in scores])
    true_rates = chi.sf(cuts * (1 + SIGMA**2) / SIGMA, WIDTH)
    assert abs(misses(true_rates, fpr, exact_tail(n, fpr))) < 3
    one = replace(scorer, calibration=np.sort(scores[0]))
    np.testing.assert_array_equal(one.flags(scores[1], fpr, DELTA), scores[1] > cuts[0])


def test_too_few_events_flag_nothing(scorer):
    few = replace(scorer, calibration=np.arange(298.0))
    assert few.flags(np.array([1e9]), 1e-2, DELTA) is None
    enough = replace(scorer, calibration=np.arange(299.0))
    assert enough.flags(np.array([1e9, 298.0]), 1e-2, DELTA).tolist() == [True, False]
