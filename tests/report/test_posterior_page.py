"""The page of a posterior run is a function of results and events, and of nothing else."""

import numpy as np
import pytest

from neyman.events import read_parquet
from neyman.plots.events import Expectation
from neyman.posterior.results import RunResult
from neyman.report import render
from neyman.report.posterior import posterior_page
from neyman.simulation.eos import BToKstarMuMu

SECTIONS = ["The answer", "The events", "Is it calibrated?", "Is it the truth?", "Training"]


@pytest.fixture(scope="module")
def simulator():
    return BToKstarMuMu((1, 8))


@pytest.fixture(scope="module")
def result(tiny_run):
    return RunResult.load(tiny_run / "results.json")


@pytest.fixture(scope="module")
def events(tiny_run, simulator):
    observed, expected = read_parquet(tiny_run / "observed.parquet", simulator.schema), {}
    for column in simulator.schema.columns:
        edges = np.linspace(column.low, column.high, 11)
        expected[column.name] = Expectation(edges, np.histogram(observed[column.name], edges)[0] / len(observed))
    return {"observed": observed, "expected": expected}


@pytest.fixture(scope="module")
def page(result, events):
    return posterior_page(result, **events)


def section(page, heading):
    (found,) = [each for each in page.sections if each.heading == heading]
    return found


def words(page):
    """All of a page that is not a picture."""
    sections = [(s.heading, s.text, [caption for _, caption in s.figures], s.tables) for s in page.sections]
    return page.title, page.subtitle, page.headlines, page.checks, sections, page.provenance


def changed(result, **parts):
    """The result with some numbers of its first size of sets replaced."""
    size = result.check.sizes[0]
    sizes = [size.model_copy(update=parts), *result.check.sizes[1:]]
    return result.model_copy(update={"check": result.check.model_copy(update={"sizes": sizes})})


def test_sections_and_figures(page, result):
    assert [each.heading for each in page.sections] == SECTIONS
    sizes = len(result.check.sizes)
    figures = {each.heading: len(each.figures) for each in page.sections}
    assert figures["The answer"] == figures["The events"] == 1
    assert figures["Is it calibrated?"] == sizes + 2  # ranks at each size, coverage, TARP
    assert figures["Training"] == 2  # the statistic, the flow
    assert all(caption for each in page.sections for _, caption in each.figures)


def test_the_answer_is_the_posterior(page, result):
    found = result.inference.parameters["C9"]
    (table,) = section(page, "The answer").tables
    numbers = [float(cell.replace("−", "-")) for cell in table.rows[0][1:]]
    assert numbers == pytest.approx([found.mean, found.sd, found.q16, found.q50, found.q84], abs=1e-4)
    assert "100" in page.title
    for warning in result.inference.warnings:
        assert warning in section(page, "The answer").text


def test_every_verdict_is_on_it_and_decides_the_status(page, result, events):
    assert [(c.name, c.passed, c.detail) for c in page.checks] == [
        (v.name, v.passed, v.detail) for v in result.check.verdicts
    ]
    assert page.passed is result.check.passed is False
    good = [verdict.model_copy(update={"passed": True}) for verdict in result.check.verdicts]
    better = result.model_copy(update={"check": result.check.model_copy(update={"verdicts": good})})
    assert posterior_page(better, **events).passed


def test_the_comparison_has_a_row_for_each_size(page, result):
    (table,) = section(page, "Is it the truth?").tables
    assert [row[0] for row in table.rows] == [f"{size.n_events:,}" for size in result.check.sizes]
    for row, size in zip(table.rows, result.check.sizes, strict=True):
        assert float(row[2].split()[0]) == pytest.approx(size.exact.kl, abs=1e-3)


def test_a_simulator_without_a_density_has_no_truth_to_compare_with(result, events):
    for index in range(len(result.check.sizes)):
        sizes = [size.model_copy(update={"exact": None, "cramer_rao": None}) for size in result.check.sizes]
        result = result.model_copy(update={"check": result.check.model_copy(update={"sizes": sizes})})
        del index
    blind = result.model_copy(update={"inference": result.inference.model_copy(update={"exact": None})})
    page = posterior_page(blind, **events)
    assert [each.heading for each in page.sections] == [name for name in SECTIONS if name != "Is it the truth?"]
    assert not any("KL" in headline.label for headline in page.headlines)
    assert "dashed" not in section(page, "The answer").text


def test_numbers_that_are_not_finite_do_not_stop_it(result, events, page):
    exact = result.check.sizes[0].exact
    broken = exact.model_copy(
        update={"kl": np.inf, "learned_sd": [np.nan, *exact.learned_sd[1:]], "learned_mean": [np.nan] * exact.sets}
    )
    found = posterior_page(changed(result, exact=broken), **events)
    assert len(found.sections) == len(page.sections)
    assert section(found, "Is it the truth?").tables[0].rows[0][2].startswith("inf")


def test_the_same_result_gives_the_same_words(page, result, events, tmp_path):
    assert words(posterior_page(result, **events)) == words(page)
    result.save(tmp_path / "results.json")
    assert words(posterior_page(RunResult.load(tmp_path / "results.json"), **events)) == words(page)


def test_what_run_wrote_comes_from_its_results_and_events_alone(result, events, tiny_run, simulator):
    from neyman.cli.posterior_steps import expectations

    mean = {name: found.mean for name, found in result.inference.parameters.items()}
    again = posterior_page(result, observed=events["observed"], expected=expectations(simulator, mean, seed=1))
    assert render(again) == (tiny_run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("style", ["lhcb"])
def test_styles_change_the_figures_and_not_the_words(style, page, result, events):
    assert words(posterior_page(result, **events, style=style)) == words(page)
