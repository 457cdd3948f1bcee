import numpy as np
import pytest

from neyman.anomaly.scores.combination import Combined, Surprise
from neyman.core.errors import DataError, InputError


class Column:
    """The value of a feature."""

    def __init__(self, number):
        self.number = number

    def fit(self, x, x_validation=None):
        self.fitted = x
        return self

    def score_samples(self, x):
        return np.asarray(x[:, self.number], dtype=float)


def test_surprise_is_minus_log_p():
    calibration = np.random.default_rng(1).exponential(2.0, 5000)
    surprise = Surprise.of(calibration)
    at = np.array([0.5, 2.0, 6.0, 40.0])
    np.testing.assert_allclose(surprise(at), at / 2, rtol=0.1)
    from neyman.anomaly.conformal import p_values

    knots = surprise.knots[[10, 1000, -1]]
    np.testing.assert_allclose(surprise(knots), -np.log(p_values(knots, calibration)))


def test_surprise_increases_everywhere():
    rng = np.random.default_rng(2)
    for calibration in (rng.normal(size=50), rng.integers(0, 4, 200).astype(float), np.array([0.0, 1.0])):
        at = np.linspace(-10, 50, 1001)
        assert (np.diff(Surprise.of(calibration)(at)) > 0).all()


def test_both_kinds_of_outliers_are_found():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3000, 2)) * [1.0, 1000.0]
    found = Combined([Column(0), Column(1)]).fit(x).score_samples(np.array([[0, 0], [6, 0], [0, 6000.0]]))
    assert found[1] > found[0] + 5
    assert found[2] > found[0] + 5


def test_members_are_not_fitted_on_the_events_of_their_p_values():
    x, held = np.zeros((10, 1)), np.arange(10.0)[:, None]
    member = Column(0)
    Combined([member]).fit(x, held)
    assert len(member.fitted) == 10
    own = Column(0)
    Combined([own]).fit(held)
    assert len(own.fitted) == 8


def test_a_member_that_cannot_tell_background_apart_still_tells_what_is_unlike_it():
    """Distances among copies of a few events are all zero: those of other events are not."""
    surprise = Surprise.of(np.zeros(200))
    assert surprise(np.array([-0.5, 0.0, 0.5, 2.0])) == pytest.approx([-0.5, 0.0, 0.5, 2.0])


def test_copies_of_an_event_differ_by_rounding_alone():
    rng = np.random.default_rng(4)
    copies = np.repeat([1.0, 2.0, 3.0], 100)
    scores = copies * (1 + 1e-7 * rng.uniform(-1, 1, 300))
    found = Surprise.of(scores)(scores)
    for value, surprise in ((1.0, 0.0), (2.0, -np.log(201 / 301)), (3.0, -np.log(101 / 301))):
        assert found[copies == value] == pytest.approx(surprise, abs=1e-5)


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(InputError, match="no scores"):
        Combined([])
    with pytest.raises(DataError, match="no scores"):
        Surprise.of(np.empty(0))
    with pytest.raises(DataError, match="not finite"):
        Surprise.of(np.array([1.0, np.nan]))
