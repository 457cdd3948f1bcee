"""What holds for every score; a new one joins by a line in the table."""

import numpy as np
import pytest

from neyman.anomaly.config import AnomalyConfig
from neyman.anomaly.scores.autoencoder import Autoencoder
from neyman.anomaly.scores.combination import Combined
from neyman.anomaly.scores.energy import EnergyScore
from neyman.anomaly.scores.forest import Forest
from neyman.anomaly.scores.knn import NearestNeighbours
from neyman.anomaly.scores.mahalanobis import Mahalanobis
from neyman.core.errors import DataError, InputError
from neyman.learning.config import TrainingConfig

SHORT = TrainingConfig(epochs=2, steps_per_epoch=10, learning_rate=5e-3)
TINY = AnomalyConfig.model_validate(
    {
        "data": {"kind": "files", "background": "none"},
        "network": {"width": 32, "blocks": 2, "noise": {"low": 0.1, "high": 2.0, "levels": 4}},
        "training": {"epochs": 1, "steps_per_epoch": 20, "batch": 128, "learning_rate": 5e-3, "averaging": 0.9},
    }
)
SCORES = {
    "score_norm": lambda: EnergyScore(config=TINY),
    "knn": NearestNeighbours,
    "mahalanobis": Mahalanobis,
    "forest": lambda: Forest(trees=30),
    "autoencoder": lambda: Autoencoder(training=SHORT),
    "combined": lambda: Combined([NearestNeighbours(), Mahalanobis()]),
}
WIDTH = 6


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5
    return [(rng.normal(size=(n, WIDTH)) @ mixing).astype(np.float32) for n in (400, 100, 200)]


@pytest.fixture(scope="module", params=SCORES)
def fitted(request, events):
    score = SCORES[request.param]()
    assert score.fit(events[0], events[1]) is score
    return score


def test_a_number_for_each_event(fitted, events):
    found = fitted.score_samples(events[2])
    assert found.shape == (200,)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()


def test_an_event_alone_has_the_score_that_it_has_among_others(fitted, events):
    found = fitted.score_samples(events[2])
    alone = np.concatenate([fitted.score_samples(events[2][row : row + 1]) for row in range(20)])
    np.testing.assert_allclose(alone, found[:20], rtol=2e-5)
    np.testing.assert_array_equal(fitted.score_samples(events[2]), found)
    order = np.random.default_rng(2).permutation(200)
    np.testing.assert_allclose(fitted.score_samples(events[2][order]), found[order], rtol=2e-5)


def test_what_is_far_away_is_higher(fitted, events):
    found = fitted.score_samples(events[2])
    far = np.random.default_rng(3).normal(size=(50, WIDTH)).astype(np.float32)
    far *= 20 / np.linalg.norm(far, axis=1, keepdims=True)
    assert np.median(fitted.score_samples(far)) > np.quantile(found, 0.95)


@pytest.mark.parametrize("name", ["forest", "autoencoder", "combined"])
def test_fitted_again_it_is_the_same(name, events):
    fitted = SCORES[name]().fit(events[0], events[1])
    again = SCORES[name]().fit(events[0], events[1])
    np.testing.assert_array_equal(again.score_samples(events[2]), fitted.score_samples(events[2]))


@pytest.mark.parametrize("name", ["knn", "mahalanobis", "combined", "autoencoder"])
def test_without_validation_it_finds_its_own(name, events):
    assert np.isfinite(SCORES[name]().fit(events[0]).score_samples(events[2])).all()


def test_double_precision_is_as_good(fitted, events):
    double = fitted.score_samples(events[2].astype(np.float64))
    np.testing.assert_allclose(double, fitted.score_samples(events[2]), rtol=2e-5)


@pytest.mark.parametrize("spoil", ["nan", "inf", "wide", "narrow", "none", "flat"])
def test_what_it_cannot_score_is_refused(fitted, events, spoil):
    x = events[2].copy()
    bad = {
        "nan": lambda: np.where(np.arange(200)[:, None] == 3, np.nan, x),
        "inf": lambda: np.where(np.arange(200)[:, None] == 3, np.inf, x),
        "wide": lambda: np.concatenate([x, x], axis=1),
        "narrow": lambda: x[:, :-1],
        "none": lambda: x[:0],
        "flat": lambda: x[:, :0],
    }[spoil]()
    with pytest.raises(DataError, match="row 3" if spoil in ("nan", "inf") else "expected"):
        fitted.score_samples(bad)


@pytest.mark.parametrize("name", SCORES)
def test_what_it_cannot_be_fitted_on_is_refused(name, events):
    x = events[0].copy()
    for bad in (x[:0], x[:1], np.where(np.arange(400)[:, None] == 7, np.nan, x)):
        with pytest.raises(DataError):
            SCORES[name]().fit(bad)
    with pytest.raises(InputError, match="not been fitted"):
        SCORES[name]().score_samples(x)
