"""The page of an abcd run is a function of its results, and of nothing else."""

import numpy as np
import pytest

from neyman.abcd.results import (
    CheckResult,
    ConstraintHistory,
    CutsResult,
    LimitResult,
    Optimum,
    PhaseHistory,
    PlaneCounts,
    Regions,
    RunResult,
    TrainingResult,
    Verdict,
)
from neyman.plots.closure import predict
from neyman.report.abcd import abcd_page
from neyman.report.page import render

BACKGROUND = np.array([[400.0, 55, 4000, 500], [40, 4.5, 400, 50]])
SIGNAL = np.array([[1.0, 15, 0.2, 1], [2, 30, 0.1, 3]])
LIMITS = [0.5, 0.7, 1.1, 1.6, 2.3]
EPOCHS = 5


def regions(yields):
    return Regions(**dict(zip("ABCD", yields.T.tolist(), strict=True)))


def cuts(background=BACKGROUND, factor=1.0, **change):
    a, b, c, d = background.sum(axis=0)
    found = {
        "cuts": (0.5, -0.25),
        "allowed": True,
        "background": regions(background),
        "signal": regions(SIGNAL),
        "variance": regions(2 * background),
        "non_closure": [0.1, -0.1],
        "non_closure_error": [0.17, 0.4],
        "total_non_closure": b * c / (a * d) - 1,
        "total_non_closure_error": 0.16,
        "contamination": 0.021,
        "cls_exp": [0.01, 0.03, 0.08, 0.2, 0.5],
        "mu_limit_exp": [factor * limit for limit in LIMITS],
        "q_mu": 3.1,
    }
    return CutsResult(**(found | change))


def phases(**change):
    falling = np.geomspace(0.1, 0.01, EPOCHS).tolist()
    common = {
        "step": list(range(10, 10 * EPOCHS + 1, 10)),
        "training": falling,
        "validation": falling,
        "cpu_seconds": np.linspace(1, 5, EPOCHS).tolist(),
        "best": 3,
        "stopped_early": False,
    }
    held = [value <= 0.03 for value in falling]
    constraints = {
        "closure": ConstraintHistory(value=falling, multiplier=[1.0] * EPOCHS, satisfied=held),
        "least_yield": ConstraintHistory(value=[0.0] * EPOCHS),
    }
    second = {"objective": [-value for value in falling], "objective_validation": falling, "constraints": constraints}
    return {"classifiers": PhaseHistory(**common), "cls": PhaseHistory(**(common | second | change))}


def make(*, background=BACKGROUND, config=None, training=None, limit=None, **check):
    edges = np.linspace(0, 1, len(background) + 1).tolist()
    cells = np.ones((4, 4)).tolist()
    rows = np.linspace(-2, 2, 5).tolist()
    found = {
        "passed": False,
        "verdicts": [
            Verdict(name="closure", passed=True, detail="δ = 0.1"),
            Verdict(name="yields", passed=False, detail="4.5 events"),
        ],
        "test": cuts(background),
        "validation": cuts(background, total_non_closure=-0.02),
        "cut_and_count": cuts(background, 3.0, allowed=False),
        "optimum": Optimum(mu_limit_exp=[0.5 * limit for limit in LIMITS], ratio=2.0),
        "plane": PlaneCounts(first=rows, second=rows, background=cells, signal=cells),
        "edges": edges,
        "discriminant": "m",
        "method": "cls",
        "seed": 1,
    }
    answer = {"poi_value": 1.0, "cls_exp": [0.01, 0.03, 0.08, 0.2, 0.5], "mu_limit_exp": LIMITS, "q_mu": 3.1}
    answer |= {"non_closure": [0.1, -0.1], "theta": "per_bin", "level": 0.05}
    told = {"phases": phases(), "cpu_seconds": 50.0, "bias": "", "method": "cls", "artefact": "abc"}
    settings = {
        "data": {"kind": "toy"},
        "method": {
            "kind": "cls",
            "disco": 10.0,
            "statistic": "log_cls",
            "constraints": {"closure": 0.03, "disco": None},
        },
        "evaluation": {"largest_non_closure": 0.1, "reference": ["x0", "x2"]},
    }
    return RunResult(
        config=settings if config is None else config,
        training=TrainingResult(**(told | (training or {}))),
        check=CheckResult(**(found | check)),
        limit=LimitResult(**(answer | (limit or {}))),
        provenance={"versions": {"neyman": "0.1"}, "command": ["neyman", "abcd", "run"]},
    )


@pytest.fixture(scope="module")
def page():
    return abcd_page(make())


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
    figures = {each.heading: len(each.figures) for each in page.sections}
    assert figures == {"The limit": 1, "The regions": 1, "Does it close?": 1, "Training": 2}
    assert page.subtitle == "Three-Gaussian toy; 2 bins of m; trained in 50 CPU-s"
    assert page.title.endswith("CLs under constraints")


def test_the_answer_is_on_top(page):
    assert headline(page, "expected limit on μ").value == "< 1.10"
    assert "0.700 to 1.60" in headline(page, "expected limit on μ").note
    assert headline(page, "expected CLs of μ = 1").value == "0.0800"
    a, b, c, d = BACKGROUND.sum(axis=0)
    assert headline(page, "non-closure").value == f"{100 * (b * c / (a * d) - 1):.0f} ± 16 %"
    assert headline(page, "signal contamination").value == "2.1 %"
    assert headline(page, "in region B").value == "45.0 on 59.5"
    assert headline(page, "beside the optimum").value == "2 ×"


