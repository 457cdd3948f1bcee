import numpy as np
import pytest

from neyman.events.features.forty_mhz import SCHEMA, features
from neyman.events.features.kinematics import cartesian
from neyman.events.features.particles import CHARGED_HADRON, ELECTRON, MUON, PHOTON, Particles

HADRON = CHARGED_HADRON


def particles(*events):
    """Massless particles given by (kind, pt, eta, phi)."""
    rows = np.array([row for event in events for row in event], dtype=float).reshape(-1, 4)
    momenta = cartesian(*rows.T[1:], np.zeros(len(rows)))
    return Particles(np.array([len(event) for event in events], dtype=int), momenta, rows[:, 0].astype(int))


def row(event, **options):
    rows, kept = features(particles(event), **options)
    assert kept.tolist() == [True]
    return dict(zip(SCHEMA.names, rows[0].tolist(), strict=True))


def is_kept(*event):
    return bool(features(particles(list(event)))[1][0])


def test_the_columns_are_those_of_the_challenge():
    assert len(SCHEMA.names) == 57
    assert SCHEMA.names[:6] == ("met_pt", "met_eta", "met_phi", "electron1_pt", "electron1_eta", "electron1_phi")
    assert SCHEMA.names[15] == "muon1_pt"
    assert SCHEMA.names[27] == "jet1_pt"
    assert SCHEMA.names[-1] == "jet10_phi"


def test_an_event_by_hand():
    found = row([
        (ELECTRON, 40, 0.5, 1.0),
        (MUON, 30, -1.0, -2.0), (MUON, 10, 1.5, 0.2),
        (HADRON, 50, 2.0, 3.0), (HADRON, 20, -0.5, -0.5), (PHOTON, 10, 3.9, 2.0),
    ])  # fmt: skip
    objects = {"electron1": (40, 0.5, 1), "muon1": (30, -1, -2), "muon2": (10, 1.5, 0.2), "jet1": (50, 2, 3),
               "jet2": (20, -0.5, -0.5)}  # fmt: skip
    for name, values in objects.items():
        assert [found.pop(f"{name}_{part}") for part in ("pt", "eta", "phi")] == pytest.approx(values), name
    pt, _, phi = np.array([*objects.values(), (10, 3.9, 2.0)]).T
    x, y = -(pt * np.cos(phi)).sum(), -(pt * np.sin(phi)).sum()
    assert found.pop("met_pt") == pytest.approx(np.hypot(x, y))
    assert found.pop("met_phi") == pytest.approx(np.arctan2(y, x))
    assert set(found.values()) == {0.0}


def test_more_objects_than_there_are_columns():
    hadrons = [(HADRON, 20 + n, -3 + 0.55 * n, 3 * (-1) ** n) for n in range(12)]
    electrons = [(ELECTRON, 30 + n, 0.6 * n - 1, 0) for n in range(5)]
    found = row([*hadrons, *electrons])
    assert [found[f"jet{n}_pt"] for n in range(1, 11)] == pytest.approx([31 - n for n in range(10)])
    assert [found[f"electron{n}_pt"] for n in range(1, 5)] == pytest.approx([34, 33, 32, 31])


@pytest.mark.parametrize(
    ("lepton", "kept"),
    [
        ((ELECTRON, 23.5, 0, 0), True), ((MUON, 23.5, 0, 0), True), ((ELECTRON, 22.5, 0, 0), False),
        ((MUON, 50, 2.2, 0), False), ((ELECTRON, 50, 2.2, 0), True), ((ELECTRON, 50, -3.1, 0), False),
        ((PHOTON, 50, 0, 0), False), ((HADRON, 50, 0, 0), False),
    ],
)  # fmt: skip
def test_which_events_are_kept(lepton, kept):
    assert is_kept(lepton) is kept


def test_isolation():
    """Of 30 GeV, 13.5 may be around; across ±π as elsewhere."""
    assert is_kept((MUON, 30, 0, 3.1), (HADRON, 13, 0.1, -3.1))
    assert not is_kept((MUON, 30, 0, 3.1), (HADRON, 14, 0.1, -3.1))
    assert not is_kept((MUON, 30, 0, 3.1), (HADRON, 7, 0.1, -3.1), (PHOTON, 7, 0.1, 2.9))
    assert is_kept((MUON, 30, 0, 3.1), (HADRON, 14, 0.1, -2.8))
    # Two of one boson, close to each other, are not isolated.
    assert not is_kept((MUON, 30, 0, 0), (MUON, 25, 0.2, 0))


def test_a_lepton_that_is_not_isolated_is_a_jet():
    found = row([(ELECTRON, 40, 0, 0), (MUON, 30, 1, 2), (HADRON, 25, 1.1, 2)])
    assert found["muon1_pt"] == 0
    assert (found["jet1_pt"], found["jet2_pt"]) == (pytest.approx(55, rel=0.01), 0)


def test_every_event_if_no_lepton_is_asked_for():
    events = particles([], [(HADRON, 100, 0, 0), (HADRON, 100, 0, 3)], [(ELECTRON, 5, 0, 0)])
    rows, kept = features(events, min_lepton_pt=0.0)
    assert kept.all()
    assert rows[0].tolist() == [0.0] * 57
    assert rows[1:, SCHEMA.names.index("jet1_pt")].tolist() == pytest.approx([100, 0])
    assert rows[2, SCHEMA.names.index("electron1_pt")] == pytest.approx(5)


def test_events_do_not_know_of_each_other(rng):
    events = [[(kind, pt, eta, phi) for kind, pt, eta, phi in zip(
        rng.choice([ELECTRON, MUON, HADRON], n), rng.exponential(20, n) + 3, rng.uniform(-2, 2, n),
        rng.uniform(-3, 3, n), strict=True)] for n in rng.integers(1, 20, 30)]  # fmt: skip
    rows, kept = features(particles(*events))
    alone = [features(particles(event)) for event in events]
    assert 0 < kept.sum() < 30
    assert kept.tolist() == [bool(one[0]) for _, one in alone]
    np.testing.assert_allclose(rows, np.concatenate([one for one, _ in alone]), rtol=1e-12)


def test_no_event_is_left():
    assert features(particles([(HADRON, 100, 0, 0)], []))[0].shape == (0, 57)
    assert features(particles())[0].shape == (0, 57)
