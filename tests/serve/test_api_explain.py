import numpy as np
import pytest

from neyman.anomaly import Scorer

from .live import NAMES, is_problem, live, settings_for

PATH = "/api/v1/explain"


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    with live(settings_for(artefact, tmp_path_factory.mktemp("explain"))) as running:
        yield running


def test_columns_get_what_the_model_says(service, artefact, background):
    scorer, x = Scorer.open(artefact), background(5, 4)
    for event in x:
        found = service.http.post(PATH, json={"event": event.tolist()}).json()
        assert list(found["feature_attribution"]) == list(NAMES)
        assert list(found["feature_attribution"].values()) == pytest.approx(
            scorer.attribution(event[None])[0], abs=1e-4
        )
        assert found["score"] == pytest.approx(scorer.score(event[None])[0], rel=1e-5)
        assert found["p_value"] == pytest.approx(scorer.p_values(scorer.score(event[None]))[0], abs=1e-3)
        assert found["model"] == {"name": "tiny", "digest": scorer.digest, "score": scorer.score_name}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_explanation(value, service, background, monkeypatch):
    backend, event = service.parts.models["tiny"].backend, background(1, 4)[0]
    monkeypatch.setattr(type(backend), "attribution", lambda _self, x: np.full_like(x, value))
    is_problem(service.http.post(PATH, json={"event": event.tolist()}), 422, "so far out")


def test_the_column_that_was_moved_stands_out(service, background):
    event = np.median(background(1000, 4), axis=0)
    event[0] += 6
    found = service.http.post(PATH, json={"event": event.tolist()}).json()["feature_attribution"]
    assert max(found, key=found.get) == "mass"


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ("", 400, None),
        ("{}", 422, "$"),
        ('{"event": []}', 422, "$.event[0]"),
        ('{"event": [1, 2]}', 422, "$.event[0]"),
        ('{"event": [[1, 2, 3, 4, 5, 6, 7]]}', 422, "$.event[0]"),
        ('{"event": [1, 2, 3, 4, 5, 6, NaN]}', 422, "$.event[6]"),
        ('{"event": [1, 2, 3, 4, 5, 6, 1e39]}', 422, "$.event[0][6]"),
        ('{"event": [1, 2, 3, 4, 5, 6, null]}', 422, "$.event[6]"),
        ('{"event": [1, 2, 3, 4, 5, 6, 7], "event": [1, 2, 3, 4, 5, 6, 7]}', 422, "$"),
        ('{"event": [1, 2, 3, 4, 5, 6, 7], "model": "x"}', 422, "$.model"),
        ('{"events": [[1, 2, 3, 4, 5, 6, 7]]}', 422, "$"),
    ],
)
def test_what_is_no_event(body, status, where, service):
    answer = service.http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert is_problem(answer, status).get("where") == where


def test_an_event_far_out(service, monkeypatch):
    answer = service.http.post(PATH, json={"event": [3e38] * 7})
    assert np.isfinite(list(answer.json()["feature_attribution"].values())).all()
    backend = type(service.parts.models["tiny"].backend)
    monkeypatch.setattr(backend, "attribution", lambda _self, x: np.full(x.shape, np.nan))
    is_problem(service.http.post(PATH, json={"event": [1.0] * 7}), 422, "nothing can be said")
