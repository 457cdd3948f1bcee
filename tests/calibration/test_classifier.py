import sys

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from neyman.calibration.classifier import area_under_roc, classifier_area, fit_classifier, odds, odds_of_data
from neyman.core.errors import DataError, MissingDependencyError


def test_the_area_is_that_of_scikit_learn_with_weights_and_ties(rng):
    scores, others = rng.integers(0, 9, 300).astype(float), rng.integers(-2, 7, 400).astype(float)
    w, v = rng.random(300), rng.random(400)
    expected = roc_auc_score(
        np.repeat([1, 0], [300, 400]), np.concatenate([scores, others]), sample_weight=np.concatenate([w, v])
    )
    assert area_under_roc(scores, w, others, v).value == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["ones", "spread", "signed"])
def test_the_error_of_the_area_is_that_of_the_bootstrap(rng, kind):
    """DeLong's for weighted events, where Hanley and McNeil's would need a shape of the scores."""
    n, m = 400, 600
    scores, others = rng.normal(0.7, 1, n), rng.normal(size=m)
    weights = {
        "ones": np.ones,
        "spread": lambda size: rng.gamma(0.5, 1, size),
        "signed": lambda size: np.where(rng.random(size) < 0.2, -1.0, 1.0),
    }[kind]
    w, v = weights(n), weights(m)
    again = [area_under_roc(scores, w * rng.poisson(1, n), others, v * rng.poisson(1, m)).value for _ in range(200)]
    assert area_under_roc(scores, w, others, v).error == pytest.approx(np.std(again), rel=0.2)


def test_negative_weights_take_a_background_away(rng):
    """Signal scores N(1, 1); a background at −2 is there twice, the second time with weight −1."""
    n = 20_000
    background = rng.normal(-2, 1, 2 * n)
    scores = np.concatenate([rng.normal(1, 1, n), background])
    w = np.concatenate([np.ones(2 * n), -np.ones(n)])
    found = area_under_roc(scores, w, rng.normal(size=n), np.ones(n))
    assert abs(found.value - norm.cdf(1 / np.sqrt(2))) < 3 * found.error < 0.05


def residual(rng, n, size):
    """Densities of the first feature that differ by ±`size`: AUC 0.5 + size/4 of the best classifier."""
    x = rng.random((n, 2))
    moved = (x[:, 0] < 0.5) & (rng.random(n) < size)
    x[moved, 0] += 0.5
    return x


def flagged(found):
    return found.value - 0.5 > 2.33 * found.error


@pytest.mark.parametrize(
    ("size", "n"),
    [
        pytest.param(0.01, 1_000_000, marks=[pytest.mark.slow, pytest.mark.guard]),
        (0.05, 40_000),  # as many standard deviations
    ],
)
def test_a_residual_is_flagged_where_that_is_possible(rng, size, n):
    """The error is 1/√(3n), and the best classifier of a residual of 1 % has 0.5025: 4.3 errors of a million events."""
    one = np.ones(n)
    found = classifier_area(residual(rng, n, size), one, rng.random((n, 2)), one, rng)
    assert found.error == pytest.approx(1 / np.sqrt(3 * n), rel=0.02)
    assert flagged(found)
    assert found.value < 0.5 + size / 4 + 3 * found.error
    few = one[: n // 4]
    assert not flagged(classifier_area(rng.random((n // 4, 2)), few, rng.random((n // 4, 2)), few, rng))


def test_a_residual_of_a_fifth_is_flagged_also_in_a_background_that_weights_take_away(rng):
    n = 20_000
    signal, background = residual(rng, n, 0.2), 0.3 * rng.random((n, 2))
    x, w = np.concatenate([signal, background]), np.concatenate([np.ones(n), rng.choice([-1.0, 1.0], n)])
    found = classifier_area(x, w, rng.random((n, 2)), np.ones(n), rng)
    assert flagged(found)
    same = classifier_area(np.concatenate([rng.random((n, 2)), background]), w, rng.random((n, 2)), np.ones(n), rng)
    assert abs(same.value - 0.5) < 2.33 * same.error


def test_the_error_covers_the_spread_of_areas_that_should_be_one_half(rng):
    """The two halves look for what each has by chance: independent, their mean would spread by 1/√2 of it."""
    n, one = 300, np.ones(300)
    areas = [classifier_area(rng.random((n, 2)), one, rng.random((n, 2)), one, rng) for _ in range(25)]
    values, errors = np.array(areas).T
    assert abs(values.mean() - 0.5) < 3 * values.std() / np.sqrt(25)
    assert 0.72 < values.std() / errors.mean() < 1.2


def test_odds_are_the_ratio_of_densities(rng):
    n = 20_000
    data, other = rng.normal(0.5, 1, (n, 1)), rng.normal(size=(n, 1))
    found = odds_of_data(data, np.full(n, 3.0), other, np.ones(n), rng)  # the total weight does not matter
    middle = np.abs(other[:, 0]) < 1.5
    exact = np.exp(0.5 * other[middle, 0] - 0.125)
    assert np.sqrt(np.mean(np.log(found[middle] / exact) ** 2)) < 0.12
    assert np.mean(found[middle] / exact) == pytest.approx(1, abs=0.03)


def test_odds_are_bounded():
    assert odds(np.array([-99.0, 0.0, 99.0])) == pytest.approx([1e-3, 1, 1e3])


def test_too_few_events_are_refused(rng, message):
    with pytest.raises(DataError) as error:
        fit_classifier(rng.random((99, 1)), np.ones(99), rng.random((500, 1)), np.ones(500), rng)
    message(error, "99 events", "at least 100")


def test_without_scikit_learn_it_says_what_to_install(rng, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError) as error:
        fit_classifier(rng.random((200, 1)), np.ones(200), rng.random((200, 1)), np.ones(200), rng)
    message(error, "calibration needs sklearn", "neyman[calibration]")
