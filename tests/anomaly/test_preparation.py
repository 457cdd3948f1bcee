import numpy as np
import pytest

from neyman.anomaly.columns import departs, require_features
from neyman.anomaly.config import FeatureConfig
from neyman.anomaly.preparation import COS, LOG, NONE, SIN, Preparation, most_telling
from neyman.core.errors import DataError

NAMES = ("gauss", "pt", "phi", "count", "always")


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(1)
    pt = np.where(rng.random(3000) < 0.3, 0.0, 15 * np.exp(rng.exponential(1.0, 3000)))
    columns = [rng.normal(5, 2, 3000), pt, rng.uniform(-np.pi, np.pi, 3000), rng.poisson(3, 3000), np.full(3000, 7.5)]
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def prepared(x):
    return Preparation.fit(x, NAMES, FeatureConfig(), {"phi": 2 * np.pi})


def test_each_column_gets_what_it_needs(prepared):
    assert prepared.source.tolist() == [0, 1, 2, 2, 3]
    assert prepared.code.tolist() == [NONE, LOG, COS, SIN, NONE]
    assert prepared.counts.tolist() == [0, 0, 0, 0, 1]
    assert prepared.constant == ("always",)
    assert prepared.redundant == ()
    assert prepared.input_names == ("gauss", "log(pt)", "cos(phi)", "sin(phi)", "count")


