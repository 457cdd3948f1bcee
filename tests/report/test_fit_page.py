"""The page of a fit shows what the summary holds, and nothing that is blinded."""

from pathlib import Path

import pytest

from neyman.fit.blinding import BlindedParameter, Blinding
from neyman.fit.summary import summarise
from neyman.likelihood.workspace import Workspace
from neyman.report.fit import fit_page
from neyman.report.page import render

WS = Path(__file__).parents[1] / "cli" / "fit_workspace.json"


@pytest.fixture(scope="module")
def fit():
    return Workspace.load(WS).model().fit()


@pytest.fixture(scope="module")
def page(fit):
    names = fit.model.grid.names
    edges = {names[0]: ("m_jj", [float(edge) for edge in range(1 + len(fit.model.expected()[names[0]].popitem()[1]))])}
    return fit_page(summarise(fit, notes=["a remark"], variables=edges))


def test_the_answer_stands_at_the_top(fit, page):
    shown = {line.label: line.value for line in page.headlines}
    assert shown["mu"].startswith(f"{fit['mu'].value:.2f}")
    assert {"significance", "95 % CL upper limit"} <= shown.keys()


def test_each_channel_is_shown_before_and_after_the_fit(fit, page):
    (section,) = [each for each in page.sections if each.heading == "The channels"]
    assert [caption for _, caption in section.figures] == [
        f"{name}, {stage}." for name in fit.model.grid.names for stage in ("before the fit", "after the fit")
    ]
    first, second = section.figures[0][0], section.figures[2][0]
    assert first.axes[-1].get_xlabel() == "m_jj"
    assert second.axes[-1].get_xlabel() == "bin"
    (table,) = section.tables
    data = [row for row in table.rows if row[1] == "data"]
    assert [row[0] for row in data] == list(fit.model.grid.names)


def test_it_renders(page):
    text = render(page)
    assert "a remark" in text
    assert text.count("<img") == sum(len(section.figures) for section in page.sections)


def test_checks_fail_when_they_should(fit):
    summary = summarise(fit)
    far = summary.goodness.model_copy(update={"p_value": 1e-5})
    stuck = summary.best.model_copy(update={"at_bounds": ["mu"], "other_minima": [0.7]})
    page = fit_page(summary.model_copy(update={"goodness": far, "best": stuck}))
    assert [check.passed for check in page.checks] == [True, False, False, False]


def test_a_blinded_page_shows_no_data(fit):
    names = fit.model.grid.names
    mark = Blinding(parameters={"mu": BlindedParameter(seed="1" * 64, scale=2.0)}, regions=names)
    page = fit_page(summarise(fit, mark=mark))
    assert "BLINDED" in page.subtitle
    (section,) = [each for each in page.sections if each.heading == "The channels"]
    assert {row[2] for row in section.tables[0].rows if row[1] == "data"} == {"blinded"}
    assert {line.value for line in page.headlines if line.label == "significance"} == {"hidden"}
