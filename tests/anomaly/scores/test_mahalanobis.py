import numpy as np
import pytest

from neyman.anomaly.scores.mahalanobis import Mahalanobis


def test_agrees_with_scikit_learn():
    from sklearn.covariance import EmpiricalCovariance

    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)) + 3
    expected = np.sqrt(EmpiricalCovariance().fit(x).mahalanobis(x))
    np.testing.assert_allclose(Mahalanobis().fit(x).score_samples(x), expected, rtol=1e-4)


def test_a_feature_that_is_the_sum_of_others_does_no_harm():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 3))
    twice = np.concatenate([x, x.sum(axis=1, keepdims=True)], axis=1)
    np.testing.assert_allclose(
        Mahalanobis().fit(twice).score_samples(twice), Mahalanobis().fit(x).score_samples(x), rtol=1e-3
    )
    broken = twice.copy()
    broken[:, 3] += 1  # events for which it is no longer the sum
    assert Mahalanobis().fit(twice).score_samples(broken).min() > 100


def test_one_feature():
    x = np.array([[-1.0], [1.0]])
    assert Mahalanobis().fit(x).score_samples(np.array([[3.0]])) == pytest.approx(3, rel=1e-5)
