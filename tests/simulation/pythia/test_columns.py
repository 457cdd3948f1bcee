import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.simulation.pythia.columns import SCHEMA, is_kept, jet_columns, pair_columns, wrapped

JET = [name.removeprefix("jet1_") for name in SCHEMA.names[:9]]
PAIR = SCHEMA.names[18:]


def massless(pt, eta, phi):
    pt, eta, phi = np.broadcast_arrays(*np.atleast_1d(pt, eta, phi))
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], axis=-1)


def jet(constituents):
    return dict(zip(JET, jet_columns(constituents), strict=True))


def pair(first, second, missing):
    return dict(zip(PAIR, pair_columns(first[0], second[0], np.array(missing, dtype=float)), strict=True))


def test_the_names_are_those_of_the_schema():
    assert JET == ["pt", "eta", "phi", "mass", "multiplicity", "girth", "dispersion", "minor_axis", "c2"]
    assert [name.removeprefix("jet2_") for name in SCHEMA.names[9:18]] == JET
    assert PAIR[-2:] == ("transverse_mass", "met_ratio")


def test_a_jet_of_two_equal_particles_side_by_side():
    found = jet(massless([50, 50], [0.2, -0.2], [1.0, 1.0]))
    assert found["pt"] == pytest.approx(100)
    assert found["eta"] == pytest.approx(0, abs=1e-12)
    assert found["phi"] == pytest.approx(1)
    assert found["mass"] == pytest.approx(np.sqrt(2 * 50**2 * (np.cosh(0.4) - 1)))
    assert found["girth"] == pytest.approx(0.2)
    assert found["dispersion"] == pytest.approx(1 / np.sqrt(2))
    assert found["minor_axis"] == pytest.approx(0, abs=1e-9)
    assert (found["multiplicity"], found["c2"]) == (2, 0)


def test_a_jet_of_one_particle():
    found = jet(massless(120, 1.0, -2.0))
    assert found["pt"] == pytest.approx(120)
    assert found["eta"] == pytest.approx(1)
    assert found["mass"] == pytest.approx(0, abs=1e-5)
    assert [found[name] for name in ("girth", "minor_axis", "c2")] == pytest.approx([0, 0, 0], abs=1e-9)


def test_the_energy_correlation_is_the_sum_over_triples(rng):
    pt, eta, phi = rng.exponential(20, 7) + 1, rng.normal(0.5, 0.2, 7), rng.normal(3.1, 0.2, 7)  # across ±π
    z = pt / pt.sum()
    r = lambda i, j: np.hypot(eta[i] - eta[j], phi[i] - phi[j])  # noqa: E731
    e2 = sum(z[i] * z[j] * r(i, j) for i, j in itertools.combinations(range(7), 2))
    e3 = sum(z[i] * z[j] * z[k] * r(i, j) * r(i, k) * r(j, k) for i, j, k in itertools.combinations(range(7), 3))
    assert jet(massless(pt, eta, phi))["c2"] == pytest.approx(e3 / e2**2)


def test_the_minor_axis_is_the_width_across():
    """Along a line it vanishes; of a cross of equal particles it is that of each arm."""
    line = massless([30] * 3, [0, 0.1, 0.2], [0, 0.1, 0.2])
    cross = massless([30] * 4, [0.3, -0.3, 0, 0], [0, 0, 0.2, -0.2])
    assert jet(line)["minor_axis"] == pytest.approx(0, abs=1e-7)
    assert jet(cross)["minor_axis"] == pytest.approx(0.2 / np.sqrt(2))


@given(st.integers(1, 30), st.floats(-1.5, 1.5), st.floats(-3.14, 3.14), st.integers(0, 1000))
def test_shapes_do_not_depend_on_where_the_jet_is(n, eta, phi, seed):
    rng = np.random.default_rng(seed)
    pt, y, around = rng.exponential(10, n) + 0.1, rng.normal(0, 0.2, n), rng.normal(0, 0.2, n)
    here, there = jet(massless(pt, y, around)), jet(massless(pt, y + eta, around + phi))
    for name in set(JET) - {"eta", "phi"}:
        assert there[name] == pytest.approx(here[name], rel=1e-6, abs=1e-5)


def test_the_transverse_mass_ends_at_the_mass_of_what_decayed(rng):
    """Two bodies of a resonance at rest, one of which loses a part that is not seen along its flight."""
    for hidden in (0.0, 0.3, 0.8):
        for eta, phi in rng.uniform(-1, 1, (20, 2)):
            first, second = massless(700, eta, phi), massless(700, -eta, phi + np.pi)
            missing = hidden * second[0, :2]
            found = pair(first, (1 - hidden) * second, missing)
            assert found["transverse_mass"] <= 1400 * np.cosh(eta) * (1 + 1e-12)
            assert found["transverse_mass"] >= found["dijet_mass"] * (1 - 1e-12)
            assert found["met"] == pytest.approx(700 * hidden)
    central = pair(massless(700, 0, 0), massless(210, 0, np.pi), [-490, 0])
    assert central["transverse_mass"] == pytest.approx(1400)
    assert central["met_ratio"] == pytest.approx(0.35)


def test_angles_between_jets_and_missing_momentum():
    found = pair(massless(200, 0.5, 3.0), massless(150, -0.4, -3.0), [0.0, 40.0])
    assert found["delta_eta"] == pytest.approx(0.9)
    assert found["delta_phi"] == pytest.approx(2 * np.pi - 6)
    assert found["delta_r"] == pytest.approx(np.hypot(0.9, 2 * np.pi - 6))
    assert found["min_delta_phi"] == pytest.approx(3.0 - np.pi / 2)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, True),
        ({"delta_eta": 1.6}, False),
        ({"met_ratio": 0.04}, False),
        ({"transverse_mass": 199.0}, False),
        ({"transverse_mass": 2001.0}, False),
    ],
)
def test_the_preselection(change, kept):
    values = {**dict.fromkeys(PAIR, 1.0), "met_ratio": 0.2, "transverse_mass": 800.0, **change}
    assert is_kept(np.array([values[name] for name in PAIR])) is kept


def test_angles_are_wrapped():
    np.testing.assert_allclose(wrapped(np.array([0, 4.0, -4.0, 7.0])), [0, 4 - 2 * np.pi, 2 * np.pi - 4, 7 - 2 * np.pi])
