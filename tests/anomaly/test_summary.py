"""Numbers for the page: nothing is lost from histograms, and rates are promised only where they can be."""

import numpy as np
import pytest
from scipy.stats import beta

from neyman.anomaly.summary import compare_features, error_rates, score_histograms


def test_histograms_have_every_event(rng):
    signal = np.concatenate([rng.normal(3, 1, 99), [1e6]])
    found = score_histograms(rng.normal(size=500), rng.normal(size=300), {"far": signal})
    assert (sum(found.calibration), sum(found.test), sum(found.signals["far"])) == (500, 300, 100)
    assert found.edges[-1] < 30  # one event far away does not stretch the axis


def test_scores_that_reach_far_are_in_logarithmic_bins(rng):
    calibration, test = rng.lognormal(0, 0.5, 400), rng.lognormal(0, 0.5, 200)
    found = score_histograms(calibration, test, {"far": rng.lognormal(5, 0.5, 100)})
    assert found.logarithmic
    ratios = np.diff(np.log(found.edges))
    np.testing.assert_allclose(ratios, ratios[0])
    assert sum(found.signals["far"]) == 100
    assert not score_histograms(calibration, test, {}).logarithmic
    assert not score_histograms(calibration - 1, test - 1, {"far": rng.lognormal(5, 0.5, 100)}).logarithmic


def test_all_scores_equal():
    assert sum(score_histograms(np.ones(5), np.ones(3), {}).calibration) == 5


def test_rates(rng):
    calibration, test = rng.normal(size=3000), rng.normal(size=10_000)
    rates = {rate.fpr: rate for rate in error_rates(calibration, test, fpr=0.05, delta=0.05)}
    assert list(rates) == [0.05, 1e-2, 1e-3, 1e-4]
    for fpr in (0.05, 1e-2, 1e-3):
        rate = rates[fpr]
        assert beta.sf(fpr, rate.rank, 3001 - rate.rank) <= 0.05 < beta.sf(fpr, rate.rank + 1, 3000 - rate.rank)
        assert rate.threshold == np.sort(calibration)[-rate.rank]
        assert rate.measured == (test > rate.threshold).mean()
        assert rate.low <= rate.measured <= rate.high
    last = rates[1e-4]
    assert (last.rank, last.threshold, last.measured, last.needed) == (None, None, None, 29_956)


def test_features_are_compared_in_the_same_bins(rng):
    x = rng.normal(size=(200, 3))
    (found,) = compare_features(("a", "b", "c"), x, {"s": x[:50] + 4}, x[:2], chosen=("b",))
    assert (found.name, sum(found.background), sum(found.signals["s"])) == ("b", 200, 50)
    assert found.candidates == pytest.approx(x[:2, 1].tolist())
    assert found.edges[-1] > 5
