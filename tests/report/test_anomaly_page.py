"""The page of an anomaly run is a function of its results, and says what a flag is not."""

import numpy as np
import pytest

from neyman.anomaly.characterising import sigma_profile
from neyman.anomaly.evaluation import evaluate
from neyman.anomaly.excess import find_excess
from neyman.anomaly.outcomes import (
    AnomalyResult,
    Candidates,
    Characterisation,
    ClassifierTest,
    Explanation,
)
from neyman.anomaly.results import TrainingHistory, TrainingResult
from neyman.anomaly.summary import compare_features, error_rates, score_histograms
from neyman.report.anomaly import anomaly_page
from neyman.report.anomaly_candidates import event_objects
from neyman.report.page import render

NAMES = [
    "met_pt",
    "met_phi",
    *(f"{kind}_{part}" for kind in ("electron1", "jet1", "jet2") for part in ("pt", "eta", "phi")),
]
SIGMAS = [0.1, 0.3, 1.0]


def events(rng, n, shift=0.0):
    x = rng.normal(size=(n, len(NAMES)))
    for at, name in enumerate(NAMES):
        if name.endswith("_pt"):
            x[:, at] = np.exp(3.5 + 0.7 * x[:, at] + shift)
    return x


def explanation(row, score, p_value, x):
    attribution = np.linspace(-1, 3, len(NAMES)) * score
    order = np.argsort(-np.abs(attribution))
    share = attribution**2 / (attribution**2).sum()
    return Explanation(
        row=row,
        score=score,
        p_value=p_value,
        feature_attribution={NAMES[at]: float(attribution[at]) for at in order},
        share={NAMES[at]: float(share[at]) for at in order},
        values=dict(zip(NAMES, x.tolist(), strict=True)),
    )


def make(*, signals=("a_4l", "leptoquark"), fpr=0.01, calibration=2000, excess=True, others=(), **change):
    rng = np.random.default_rng(5)
    scores = {name: rng.normal(2.0 - 0.7 * at, 1.1, 800) for at, name in enumerate(signals)}
    calibrated, test = rng.normal(size=calibration), rng.normal(size=3000)
    background = {"score_norm": test, **{name: rng.normal(size=3000) for name in others}}
    by_signal = {name: {"score_norm": found, **dict.fromkeys(others, 0.5 * found)} for name, found in scores.items()}
    x = events(rng, 400)
    found = {
        "config": {
            "data": {"kind": "simulation", "layout": "forty_mhz"},
            "score": "score_norm",
            "error_rate": {"fpr": fpr, "delta": 0.05},
        },
        "training": TrainingResult(
            history=TrainingHistory(
                step=[10, 20, 30], training=[3.0, 2.0, 1.5], validation=[3.1, 2.2, 2.0], cpu_seconds=[1.0, 2.0, 3.0],
                best=2, stopped_early=False,
            ),
            features=NAMES,
            constant=["met_eta"],
            redundant=[],
            training_events=12_000,
            calibration_events=calibration,
            smallest_fpr=1e-3,
            cpu_seconds=3.0,
            artefact="ab" * 32,
        ),
        "evaluation": evaluate(background, by_signal, default="score_norm", calibration=calibrated, fpr=fpr)
        if signals
        else None,
        "scores": score_histograms(calibrated, test, scores),
        "error_rates": error_rates(calibrated, test, fpr=fpr, delta=0.05),
        "exchangeable_p_value": 0.4,
        "candidates": Candidates(
            events=[explanation(17 * row, 9.0 - row, 1e-3 * (row + 1), x[row]) for row in range(8)],
            truth=["a_4l", *["background"] * 7],
            searched=1500,
            injected=dict.fromkeys(signals, 8),
            flagged=20,
            flagged_signal=6,
            features=compare_features(
                NAMES, x, {name: events(rng, 300, 0.5) for name in signals}, x[:8], chosen=NAMES[:7]
            ),
        ),
        "characterisation": Characterisation(
            samples=ClassifierTest(
                auc=0.62, low=0.58, high=0.66, events=1000, reference_auc=0.5, reference_low=0.46, reference_high=0.54
            ),
            profile=sigma_profile(lambda z, level: SIGMAS[level] * z, SIGMAS, rng.normal(size=(300, 4)),
                                  rng.normal(size=(3, 4)) * 4, [0, 17, 34]),
            excess=find_excess(np.concatenate([test[:1000], scores[signals[0]][:10]]), test[1000:], toys=500)
            if excess and signals
            else None,
            seed=0,
            artefact="ab" * 32,
        ),
        "score_sigma": 0.3,
        "seconds": {"simulate": 100.2, "train": 30.1},
        "provenance": {"command": ["neyman", "anomaly", "run"], "versions": {"neyman": "0"}, "commit": None},
    }  # fmt: skip
    return AnomalyResult(**(found | change))


