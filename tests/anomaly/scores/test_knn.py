import numpy as np
import pytest

from neyman.anomaly.scores.knn import NearestNeighbours


@pytest.mark.parametrize(("references", "width", "k"), [(500, 1, 5), (800, 60, 5), (300, 8, 1), (40, 3, 30)])
def test_agrees_with_scikit_learn(references, width, k):
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(1)
    reference, events = (rng.normal(5, 1, (n, width)).astype(np.float32) for n in (references, 150))
    events[:50] *= 30  # far away, where single precision is worst
    events[50:60] = reference[:10]
    expected = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(reference.astype(float))
    distances = expected.kneighbors(events.astype(float))[0].mean(axis=1)
    found = NearestNeighbours(neighbours=k).fit(reference).score_samples(events)
    np.testing.assert_allclose(found, distances, rtol=1e-6, atol=1e-6)


def test_references_are_bounded_and_drawn_by_the_seed():
    x = np.arange(1000.0)[:, None]
    one, same, other = (NearestNeighbours(references=50, seed=seed).fit(x) for seed in (1, 1, 2))
    assert one.reference.shape == (50, 1)
    np.testing.assert_array_equal(one.reference, same.reference)
    assert not np.array_equal(one.reference, other.reference)


def test_fewer_references_than_neighbours_do():
    score = NearestNeighbours(neighbours=5).fit(np.array([[0.0], [2.0]]))
    assert score.score_samples(np.array([[1.0]])) == pytest.approx(1.0)
