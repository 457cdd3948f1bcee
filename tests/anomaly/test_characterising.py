"""The classifier finds what differs and nothing else; a profile is a norm at each level."""

import numpy as np
import pytest

from neyman.anomaly.characterising import judge, sigma_profile
from neyman.core.errors import DataError


def test_the_same_distribution_cannot_be_told_apart(rng):
    found = judge(rng.normal(size=(600, 3)), rng.normal(size=(1200, 3)))
    assert found.low < 0.5 < found.high
    assert found.reference_low < 0.5 < found.reference_high
    assert found.events == 600


def test_another_width_is_found_and_the_reference_stays(rng):
    found = judge(1.6 * rng.normal(size=(600, 3)), rng.normal(size=(1200, 3)))
    assert found.low > 0.55
    assert found.reference_low < 0.5 < found.reference_high


def test_it_depends_on_the_seed_alone(rng):
    samples, background = rng.normal(size=(200, 2)), rng.normal(size=(400, 2))
    assert judge(samples, background, seed=4) == judge(samples, background, seed=4)


def test_a_profile(rng):
    sigmas = [0.1, 1.0, 3.0]
    background = rng.normal(size=(2000, 4))
    candidates = np.array([[10.0, 0, 0, 0], [0, 0, 0, 0]])
    found = sigma_profile(lambda z, level: -sigmas[level] * z, sigmas, background, candidates, [7, 9])
    np.testing.assert_allclose(found.candidates, [[1.0, 10, 30], [0, 0, 0]])
    norms = np.linalg.norm(background, axis=1)
    np.testing.assert_allclose(found.background_median, np.median(norms) * np.array(sigmas))
    np.testing.assert_allclose(found.background_high, np.quantile(norms, 0.84) * np.array(sigmas))
    assert found.rows == [7, 9]


def test_refusals(rng, message):
    with pytest.raises(DataError) as error:
        judge(rng.normal(size=(99, 2)), rng.normal(size=(400, 2)))
    message(error, "99 samples", "at least 100")
    with pytest.raises(DataError) as error:
        judge(rng.normal(size=(200, 2)), rng.normal(size=(400, 3)))
    message(error, "2 and 3 features")
