import numpy as np
import pytest

from neyman.events.features.dijet import SCHEMA, TAG_CUT, features
from neyman.events.features.kinematics import cartesian
from neyman.events.features.particles import BOTTOM, CHARGED_HADRON, CHARM, ELECTRON, MUON, Particles

HADRON = CHARGED_HADRON
TWO_JETS = [(HADRON, 1500, 0.5, 1.0), (HADRON, 1400, -0.8, 1.0 - np.pi + 0.1), (HADRON, 60, 1.5, 2.0)]
NOTHING = Particles(np.zeros(1, dtype=int), np.zeros((0, 4)), np.zeros(0, dtype=int))


def particles(*events):
    """Massless particles given by (kind, pt, eta, phi)."""
    rows = np.array([row for event in events for row in event], dtype=float).reshape(-1, 4)
    momenta = cartesian(*rows.T[1:], np.zeros(len(rows)))
    return Particles(np.array([len(event) for event in events], dtype=int), momenta, rows[:, 0].astype(int))


def row(event, heavy=NOTHING):
    rows, kept = features(particles(event), heavy, np.random.default_rng(1))
    assert kept.tolist() == [True]
    return dict(zip(SCHEMA.names, rows[0].tolist(), strict=True))


def test_there_are_64():
    assert len(SCHEMA.names) == 64
    assert SCHEMA.names[:5] == ("jet1_e", "jet1_px", "jet1_py", "jet1_pz", "jet2_e")
    assert SCHEMA.names[39:42] == ("jet10_pz", "met", "met_cos_phi")


def test_an_event_by_hand():
    found = row([*TWO_JETS, (ELECTRON, 40, -1.5, -1.0), (MUON, 25, -2.4, 2.0)])
    pt = np.array([1500, 1400, 60, 40])
    eta = np.array([0.5, -0.8, 1.5, -1.5])
    phi = np.array([0, -np.pi + 0.1, 1.0, -2.0])
    phi *= np.sign(np.sin(phi[1]))  # reflected, so that the second has py > 0
    for n in range(4):
        expected = (pt[n] * np.cosh(eta[n]), pt[n] * np.cos(phi[n]), pt[n] * np.sin(phi[n]), pt[n] * np.sinh(eta[n]))
        part = tuple(found[f"jet{n + 1}_{name}"] for name in ("e", "px", "py", "pz"))
        assert part == pytest.approx(expected, abs=1e-9), n
    assert found["jet5_e"] == found["jet10_pz"] == 0
    assert found["ht"] == pytest.approx(3000)
    assert [found[name] for name in ("n_jets", "n_fat_jets", "n_particles", "n_leptons")] == [4, 2, 5, 2]
    assert found["lepton_pt"] == pytest.approx(40)
    assert found["fat_delta_eta"] == pytest.approx(1.3)
    assert found["fat_pt_ratio"] == pytest.approx(1400 / 1500)
    assert (found["fat1_mass"], found["fat1_tau21"], found["fat1_multiplicity"]) == (pytest.approx(0, abs=1e-3), 0, 1)
    mass = np.sqrt(2 * 1500 * 1400 * (np.cosh(1.3) - np.cos(np.pi - 0.1)))
    assert found["dijet_mass"] == pytest.approx(mass)


def test_missing_momentum_and_its_angle():
    found = row([(HADRON, 1500, 0.0, 2.0), (HADRON, 1000, 0.0, 2.0 + np.pi)])
    assert (found["met"], found["met_cos_phi"]) == (pytest.approx(500), pytest.approx(-1))
    assert found["sphericity"] == pytest.approx(0, abs=1e-9)
    assert found["aplanarity"] == pytest.approx(0, abs=1e-9)


