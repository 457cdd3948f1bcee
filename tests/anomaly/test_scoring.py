import numpy as np
import pytest

from neyman.anomaly.preparation import Preparation
from neyman.anomaly.scores.combination import Surprise
from neyman.anomaly.scoring import Scoring, grouped, straight_lines, thinned, transform_kinds


@pytest.fixture(scope="module")
def combined(trained, loaded):
    preparation, model = trained.scoring.preparation, trained.scoring.model
    parts = preparation.apply(loaded.train), preparation.apply(loaded.validation)
    return Scoring.fit("combined", preparation, model, *parts, seed=1)


def test_there_and_back(combined, background, tiny):
    x = background(50, 3)
    again = Scoring.from_parts("combined", combined.to_arrays(), combined.to_json(), tiny().network)
    np.testing.assert_allclose(again.score(x), combined.score(x), rtol=1e-6)
    assert again.preparation.names == combined.preparation.names


def test_arrays_are_plain_numbers(combined):
    assert all(array.dtype.kind in "biuf" for array in combined.to_arrays().values())


def test_the_combination_rises_with_each_member(combined, background):
    x = background(500, 4)
    prepared = combined.preparation.apply(x)
    members = [combined.member(name, prepared) for name in ("score_norm", "knn")]
    score = combined.score(x)
    for member in members:
        assert np.corrcoef(np.argsort(np.argsort(member)), np.argsort(np.argsort(score)))[0, 1] > 0.7
    far = x.copy()
    far[:, 0] = 30
    assert combined.score(far).min() > score.max()


def test_p_values_are_of_events_that_no_member_was_fitted_on(combined, loaded):
    """The mean of −log p is 1 then; distances to the nearest are too short for the references themselves."""
    prepared = combined.preparation.apply(loaded.test)
    for name, surprise in zip(("score_norm", "knn"), combined.surprises, strict=True):
        assert surprise(combined.member(name, prepared)).mean() == pytest.approx(1, abs=0.2)


def test_fewer_knots_say_nearly_the_same(rng):
    whole = Surprise.of(rng.normal(size=20_000))
    few = thinned(whole, 256)
    assert len(few.knots) <= 256
    scores = np.linspace(-5, 6, 1000)
    np.testing.assert_allclose(few(scores), whole(scores), atol=0.05)
    assert (np.diff(few(scores)) > 0).all()
    assert thinned(few, 256) is few


def test_straight_lines_are_the_same_function(rng):
    surprise = thinned(Surprise.of(rng.exponential(size=500)), 16)
    at, values, slopes = straight_lines(surprise)
    scores = np.linspace(-1, 12, 500)
    line = (scores[:, None] >= surprise.knots).sum(axis=1)
    np.testing.assert_allclose(values[line] + (scores - at[line]) * slopes[line], surprise(scores), atol=1e-12)


def test_inputs_of_one_function_are_side_by_side(tiny, background, loaded):
    names = ("mass", "pt", "phi", "jets", "time", "charge", "run")
    found = Preparation.fit(loaded.train, names, tiny().features, {"phi": 2 * np.pi})
    same, x = grouped(found), background(20, 5)
    assert found.code.tolist() != sorted(found.code.tolist())
    assert transform_kinds(same).tolist() == sorted(transform_kinds(same).tolist())
    order = [found.input_names.index(name) for name in same.input_names]
    np.testing.assert_array_equal(same.apply(x), found.apply(x)[:, order])
    np.testing.assert_array_equal(same.by_column(same.jacobian(x)), found.by_column(found.jacobian(x)))