def test_inputs_are_standardised(prepared, x):
    y = prepared.apply(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(y.std(axis=0)[:4], 1, rtol=1e-3)
    spread = prepared.apply_in_training(x, np.random.default_rng(0))
    np.testing.assert_allclose(spread.std(axis=0), 1, rtol=0.01)


def test_the_table_is_the_formula(prepared, x):
    pt, unit = x[:, 1], prepared.unit[1]
    expected = (np.log1p(pt / unit) - prepared.centre[1]) / prepared.scale[1]
    np.testing.assert_allclose(prepared.apply(x)[:, 1], expected, rtol=1e-5)
    minus = x.copy()
    minus[:, 1] *= -1  # never seen, and still a number
    np.testing.assert_allclose(
        prepared.apply(minus)[:, 1], (-np.log1p(pt / unit) - prepared.centre[1]) / prepared.scale[1], rtol=1e-5
    )


def test_a_period_later_is_the_same(prepared, x):
    later = x.copy()
    later[:, 2] += 2 * np.pi
    np.testing.assert_allclose(prepared.apply(later), prepared.apply(x), atol=1e-5)


def test_alone_is_as_among_others(prepared, x):
    np.testing.assert_array_equal(prepared.apply(x[17:18])[0], prepared.apply(x)[17])


def test_only_training_spreads_whole_numbers(prepared, x):
    one, other = (prepared.apply_in_training(x, np.random.default_rng(seed)) for seed in (1, 2))
    np.testing.assert_array_equal(one[:, :4], prepared.apply(x)[:, :4])
    moved = (one - prepared.apply(x))[:, 4] * prepared.scale[4]
    assert np.abs(moved).max() <= 0.5 + 1e-5
    assert moved.std() == pytest.approx(12**-0.5, rel=0.05)
    assert not np.array_equal(one, other)


def test_the_jacobian_is_the_finite_difference(prepared, x):
    few, step = x[:20].copy(), 1e-3
    few[:8, 1] *= -1  # never seen, and its logarithm is mirrored
    found = prepared.jacobian(few)
    for k, column in enumerate(prepared.source):
        up, down = few.copy(), few.copy()
        up[:, column] += step
        down[:, column] -= step
        y = [(_exact(prepared, side)[:, k]) for side in (up, down)]
        if prepared.code[k] == LOG:
            good = np.abs(few[:, column]) > step
            np.testing.assert_allclose(found[good, k], ((y[0] - y[1]) / (2 * step))[good], rtol=1e-5)
        else:
            np.testing.assert_allclose(found[:, k], (y[0] - y[1]) / (2 * step), rtol=1e-4, atol=1e-6)


def _exact(prepared, x):
    """The formula of the module, column by column, in double precision."""
    functions = {
        NONE: lambda u: u,
        LOG: lambda u: np.sign(u) * np.log1p(np.abs(u)),
        COS: np.cos,
        SIN: np.sin,
    }
    table = zip(prepared.source, prepared.code, prepared.unit, prepared.centre, prepared.scale, strict=True)
    return np.stack([(functions[f](x[:, s] / unit) - centre) / scale for s, f, unit, centre, scale in table], axis=1)


def test_inputs_are_added_to_their_columns(prepared):
    summed = prepared.by_column(np.array([[1.0, 2, 3, 4, 5]]))
    assert summed.tolist() == [[1, 2, 7, 5, 0]]


def test_arrays_and_back(prepared, x, tmp_path):
    np.savez(tmp_path / "p.npz", **prepared.to_arrays())
    with np.load(tmp_path / "p.npz", allow_pickle=False) as stored:
        again = Preparation.from_arrays(stored)
    assert again.names == NAMES
    assert again.constant == ("always",)
    np.testing.assert_array_equal(again.apply(x), prepared.apply(x))


def test_what_is_asked_for_is_done(x):
    plain = Preparation.fit(x, NAMES, FeatureConfig(transforms="none"), {"phi": 2 * np.pi})
    assert plain.code.tolist() == [NONE] * 4
    chosen = Preparation.fit(x, NAMES, FeatureConfig(transforms={"gauss": "log", "pt": "none"}, periods={"phi": 6.3}))
    assert chosen.code.tolist() == [LOG, NONE, COS, SIN, NONE]
    assert chosen.unit[2] == pytest.approx(6.3 / (2 * np.pi))


def test_an_angle_is_known_by_its_name_and_a_full_turn(x):
    names = ("a", "b", "jet1_phi", "c", "d")
    assert COS in Preparation.fit(x, names, FeatureConfig()).code
    half = x * [1, 1, 0.5, 1, 1]
    assert COS not in Preparation.fit(half, names, FeatureConfig()).code
    assert COS not in Preparation.fit(x, ("a", "b", "angle", "c", "d"), FeatureConfig()).code


def test_a_copy_is_not_chosen():
    rng = np.random.default_rng(2)
    shared, noise = rng.normal(size=(2, 500))
    x = np.stack([noise, shared, shared + 0.1 * rng.normal(size=500), -3 * shared, shared], axis=1)
    two = Preparation.fit(x, tuple("abcde"), FeatureConfig(most=2))
    assert two.width == 2
    assert "a" not in two.redundant  # what nothing else tells comes second
    assert len(two.redundant) == 3
    assert most_telling(two.apply(x), two.source, 1).tolist() != [0]  # and what many share comes first
    copies = Preparation.fit(x[:, [1, 3, 4]], tuple("abc"), FeatureConfig(most=2))
    assert copies.width == 1


def test_the_choice_ignores_the_order_of_events_and_keeps_that_of_columns():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 12)) @ rng.normal(size=(12, 12))
    names = tuple(f"f{number}" for number in range(12))
    found = Preparation.fit(x, names, FeatureConfig(most=5))
    again = Preparation.fit(x[::-1], names, FeatureConfig(most=5))
    assert found.source.tolist() == sorted(found.source.tolist()) == again.source.tolist()
    assert found.width == 5


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[:, :4], [r"\(3000, 4\)", "5"]),
        (lambda x: x[:0], ["no events"]),
        (lambda x: _with(x, np.nan), ["'pt' is nan in row 3", "1 of 3000"]),
        (lambda x: _with(x, np.inf), ["'pt' is inf in row 3"]),
    ],
)
def test_events_that_do_not_fit_are_refused(prepared, x, spoil, words):
    for use in (prepared.apply, lambda bad: require_features(bad, NAMES)):
        with pytest.raises(DataError) as caught:
            use(spoil(x))
        for word in words:
            assert caught.match(word)


