import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from neyman.core.errors import DataError, MissingDependencyError
from neyman.core.executors import local_executor
from neyman.events.parquet import read_parquet
from neyman.simulation.pythia import muons
from neyman.simulation.pythia.muons import SCHEMA, z_muons

FILE = Path(__file__).parent / "data" / "z_muons.parquet"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEYMAN_CACHE", str(tmp_path))
    monkeypatch.setattr(muons, "EVENTS_PER_SHARD", 150)
    return tmp_path


def test_the_committed_muons():
    found = read_parquet(FILE, SCHEMA)
    assert FILE.stat().st_size < 300_000
    assert len(found) / 30_000 == pytest.approx(0.36, abs=0.01)
    assert (abs(found["charge"]) == 1).all()
    plus = found["charge"] > 0
    assert plus.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(found)))
    assert stats.kstest(found["phi"], stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3
    # Half of the mass of the Z is the Jacobian edge: as many are in the 5 GeV below it as in the 35 GeV above.
    below, above = ((low < found["pt"]) & (found["pt"] < low + width) for low, width in ((40.6, 5), (45.6, 35)))
    assert below.sum() > 0.8 * above.sum()


def test_pythia_itself(cache):
    pytest.importorskip("pythia8mc")
    with local_executor(2) as executor:
        many = z_muons(250, 1, executor)
    files = sorted((cache / "pythia").iterdir())
    assert len(files) == 2
    for file in files:
        file.unlink()
    alone = z_muons(250, 1)
    np.testing.assert_array_equal(alone.matrix, many.matrix)
    assert 0.25 < len(alone) / 250 < 0.5
    assert alone["pt"].min() > 20
    assert ((alone["eta"] > 2) & (alone["eta"] < 4.5)).all()
    committed = read_parquet(FILE, SCHEMA)
    for name in ("pt", "eta", "phi"):
        assert stats.ks_2samp(alone[name], committed[name]).pvalue > 1e-3


def test_shards_are_made_once(cache, monkeypatch):
    asked = []

    def arrays(process, events, pythia_seed):
        asked.append((events, pythia_seed))
        rng = np.random.default_rng(pythia_seed)
        return {"rows": np.column_stack([20 + rng.exponential(size=events), *np.full((3, events), [[3.0], [0], [1]])])}

    monkeypatch.setattr(muons, "_arrays", arrays)
    first = z_muons(250, 1)
    assert [events for events, _ in asked] == [150, 100]
    assert len({seed for _, seed in asked}) == 2
    np.testing.assert_array_equal(z_muons(300, 1)["pt"][:150], first["pt"][:150])
    assert len(asked) == 3
    assert not np.isin(z_muons(250, 2)["pt"], first["pt"]).any()


def test_no_muon_is_left(cache, monkeypatch):
    monkeypatch.setattr(muons, "_arrays", lambda process, events, seed: {"rows": np.zeros((0, 4))})
    assert len(z_muons(3, 1)) == 0


@pytest.mark.parametrize("events", [0, -1, True])
def test_numbers_that_make_no_sense(events, cache, message):
    with pytest.raises(DataError) as error:
        z_muons(events, 1)
    message(error, "whole number")


def test_without_pythia(cache, monkeypatch, message):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingDependencyError) as error:
        z_muons(10, 1)
    message(error, "calibration needs pythia8mc", "neyman[calibration]")
