import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from neyman.core.errors import ConfigError, DataError, MissingDependencyError, NumericsError
from neyman.events.features import dijet, forty_mhz
from neyman.simulation.pythia import collider
from neyman.simulation.pythia.collider import (
    SCHEMAS,
    accepted_events,
    background_mixture,
    collider_counts,
    collider_events,
    collider_slices,
)
from neyman.simulation.pythia.collider_processes import BACKGROUNDS, SIGNALS, slices


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def calls(cache, monkeypatch):
    """A stand-in for Pythia that keeps two in five events; the shards that it was asked for."""
    monkeypatch.setattr(collider, "EVENTS_PER_SHARD", 10)
    asked = []

    def arrays(layout, max_pt_hat, process, events, pythia_seed):
        asked.append((process.name, events))
        rng = np.random.default_rng(pythia_seed)
        rows = np.zeros((2 * events // 5, len(SCHEMAS[layout].names)))
        rows[:, SCHEMAS[layout].names.index("jet1_pt" if layout != "dijet" else "jet1_e")] = rng.exponential(
            100, len(rows)
        )
        rows[:, -1] = {"w": 0.1, "z": 0.2, "tt": 0.3}.get(process.name, 0.0)
        sigma = {"qcd_soft": 1000.0}.get(process.name, 50.0)
        return {"rows": rows, "numbers": np.array([events, sigma * rng.uniform(0.9, 1.1), 2.0, 1.5])}

    monkeypatch.setattr(collider, "_arrays", arrays)
    return asked


@pytest.mark.parametrize(("name", "layout"), [("a_4l", "forty_mhz"), ("qcd", "dijet"), ("dark_jets", "dijet")])
def test_events_of_pythia(cache, name, layout):
    events, counts = (made(name, layout, 30, 1) for made in (collider_events, collider_counts))
    assert events.schema is SCHEMAS[layout]
    assert 0 < len(events) == counts.accepted < 30
    assert counts.generated == 30
    assert events.weights.sum() == pytest.approx(counts.cross_section * len(events) / 30)
    leading = "fat_pt_ratio" if layout == "dijet" else "met_pt"
    assert (events[leading] > 0).all()
    if layout == "dijet":
        assert (events["n_fat_jets"] >= 2).all()
        assert (events["dijet_mass"] > 1000).all()
    else:
        assert (np.maximum(events["electron1_pt"], events["muon1_pt"]) > 23).all()


def test_soft_collisions_end_where_hard_ones_begin(cache):
    """Every event of the trigger's layout is kept, but those above the limit of soft collisions."""
    soft, hard = slices("qcd", "trigger")[:2]
    low, high = (
        collider._arrays("trigger", limit, part.process, 20, 1)
        for part, limit in ((soft, 3.0), (hard, hard.max_pt_hat))
    )
    everything = collider._arrays("trigger", None, soft.process, 20, 1)
    assert 0 < len(low["rows"]) < len(everything["rows"]) == len(high["rows"]) == 20
    assert low["numbers"][1] == everything["numbers"][1] > 10 * high["numbers"][1]


def test_the_same_with_any_executor_and_another_with_another_seed(cache, monkeypatch):
    monkeypatch.setattr(collider, "EVENTS_PER_SHARD", 3)
    first = collider_events("w", "trigger", 6, 3).matrix
    monkeypatch.setenv("NEYMAN_CACHE", str(cache / "another"))
    with ThreadPoolExecutor(1) as executor:
        np.testing.assert_array_equal(collider_events("w", "trigger", 6, 3, executor).matrix, first)
    assert len(np.unique(first[:, 0])) == 6
    assert not np.isin(collider_events("w", "trigger", 3, 4)["met_pt"], first[:, 0]).any()


def test_what_makes_a_shard_goes_to_a_worker_process(cache, monkeypatch):
    made = collider.made_in_shards
    monkeypatch.setattr(
        collider, "made_in_shards", lambda work, *a, **k: made(pickle.loads(pickle.dumps(work)), *a, **k)
    )
    assert len(collider_events("tt", "trigger", 3, 3)) == 3


@pytest.mark.parametrize(
    ("name", "layout"),
    [(name, layout) for layout in ("forty_mhz", "dijet") for name in (*BACKGROUNDS, *SIGNALS[layout])],
)
@pytest.mark.slow
def test_pythia_knows_all_settings(name, layout):
    for part in slices(name, layout):
        made = collider._arrays(layout, part.max_pt_hat, part.process, 5, 1)
        assert made["numbers"][1] > 0


def test_weights_are_the_cross_section_of_each_slice(calls):
    events, counts = (made("qcd", "forty_mhz", 70, 1) for made in (collider_events, collider_counts))
    assert {name for name, _ in calls} == {part.process.name for part in slices("qcd", "forty_mhz")}
    assert (counts.generated, counts.accepted, len(events)) == (70, 28, 28)
    sigma = events.weights[:4] * 10
    assert 900 < sigma[0] < 1100
    assert counts.cross_section == pytest.approx(sum(events.weights[::4] * 10))
    assert counts.accepted_cross_section == pytest.approx(events.weights.sum())
    assert counts.cross_section_error == pytest.approx(2 * np.sqrt(7))
    assert counts.effective == pytest.approx(events.weights.sum() ** 2 / (events.weights**2).sum())
    assert counts.cpu_seconds == pytest.approx(7 * 1.5)


def test_each_slice_has_its_own_numbers(calls):
    found = collider_slices("qcd", "trigger", 70, 1)
    whole, together = (made("qcd", "trigger", 70, 1) for made in (collider_events, collider_counts))
    np.testing.assert_array_equal(np.concatenate([events.matrix for events, _ in found]), whole.matrix)
    np.testing.assert_array_equal(np.concatenate([events.weights for events, _ in found]), whole.weights)
    assert sum(counts.cross_section for _, counts in found) == pytest.approx(together.cross_section)
    assert [counts.cross_section_error for _, counts in found] == pytest.approx([2.0] * 7)
    relative = [counts.cross_section_error / counts.cross_section for _, counts in found]
    assert max(relative) > 10 * min(relative)  # that of the soft slice says nothing of the others


def test_slices_share_what_does_not_divide(calls):
    assert collider_counts("qcd", "trigger", 25, 1).generated == 25
    assert sorted(events for _, events in calls) == [3, 3, 3, 4, 4, 4, 4]


def test_shards_are_made_once(calls):
    first = collider_events("w", "forty_mhz", 25, 1)
    assert calls == [("w", 10), ("w", 10), ("w", 5)]
    longer = collider_events("w", "forty_mhz", 30, 1)
    assert calls[3:] == [("w", 10)]
    np.testing.assert_array_equal(longer.matrix[:8], first.matrix[:8])
    del calls[:]
    collider_events("w", "trigger", 25, 1)
    assert len(calls) == 3


def test_so_many_accepted(calls):
    events = accepted_events("w", "forty_mhz", 30, 1)
    assert (len(events), events.weights) == (30, None)
    assert len(calls) == 8
    fewer = accepted_events("w", "forty_mhz", 17, 1)
    np.testing.assert_array_equal(fewer.matrix, events.matrix[:17])
    assert len(calls) == 8


def test_a_selection_that_nothing_passes(calls, monkeypatch, message):
    nothing = {"rows": np.zeros((0, 57)), "numbers": np.array([10, 1.0, 0.1, 0.1])}
    monkeypatch.setattr(collider, "_arrays", lambda *arguments: nothing)
    assert len(collider_events("w", "forty_mhz", 10, 1)) == 0
    assert collider_counts("w", "forty_mhz", 10, 1).effective == 0
    with pytest.raises(NumericsError) as error:
        accepted_events("w", "forty_mhz", 10, 1)
    message(error, "none of", "w, forty_mhz")


def test_the_mixture(calls, monkeypatch):
    monkeypatch.setattr(collider, "EVENTS_PER_SHARD", 50)
    events = background_mixture("forty_mhz", 200, 1)
    assert (len(events), events.weights) == (200, None)
    kinds, numbers = np.unique(events["jet10_phi"], return_counts=True)
    assert dict(zip(kinds.tolist(), numbers.tolist(), strict=True)) == {0.1: 179, 0.2: 20, 0.3: 1}
    assert 80 < (events["jet10_phi"][:100] == 0.1).sum() < 98  # in random order
    np.testing.assert_array_equal(background_mixture("forty_mhz", 200, 1).matrix, events.matrix)
    assert len(background_mixture("forty_mhz", 1, 1)) == 1
    assert len(background_mixture("dijet", 5, 1)) == 5


@pytest.mark.parametrize("number", [0, -1, True])
@pytest.mark.parametrize("make", [collider_events, accepted_events])
def test_numbers_that_make_no_sense(make, number, calls, message):
    with pytest.raises(DataError) as error:
        make("w", "forty_mhz", number, 1)
    message(error, "whole number")


def test_what_cannot_be_asked_for(calls, message):
    for make, error_type, parts in [
        (lambda: collider_events("qcd", "trigger", 6, 1), DataError, ["6 events for 7 slices"]),
        (lambda: accepted_events("qcd", "forty_mhz", 10, 1), ConfigError, ["slices", "collider_events"]),
        (lambda: background_mixture("trigger", 10, 1), ConfigError, ["no mixture for 'trigger'", "forty_mhz"]),
        (lambda: background_mixture("dijet", 0, 1), DataError, ["whole number"]),
        (lambda: collider_events("a_4l", "dijet", 10, 1), ConfigError, ["no process 'a_4l'"]),
    ]:
        with pytest.raises(error_type) as error:
            make()
        message(error, *parts)


@pytest.mark.parametrize("library", ["pythia8mc", "fastjet", "awkward"])
def test_libraries_that_are_missing(cache, library, monkeypatch, message):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError) as error:
        collider_events("w", "forty_mhz", 10, 1)
    message(error, f"anomaly needs {library}", "neyman[anomaly]")


def test_heavy_hadrons_by_their_numbers():
    pdg = np.array([511, -521, 5122, 553, 411, 4122, 443, 211, 2212, 3122, -531])
    assert collider._heaviest(pdg).tolist() == [5, 5, 5, 5, 4, 4, 4, 0, 0, 0, 5]
    assert forty_mhz.SCHEMA is SCHEMAS["trigger"]
    assert dijet.SCHEMA is SCHEMAS["dijet"]
