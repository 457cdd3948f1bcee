"""The significance is uniform where there is nothing, and says what Fisher's test says where there is something."""

import numpy as np
import pytest
from scipy.stats import fisher_exact, kstest

from neyman.anomaly import excess
from neyman.anomaly.excess import find_excess
from neyman.core.errors import DataError


def test_one_cut_is_fishers_exact_test(rng):
    scores, background = rng.normal(0.3, 1, 80), rng.normal(size=300)
    found = find_excess(scores, background, fractions=(0.1,), toys=50)
    (cut,) = found.cuts
    above = int((background >= cut.threshold).sum())
    table = [[cut.observed, 80 - cut.observed], [above, 300 - above]]
    assert cut.p_value == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    assert cut.observed + above == 38
    assert cut.expected == pytest.approx(80 * above / 300)


def test_the_global_p_value_is_one_where_there_is_nothing():
    """And the local one, which has looked at several thresholds, is not."""
    rng = np.random.default_rng(3)
    found = [find_excess(rng.normal(size=200), rng.normal(size=800), toys=300, seed=seed) for seed in range(100)]
    overall = np.array([each.global_p_value for each in found])
    assert (overall <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    # conservative, as counts are discrete, but not by much
    assert kstest(overall, "uniform", alternative="greater").pvalue > 1e-3
    assert (overall <= 0.3).mean() > 0.15
    local = np.array([each.local_p_value for each in found])
    assert (local <= 0.05).mean() > (overall <= 0.05).mean()
    assert all(each.trials_factor >= 1 for each in found)


def test_a_choice_never_makes_an_excess_more_significant():
    """Not by a fluctuation of the pseudo-experiments either, where there is but one threshold."""
    rng = np.random.default_rng(4)
    for seed in range(40):
        found = find_excess(rng.normal(size=100), rng.normal(size=400), fractions=(0.1,), toys=60, seed=seed)
        assert found.global_p_value >= found.local_p_value * (1 - 1e-12)
        assert found.trials_factor >= 1


def test_an_excess_is_found(rng):
    found = find_excess(np.concatenate([rng.normal(size=500), rng.normal(4, 0.5, 25)]), rng.normal(size=5000))
    assert found.local_z > 5
    assert found.bounded
    assert found.global_p_value == pytest.approx(len(found.cuts) * found.local_p_value)


def test_an_excess_beyond_any_float_has_its_significance(rng):
    """Its p-value is no float above zero; that of the background's own statistics is far from the naive one."""
    found = find_excess(rng.normal(2, 1, 2000), rng.normal(size=20_000))
    assert found.local_p_value == 0
    cut = found.cuts[0]
    z = (cut.observed - 2000 * 0.1) / np.sqrt(2000 * 0.1 * 0.9 * 20_000 / 22_000)  # the normal one, for orientation
    assert 0.5 * z < found.local_z < z
    assert 0 < found.local_z - found.global_z < 0.1
    assert found.trials_factor == pytest.approx(len(found.cuts))
    larger = find_excess(rng.normal(2, 1, 8000), rng.normal(size=80_000))
    assert larger.local_z == pytest.approx(2 * found.local_z, rel=0.02)  # four times the events


def test_a_logarithm_agrees_with_the_p_value_where_both_are_there(rng, monkeypatch):
    scores, background = rng.normal(0.7, 1, 400), rng.normal(size=2000)
    usual = find_excess(scores, background, toys=50)
    monkeypatch.setattr(excess, "_TINY", 1.0)
    assert find_excess(scores, background, toys=50).local_z == pytest.approx(usual.local_z, rel=1e-9)


def test_fewer_events_than_expected_are_no_excess(rng):
    found = find_excess(rng.normal(-3, 1, 2000), rng.normal(size=20_000), toys=100)
    assert found.local_z == found.global_z == 0
    assert found.local_p_value == found.global_p_value == 1


def test_ties_do_not_make_significances(rng):
    scores = np.round(rng.normal(size=400))
    found = find_excess(scores, np.round(rng.normal(size=2000)), toys=200)
    assert found.global_p_value > 1e-3
    assert len({cut.threshold for cut in found.cuts}) == len(found.cuts)


def test_it_depends_on_the_seed_alone(rng):
    scores, background = rng.normal(size=100), rng.normal(size=500)
    assert find_excess(scores, background, seed=2) == find_excess(scores, background, seed=2)


@pytest.mark.parametrize(
    ("scores", "background", "parts"),
    [
        (np.ones(9), np.ones(100), ["score: 9 events", "at least 10"]),
        (np.ones(100), np.ones(3), ["score of the background: 3 events"]),
        (np.array([*np.ones(20), np.nan]), np.ones(100), ["nan in row 20"]),
        (np.ones(20), np.array([np.inf, *np.ones(20)]), ["inf in row 0"]),
    ],
)
def test_refusals(scores, background, parts, message):
    with pytest.raises(DataError) as error:
        find_excess(scores, background)
    message(error, *parts)
