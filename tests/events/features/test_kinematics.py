import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.events.features.kinematics import (
    aplanarity,
    azimuth,
    cartesian,
    collider,
    n_subjettiness,
    pseudorapidity,
    rapidity,
    sphericity,
    sphericity_tensor,
    wrapped,
)


@given(st.floats(0.5, 2000), st.floats(-5, 5), st.floats(-3.14, 3.14), st.floats(1, 500))
def test_there_and_back(pt, eta, phi, mass):
    given_ = np.array([pt, eta, phi, mass])
    momentum = cartesian(*given_[:, None])[0]
    assert momentum[3] ** 2 - momentum[:3] @ momentum[:3] == pytest.approx(
        mass**2, rel=1e-6, abs=1e-6 * momentum[3] ** 2
    )
    found = collider(momentum[None])[0]
    np.testing.assert_allclose(found[:3], given_[:3], rtol=1e-9, atol=1e-9)
    assert found[3] == pytest.approx(mass, abs=1e-7 * momentum[3] ** 2 / mass)


def test_a_massless_particle_has_its_pseudorapidity_as_rapidity(rng):
    eta = rng.uniform(-5, 5, 50)
    p = cartesian(rng.exponential(30, 50), eta, rng.uniform(-3, 3, 50), np.zeros(50))
    np.testing.assert_allclose(rapidity(p[:, 2], p[:, 3]), eta, rtol=1e-8)
    np.testing.assert_allclose(pseudorapidity(*p.T[:3]), eta, rtol=1e-8)
    heavy = cartesian(np.array([10.0]), np.array([2.0]), np.array([0.0]), np.array([30.0]))
    assert 0 < rapidity(heavy[:, 2], heavy[:, 3])[0] < 2


def test_momenta_along_the_beam_and_none_at_all():
    pz = np.array([0.0, 100.0, -100.0])
    eta = pseudorapidity(np.zeros(3), np.zeros(3), pz)
    assert np.isfinite(eta).all()
    assert eta[0] == 0
    assert eta[1] > 15
    assert eta[2] == -eta[1]
    assert np.isfinite(rapidity(pz, np.abs(pz))).all()
    np.testing.assert_array_equal(collider(np.zeros((1, 4))), np.zeros((1, 4)))


def test_angles():
    assert azimuth(np.array([0.0]), np.array([-2.0]))[0] == pytest.approx(-np.pi / 2)
    np.testing.assert_allclose(wrapped(np.array([4.0, -4.0, np.pi])), [4 - 2 * np.pi, 2 * np.pi - 4, -np.pi])


def shapes(momenta):
    tensor = sphericity_tensor(np.array([momenta], dtype=float))
    return sphericity(tensor)[0], aplanarity(tensor)[0]


def test_back_to_back_in_a_plane_and_isotropic():
    assert shapes([[3, 4, 12], [-3, -4, -12]]) == pytest.approx((0, 0), abs=1e-12)
    triangle = [[np.cos(a), np.sin(a), 0] for a in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
    assert shapes(triangle) == pytest.approx((0.75, 0), abs=1e-12)
    assert shapes([*np.eye(3), *-np.eye(3)]) == pytest.approx((1, 0.5))
    # A plane whose two momenta have squares 4 and 1: eigenvalues 0.8, 0.2, 0.
    assert shapes([[2, 0, 0], [0, 1, 0]]) == pytest.approx((0.3, 0), abs=1e-12)


def test_shapes_do_not_turn_with_the_event(rng):
    momenta = rng.normal(size=(5, 7, 3)) * [3, 1, 0.3]
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for shape in (sphericity, aplanarity):
        here, there = (shape(sphericity_tensor(p)) for p in (momenta, momenta @ rotation))
        np.testing.assert_allclose(here, there, rtol=1e-9)
        assert (here > 0).all()


def test_padding_and_nothing_at_all():
    momenta = [[1.0, 2, 3], [3, -1, 0]]
    assert shapes(momenta) == pytest.approx(shapes([*momenta, [0, 0, 0]]))
    assert shapes(np.zeros((2, 3))) == (0, 0)
    assert shapes(np.zeros((0, 3))) == (0, 0)


def test_subjettiness_by_hand():
    """Two jets: of particles 0.1 and 0.2 from the nearer axis, and of one on its axis."""
    pt = np.array([30.0, 10.0, 5.0])
    distance = np.array([[0.1, 0.9], [0.7, 0.2], [0.0, 0.5]])
    found = n_subjettiness(pt, distance, np.array([0, 0, 1]), 3, radius=0.8)
    np.testing.assert_allclose(found, [(30 * 0.1 + 10 * 0.2) / (40 * 0.8), 0, 0])
