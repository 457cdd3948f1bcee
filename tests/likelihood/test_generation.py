"""Asimov data by generation: totals are exact, events are drawn, and a fit of them is near the truth."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError, WorkspaceError
from neyman.likelihood.generation import generated
from neyman.likelihood.workspace import Workspace

from .mixture import drawn, workspace

TRUTH = {"mu": 1.4, "k": 1.05, "slope": 0.6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="module")
def model(folder):
    return workspace(folder, drawn(np.random.default_rng(1), [60, 300, 140])).model()


def test_totals_are_as_expected_and_events_are_drawn(model):
    data, expected = generated(model, TRUTH, rng=np.random.default_rng(2)), model.asimov(TRUTH)
    assert data.main == pytest.approx(expected.main, rel=1e-12)
    assert data.auxiliary == pytest.approx(expected.auxiliary)
    (events,) = data.events
    assert events.total == pytest.approx(expected.events[0].total, rel=1e-12)
    often = events.weights * 100  # a row may be drawn by several samples, whose weights differ by a rounding
    assert often == pytest.approx(np.round(often), rel=0.01)
    assert 0.99 < often.min() < 1.01
    assert len(events.weights) < 9000


def test_events_have_the_expected_distribution(model):
    """As the weights of the reference: a histogram of log-ratios agrees within the errors of a hundred experiments."""
    data, expected = generated(model, TRUTH, times=100, rng=np.random.default_rng(3)), model.asimov(TRUTH)
    places = [np.log(each.templates.densities(np.zeros(1))[0]) for each in (data.events[0], expected.events[0])]
    edges = np.quantile(places[1], np.linspace(0, 1, 11))
    edges[[0, -1]] = -np.inf, np.inf
    here, there = (
        np.histogram(place, edges, weights=each.events[0].weights)[0]
        for place, each in zip(places, (data, expected), strict=True)
    )
    pulls = (here - there) / np.sqrt(there / 100)
    assert np.abs(pulls).max() < 4
    assert np.mean(pulls**2) > 0.1  # drawn, not weighted


def test_a_fit_of_it_is_near_the_truth_but_not_there(model):
    fit = model.fit(generated(model, TRUTH, rng=np.random.default_rng(4)))
    exact = model.fit(model.asimov(TRUTH))
    for name, value in TRUTH.items():
        assert fit[name].value == pytest.approx(value, abs=0.4 * fit[name].error)
    assert 1e-4 < abs(fit["mu"].value - exact["mu"].value) / fit["mu"].error < 0.4


def test_interference_has_negative_weights(folder):
    document = workspace(folder, drawn(np.random.default_rng(1), [60, 300, 140])).to_dict()
    document["channels"][0]["samples"][2]["yield"] = -40.0
    model = Workspace.from_dict(document, folder=folder).model()
    data = generated(model, rng=np.random.default_rng(5))
    assert data.events[0].total == pytest.approx(60 + 300 - 40)
    assert data.events[0].weights.min() < 0


def test_bins_are_at_their_expectation(counting):
    data, expected = generated(counting, {"mu": 2.0}, rng=np.random.default_rng(6)), counting.asimov({"mu": 2.0})
    assert np.array_equal(data.main, expected.main)
    assert data.events == ()


def test_zero_times_is_refused(model):
    with pytest.raises(InputError, match="at least 1"):
        generated(model, times=0, rng=np.random.default_rng(7))


def test_without_a_reference_nothing_can_be_drawn(folder):
    document = workspace(folder, drawn(np.random.default_rng(1), [60, 300, 140])).to_dict()
    del document["channels"][0]["reference"]
    document["channels"][0]["normalise"] = False
    for sample in document["channels"][0]["samples"]:
        del sample["log_ratio"]["reference"]
        for modifier in sample["modifiers"]:
            for side in ("hi_log_ratio", "lo_log_ratio"):
                (modifier["data"] or {}).get(side, {}).pop("reference", None)
    model = Workspace.from_dict(document, folder=folder).model()
    with pytest.raises(WorkspaceError, match="no reference events"):
        generated(model, rng=np.random.default_rng(8))


def test_negative_reference_weights_cannot_be_drawn_from(folder):
    made = workspace(folder, drawn(np.random.default_rng(1), [60, 300, 140]))
    weights = np.load(folder / "weights.npy")
    weights[0] = -1.0
    np.save(folder / "weights.npy", weights)
    with pytest.raises(WorkspaceError, match="1 reference events have negative weights"):
        generated(Workspace.from_dict(made.to_dict(), folder=folder).model(), rng=np.random.default_rng(9))
