"""The committed events can be read without Pythia and are what they say."""

from pathlib import Path

import numpy as np

from neyman.events.parquet import read_columns, read_parquet
from neyman.simulation.pythia.columns import SCHEMA
from neyman.simulation.pythia.processes import PROCESSES

FILE = Path(__file__).parent / "data" / "semi_visible_jets.parquet"


def test_the_committed_events():
    events, extra = read_parquet(FILE, SCHEMA), read_columns(FILE, ("label", "process"))
    assert FILE.stat().st_size < 300_000
    label, process = extra["label"], extra["process"]
    assert set(process) == set(range(len(PROCESSES)))
    np.testing.assert_array_equal(label, process == 0)
    assert (np.bincount(process) >= 150).all()
    assert (events.weights > 0).all()


def test_signal_misses_more_and_peaks_in_transverse_mass():
    events, process = read_parquet(FILE, SCHEMA), read_columns(FILE, ("process",))["process"]
    signal, qcd = events.select(process == 0), events.select(process == 1)
    assert np.median(signal["met_ratio"]) > 2 * np.median(qcd["met_ratio"])
    assert (signal["transverse_mass"] < 1600).mean() > 0.95
    within = lambda part: np.average((abs(part["transverse_mass"] - 1000) < 400), weights=part.weights)  # noqa: E731
    assert within(signal) > 0.6
    assert within(qcd) < 0.2
