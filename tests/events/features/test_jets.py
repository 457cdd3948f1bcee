import subprocess
import sys

import numpy as np
import pytest

from neyman.core.errors import MissingDependencyError
from neyman.events.features import jets
from neyman.events.features.jets import anti_kt, subjettiness
from neyman.events.features.kinematics import cartesian, wrapped
from neyman.events.features.particles import Particles


def particles(*events):
    """Massless particles given by (pt, eta, phi)."""
    rows = np.array([row for event in events for row in event], dtype=float).reshape(-1, 3)
    momenta = cartesian(*rows.T, np.zeros(len(rows)))
    return Particles(np.array([len(event) for event in events], dtype=int), momenta, np.zeros(len(rows), dtype=int))


def plain_anti_kt(pt, eta, phi, radius):
    """By its definition, for few particles: the sets of numbers that make up the jets."""
    p = cartesian(pt, eta, phi, np.zeros(len(pt)))
    left, found = {i: ({i}, p[i]) for i in range(len(p))}, []

    def axis(v):
        return np.hypot(*v[:2]), np.arctanh(v[2] / v[3]), np.arctan2(v[1], v[0])

    def separation(a, b):
        return (a[1] - b[1]) ** 2 + wrapped(np.array([a[2] - b[2]]))[0] ** 2

    while left:
        candidates = []
        for i, (_, a) in left.items():
            one = axis(a)
            candidates.append((one[0] ** -2, i, None))
            for j, (_, b) in left.items():
                if j > i:
                    other = axis(b)
                    closeness = min(one[0] ** -2, other[0] ** -2)
                    candidates.append((closeness * separation(one, other) / radius**2, i, j))
        _, i, j = min(candidates, key=lambda candidate: candidate[0])
        members, momentum = left.pop(i)
        if j is None:
            found.append((members, momentum))
        else:
            others, more = left.pop(j)
            left[i] = (members | others, momentum + more)
    return found


def test_jets_are_those_of_the_definition(rng):
    events = [list(zip(rng.exponential(20, n) + 1, rng.uniform(-2, 2, n), rng.uniform(-3, 3, n), strict=True))
              for n in (12, 0, 1, 15)]  # fmt: skip
    found = anti_kt(particles(*events), 0.6, 5.0)
    start, offset, seen = 0, 0, []
    for number, event in enumerate(events):
        expected = {frozenset(offset + i for i in members): momentum
                    for members, momentum in plain_anti_kt(*np.array(event).reshape(-1, 3).T, 0.6)
                    if np.hypot(*momentum[:2]) > 5}  # fmt: skip
        mine = {}
        for jet in np.flatnonzero(found.event == number):
            size = found.sizes[jet]
            mine[frozenset(found.members[start : start + size].tolist())] = found.momenta[jet]
            start += size
        assert set(mine) == set(expected)
        for members, momentum in expected.items():
            np.testing.assert_allclose(mine[members], momentum, rtol=1e-9)
        seen.append(len(expected))
        offset += len(event)
    assert found.counts.tolist() == seen
    assert seen[0] > 1


@pytest.mark.parametrize("events", [(), ([], [])])
def test_no_particles(events):
    found = anti_kt(particles(*events), 0.4, 1.0)
    assert (found.counts.tolist(), found.momenta.shape, found.pt.tolist()) == ([0] * len(events), (0, 4), [])


def test_no_jet_is_high_enough():
    found = anti_kt(particles([(1, 0, 0)], [(2, 0, 0)]), 0.4, 10.0)
    assert (found.counts.tolist(), found.sizes.tolist(), found.members.tolist()) == ([0, 0], [], [])


def prongs(rng, centres, n=30, width=0.05):
    """Constituents of a jet that has its momentum around some directions."""
    where = np.array(centres)[np.arange(n) % len(centres)] + rng.normal(0, width, (n, 2))
    pt = rng.exponential(10, n) + 1
    return cartesian(pt, *where.T, np.zeros(n))


def test_prongs_are_counted(rng):
    one = [prongs(rng, [(0.3, 3.1)], width=0.1) for _ in range(20)]
    two = [prongs(rng, [(0.0, 3.1), (0.2, -2.7)]) for _ in range(20)]
    three = [prongs(rng, [(0.0, 0.0), (0.5, 0.0), (0.2, 0.5)]) for _ in range(20)]
    everything = [*one, *two, *three]
    tau = subjettiness(np.concatenate(everything), np.array([len(jet) for jet in everything]), 3, radius=1.0)
    assert (np.diff(tau, axis=1) <= 0).all()
    tau21, tau32 = (tau[:, 1] / tau[:, 0]).reshape(3, 20), (tau[:, 2] / tau[:, 1]).reshape(3, 20)
    assert tau21[0].min() > 0.4
    assert tau21[1].max() < 0.4
    assert tau32[1].min() > 0.5
    assert tau32[2].max() < 0.5


def test_two_particles_by_hand():
    """The one axis is that of their sum, at equal distances of 0.2."""
    pair = cartesian(np.array([50.0, 50.0]), np.array([0.2, -0.2]), np.array([1.0, 1.0]), np.zeros(2))
    tau = subjettiness(np.concatenate([pair, pair[:1]]), np.array([2, 1]), 3, radius=0.8)
    np.testing.assert_allclose(tau, [[0.2 / 0.8, 0, 0], [0, 0, 0]], atol=1e-9)


def test_jets_without_constituents():
    assert subjettiness(np.zeros((0, 4)), np.zeros(0, dtype=int), 3, radius=1.0).shape == (0, 3)


def test_stdout_is_left_to_results():
    code = """
import numpy as np
from neyman.events.features.jets import anti_kt, subjettiness
from neyman.events.features.particles import Particles
p = np.array([[10.0, 0, 0, 10], [10, 1, 0, 10.1]])
anti_kt(Particles(np.array([2]), p, np.zeros(2, dtype=int)), 0.4, 1.0)
subjettiness(p, np.array([2]), 2, radius=1.0)
print('done')
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"


def test_without_fastjet(monkeypatch, message):
    jets._fastjet.cache_clear()
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(MissingDependencyError) as error:
        anti_kt(particles([(10, 0, 0)]), 0.4, 1.0)
    message(error, "anomaly needs fastjet", "neyman[anomaly]")
