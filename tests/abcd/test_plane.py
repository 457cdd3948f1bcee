import numpy as np
import pytest

from neyman.abcd.plane import Plane, ScoredSample, sums_at


@pytest.fixture
def sample(rng):
    n = 500
    return ScoredSample(rng.normal(size=(n, 2)), rng.random(n) * 1.2, rng.normal(1, 1, n), rng.random(n) < 0.3)


EDGES = np.array([0.0, 0.5, 1.0])


def by_hand(sample, cuts, label, power=1):
    """The definition, event by event."""
    found = np.zeros((2, 4))
    for score, m, weight, is_signal in zip(
        sample.scores, sample.discriminant, sample.weights, sample.is_signal, strict=True
    ):
        high = tuple(score > cuts)
        region = {(True, False): 0, (True, True): 1, (False, False): 2, (False, True): 3}[high]
        if is_signal == label and m <= 1.0:
            found[int(m >= 0.5), region] += weight**power
    return found


def test_every_pair_of_cuts_gives_what_counting_gives(sample):
    first, second = np.array([-0.5, 0.2, sample.scores[3, 0]]), np.array([-1.0, 0.7])
    plane = Plane(sample, EDGES, np.sort(first), second)
    for i, j in np.ndindex(3, 2):
        cuts = np.array([np.sort(first)[i], second[j]])
        found = plane.at(i, j)
        assert found.background == pytest.approx(by_hand(sample, cuts, False))
        assert found.signal == pytest.approx(by_hand(sample, cuts, True))
        assert found.variance == pytest.approx(by_hand(sample, cuts, False, power=2))


def test_the_last_edge_belongs_to_the_last_bin():
    scores = np.ones((3, 2))
    sample = ScoredSample(scores, np.array([0.0, 1.0, 1.0001]), np.ones(3), np.zeros(3, bool))
    assert sums_at(sample, EDGES, np.zeros(2)).background[:, 1].tolist() == [1, 1]


def test_quantiles_are_of_the_weighted_background():
    scores = np.array([[1.0, 10], [2, 20], [3, 30], [99, 99]])
    sample = ScoredSample(scores, np.zeros(4), np.array([1.0, 1, 8, 50]), np.array([False, False, False, True]))
    assert sample.quantiles(np.array([0.05, 0.15, 0.5])).tolist() == [[1, 10], [2, 20], [3, 30]]
