from __future__ import annotations

import numpy as np
import pytest

from neyman.anomaly import Scorer
from neyman.anomaly.conformal import p_values, threshold
from neyman.core.errors import ArtefactError, DataError
from neyman.serve.backend import Backend, Judge, backends
from neyman.serve.settings import Settings


def test_a_judge_says_what_conformal_says(rng):
    calibration = np.round(rng.normal(size=1000), 2)  # with ties
    scores = np.concatenate([np.round(rng.normal(size=500), 2), calibration[:50], [-99.0, 99.0]])
    found = Judge(calibration, fpr=0.01, delta=0.05)(scores)
    np.testing.assert_array_equal(found.p_values, p_values(scores, calibration))
    np.testing.assert_array_equal(found.flags, scores > threshold(calibration, 0.01, 0.05))
    assert 0 < found.flags.sum() < 50


def test_the_threshold_is_exact_and_not_flagged_itself(rng):
    calibration = rng.normal(size=1000)
    cut = float(threshold(calibration, 0.01, 0.05))
    beside = [np.nextafter(cut, -np.inf), cut, np.nextafter(cut, np.inf)]
    assert Judge(calibration, fpr=0.01, delta=0.05)(np.array(beside)).flags.tolist() == [False, False, True]


def test_too_few_calibration_events_promise_nothing(rng):
    judge = Judge(rng.normal(size=298), fpr=0.01, delta=0.05)
    assert judge.threshold is None
    assert judge(np.zeros(3)).flags is None
    assert Judge(rng.normal(size=299), fpr=0.01, delta=0.05)(np.zeros(3)).flags is not None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_not_judged(bad, message):
    with pytest.raises(DataError) as error:
        Judge(np.arange(10.0), fpr=0.5, delta=0.5)(np.array([0.0, bad]))
    message(error, "row 1", "finite")


def test_an_embedded_model_is_its_scorer(artefact, background):
    made = backends(Settings(models={"a": artefact, "b": artefact}, flags={"fpr": 0.01}))
    scorer, x = Scorer.open(artefact), background(50, 3)
    assert list(made) == ["a", "b"]
    backend = made["a"]
    assert isinstance(backend, Backend)
    assert (backend.names, backend.digest, backend.score_name) == (scorer.names, scorer.digest, scorer.score_name)
    assert backend.alive()
    scored = backend.score(x)
    np.testing.assert_array_equal(scored.scores, backend.scores(x))
    np.testing.assert_allclose(scored.scores, scorer.score(x), rtol=1e-6)
    np.testing.assert_array_equal(scored.p_values, scorer.p_values(scored.scores))
    np.testing.assert_array_equal(scored.flags, scorer.flags(scored.scores, 0.01))
    np.testing.assert_allclose(backend.attribution(x), scorer.attribution(x), rtol=1e-6)


def test_a_model_that_is_not_there(tmp_path, message):
    with pytest.raises(ArtefactError):
        backends(Settings(models={"a": tmp_path / "nothing"}))
