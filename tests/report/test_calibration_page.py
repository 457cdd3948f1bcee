"""The page of a calibration run is a function of its results, and of nothing else."""

import numpy as np
import pytest

from neyman.calibration.results import (
    Cell,
    CheckResult,
    ConditionsResult,
    Histogram,
    Metrics,
    RunResult,
    TailRatio,
    TrainingHistory,
    TrainingResult,
    Verdict,
)
from neyman.report.calibration import calibration_page
from neyman.report.page import render

EDGES = [0.001, 0.01, 0.1, 1.0]
DATA = np.array([400.0, 500, 100])
SCALES = {"corrected": 1.1, "uncorrected": 18.0, "quantile_map": 1.4, "cell_quantile_map": 1.3, "reweighting": 2.0}
CELLS = ["2 < eta ≤ 3", "3 < eta ≤ 4", "4 < eta"]


def metrics(scale, *, ratio=1.0, names=("ip",), cells=3, tails=True, **change):
    found = {
        "events": 1000,
        "effective_events": 987.6,
        "dof": 49,
        "dof_cells": 49 * cells,
        "chi2_per_bin": scale,
        "chi2_per_bin_by_variable": dict.fromkeys(names, scale),
        "chi2_per_bin_cells": 1.01 * scale,
        "chi2_per_bin_cells_by_variable": dict.fromkeys(names, 1.01 * scale),
        "chi2_per_bin_by_cell": [scale * (1 + 0.1 * index) for index in range(cells)],
        "wasserstein": dict.fromkeys(names, 0.001 * scale),
        "auc": 0.5 + 0.001 * scale,
        "auc_error": 0.002,
        "tails": [
            TailRatio(
                variable=names[0],
                threshold=threshold,
                ratio=ratio,
                error=error,
                training_error=0.04,
                effective_events=90.0,
                effective_events_data=1234.0,
            )
            for threshold, error in ((0.1, 0.03), (0.2, 0.4))
            if tails
        ],
    }
    return Metrics(**(found | change))


def histogram(**change):
    found = {
        "edges": EDGES,
        "logarithmic": True,
        "data": DATA.tolist(),
        "data_error": np.sqrt(DATA).tolist(),
        "simulation": [450.0, 500, 50],
        "simulation_error": np.sqrt([450.0, 500, 50]).tolist(),
        "corrected": [402.0, 497, 101],
        "corrected_error": np.sqrt([402.0, 497, 101]).tolist(),
        "displacement": np.outer([-2.0, -1, 0.5, 1, 3], [1e-3, 2e-3, 5e-3]).tolist(),
        "up": [404.0, 498, 103],
        "down": [400.0, 496, 99],
    }
    return Histogram(**(found | change))


def history(**change):
    falling = np.geomspace(2, 1, 5).tolist()
    found = {"step": [10, 20, 30, 40, 50], "training": falling, "validation": falling}
    return TrainingHistory(**(found | {"cpu_seconds": [1.0, 2, 3, 4, 5], "best": 3, "stopped_early": False} | change))


def make(*, names=("ip",), cells=CELLS, kind="impact_parameter", tails=True, config=None, **check):
    options = {"names": names, "cells": len(cells), "tails": tails}
    ratios = {"corrected": 0.98, "uncorrected": 0.3}
    found = {
        "passed": False,
        "verdicts": [
            Verdict(name="histograms", passed=True, detail="χ²/bin 1.1, floor 1"),
            Verdict(name="classifier", passed=False, detail="AUC −0.1 above"),
            Verdict(name="tail ip > 0.2", passed=None, detail="no claim: 3 events; ratio -0.50 ± 0.4"),
        ],
        **{name: metrics(scale, ratio=ratios.get(name, 1.0), **options) for name, scale in SCALES.items()},
        "floor": metrics(1.0, ratio=1.02, **options),
        "judging_events": 12345,
        "cells": [Cell(label=label, low={}, high={}, events=100.0) for label in cells],
        "transport_cost": {
            name: dict.fromkeys(names, cost)
            for name, cost in (("corrected", 0.0021), ("quantile_map", 0.0022), ("cell_quantile_map", 0.0023))
        },
        "histograms": {name: histogram() for name in names},
        "conditions": ConditionsResult(auc=0.501, auc_error=0.002, weighted=False),
        "baselines_fitted_on": "training",
        "level": 0.99,
        "seed": 1,
    }
    settings = {"data": {"kind": kind}, "conditions": [{"name": "pt"}, {"name": "eta"}]}
    return RunResult(
        config=settings if config is None else config,
        training=TrainingResult(
            histories={"nominal": history(), "member 0": history(best=1, stopped_early=True)},
            simulation_events=60_000,
            data_events=50_000,
            cpu_seconds=30.4,
            artefact="abc",
        ),
        check=CheckResult(**(found | check)),
        provenance={"versions": {"neyman": "0.1"}, "command": ["neyman", "calibration", "run"]},
    )


