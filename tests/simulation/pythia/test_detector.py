import numpy as np
import pytest

from neyman.events.features.kinematics import cartesian
from neyman.events.features.particles import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON
from neyman.simulation.pythia.detector import reconstruct, reconstructed_as, resolution

N = 20_000


def beam(pdg, pt, eta, n=N):
    """The same massless particle n times, two to an event."""
    momenta = np.tile(cartesian(*np.array([[pt], [eta], [0.7], [0.0]])), (n, 1))
    return np.full(n // 2, 2), momenta, np.full(n, pdg)


@pytest.mark.parametrize(
    ("pdg", "kind"),
    [
        (11, ELECTRON), (-13, MUON), (22, PHOTON), (-211, CHARGED_HADRON), (321, CHARGED_HADRON),
        (-2212, CHARGED_HADRON), (2112, NEUTRAL_HADRON), (130, NEUTRAL_HADRON), (-3122, NEUTRAL_HADRON),
    ],
)  # fmt: skip
def test_what_particles_become(pdg, kind):
    assert reconstructed_as(np.array([pdg])).tolist() == [kind]


@pytest.mark.parametrize(
    ("pdg", "pt", "eta", "width", "efficiency"),
    [
        (11, 40, 0.0, np.hypot(0.1 / np.sqrt(40), 0.007), 0.95),
        (22, 40, 3.0, np.hypot(0.1 / np.sqrt(40 * np.cosh(3)), 0.007), 1.0),
        (-13, 100, 2.0, np.sqrt(2) * 0.01, 0.95),
        (211, 2, -1.0, np.hypot(0.01, 2e-4), 0.95),
        (211, 2000, 0.0, 0.1, 0.95),
        (2112, 100, 0.0, np.hypot(0.06, 0.05), 1.0),
    ],
)
def test_resolution_and_efficiency(pdg, pt, eta, width, efficiency, rng):
    counts, momenta, pdgs = beam(pdg, pt, eta)
    seen = reconstruct(counts, momenta, pdgs, rng)
    assert len(seen.momenta) == pytest.approx(efficiency * N, abs=5 * np.sqrt(N * efficiency * (1 - efficiency)) + 1e-9)
    factor = seen.momenta[:, 3] / momenta[0, 3]
    assert factor.mean() == pytest.approx(1, abs=5 * width / np.sqrt(N))
    assert factor.std() == pytest.approx(width, rel=5 / np.sqrt(2 * N * efficiency))
    np.testing.assert_allclose(seen.momenta / factor[:, None], np.tile(momenta[0], (len(factor), 1)), rtol=1e-9)


@pytest.mark.parametrize(
    ("pdg", "pt", "eta", "seen"),
    [
        (11, 30, 2.4, True), (11, 30, 2.6, False), (-13, 30, -2.6, False), (211, 30, 2.6, False),
        (22, 30, 3.9, True), (22, 30, 4.1, False), (2112, 30, -3.9, True), (2112, 30, 4.1, False),
        (12, 30, 0, False), (-14, 30, 0, False), (16, 30, 0, False), (4900211, 30, 0, False), (1000022, 30, 0, False),
        (22, 0.2, 0, False), (211, 0.45, 0, False), (211, 0.55, 0, True),
    ],
)  # fmt: skip
def test_acceptance(pdg, pt, eta, seen, rng):
    found = reconstruct(*beam(pdg, pt, eta, 100), rng)
    assert bool(found.counts.sum() > 80) is seen
    assert seen or not len(found.momenta)


def test_energies_stay_above_zero(rng):
    """A neutral hadron of 1 GeV is smeared by 60 %."""
    found = reconstruct(*beam(2112, 1.0, 0.0), rng)
    assert found.momenta[:, 3].min() > 0.5
    assert resolution(np.array([[0.0, 0, 0, 0]]), np.array([PHOTON])) > 0


def test_events_keep_their_particles(rng):
    """Invisible and lost particles are taken from the event that they were in."""
    counts = np.array([3, 0, 2])
    momenta = cartesian(np.array([10.0, 20, 30, 40, 50]), np.zeros(5), np.arange(5.0), np.zeros(5))
    found = reconstruct(counts, momenta, np.array([22, 12, 22, 22, 16]), rng)
    assert found.counts.tolist() == [2, 0, 1]
    np.testing.assert_allclose(found.phi, [0, 2, 3])


def test_nothing(rng):
    found = reconstruct(np.zeros(2, dtype=int), np.zeros((0, 4)), np.zeros(0, dtype=int), rng)
    assert (found.counts.tolist(), found.momenta.shape) == ([0, 0], (0, 4))


def test_seeds():
    one, again, other = (reconstruct(*beam(211, 10, 0, 50), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.momenta, again.momenta)
    assert not np.isin(one.momenta[:, 3], other.momenta[:, 3]).any()
