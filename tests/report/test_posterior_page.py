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
    """The result with some numbers replaced at all sizes of sets."""
    sizes = [size.model_copy(update=parts) for size in result.check.sizes]
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
    blind = changed(result, exact=None, cramer_rao=None)
    blind = blind.model_copy(update={"inference": result.inference.model_copy(update={"exact": None})})
    page = posterior_page(blind, **events)
    assert [each.heading for each in page.sections] == [name for name in SECTIONS if name != "Is it the truth?"]
    assert not any("KL" in headline.label for headline in page.headlines)
    assert "dashed" not in section(page, "The answer").text
    assert "next section" not in section(page, "Is it calibrated?").text


def test_numbers_that_are_not_finite_do_not_stop_it(result, events, page):
    exact = result.check.sizes[0].exact
    one = {"kl": np.inf, "learned_sd": [np.nan, *exact.learned_sd[1:]]}
    found = section(posterior_page(changed(result, exact=exact.model_copy(update=one)), **events), "Is it the truth?")
    assert found.tables[0].rows[0][2].startswith("inf")
    assert found.figures[0][1].startswith("Learned against exact posterior, one point for each of 9 sets")
    every = one | {"learned_mean": [np.nan] * exact.sets}
    found = section(posterior_page(changed(result, exact=exact.model_copy(update=every)), **events), "Is it the truth?")
    assert len(found.figures) == len(section(page, "Is it the truth?").figures) - 1


def test_the_same_result_gives_the_same_words(page, result, events, tmp_path):
    assert words(posterior_page(result, **events)) == words(page)
    result.save(tmp_path / "results.json")
    assert words(posterior_page(RunResult.load(tmp_path / "results.json"), **events)) == words(page)


def test_what_run_wrote_comes_from_its_results_and_events_alone(result, events, tiny_run, simulator):
    from neyman.cli.posterior_steps import expectations

    mean = {name: found.mean for name, found in result.inference.parameters.items()}
    again = posterior_page(
        result, observed=events["observed"], expected=expectations(simulator, mean, seed=1, observed=100)
    )
    same = render(again) == (tiny_run / "report.html").read_text(encoding="utf-8")
    assert same  # pytest would take minutes to show how a megabyte of HTML differs


def test_the_top_says_what_was_simulated(page, result, events):
    assert page.title == "Posterior of Re C9 from 100 B→K*μμ decays"
    assert page.subtitle.startswith("q² from 1 to 8 GeV²; BFS2004; CP average; set encoder")
    assert page.provenance["events"] == "[50, 200]"
    assert page.provenance["training.statistic"].startswith("epochs 2, steps_per_epoch 10")
    simulator = result.config["simulator"] | {"lepton": "e", "flavour": "B0", "q2": [15.0, 19.0], "tag": "GP2004"}
    electrons = result.model_copy(update={"config": result.config | {"simulator": simulator}})
    other = posterior_page(electrons, **events)
    assert "B→K*ee" in other.title
    assert other.subtitle.startswith("q² from 15 to 19 GeV²; GP2004; B0; ")


def test_styles_change_the_figures_and_not_the_words(page, result, events):
    assert words(posterior_page(result, **events, style="lhcb")) == words(page)
