import numpy as np

from neyman.anomaly.scores.forest import Forest


def test_is_scikit_learns_with_the_other_sign():
    from sklearn.ensemble import IsolationForest

    x = np.random.default_rng(1).normal(size=(300, 4))
    expected = IsolationForest(n_estimators=20, random_state=3).fit(x).score_samples(x)
    np.testing.assert_array_equal(Forest(trees=20, seed=3).fit(x).score_samples(x), -expected)
