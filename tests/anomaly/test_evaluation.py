import numpy as np
import pytest

from neyman.anomaly.evaluation import error_analysis, evaluate, promised_cut
from neyman.anomaly.results import EvaluationResult
from neyman.core.errors import DataError


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(1)
    background = {"norm": rng.normal(size=3000), "knn": rng.normal(size=3000)}
    signals = {"bump": {"norm": rng.normal(2, 1, 500), "knn": rng.normal(size=500)}}
    return background, signals, rng.normal(size=1000)


def test_each_number_has_its_interval(scores):
    background, signals, calibration = scores
    result = evaluate(background, signals, default="norm", calibration=calibration, fpr=0.01, artefact="abc")
    norm, knn = result.separations
    assert (norm.score, knn.score) == ("norm", "knn")
    assert norm.auroc.low < 0.9214 < norm.auroc.high  # Φ(√2)
    assert knn.auroc.low < 0.5 < knn.auroc.high
    assert knn.auprc == pytest.approx(knn.prevalence, rel=0.15)
    first, second, third = norm.working_points
    assert first.signal_efficiency.low < 0.372 < first.signal_efficiency.high  # Φ(2 − 2.326)
    assert first.improvement.value == pytest.approx(10 * first.signal_efficiency.value)
    assert second.signal_efficiency is None
    assert third.improvement is None
    assert norm.promised.measured_fpr.low < 0.01
    assert norm.promised.calibration_events == 1000
    assert knn.promised is None
    assert norm.max_improvement.low > 1
    assert norm.curve.background[-1] == norm.curve.signal[-1] == 1
    assert len(norm.curve.background) <= 300


def test_the_result_comes_back_from_its_json(scores, tmp_path):
    background, signals, calibration = scores
    result = evaluate(background, signals, default="norm", calibration=calibration)
    result.save(tmp_path / "e.json")
    assert EvaluationResult.load(tmp_path / "e.json") == result
    assert result.separations[0].promised.threshold is None  # 1000 events promise nothing at 1e-3
    assert result.separations[0].promised.fewest == 2995


def test_the_same_events_give_the_same_numbers(scores):
    background, signals, _ = scores
    assert evaluate(background, signals, default="knn") == evaluate(background, signals, default="knn")


def test_a_promise_is_kept_or_not_made(scores):
    background, signals, calibration = scores
    kept = promised_cut(calibration, background["norm"], signals["bump"]["norm"], fpr=0.05, delta=0.05)
    assert kept.expected_fpr < 0.05
    assert kept.measured_fpr.low < kept.expected_fpr < kept.measured_fpr.high + 0.02
    none = promised_cut(calibration[:50], background["norm"], signals["bump"]["norm"], fpr=0.05, delta=0.05)
    assert none.threshold is none.measured_fpr is none.signal_efficiency is None
    assert none.fewest == 59


def test_errors_are_described_by_what_is_different():
    rng = np.random.default_rng(2)
    background, signal = rng.normal(size=(2000, 3)), rng.normal([0, 3, 0], 1, size=(300, 3))
    found = error_analysis(
        background, background[:, 1], signal, signal[:, 1], names=("a", "b", "c"), cut=2.0, name="bump"
    )
    assert found.false_positives == (background[:, 1] > 2).sum()
    assert found.false_positive_features[0].feature == "b"
    assert found.false_positive_features[0].shift > 2
    assert abs(found.false_positive_features[1].significance) < 4
    assert found.false_negative_features[0].feature == "b"
    assert found.false_negative_features[0].shift < -1
    nothing = error_analysis(
        background, background[:, 1], signal, signal[:, 1], names=("a", "b", "c"), cut=99.0, name="bump"
    )
    assert nothing.false_positive_features == nothing.false_negative_features == []


def test_what_is_missing_is_named(scores):
    background, signals, _ = scores
    with pytest.raises(DataError, match="'energy'"):
        evaluate(background, signals, default="energy")
    with pytest.raises(DataError, match="signal scores"):
        evaluate(background, {"bump": {"norm": np.array([])}}, default="norm")
