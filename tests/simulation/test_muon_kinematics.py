from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from neyman.core.errors import ConfigError
from neyman.events.parquet import read_parquet
from neyman.simulation import muon_kinematics as room
from neyman.simulation.muon_kinematics import muon_kinematics
from neyman.simulation.pythia.muons import SCHEMA

FILE = Path(__file__).parent / "pythia" / "data" / "z_muons.parquet"
LEVELS = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9]


@pytest.fixture(scope="module")
def toy():
    return muon_kinematics(100_000, np.random.default_rng(1))


@pytest.fixture(scope="module")
def pythia():
    return read_parquet(FILE, SCHEMA)


def test_the_toy_is_close_to_pythia(toy, pythia):
    np.testing.assert_allclose(np.quantile(toy["pt"], LEVELS), np.quantile(pythia["pt"], LEVELS), rtol=0.03)
    np.testing.assert_allclose(np.quantile(toy["eta"], LEVELS), np.quantile(pythia["eta"], LEVELS), atol=0.04)


@pytest.mark.parametrize("low", [2.0, 2.6, 3.2, 3.8])
def test_pt_falls_with_eta_as_in_pythia(low, toy, pythia):
    slices = [(low < muons["eta"]) & (muons["eta"] < low + 0.7) for muons in (toy, pythia)]
    assert slices[0].mean() == pytest.approx(slices[1].mean(), abs=0.02)
    ours, truth = (np.quantile(muons["pt"][s], LEVELS) for muons, s in zip((toy, pythia), slices, strict=True))
    np.testing.assert_allclose(ours, truth, rtol=0.06)


def test_all_are_in_the_acceptance(toy):
    assert toy["pt"].min() > 20
    assert toy["eta"].min() > 2
    assert toy["eta"].max() < 4.5
    assert stats.kstest(toy["phi"], stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3
    assert {len(values) for values in toy.values()} == {100_000}


def test_muons_of_pythia_are_drawn_from_a_pool(pythia, monkeypatch):
    asked = []
    monkeypatch.setattr(room, "z_muons", lambda events, seed: asked.append((events, seed)) or pythia)
    drawn = muon_kinematics(500, np.random.default_rng(4), "pythia")
    again = muon_kinematics(500, np.random.default_rng(4), "pythia")
    assert asked == [(400_000, 1)] * 2
    pairs = set(zip(pythia["pt"], pythia["eta"], strict=True))
    assert set(zip(drawn["pt"], drawn["eta"], strict=True)) <= pairs
    assert not np.isin(drawn["phi"], pythia["phi"]).any()
    np.testing.assert_array_equal(drawn["pt"], again["pt"])


def test_kinematics_that_are_none(message):
    with pytest.raises(ConfigError) as error:
        muon_kinematics(3, np.random.default_rng(1), "pythai")
    message(error, "did you mean 'pythia'?")