def test_mass_and_prongs_of_a_fat_jet():
    """Of two particles: τ₁ is not zero, τ₂ is, and the mass is that of the pair."""
    found = row([(HADRON, 700, 0.25, 0), (HADRON, 700, -0.25, 0), (HADRON, 1400, 0.3, 3), (HADRON, 20, 0.5, 3.3)])
    assert (found["fat2_multiplicity"], found["fat1_multiplicity"], found["n_jets"]) == (2, 2, 3)
    two = sorted(found[f"fat{n}_mass"] for n in (1, 2))
    assert two[1] == pytest.approx(np.sqrt(2 * 700**2 * (np.cosh(0.5) - 1)))
    assert found["fat1_tau21"] == found["fat2_tau21"] == 0


@pytest.mark.parametrize(("turn", "up", "forward"), [(1.3, 1, 1), (-2.5, -1, 1), (0.4, 1, -1), (3.0, -1, -1)])
def test_the_frame_does_not_depend_on_where_the_event_is(turn, up, forward, rng):
    event = [*TWO_JETS, *((HADRON, pt, eta, phi) for pt, eta, phi in zip(
        rng.exponential(30, 30), rng.uniform(-2, 2, 30), rng.uniform(-3, 3, 30), strict=True))]  # fmt: skip
    moved = [(kind, pt, forward * eta, turn + up * phi) for kind, pt, eta, phi in event]
    here, there = row(event), row(moved)
    assert there == pytest.approx(here, rel=1e-6, abs=1e-3)
    assert there["jet1_py"] == 0
    assert there["jet2_py"] > 0
    assert there["jet1_pz"] > 0
    assert all(there[f"jet{n}_e"] >= 0 for n in range(1, 11))


def test_b_jets(rng):
    """77 % of b, 22 % of c and 1 % of other jets pass the cut; a b hadron wins over a c hadron from its decay."""
    n = 4000
    events = particles(*[TWO_JETS[:2]] * n)
    for kinds, first in [((BOTTOM,), 0.774), ((CHARM,), 0.215), ((BOTTOM, CHARM), 0.774), ((), 0.01)]:
        hadrons = particles(*[[(kind, 400, 0.55, 1.1) for kind in kinds]] * n)
        rows, _ = features(events, hadrons, rng)
        scores = rows[:, SCHEMA.names.index("jet1_b_score")], rows[:, SCHEMA.names.index("jet2_b_score")]
        for score, expected in zip(scores, (first, 0.01), strict=True):
            assert (score > TAG_CUT).mean() == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / n))
        tags = (scores[0] > TAG_CUT).astype(int) + (scores[1] > TAG_CUT)
        np.testing.assert_array_equal(rows[:, SCHEMA.names.index("n_b_jets")], tags)


@pytest.mark.parametrize(
    "event",
    [
        [],
        [(HADRON, 1500, 0, 0)],
        [(HADRON, 1190, 0, 0), (HADRON, 1100, 0, 3)],
        [(HADRON, 1500, 2.6, 0), (HADRON, 1400, 0, 3)],
        [(HADRON, 1500, 0, 0), (HADRON, 150, 0, 3)],
    ],
)
def test_events_that_are_not_kept(event):
    rows, kept = features(particles(event), NOTHING, np.random.default_rng(1))
    assert (rows.shape, kept.tolist()) == ((0, 64), [False])


def test_events_do_not_know_of_each_other():
    few = particles(TWO_JETS, [(HADRON, 100, 0, 0)], [*TWO_JETS, (MUON, 30, 0, 0)])
    none = particles([], [], [])
    rows, kept = features(few, none, np.random.default_rng(1))
    assert kept.tolist() == [True, False, True]
    random = [SCHEMA.names.index(name) for name in ("jet1_b_score", "jet2_b_score", "n_b_jets")]
    for mine, alone in zip(rows, (row(TWO_JETS), row([*TWO_JETS, (MUON, 30, 0, 0)])), strict=True):
        np.testing.assert_allclose(np.delete(mine, random), np.delete([*alone.values()], random), rtol=1e-9)