@pytest.fixture(scope="module")
def page():
    return anomaly_page(make(others=("forest",)))


def section(page, heading):
    return next(each for each in page.sections if each.heading == heading)


def test_it_is_one_page(page):
    text = render(page)
    assert 'src="data:image' in text
    assert "<script" not in text


def test_the_order_is_that_of_the_questions(page):
    assert [each.heading for each in page.sections] == [
        "The score", "What it separates", "What the error rate promises", "What a flag is not", "Candidates",
        "Candidates, one by one", "What was learned", "Training",
    ]  # fmt: skip


def test_it_says_what_a_flag_is_not(page):
    text = section(page, "What a flag is not").text
    for part in ("not a discovery", "not a probability", "five standard deviations", "independent data"):
        assert part in text


def test_the_promise_and_its_check(page):
    result = make()
    headline = page.headlines[0]
    assert (headline.label, headline.value) == ("False positives, promised", "at most 1 %")
    rate = next(each for each in result.error_rates if each.fpr == 0.01)
    assert f"measured {100 * rate.measured:.2g} %" in headline.note
    assert page.passed
    (table,) = section(page, "What the error rate promises").tables
    assert [row[0] for row in table.rows] == ["0.01", "0.001", "0.0001"]
    assert table.rows[2][2:5] == ("29,956", "—", "—")  # two thousand events promise nothing at 1e-4


def test_too_few_calibration_events_flag_nothing():
    page = anomaly_page(make(fpr=1e-3, calibration=1000))
    assert (page.headlines[0].label, page.headlines[0].value) == ("Flags", "none")
    assert "2,995" in page.headlines[0].note
    assert len(page.checks) == 1


def test_calibration_that_is_not_like_the_test_fails():
    assert not anomaly_page(make(exchangeable_p_value=1e-5)).passed


def test_efficiencies_stand_with_intervals_or_a_dash(page):
    table = section(page, "What it separates").tables[0]
    assert table.rows[0][0] == "a_4l"
    assert "[" in table.rows[0][2]
    assert table.rows[0][4] == "—"  # 99.99 % of three thousand events
    assert {row[1] for row in section(page, "What it separates").tables[1].rows} == {"score norm", "isolation forest"}


def test_each_candidate_has_its_figure_and_its_reason(page):
    ranked, one_by_one = section(page, "Candidates"), section(page, "Candidates, one by one")
    assert ranked.tables[0].rows[0][1] == "0"
    assert ranked.tables[0].rows[0][-1] == "a_4l"
    assert len(one_by_one.figures) == 6
    assert "jet2_phi, which is too large at" in one_by_one.figures[0][1]


def test_without_signals_there_is_no_separation():
    page = anomaly_page(make(signals=()))
    assert "What it separates" not in [each.heading for each in page.sections]


def test_objects_of_an_event():
    found = event_objects({"jet1_pt": 30.0, "jet1_eta": 1.0, "jet1_phi": 2.0, "jet2_pt": 0.0, "jet2_eta": 0.0,
                           "jet2_phi": 0.0, "muon1_pt": 25.0, "met_pt": 12.0, "met_phi": 1.0})  # fmt: skip
    assert (found.kinds, found.pt.tolist(), found.met) == (["jet"], [30.0], 12.0)
    assert event_objects({"x": 1.0}) is None


def test_the_result_survives_its_own_json(tmp_path):
    result = make()
    result.save(tmp_path / "results.json")
    assert AnomalyResult.load(tmp_path / "results.json").to_json() == result.to_json()