@pytest.fixture(scope="module")
def page():
    return calibration_page(make())


def section(page, heading):
    (found,) = [each for each in page.sections if each.heading == heading]
    return found


def headline(page, label):
    (found,) = [each for each in page.headlines if each.label == label]
    return found


def words(page):
    """All of a page that is not a picture."""
    sections = [(s.heading, s.text, [caption for _, caption in s.figures], s.tables) for s in page.sections]
    return page.title, page.subtitle, page.headlines, page.checks, sections, page.provenance


def test_sections_and_figures(page):
    assert {each.heading: len(each.figures) for each in page.sections} == {
        "Corrected and data": 2,
        "How far events are moved": 1,
        "Beside other methods": 0,
        "In cells of the conditions": 1,
        "Tails": 1,
        "Conditions, and what is not decided": 0,
        "Training": 1,
    }
    assert page.title.endswith(": ip")
    assert page.subtitle == (
        "Impact-parameter toy; given pt, eta; trained on 60,000 simulated events and 50,000 of data in 30 CPU-s"
    )


def test_the_answer_is_on_top(page):
    assert headline(page, "χ²/bin").value == "1.1"
    assert headline(page, "χ²/bin").note == "uncorrected 18, floor 1"
    assert headline(page, "χ²/bin in cells").value == "1.11"
    auc = headline(page, "classifier's AUC")
    assert (auc.value, auc.note) == ("0.5011", "± 0.002; uncorrected 0.518, floor 0.501")
    tail = headline(page, "events with ip > 0.1 mm")
    assert (tail.value, tail.note) == ("0.980 ± 0.050", "over data; uncorrected 0.3")
    assert headline(page, "ip moves by").value == "0.0021 mm"


def test_a_tail_of_which_little_is_known_is_no_headline(page):
    assert not any("0.2" in each.label for each in page.headlines)


@pytest.mark.parametrize(
    ("passed", "value", "note"),
    [
        ((True, True), "2 of 2 baselines", "in cells of the conditions, or for a classifier"),
        ((True, None), "1 of 2 baselines", "not than boosted reweighting"),
        ((False, None), "0 of 2 baselines", "not than a quantile map, boosted reweighting"),
    ],
)
def test_a_baseline_that_is_as_good_is_told_on_top(passed, value, note):
    names = ("better than a quantile map", "better than boosted reweighting")
    verdicts = [Verdict(name=name, passed=each, detail="") for name, each in zip(names, passed, strict=True)]
    found = headline(calibration_page(make(verdicts=verdicts)), "better than")
    assert (found.value, found.note) == (value, note)


def test_what_is_not_decided_is_neither_passed_nor_failed(page):
    assert [(each.name, each.passed) for each in page.checks] == [("histograms", True), ("classifier", False)]
    (table,) = section(page, "Conditions, and what is not decided").tables
    assert table.rows == [["tail ip > 0.2", "no claim: 3 events; ratio −0.50 ± 0.4"]]


def test_the_figure_is_the_histogram(page):
    linear, log = (figure for figure, _ in section(page, "Corrected and data").figures)
    upper, ratio, pulls = linear.axes
    assert (upper.get_xscale(), upper.get_yscale()) == ("log", "linear")
    assert log.axes[0].get_yscale() == "log"
    assert upper.get_title(loc="left") == "χ²/bin 18 → 1.1, floor 1"
    assert pulls.get_xlabel() == "IP [mm]"
    _, band, after = [patch.get_data() for patch in upper.patches]
    assert after.values.tolist() == [402, 497, 101]
    np.testing.assert_allclose(band.values - band.baseline, [4, 2, 4])
    (container,) = ratio.containers
    errors = [np.ptp(segment[:, 1]) / 2 for segment in container.lines[2][0].get_segments()]
    np.testing.assert_allclose(errors, np.sqrt([402, 497, 101]) / DATA)  # the weights are one


