import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neyman.core.errors import DataError
from neyman.fit.settings import PruningConfig, SystematicConfig
from neyman.fit.systematics import (
    Effect,
    Variation,
    average,
    complete,
    effect,
    mirror,
    normalisation,
    prune,
    shape_size,
    split,
)

NOMINAL = np.array([10.0, 20.0, 30.0])
yields = hnp.arrays(float, 3, elements=st.floats(1, 100))


def systematic(**changes):
    both = {"Up": {"Weight": "u"}, "Down": {"Weight": "d"}}
    return SystematicConfig.model_validate({"Name": "jes", "Type": "NormPlusShape"} | both | changes)


@given(yields, yields)
def test_factor_and_shape_multiply_to_the_variation(varied, nominal):
    found = split(varied, nominal)
    np.testing.assert_allclose(found.norm * found.shape, varied, rtol=1e-12)
    assert found.shape.sum() == pytest.approx(nominal.sum())


@given(yields)
def test_the_mirror_image_of_the_mirror_image(varied):
    side = split(varied, NOMINAL)
    back = mirror(mirror(side, NOMINAL), NOMINAL)
    assert back.norm == pytest.approx(side.norm)
    np.testing.assert_allclose(back.shape, side.shape, atol=1e-12)


def test_an_average_is_half_of_the_difference():
    tilt = np.array([1.0, 0, -1])
    up, down = average(Variation(1.3, NOMINAL + 3 * tilt), Variation(0.9, NOMINAL + tilt), NOMINAL)
    assert (up.norm, down.norm) == pytest.approx((1.2, 0.8))
    np.testing.assert_allclose(up.shape - NOMINAL, tilt)
    np.testing.assert_allclose(down.shape - NOMINAL, -tilt)


def test_sides_of_their_own_stay_unless_they_are_made_symmetric():
    up, down = split(NOMINAL * 1.3, NOMINAL), split(NOMINAL * 0.9, NOMINAL)
    assert complete(systematic(), up, down, NOMINAL) == (up, down)
    found = complete(systematic(Symmetrize=True), up, down, NOMINAL)
    assert [each.norm for each in found] == pytest.approx([1.2, 0.8])


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ({"Up": {"Normalization": 0.2}, "Down": {"Normalization": -0.1}}, (1.2, 0.9)),
        ({"Up": {"Normalization": 0.2}, "Down": {"Symmetrize": True}}, (1.2, 0.8)),
        ({"Up": {"Symmetrize": True}, "Down": {"Normalization": -0.1}}, (1.1, 0.9)),
        ({"Up": {"Normalization": 0.2}, "Down": {"OneSided": True}}, (1.2, 1.0)),
        ({"Up": {"OneSided": True}, "Down": {"Normalization": 0}}, (1.0, 1.0)),
        ({"Up": {"Normalization": 0.3}, "Down": {"Normalization": -0.1}, "Symmetrize": True}, (1.2, 0.8)),
    ],
)
def test_normalisations(sides, expected):
    found = normalisation(systematic(Type="Normalization", **sides))
    assert found.norms == pytest.approx(expected)
    assert found.shapes is None


def test_a_mirror_image_without_yield(message):
    with pytest.raises(DataError) as error:
        complete(systematic(Down={"Symmetrize": True}), split(NOMINAL * 2.5, NOMINAL), None, NOMINAL, where="here")
    message(error, "here: systematic 'jes' changes the yield by factors 2.5 and -0.5", "OneSided")


def test_a_single_bin_has_no_shape():
    one = np.array([5.0])
    found = effect(split(one * 1.1, one), split(one * 0.9, one))
    assert found.modifiers("jes") == [
        {"name": "jes", "type": "normsys", "data": {"hi": pytest.approx(1.1), "lo": pytest.approx(0.9)}}
    ]


def test_the_size_of_a_shape():
    shapes = (NOMINAL * [1.1, 1, 1], NOMINAL * [1, 0.8, 1])
    assert shape_size(Effect(None, shapes), NOMINAL) == pytest.approx(0.2)
    assert shape_size(Effect((1.1, 0.9), None), NOMINAL) == 0
    empty, filled = np.array([0.0, 20, 30]), np.array([1.0, 20, 30])
    assert shape_size(Effect(None, (empty, empty)), empty) == 0
    assert shape_size(Effect(None, (empty, filled)), empty) == np.inf


def test_pruning_keeps_what_is_at_the_limit_on_one_side():
    found = Effect((1.01, 1.0), (NOMINAL * [1.02, 1, 1], NOMINAL))
    assert prune(found, NOMINAL, PruningConfig()) is found
    assert prune(found, NOMINAL, PruningConfig(Norm=0.0099, Shape=0.0199)) is found
    assert prune(found, NOMINAL, PruningConfig(Norm=0.0101, Shape=0.0201)) == Effect(None, None)
    assert Effect(None, None).modifiers("jes") == []
