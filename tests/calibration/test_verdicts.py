import numpy as np
import pytest
from scipy.stats import norm

from neyman.calibration.results import ConditionsResult, Metrics, TailRatio
from neyman.calibration.verdicts import one_sided, verdicts

ALIKE = ConditionsResult(auc=0.5, auc_error=0.002, weighted=False)


def tail(ratio=1.0, error=0.05, events=400.0, training_error=None):
    return TailRatio(
        variable="x",
        threshold=3.0,
        ratio=ratio,
        error=error,
        training_error=training_error,
        effective_events=events,
        effective_events_data=events,
    )


def metrics(*, chi2=1.0, cells=1.0, auc=0.5, tails=(), dof=49, dof_cells=588):
    return Metrics(
        events=1000,
        effective_events=1000.0,
        dof=dof,
        dof_cells=dof_cells,
        chi2_per_bin=chi2,
        chi2_per_bin_by_variable={"x": chi2},
        chi2_per_bin_cells=cells,
        chi2_per_bin_cells_by_variable={"x": cells},
        chi2_per_bin_by_cell=[cells],
        wasserstein={"x": 0.0},
        auc=auc,
        auc_error=0.002,
        tails=list(tails),
    )


def judge(corrected, *, floor=None, conditions=ALIKE, untouched=True, **baselines):
    worse = metrics(chi2=5.0, cells=3.0, auc=0.6)
    candidates = {"corrected": corrected, "floor": floor or metrics(), "quantile_map": worse}
    candidates |= {"cell_quantile_map": worse, "reweighting": worse} | baselines
    return {each.name: each for each in verdicts(candidates, conditions, untouched=untouched, level=0.99)}


def test_a_correction_as_good_as_data_passes_everything():
    found = judge(metrics(tails=[tail()]))
    assert len(found) == 9
    assert all(verdict.passed is True for verdict in found.values()), found


@pytest.mark.parametrize(
    ("corrected", "name"),
    [
        (metrics(chi2=1.8), "histograms"),
        (metrics(cells=1.3), "histograms in cells"),
        (metrics(auc=0.508), "classifier"),
        (metrics(tails=[tail(0.8)]), "tail x > 3"),
        (metrics(tails=[tail(1.2)]), "tail x > 3"),
        (metrics(tails=[tail(0.0)]), "tail x > 3"),
    ],
)
def test_each_residual_fails_its_own_verdict_alone(corrected, name):
    assert [each.name for each in judge(corrected).values() if each.passed is False] == [name]


@pytest.mark.parametrize(
    "corrected", [metrics(chi2=1.5), metrics(cells=1.2), metrics(auc=0.504), metrics(tails=[tail(0.9)])]
)
def test_chance_does_not_fail(corrected):
    assert not [each for each in judge(corrected).values() if each.passed is False]


def test_the_spread_of_an_excess_over_the_floor_is_that_of_repeated_counts(rng):
    """√(3/dof), where both are compared with the same data."""
    a, b, c = rng.normal(size=(3, 4000, 49))
    excess = (((a - b) ** 2).sum(1) - ((c - b) ** 2).sum(1)) / 2 / 49
    assert np.std(excess) == pytest.approx(np.sqrt(3 / 49), rel=0.05)


def test_the_uncertainty_of_the_training_counts_in_the_tail():
    assert judge(metrics(tails=[tail(0.8, training_error=0.1)]))["tail x > 3"].passed is True
    assert "0.100 of it from training" in judge(metrics(tails=[tail(0.8, training_error=0.1)]))["tail x > 3"].detail


@pytest.mark.parametrize("ratio", [1.0, 0.3, np.nan])
def test_with_too_few_events_nothing_is_said_of_a_tail(ratio):
    found = judge(metrics(tails=[tail(ratio, events=49.0)]))["tail x > 3"]
    assert found.passed is None
    assert "no claim: 49 effective events" in found.detail


def test_no_better_than_a_baseline_is_said():
    found = judge(metrics(), cell_quantile_map=metrics(cells=1.05, auc=0.501))["better than a quantile map in cells"]
    assert found.passed is None
    assert "no better than a quantile map in cells, which is simpler" in found.detail


def test_worse_than_a_baseline_fails():
    found = judge(metrics(cells=1.3), quantile_map=metrics())["better than a quantile map"]
    assert found.passed is False
    assert found.detail.startswith("worse than a quantile map: χ²/bin 1.000 against 1.000, in cells 1.300 against")


def test_the_statistics_that_weights_cost_are_told():
    weighted = metrics().model_copy(update={"effective_events": 600.0})
    assert (
        "keeps 60 % of the effective events"
        in judge(metrics(), reweighting=weighted)["better than boosted reweighting"].detail
    )
    assert not any("effective events" in each.detail for each in judge(metrics()).values())


def test_better_in_some_and_worse_in_others_is_no_claim():
    found = judge(metrics(auc=0.52), reweighting=metrics(cells=2.0))["better than boosted reweighting"]
    assert found.passed is None
    assert "better in some, worse in others" in found.detail


def test_a_correction_that_touches_conditions_fails():
    assert judge(metrics(), untouched=False)["conditions untouched"].passed is False


def test_conditions_that_differ_are_told():
    weighted = ConditionsResult(auc=0.6, auc_error=0.002, weighted=True, auc_weighted=0.501, auc_weighted_error=0.002)
    found = judge(metrics(), conditions=weighted)["same conditions"]
    assert found.passed is True
    assert "weighted to those of data, for judging only" in found.detail
    left = weighted.model_copy(update={"auc_weighted": 0.52})
    found = judge(metrics(), conditions=left)["same conditions"]
    assert found.passed is None
    assert found.detail.startswith("no claim")


@pytest.mark.parametrize(("outside", "passed"), [(0.0, True), (0.003, None)])
def test_events_outside_the_range_of_the_training_are_told(outside, passed):
    conditions = ALIKE.model_copy(update={"outside_training": outside})
    found = judge(metrics(), conditions=conditions)["conditions within the training's"]
    assert found.passed is passed
    assert passed or "0.3 % of simulated events" in found.detail


def test_without_bins_there_is_no_claim():
    found = judge(metrics(cells=np.nan, dof_cells=0), floor=metrics(cells=np.nan, dof_cells=0))
    assert found["histograms in cells"].passed is None
    assert found["better than a quantile map"].passed is True


def test_standard_deviations_of_a_level():
    assert one_sided(0.99) == pytest.approx(norm.ppf(0.99))
