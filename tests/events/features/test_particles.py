import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events.features.particles import ELECTRON, MUON, Particles, leading, pairs


def some():
    momenta = np.array([[3.0, 4, 0, 5], [0, 1, 0, 1], [-6, 8, 0, 10]])
    return Particles(np.array([2, 0, 1]), momenta, np.array([ELECTRON, MUON, ELECTRON]))


def test_the_events_of_particles():
    particles = some()
    assert (particles.events, particles.event.tolist()) == (3, [0, 0, 2])
    assert particles.pt.tolist() == [5, 1, 10]
    assert particles.eta.tolist() == [0, 0, 0]
    assert particles.phi == pytest.approx([np.arctan2(4, 3), np.pi / 2, np.arctan2(8, -6)])
    np.testing.assert_array_equal(particles.missing(), [[-3, -5], [0, 0], [6, -8]])


def test_selections():
    electrons = some().select(some().kind == ELECTRON)
    assert (electrons.counts.tolist(), electrons.pt.tolist()) == ([1, 0, 1], [5, 10])
    last = some().select_events(np.array([False, True, True]))
    assert (last.counts.tolist(), last.pt.tolist(), last.event.tolist()) == ([0, 1], [10], [1])
    nothing = some().select_events(np.zeros(3, dtype=bool))
    assert (nothing.events, nothing.missing().shape) == (0, (0, 2))


def test_lengths_that_do_not_fit(message):
    with pytest.raises(DataError) as error:
        Particles(np.array([2]), np.zeros((3, 4)), np.zeros(3, dtype=int))
    message(error, "2 particles by their counts, 3 momenta")


def test_the_leading_ones():
    values = np.array([[1.0, 10], [3, 30], [2, 20], [9, 90]])
    found = leading(values, np.array([0, 0, 0, 2]), 4, 2)
    np.testing.assert_array_equal(found[..., 1], [[30, 20], [0, 0], [90, 0], [0, 0]])
    assert leading(values, np.array([0, 0, 0, 2]), 3, 0).shape == (3, 0, 2)


def test_pairs_are_those_of_the_same_event(rng):
    counts, event = rng.integers(0, 4, 20), np.sort(rng.integers(0, 20, 30))
    first = np.cumsum(counts) - counts
    expected = [(o, p) for o, e in enumerate(event) for p in range(first[e], first[e] + counts[e])]
    assert list(zip(*(part.tolist() for part in pairs(event, counts)), strict=True)) == expected
