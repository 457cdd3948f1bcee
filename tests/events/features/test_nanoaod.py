"""Jagged branches become the columns that simulated events have."""

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events.features.forty_mhz import SCHEMA
from neyman.events.features.nanoaod import read_nanoaod

ak = pytest.importorskip("awkward")
uproot = pytest.importorskip("uproot")

ELECTRONS = [[(30.0, 0.5, 1.0, 0.1), (60.0, -1.0, 2.0, 0.2)], [(40.0, 2.9, 0.0, 0.1)], [(50.0, 0.0, 0.0, 0.9)], []]
MUONS = [[], [(10.0, 2.2, 0.0, 0.0), (5.0, -1.0, 3.0, 0.0)], [], [(25.0, 1.0, -3.0, 0.3)]]
JETS = [
    [(58.0, -1.1, 2.1), (200.0, 0.0, -2.0), (14.0, 1.0, 1.0)],
    [(100.0, 4.5, 0.0), (80.0, 1.0, 7.0)],
    [(20.0, 0.0, 0.0)],
    [(70.0, 1.1, 2 * np.pi - 3.1), (30.0 + 1e-9, 0.0, 0.0), *[(20.0 + n, -1.0, 0.0) for n in range(12)]],
]


def branches(**changed):
    def lists(objects, place):
        return ak.Array([[one[place] for one in event] for event in objects])

    made = {"MET_pt": np.array([10.0, 20.0, 30.0, 40.0]), "MET_phi": np.array([0.0, 1.0, 2.0, 4.0])}
    kinds = (("Electron", ELECTRONS), ("Muon", MUONS), ("Jet", JETS))
    for kind, objects in kinds:
        parts = ("pt", "eta", "phi") if kind == "Jet" else ("pt", "eta", "phi", "pfRelIso03_all")
        made |= {
            f"{kind}_{part}": ak.values_astype(lists(objects, place), "float32") for place, part in enumerate(parts)
        }
    made |= changed
    return {name: values for name, values in made.items() if values is not None}


@pytest.fixture
def file(tmp_path):
    def write(tree="Events", others=(), **changed):
        path = tmp_path / "nano.root"
        with uproot.recreate(path) as out:
            columns = branches(**changed)
            out.mktree(tree, {name: values.type if hasattr(values, "layout") else values.dtype
                              for name, values in columns.items()})  # fmt: skip
            out[tree].extend(columns)
            for other in others:
                out.mktree(other, {"x": "float64"})
        return path

    return write


def test_the_columns_by_hand(file):
    events = read_nanoaod(file())
    assert events.schema.names == SCHEMA.names
    assert len(events) == 3  # the only lepton of the third is not isolated
    first = {name: events[name][0] for name in SCHEMA.names}
    assert first["met_pt"] == 10
    assert (first["electron1_pt"], first["electron2_pt"], first["electron3_pt"]) == (60, 30, 0)
    assert first["electron1_phi"] == pytest.approx(2)
    assert (first["jet1_pt"], first["jet2_pt"]) == (200, 0)  # one jet is an electron, one below 15 GeV
    second = {name: events[name][1] for name in SCHEMA.names}
    assert (second["electron1_pt"], second["muon1_pt"], second["muon2_pt"]) == (40, 5, 0)  # |η| of 2.2 is too far out
    assert second["jet1_pt"] == 80
    assert second["jet1_phi"] == pytest.approx(7 - 2 * np.pi, abs=1e-6)
    third = {name: events[name][2] for name in SCHEMA.names}
    assert third["met_phi"] == pytest.approx(4 - 2 * np.pi)
    assert third["jet1_pt"] == 70  # the muon has less than half of it
    assert [third[f"jet{n}_pt"] for n in (2, 3, 4, 10)] == [31, 30, 30, 24]
    assert (events["met_eta"] == 0).all()


def test_all_events_without_a_lepton_too(file):
    assert len(read_nanoaod(file(), min_lepton_pt=0)) == 4


def test_no_isolation_is_asked_for_where_there_is_none(file):
    assert len(read_nanoaod(file(Electron_pfRelIso03_all=None))) == 4


def test_puppi_comes_first_and_a_tree_of_several_is_found(file):
    path = file(others=("Runs", "LuminosityBlocks"), PuppiMET_pt=np.full(4, 7.0), PuppiMET_phi=np.zeros(4))
    assert set(read_nanoaod(path)["met_pt"]) == {7.0}
    assert len(read_nanoaod(f"{file(tree='mine')}:mine")) == 3


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"Jet_eta": None}, ["no column 'Jet_eta'"]),
        ({"MET_pt": np.array([1.0, np.nan, 1.0, 1.0])}, ["'MET_pt' has nan", "finite"]),
        ({"Jet_pt": np.zeros(4)}, ["'Jet_pt' has one number an event", "a list of objects"]),
        ({"MET_phi": ak.Array([[1.0], [], [], []])}, ["'MET_phi' is a list"]),
        ({"Muon_eta": ak.Array([[1.0], [], [], []])}, ["'Muon_eta' has other numbers"]),
        ({"Electron_pt": ak.Array([[np.inf, 1.0], [1.0], [1.0], []])}, ["'Electron_pt' has inf"]),
    ],
)
def test_what_is_not_as_described(file, message, changed, parts):
    with pytest.raises(DataError) as error:
        read_nanoaod(file(**changed))
    message(error, *parts)


def test_no_event_is_kept(file, message):
    with pytest.raises(DataError) as error:
        read_nanoaod(file(), min_lepton_pt=1000)
    message(error, "no event of 4 is kept", "1000 GeV")