def test_an_observed_limit_is_on_top_too():
    page = abcd_page(make(limit={"mu_limit_obs": 1.234}))
    assert headline(page, "observed limit on μ").value == "< 1.23"


def test_every_verdict_decides_the_status(page):
    assert [(each.name, each.passed, each.detail) for each in page.checks] == [
        ("closure", True, "δ = 0.1"),
        ("yields", False, "4.5 events"),
    ]
    assert not page.passed


def test_limits_stand_beside_one_another(page):
    found = section(page, "The limit")
    (table,) = found.tables
    assert [row[0] for row in table.rows] == [
        "CLs under constraints",
        "cut and count on x0 and x2 (does not close)",
        "best score",
    ]
    assert [float(cell) for cell in table.rows[1][1:6]] == pytest.approx([3 * limit for limit in LIMITS], rel=5e-3)
    assert "no cuts that close" in found.text
    (axes,) = found.figures[0][0].axes
    assert axes.lines[-1].get_xdata()[0] == pytest.approx(0.55)


def test_yields_and_closure_of_each_bin(page):
    (yields,) = section(page, "The regions").tables
    assert yields.rows[0] == ["0 to 0.5", "400 | 1.00", "55.0 | 15.0", "4,000 | 0.200", "500 | 1.00"]
    assert yields.rows[-1][2] == "59.5 | 45.0"
    (closure,) = section(page, "Does it close?").tables
    prediction = predict(BACKGROUND, 2 * BACKGROUND)
    for row, value, error in zip(closure.rows, prediction.value, prediction.error, strict=False):
        assert [float(cell) for cell in row[1].split(" ± ")] == pytest.approx([value, error], rel=0.05)
    assert closure.rows[0][3] == "10 ± 17 %"
    assert closure.rows[-1][4] == "−2 ± 16 %"


def test_constraints_are_those_of_the_kept_epoch(page):
    found = section(page, "Training")
    (table,) = found.tables
    value = np.geomspace(0.1, 0.01, EPOCHS)[3]
    assert table.rows == [
        ["closure at the cuts", f"{value:.3g}", "0.03", "yes", "1"],
        ["shortfall of yields", "0", "—", "—", "—"],
    ]
    assert "Cross-entropy: epoch 4 of 5 kept, 5 CPU-s; CLs: epoch 4 of 5 kept" in found.text
    curves = found.figures[1][0]
    assert curves.axes[0].get_ylabel() == r"ln of expected $\mathrm{CL}_s$"
    assert curves.axes[1].get_title(loc="right") == r"$\leq$ 0.03"


def test_a_limit_of_yields_is_a_shortfall_of_zero():
    config = {"method": {"constraints": {"least_yield": 2.0}}}
    (table,) = section(abcd_page(make(config=config)), "Training").tables
    assert [row[2] for row in table.rows] == ["—", "0"]


def test_a_method_without_constraints_has_no_table():
    only = {"classifiers": phases()["classifiers"]}
    page = abcd_page(make(method="double_disco", training={"phases": only, "bias": "batches of 100"}))
    found = section(page, "Training")
    assert (len(found.figures), len(found.tables)) == (1, 0)
    assert "Careful: batches of 100." in found.text
    assert "Double DisCo" in page.title


def test_alone_without_optimum_and_reference():
    page = abcd_page(make(cut_and_count=None, optimum=None))
    (table,) = section(page, "The limit").tables
    assert len(table.rows) == 1
    assert not any("optimum" in each.label for each in page.headlines)
    assert "The line" not in section(page, "The limit").figures[0][1]


def test_the_axis_has_the_unit_of_the_simulation(page):
    assert section(page, "Does it close?").figures[0][0].axes[1].get_xlabel() == "$m$"
    jets = make(config={"data": {"kind": "semi_visible_jets"}}, discriminant="transverse_mass")
    assert section(abcd_page(jets), "Does it close?").figures[0][0].axes[1].get_xlabel() == "$M_T$ [GeV]"
    files = make(config={"data": {"kind": "files"}}, discriminant="mt")
    assert section(abcd_page(files), "Does it close?").figures[0][0].axes[1].get_xlabel() == "mt"


def test_one_bin_with_empty_regions_and_numbers_that_are_none():
    nan = float("nan")
    background = np.array([[10.0, 1e-3, 1e-3, 10]])
    test = cuts(
        background,
        signal=regions(SIGNAL[:1]),
        non_closure=[nan],
        non_closure_error=[nan],
        total_non_closure=nan,
        total_non_closure_error=nan,
        contamination=nan,
        mu_limit_exp=[nan] * 5,
    )
    empty = PlaneCounts(first=[0, 1], second=[0, 1], background=[[0.0]], signal=[[0.0]])
    limit = {"mu_limit_exp": [nan] * 5, "cls_exp": [nan] * 5}
    page = abcd_page(
        make(background=background, test=test, validation=test, cut_and_count=None, plane=empty, limit=limit)
    )
    assert headline(page, "expected limit on μ").value == "< —"
    assert headline(page, "non-closure").value == "— %"
    assert "<html" in render(page)


def test_the_same_result_gives_the_same_page(page, tmp_path):
    result = make()
    result.save(tmp_path / "results.json")
    again = abcd_page(RunResult.load(tmp_path / "results.json"))
    assert words(again) == words(page)
    assert words(abcd_page(result, style="cms")) == words(page)
