from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.diagnostics import (
    auroc,
    average_precision,
    best_improvement,
    binomial_interval,
    efficiency_at,
    roc,
    roc_curve,
)

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


def test_the_interval_is_delongs_where_there_are_many_events():
    """Biometrics 44 (1988) 837, eq. 5, and not much wider than the bootstrap's of 150 events."""
    rng = np.random.default_rng(2)
    background, signal = rng.normal(size=40_000), rng.normal(1.0, 1.5, size=20_000)
    found = auroc(background, signal)
    cdf = np.searchsorted(np.sort(background), signal) / len(background)
    tail = 1 - np.searchsorted(np.sort(signal), background) / len(signal)
    delong = 1.96 * math.sqrt(cdf.var() / len(signal) + tail.var() / len(background))
    assert found.high - found.value == pytest.approx(delong, rel=0.08)  # 4,000 random weights
    assert found.value - found.low == pytest.approx(delong, rel=0.08)
    background, signal = background[:400], signal[:150]
    found = auroc(background, signal, level=0.6827)
    replicas = [auroc(rng.choice(background, 400), rng.choice(signal, 150)).value for _ in range(300)]
    assert 1.0 < (found.high - found.low) / (2 * np.std(replicas)) < 1.25


def test_weights_of_both_samples_have_nothing_in_common():
    """Else their errors would add up, not in quadrature: 1.41 times too wide where both have as many events."""
    rng = np.random.default_rng(5)
    background, signal = rng.normal(size=900), rng.normal(1.0, 1.0, size=900)
    found = auroc(background, signal)
    areas = [(sample[:, None] < other).mean(axis=1) for sample, other in ((background, signal), (signal, background))]
    delong = 1.96 * math.sqrt(sum(area.var() / 900 for area in areas))
    assert 1.0 < (found.high - found.low) / (2 * delong) < 1.15


def same_width(rng, events):
    return rng.normal(1.0, 1.0, events)


def far_off(rng, events):
    return rng.normal(3.5, 1.0, events)


def mostly_far_off(rng, events):
    """One in ten is below all background: with few events none is seen."""
    return np.where(rng.random(events) < 0.9, rng.normal(6, 0.5, events), rng.normal(-4, 0.5, events))


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (same_width, 0.5 * math.erfc(-1.0 / 2)),
        (far_off, 0.5 * math.erfc(-3.5 / 2)),
        (mostly_far_off, 0.9 * 0.5 * math.erfc(-6 / math.sqrt(2.5)) + 0.05 * math.erfc(4 / math.sqrt(2.5))),
    ],
)
@pytest.mark.parametrize("events", [1, 3, 10, 100])
def test_the_area_is_covered_with_few_events_too(draw, truth, events):
    """DeLong's interval does not: with one event never, with five between 44 and 87 %."""
    rng = np.random.default_rng(3)
    found = [auroc(rng.normal(size=300), draw(rng, events)) for _ in range(120)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 120)


def test_of_zeros_and_ones_the_interval_is_clopper_and_pearsons():
    """Much background at one score, and signal above or below it: each signal event is a trial."""
    signal = np.repeat([1.0, -1.0], [16, 4])
    found = auroc(np.zeros(100_000), signal)
    low, high = binomial_interval(16, 20, level=0.95)
    assert found.value == 0.8
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), abs=0.01)
    one = auroc(np.zeros(100_000), np.ones(1))
    assert (one.low, one.high) == pytest.approx((0.025, 1.0), abs=0.01)


@pytest.mark.parametrize("below", [0, 1])
def test_events_in_blocks_change_no_interval(monkeypatch, below):
    """Not by one event far from all others either."""
    rng = np.random.default_rng(4)
    background, signal = rng.normal(size=4000), far_off(rng, 5000) + 5 * below
    signal[:below] = -10.0
    found = auroc(background, signal)
    monkeypatch.setattr(roc, "_BLOCKS", 10_000)
    alone = auroc(background, signal)
    assert found.low == pytest.approx(alone.low, abs=0.1 * (alone.high - alone.low))
    assert found.high == pytest.approx(alone.high, abs=0.1 * (alone.high - alone.low))


def test_samples_that_do_not_overlap_leave_some_doubt():
    found = auroc(np.arange(30.0), np.arange(100.0, 120.0))
    assert found.value == found.high == 1
    assert 0.7 < found.low < 0.95


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
