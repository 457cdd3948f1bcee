import dataclasses
import sys

import numpy as np
import pytest

from neyman.core.errors import DataError, MissingDependencyError
from neyman.core.executors import local_executor
from neyman.simulation.pythia import counts, generate, generator, process_named, sample
from neyman.simulation.pythia.columns import SCHEMA

TOP = process_named("top_pairs")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path))
    monkeypatch.setattr(sample, "EVENTS_PER_SHARD", 10)
    return tmp_path


@pytest.fixture
def calls(cache, monkeypatch):
    """A stand-in for Pythia that accepts two in five events; the shards that it was asked for."""
    asked = []

    def run(process, events, pythia_seed):
        asked.append(events)
        rng = np.random.default_rng(pythia_seed)
        kept, weights = 2 * events // 5, rng.exponential(size=events)
        middle = [np.clip(1.0, column.low, column.high) for column in SCHEMA.columns]
        rows = np.tile(middle, (kept, 1))
        rows[:, SCHEMA.names.index("met")] = rng.exponential(100, kept)
        return generator.Generated(
            rows, weights[:kept], events, float(weights.sum()), 500 + rng.normal(), 1.0, cpu_seconds=2.0
        )

    monkeypatch.setattr(generator, "run", run)
    return asked


def test_shards_are_made_once(calls):
    first = generate(TOP, 35, 1)
    assert calls == [10, 10, 10, 5]
    assert len(first) == 14
    again = generate(TOP, 35, 1)
    np.testing.assert_array_equal(again.matrix, first.matrix)
    np.testing.assert_array_equal(again.weights, first.weights)
    longer = generate(TOP, 40, 1)
    assert calls == [10, 10, 10, 5, 10]
    np.testing.assert_array_equal(longer.matrix[:12], first.matrix[:12])
    assert not np.isin(first["met"], generate(TOP, 35, 2)["met"]).any()
    other = dataclasses.replace(TOP, settings=(*TOP.settings, "PhaseSpace:pTHatMax = 1000."))
    assert not np.isin(first["met"], generate(other, 35, 1)["met"]).any()


def test_what_was_interrupted_goes_on(calls, monkeypatch):
    whole, run = generate(TOP, 40, 3).matrix, generator.run
    del calls[:]

    def interrupted(process, events, pythia_seed):
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(process, events, pythia_seed)

    monkeypatch.setattr(generator, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(TOP, 40, 4)
    monkeypatch.setattr(generator, "run", run)
    resumed = generate(TOP, 40, 4).matrix
    assert calls == [10] * 4
    assert resumed.shape == whole.shape


def test_weights_are_normalised_over_all_shards(calls):
    """Weights of all generated events sum to the cross-section, which is the mean of those of the shards."""
    events, told = generate(TOP, 35, 1), counts(TOP, 35, 1)
    shards = sample._shards(TOP, 35, 1, None)
    sigma = sum(shard.cross_section * shard.events for shard in shards) / 35
    raw = np.concatenate([shard.weights for shard in shards])
    np.testing.assert_allclose(events.weights, raw * sigma / sum(shard.weight_sum for shard in shards))
    assert (told.generated, told.accepted, told.cpu_seconds) == (35, 14, 8.0)
    assert told.cross_section == pytest.approx(sigma)
    assert told.cross_section_error == pytest.approx(np.sqrt(3 * 10**2 + 5**2) / 35)
    assert told.accepted_cross_section == pytest.approx(events.weights.sum())
    assert told.effective == pytest.approx(events.weights.sum() ** 2 / (events.weights**2).sum())
    assert len(calls) == 4


def test_nothing_accepted(calls, monkeypatch):
    nothing = generator.Generated(np.zeros((0, len(SCHEMA.columns))), np.zeros(0), 3, 3.0, 500.0, 1.0, 1.0)
    monkeypatch.setattr(generator, "run", lambda process, events, seed: nothing)
    assert len(generate(TOP, 3, 1)) == 0
    assert counts(TOP, 3, 1).effective == 0


@pytest.mark.parametrize("generated", [0, -1, True])
def test_numbers_that_make_no_sense(generated, calls, message):
    with pytest.raises(DataError) as error:
        generate(TOP, generated, 1)
    message(error, "whole number")
    assert calls == []


def test_without_pythia(calls, monkeypatch, message):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingDependencyError) as error:
        generate(TOP, 10, 1)
    message(error, "neyman[abcd]")


def test_processes_of_this_machine_and_the_real_pythia(cache, monkeypatch):
    pytest.importorskip("pythia8mc")
    monkeypatch.setattr(sample, "EVENTS_PER_SHARD", 40)
    with local_executor(2) as executor:
        many = generate(TOP, 80, 1, executor)
    files = sorted((cache / "pythia").iterdir())
    assert len(files) == 2
    for file in files:
        file.unlink()
    alone = generate(TOP, 80, 1)
    np.testing.assert_array_equal(alone.matrix, many.matrix)
    np.testing.assert_array_equal(alone.weights, many.weights)
    assert 0.05 < len(alone) / 80 < 0.5
    told = counts(TOP, 80, 1)
    assert told.cross_section == pytest.approx(506, rel=0.15)  # of leading order, NNPDF 2.3, pythia8mc 8.317


def test_qcd_misses_little(cache, monkeypatch):
    """One event in a hundred is left, of the signal three in ten."""
    pytest.importorskip("pythia8mc")
    monkeypatch.setattr(sample, "EVENTS_PER_SHARD", 150)
    qcd = counts(process_named("qcd"), 150, 1)
    assert qcd.accepted < 0.06 * qcd.generated
    assert 3e6 < qcd.cross_section < 3.7e6
