import numpy as np
import pytest

from neyman.core.errors import ConfigError, DataError
from neyman.simulation.prior import UniformPrior


def test_draws_fill_the_box(rng):
    prior = UniformPrior({"C9": (3, 5), "C10": (-5.0, -3.0)})
    draws = prior.sample(10_000, rng)
    assert draws.shape == (10_000, 2)
    np.testing.assert_allclose(draws.mean(axis=0), [4, -4], atol=5 * (2 / 12**0.5) / 100)
    assert np.isfinite(prior.log_prob(draws)).all()
    assert prior.parameters == ("C9", "C10")


def test_log_prob_is_minus_infinity_outside():
    prior = UniformPrior({"a": (0, 2), "b": (0, 4)})
    theta = np.array([[1.0, 1.0], [0.0, 4.0], [-0.1, 1.0], [1.0, 4.1]])
    np.testing.assert_allclose(prior.log_prob(theta), [-np.log(8), -np.log(8), -np.inf, -np.inf])


@pytest.mark.parametrize(
    "bounds", [{}, {"a": (1, 1)}, {"a": (2, 1)}, {"a": (0, np.inf)}, {"a": (np.nan, 1)}, {"a": (1,)}]
)
def test_bounds_that_are_none(bounds):
    with pytest.raises(ConfigError) as error:
        UniformPrior(bounds)
    assert len(str(error.value).splitlines()) <= 5


def test_points_that_are_none():
    prior = UniformPrior({"a": (0, 1)})
    with pytest.raises(DataError):
        prior.log_prob(np.zeros((3, 2)))
    with pytest.raises(DataError):
        prior.sample(0, np.random.default_rng(1))


def test_it_cannot_be_changed_and_comes_back_from_its_config():
    prior = UniformPrior({"C9": (3, 5)})
    with pytest.raises(ValueError, match="read-only"):
        prior.low[0] = 0
    assert UniformPrior(prior.config()["bounds"]).config() == prior.config()
    assert prior.bounds == {"C9": (3.0, 5.0)}