def test_methods_stand_beside_one_another(page):
    both, ip = section(page, "Beside other methods").tables
    assert [row[0] for row in both.rows] == [row[0] for row in ip.rows]
    assert both.rows[0] == ["uncorrected", "18", "18.2", "0.5180 ± 0.0020", "988"]
    assert both.rows[-1][:2] == ["floor: data against data", "1"]
    assert [row[-1] for row in ip.rows] == ["0", "0.0021", "0.0022", "0.0023", "—", "—"]
    assert ip.header[-1] == "mean shift [mm]"
    assert "12,345 events" in section(page, "Beside other methods").text


def test_long_labels_of_cells_have_two_lines():
    label = "20 < pt ≤ 34.9, 2 < eta ≤ 3.29, phi ≤ -0.5, npv ≤ 2"
    figure, _ = section(calibration_page(make(cells=[label, "b"])), "In cells of the conditions").figures[0]
    (first, _) = figure.axes[0].get_yticklabels()
    assert first.get_text().replace("\n", " ") == label.replace("-", "−")
    assert first.get_text().count("\n") == 1


def test_where_baselines_were_fitted_is_said(page):
    assert "the events that the flow was trained on" in section(page, "Beside other methods").text
    other = calibration_page(make(baselines_fitted_on="check"))
    assert "events that judge nothing" in section(other, "Beside other methods").text


def test_each_cell_has_a_row(page):
    (axes,) = section(page, "In cells of the conditions").figures[0][0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == CELLS
    flow = axes.containers[1].lines[0].get_xydata()
    np.testing.assert_allclose(flow[:, 0], [1.1, 1.21, 1.32])


def test_of_many_cells_the_worst_are_shown():
    labels = [f"cell {index}" for index in range(50)]
    figure, caption = section(calibration_page(make(cells=labels)), "In cells of the conditions").figures[0]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == labels[14:]  # those with the largest χ² of the flow
    assert "Of 50 cells, the 36" in caption


def test_tails_have_the_errors_of_events_and_training(page):
    found = section(page, "Tails")
    (table,) = found.tables
    assert table.rows[0][:4] == ["ip > 0.1 mm", "1,234", "0.300 ± 0.050", "0.980 ± 0.050"]
    assert table.rows[0][-1] == "1.020 ± 0.050"
    (axes,) = found.figures[0][0].axes
    assert 1.0 in [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata())]


def test_without_thresholds_there_are_no_tails():
    page = calibration_page(make(tails=False))
    assert "Tails" not in [each.heading for each in page.sections]


def test_conditions_that_differ_are_said():
    conditions = ConditionsResult(
        auc=0.62, auc_error=0.003, weighted=True, auc_weighted=0.503, auc_weighted_error=0.003, outside_training=0.012
    )
    text = section(calibration_page(make(conditions=conditions)), "Conditions, and what is not decided").text
    assert "0.6200 ± 0.0030" in text
    assert "weighted to the conditions of data" in text
    assert "1.2 % of the simulated events are outside" in text


def test_trainings(page):
    (table,) = section(page, "Training").tables
    kept = np.geomspace(2, 1, 5)
    assert table.rows == [
        ["nominal", "4 of 5", f"{kept[3]:.4g}", "5"],
        ["member 0", "2 of 5 (stopped early)", f"{kept[1]:.4g}", "5"],
    ]


def test_several_variables_of_files_without_variations_or_units():
    names = ("a", "b", "c")
    plain = {name: histogram(up=None, down=None, logarithmic=False, edges=[0.0, 1, 2, 3]) for name in names}
    page = calibration_page(make(names=names, kind="files", histograms=plain))
    assert len(section(page, "Corrected and data").figures) == 6
    assert len(section(page, "Beside other methods").tables) == 4
    assert section(page, "Corrected and data").figures[0][0].axes[2].get_xlabel() == "a"
    assert len(page.headlines) == 6
    assert "blue band" not in section(page, "Corrected and data").figures[0][1]


def test_numbers_that_are_none():
    nan = float("nan")
    empty = metrics(nan, ratio=nan, chi2_per_bin_by_cell=[nan] * 3, auc=nan, auc_error=nan)
    page = calibration_page(make(corrected=empty, floor=empty, verdicts=[]))
    assert headline(page, "χ²/bin").value == "—"
    assert "<html" in render(page)


def test_the_same_result_gives_the_same_page(page, tmp_path):
    result = make()
    result.save(tmp_path / "results.json")
    again = calibration_page(RunResult.load(tmp_path / "results.json"))
    assert words(again) == words(page)
    assert words(calibration_page(result, style="cms")) == words(page)
