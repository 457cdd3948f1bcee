import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from neyman.core.errors import DataError
from neyman.events import Column, Events, Schema

SCHEMA = Schema((Column(name="a", low=0, high=10), Column(name="b")))


def events(**changes):
    return Events({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0], **changes}, SCHEMA)


@given(
    hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2).map(lambda s: (s[0], 2)),
        elements={"min_value": 0, "max_value": 10},
    )
)
def test_matrix_round_trip(matrix):
    found = Events.from_matrix(matrix, SCHEMA)
    np.testing.assert_array_equal(found.matrix, matrix)
    assert len(found) == len(matrix)


def test_columns_by_name_and_in_the_order_of_the_schema(message):
    found = Events({"more": ["x"] * 2, "b": [1, 2], "a": [3, 4]}, SCHEMA)
    np.testing.assert_array_equal(found.matrix, [[3, 1], [4, 2]])
    assert found["b"].dtype == np.float64
    with pytest.raises(DataError) as error:
        found["more"]
    message(error, "no column 'more'", "a, b")


def test_nothing_can_be_changed():
    source, weights = np.array([1.0, 2.0, 3.0]), np.ones(3)
    found = Events({"a": source, "b": source}, SCHEMA, weights=weights)
    source[0], weights[0] = 9, 9
    assert found["a"][0] == found.weights[0] == 1
    for values in (found["a"], found.weights):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 7
    for name in ("schema", "weights"):
        with pytest.raises(AttributeError):
            setattr(found, name, None)
    with pytest.raises(TypeError):
        found["a"] = source
    found.matrix[:] = 0
    assert found["a"][1] == 2


def test_a_copy_from_another_process_is_as_immutable():
    found = pickle.loads(pickle.dumps(Events({"a": [1], "b": [2]}, SCHEMA, weights=np.array([-0.5]))))
    assert (found["a"][0], found["b"][0], found.weights[0]) == (1, 2, -0.5)
    assert not found["a"].flags.writeable
    assert not found.weights.flags.writeable


def test_an_edge_in_single_precision_is_the_edge(message):
    schema = Schema((Column(name="phi", low=-np.pi, high=np.pi), Column(name="x")))
    edges = np.array([-np.pi, 0, np.pi], dtype=np.float32)
    assert float(edges[2]) > np.pi
    np.testing.assert_array_equal(Events({"phi": edges, "x": edges}, schema)["phi"], [-np.pi, 0, np.pi])
    with pytest.raises(DataError) as error:
        Events({"phi": np.nextafter(edges, np.float32(9)), "x": edges}, schema)
    message(error, "in row 2")
    with pytest.raises(DataError):
        Events({"phi": edges.astype(float), "x": edges}, schema)


@pytest.mark.parametrize("rows", [np.array([True, False, True]), np.array([0, 2]), slice(0, 3, 2)])
def test_selection(rows):
    found = Events({"a": [1, 2, 3], "b": [4, 5, 6]}, SCHEMA, weights=np.array([1.0, -1.0, 0.5])).select(rows)
    np.testing.assert_array_equal(found.matrix, [[1, 4], [3, 6]])
    np.testing.assert_array_equal(found.weights, [1, 0.5])


def test_no_events_are_events():
    none = Events({"a": [], "b": []}, SCHEMA)
    assert len(none) == 0
    assert none.matrix.shape == (0, 2)
    assert len(events().select(np.zeros(3, dtype=bool))) == 0


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"a": [1.0, np.nan, 3.0]}, ["'a' is nan in row 1", "1 of 3"]),
        ({"a": [1.0, 2.0, np.inf]}, ["'a' is inf in row 2"]),
        ({"a": [1.0, 2.0, 11.0]}, ["'a' is 11 in row 2", "0 to 10"]),
        ({"a": [1.0, 2.0]}, ["different length", "'a': 2", "'b': 3"]),
        ({"a": [[1.0], [2.0], [3.0]]}, ["shape (3, 1)"]),
        ({"a": np.float64(1)}, ["shape ()"]),
        ({"a": [[1.0], [2.0, 3.0], [4.0]]}, ["ragged"]),
        ({"a": ["1", "2", "3"]}, ["does not hold numbers"]),
        ({"a": np.array(["1", "2", "3"], dtype=object)}, ["does not hold numbers"]),
        ({"a": [1.0, None, 3.0]}, ["does not hold numbers"]),
        ({"a": [True, False, True]}, ["does not hold numbers", "bool"]),
        ({"a": [1j, 2.0, 3.0]}, ["does not hold numbers", "complex"]),
        ({"a": np.array(["2026", "2027", "2028"], dtype="M8[Y]")}, ["does not hold numbers", "datetime"]),
        ({"a": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])}, ["masked"]),
    ],
)
def test_columns_that_cannot_be_used(changes, parts, message):
    with pytest.raises(DataError) as error:
        Events({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0], **changes}, SCHEMA, where="f.csv")
    message(error, "f.csv", *parts)


def test_missing_columns(message):
    with pytest.raises(DataError) as error:
        Events({"c": [1.0]}, SCHEMA)
    message(error, "missing a, b; found c", "columns a, b")
    with pytest.raises(DataError) as error:
        Events({}, SCHEMA)
    message(error, "found no columns")


@pytest.mark.parametrize(
    ("weights", "part"),
    [
        ([1.0, 2.0], "3 finite weights"),
        ([1.0, np.nan, 2.0], "1 of them not finite"),
        ([[1.0, 2.0, 3.0]], "the array of weights has shape (1, 3)"),
        (["1", "2", "3"], "the array of weights does not hold numbers"),
    ],
)
def test_weights_that_cannot_be_used(weights, part, message):
    with pytest.raises(DataError) as error:
        Events({"a": [1, 2, 3], "b": [4, 5, 6]}, SCHEMA, weights=np.array(weights))
    message(error, part)


def test_negative_weights_are_physics():
    assert Events({"a": [1], "b": [4]}, SCHEMA, weights=np.array([-2.0])).weights[0] == -2


@pytest.mark.parametrize("shape", [(3, 1), (3, 3), (0, 1)])
def test_a_matrix_of_another_width(shape, message):
    with pytest.raises(DataError) as error:
        Events.from_matrix(np.ones(shape), SCHEMA)
    message(error, str(shape), "(events, 2): a, b")


def test_repr():
    assert repr(events()) == "Events(3 × [a, b])"
    assert repr(Events({"a": [1], "b": [1]}, SCHEMA, weights=np.ones(1))) == "Events(1 × [a, b], weighted)"