def _with(x, value):
    bad = x.copy()
    bad[3, 1] = value
    return bad


def test_columns_that_never_change_are_refused():
    with pytest.raises(DataError, match="constant"):
        Preparation.fit(np.ones((10, 2)), ("a", "b"), FeatureConfig())
    with pytest.raises(DataError, match="did you mean 'phi'"):
        Preparation.fit(np.ones((10, 2)), ("phi", "b"), FeatureConfig(periods={"ph": 6.28}))
    with pytest.raises(DataError, match="transforms of 'c'"):
        Preparation.fit(np.ones((10, 2)), ("a", "b"), FeatureConfig(transforms={"c": "log"}))


def test_a_logarithm_is_for_tails_heavier_than_an_exponentials():
    """Both would lie better on a line with a normal; only of one do a few events set the standard deviation."""
    rng = np.random.default_rng(8)
    x = np.stack([rng.gamma(1.5, size=4000), np.exp(rng.normal(size=4000))], axis=1)
    made = Preparation.fit(x, ("short", "heavy"), FeatureConfig())
    assert made.input_names == ("short", "log(heavy)")
    forced = Preparation.fit(x, ("short", "heavy"), FeatureConfig(transforms={"short": "log"}))
    assert forced.input_names == ("log(short)", "log(heavy)")


@pytest.mark.parametrize("few", [1, 10, 50])
@pytest.mark.parametrize("placeholder", [1e4, -999999.0, 1e12, -3.4e29])
def test_a_few_placeholders_squeeze_nothing(placeholder, few):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(3000, 2))
    x[rng.choice(3000, few, replace=False), 0] = placeholder
    found = Preparation.fit(x, ("a", "b"), FeatureConfig())
    assert found.outlying == ("a",)
    assert found.code.tolist() == [NONE, NONE]
    assert found.centre[0] == pytest.approx(0, abs=0.05)
    assert found.scale[0] == pytest.approx(1, rel=0.05)
    assert np.abs(found.apply_in_training(x, rng)).max() <= 30
    far = found.apply(np.array([[1e300, 0.0], [-1.7e308, 0.0], [50.0, 0.0]]))
    assert far[:2, 0].tolist() == [1e4, -1e4]
    assert far[2, 0] == pytest.approx(50, rel=0.1)


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(8).exponential(1.0, 3000),
        np.random.default_rng(8).lognormal(0.0, 1.5, 3000),
        np.repeat([0.0, 1000.0], [2970, 30]),  # all the others are one value, which has no width
        np.concatenate([np.random.default_rng(8).normal(size=2700), np.full(300, -999.0)]),  # so many are no few
    ],
)
def test_what_is_no_placeholder_sets_the_scale(column):
    found = Preparation.fit(column[:, None], ("a",), FeatureConfig(transforms="none"))
    assert found.outlying == ()
    assert found.scale[0] == pytest.approx(column.std(), rel=1e-6)


@pytest.mark.parametrize(("factor", "word"), [(1e200, "in row 5"), (1e-200, "differ by")])
def test_numbers_without_a_square_are_refused(factor, word, message):
    x = np.ones((100, 2)) * np.arange(100.0)[:, None]
    x[:, 1] *= factor
    x[5, 1] *= 1000
    with pytest.raises(DataError) as error:
        Preparation.fit(x, ("a", "b"), FeatureConfig())
    message(error, "column 'b'" if word == "in row 5" else "of column 'b'", word, "units")


def test_what_the_constants_were():
    x = np.random.default_rng(9).normal(size=(100, 3))
    x[:, 1] = 7.0
    found = Preparation.fit(x, ("a", "b", "c"), FeatureConfig())
    assert (found.constant, found.held.tolist()) == (("b",), [7.0])
    again = Preparation.from_arrays(found.to_arrays())
    assert (again.held.tolist(), again.outlying) == ([7.0], ())
    assert departs(np.array([7.0, 7.0 + 1e-13, 7.1]), 7.0).tolist() == [False, False, True]
