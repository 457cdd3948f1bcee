"""The verdicts on trained scores, and what is shown beside them."""

from dataclasses import replace

import numpy as np
import pytest

from neyman.abcd.checking import _verdicts, assess_test, check
from neyman.abcd.evaluation import Closure, choose_cuts
from neyman.abcd.plane import ScoredSample
from neyman.abcd.templates import Templates

EDGES = np.array([0.0, 0.5, 1.0])


@pytest.fixture(scope="module")
def assessed(trained):
    return assess_test(trained)


@pytest.fixture(scope="module")
def result(trained, assessed):
    return check(trained, assessed=assessed)


def test_a_check_says_what_the_test_events_say(result, assessed):
    found = assessed
    assert result.test.mu_limit_exp == pytest.approx(found.limit.expected.tolist())
    assert pytest.approx(found.templates.background[:, 1].tolist()) == result.test.background.B
    a, b, c, d = found.templates.background.sum(axis=0)
    assert result.test.total_non_closure == pytest.approx(b * c / (a * d) - 1)
    assert result.passed == all(verdict.passed for verdict in result.verdicts)
    closure = next(verdict for verdict in result.verdicts if verdict.name == "closure")
    assert closure.passed == (abs(result.test.total_non_closure) <= 0.3)


def test_no_scores_are_better_than_the_best(result):
    assert result.optimum.ratio == pytest.approx(result.test.mu_limit_exp[2] / result.optimum.mu_limit_exp[2])
    assert result.optimum.ratio > 1


def test_cut_and_count_takes_features_for_scores(trained, result):
    found, test = result.cut_and_count, trained.reload().parts.test
    high = test.matrix(("x0", "x2")) > found.cuts
    for region, (first, second) in {"A": (1, 0), "B": (1, 1), "C": (0, 0), "D": (0, 1)}.items():
        chosen = (high == [first, second]).all(axis=1) & ~test.is_signal
        assert sum(getattr(found.background, region)) == pytest.approx(test.weights[chosen].sum())


def test_the_plane_holds_nearly_all_events(result):
    plane = result.plane
    assert np.sum(plane.background) == pytest.approx(16_000, rel=0.01)
    assert np.sum(plane.signal) == pytest.approx(15, rel=0.01)


def test_cuts_on_features_are_chosen_on_validation_events(trained, result):
    validation = trained.reload().parts.validation
    sample = ScoredSample(
        validation.matrix(("x0", "x2")), validation.events["m"], validation.weights, validation.is_signal
    )
    choice = choose_cuts(sample, EDGES, trained.config.evaluation)
    assert result.cut_and_count.cuts == pytest.approx(choice.cuts.tolist())


@pytest.mark.parametrize(
    ("bins", "errors", "total", "fails"),
    [
        ([0.1, -0.2], [0.01, 0.01], 0.05, set()),
        ([0.6, -0.6], [0.01, 0.01], 0.0, {"closure of each bin"}),  # cancels in the sum
        ([0.6, -0.6], [0.2, 0.2], 0.0, set()),  # within two standard deviations of 0.3
        ([0.6, -0.6], [0.1, 0.1], 0.0, {"closure of each bin"}),  # within three
        ([0.29, 0.29], [0.01, 0.01], -0.35, {"closure"}),
    ],
)
def test_verdicts_on_closure(trained, assessed, bins, errors, total, fails):
    found = replace(assessed, closure=Closure(np.array(bins), np.array(errors), total, 0.01))
    verdicts = _verdicts(trained, found)
    assert {each.name for each in verdicts if not each.passed and each.name.startswith("closure")} == fails


@pytest.mark.parametrize(("fewest", "error", "passes"), [(0.9, 0.01, False), (0.9, 0.06, True), (1.1, 0.01, True)])
def test_the_verdict_on_yields_is_that_of_the_fewest(trained, assessed, fewest, error, passes):
    background, variance = np.full((2, 4), 50.0), np.full((2, 4), 1.0)
    background[1, 1], variance[1, 1] = fewest, error**2
    found = replace(assessed, templates=Templates(background, np.ones((2, 4)), variance=variance))
    verdict = next(each for each in _verdicts(trained, found) if each.name == "yields")
    assert verdict.passed is passes
    assert "region B of bin 1" in verdict.detail
