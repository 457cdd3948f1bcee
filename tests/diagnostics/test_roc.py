from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.diagnostics import auroc, average_precision, best_improvement, efficiency_at, roc_curve

SCORES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30).map(np.array)


@settings(derandomize=True, deadline=None)
@given(background=SCORES, signal=SCORES)
def test_areas_agree_with_scikit_learn_also_with_ties(background, signal):
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = np.repeat([0, 1], [len(background), len(signal)])
    scores = np.concatenate([background, signal])
    assert auroc(background, signal).value == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert average_precision(background, signal) == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


def test_the_curve_agrees_with_scikit_learn():
    from sklearn import metrics

    rng = np.random.default_rng(1)
    background, signal = rng.normal(size=200).round(1), rng.normal(1, 1, size=100).round(1)
    found = roc_curve(background, signal)
    truth = np.repeat([0, 1], [200, 100])
    fpr, tpr, _ = metrics.roc_curve(truth, np.concatenate([background, signal]), drop_intermediate=False)
    np.testing.assert_allclose(found.background, fpr)
    np.testing.assert_allclose(found.signal, tpr)


def test_delong_agrees_with_the_bootstrap():
    rng = np.random.default_rng(2)
    background, signal = rng.normal(size=400), rng.normal(1.0, 1.5, size=150)
    found = auroc(background, signal, level=0.6827)
    replicas = [auroc(rng.choice(background, 400), rng.choice(signal, 150)).value for _ in range(1000)]
    assert (found.high - found.low) / 2 == pytest.approx(np.std(replicas), rel=0.1)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_area_is_covered(shift):
    rng = np.random.default_rng(3)
    truth = 0.5 * math.erfc(-shift / 2)
    covered = 0
    for _ in range(400):
        found = auroc(rng.normal(size=150), rng.normal(shift, size=100), level=0.9)
        covered += found.low <= truth <= found.high
    assert 0.86 <= covered / 400 <= 0.945  # 0.9 and three standard deviations


def test_samples_that_do_not_overlap_leave_some_doubt():
    found = auroc(np.arange(30.0), np.arange(100.0, 120.0))
    assert found.value == found.high == 1
    assert 0.8 < found.low < 0.95


@pytest.mark.parametrize("rejection", [0.9, 0.99])
def test_the_efficiency_is_covered_also_by_its_cut(rejection):
    from scipy.stats import norm

    rng = np.random.default_rng(4)
    truth = norm.sf(norm.isf(1 - rejection) - 1.0)
    found = [efficiency_at(rejection, rng.normal(size=1500), rng.normal(1, 1, 400), level=0.9) for _ in range(200)]
    assert np.mean([one.value for one in found]) == pytest.approx(truth, rel=0.05)
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.9


def test_a_rejection_that_the_background_does_not_carry_has_no_efficiency():
    scores = np.random.default_rng(5).normal(size=(2, 6000))
    assert efficiency_at(0.999, *scores) is not None
    assert efficiency_at(0.9999, *scores) is None
    # The fewest events with (1 - α)^n below a quarter of 5 %
    fewest = math.ceil(math.log(0.0125) / math.log(0.99))
    assert efficiency_at(0.99, scores[0, :fewest], scores[1]) is not None
    assert efficiency_at(0.99, scores[0, : fewest - 1], scores[1]) is None


def test_background_at_one_value_rejects_everything_there():
    assert efficiency_at(0.9, np.zeros(500), np.zeros(50)).value == 0
    assert efficiency_at(0.9, np.zeros(500), np.ones(50)).value == 1


def test_no_separation_improves_nothing():
    rng = np.random.default_rng(6)
    found = [best_improvement(rng.normal(size=600), rng.normal(size=300), rng, level=0.9) for _ in range(200)]
    assert np.mean([one.low <= 1 for one in found]) >= 0.9
    assert np.mean([one.value for one in found]) == pytest.approx(1, abs=0.05)


def test_the_improvement_of_a_known_case():
    """Exponentials with means 1 and 4: ε_S = ε_B^(1/4), so the improvement falls with ε_B to the smallest looked at."""
    rng = np.random.default_rng(7)
    found = best_improvement(rng.exponential(1.0, 20_000), rng.exponential(4.0, 20_000), rng)
    assert found.low < (10 / 10_000) ** (0.25 - 0.5) * 1.3
    assert found.low > 3
    assert found.low < found.value < found.high
    assert best_improvement(np.arange(15.0), np.arange(5.0), rng) is None


def test_equal_scores_pass_a_cut_together_or_not_at_all():
    """Most background is at its largest score: the only cut below it lets all of that pass."""
    background, signal = np.repeat([0.0, 1.0], [100, 300]), np.ones(200)
    found = best_improvement(background, signal, np.random.default_rng(8))
    assert found.value == pytest.approx((300 / 400) ** -0.5, rel=0.05)
    assert best_improvement(np.ones(400), signal, np.random.default_rng(8)).value == pytest.approx(1)


@pytest.mark.parametrize("function", [auroc, average_precision, roc_curve])
@pytest.mark.parametrize("bad", [np.array([]), np.array([1.0, np.nan]), np.array([np.inf])])
def test_what_is_no_sample_is_refused(function, bad):
    with pytest.raises(DataError):
        function(bad, np.ones(3))
    with pytest.raises(DataError):
        function(np.ones(3), bad)


def test_a_rejection_in_per_cent_is_refused():
    with pytest.raises(DataError, match="rejection"):
        efficiency_at(99.0, np.ones(3), np.ones(3))
