import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.core.files import read_json, write_json
from neyman.events import Column, Schema

Q2 = Column(name="q2", unit="GeV^2", low=1.1, high=6.0, label=r"$q^2$")
PHI = Column(name="phi", unit="rad", low=-math.pi, high=math.pi, periodic=True)
SCHEMA = Schema((Q2, PHI, Column(name="x")))

bounds = st.tuples(st.floats(-1e6, 0) | st.just(-math.inf), st.floats(1e-6, 1e6) | st.just(math.inf))
columns = st.builds(
    lambda name, pair, unit: Column(name=name, low=pair[0], high=pair[1], unit=unit),
    st.text(min_size=1, max_size=5),
    bounds,
    st.sampled_from(["1", "GeV^2", "rad"]),
)
schemas = st.lists(columns, min_size=1, max_size=4, unique_by=lambda column: column.name).map(
    lambda columns: Schema(tuple(columns))
)


@given(schemas)
def test_json_round_trip_also_without_bounds(schema):
    text = json.dumps(schema.to_json(), allow_nan=False)
    assert Schema.from_json(json.loads(text)) == schema


def test_round_trip_through_a_file_that_has_no_infinity(tmp_path):
    write_json(tmp_path / "s.json", SCHEMA.to_json())
    assert Schema.from_json(read_json(tmp_path / "s.json")) == SCHEMA


@pytest.mark.parametrize(
    "value", [3, [1], [{"name": "x", "colour": "red"}], [{}], ["x"], [], [{"name": "x", "low": "a"}]]
)
def test_what_is_no_schema_is_refused(value, message):
    with pytest.raises(DataError) as error:
        Schema.from_json(value, where="f.json")
    message(error)


@pytest.mark.parametrize(
    "options",
    [{"low": 2, "high": 1}, {"low": 1, "high": 1}, {"low": math.nan}, {"periodic": True}, {"periodic": True, "low": 0}],
)
def test_a_column_that_cannot_be_is_refused(options, message):
    with pytest.raises(DataError) as error:
        Column(name="x", **options)
    message(error, "'x'")


def test_schemas_that_cannot_be_are_refused(message):
    with pytest.raises(DataError) as error:
        Schema((PHI, Q2, PHI))
    message(error, "'phi' stands twice")
    with pytest.raises(DataError) as error:
        Schema(())
    message(error, "without columns")


def test_columns_by_name(message):
    assert SCHEMA["q2"] is Q2
    with pytest.raises(DataError) as error:
        SCHEMA["q"]
    message(error, "no column 'q'", "q2, phi, x")


def test_axis_labels():
    assert Q2.axis_label == "$q^2$ [GeV^2]"
    assert Column(name="x").axis_label == "x"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite(bad, message):
    with pytest.raises(DataError) as error:
        SCHEMA.check("x", np.array([1.0, bad, bad]), where="f.parquet")
    message(error, "f.parquet", "'x'", "in row 1", "2 of 3 rows", "finite numbers")


@pytest.mark.parametrize(
    ("name", "values", "parts"),
    [
        ("phi", [0.1, 170.0], ["170 in row 1", "rad", "if phi is in degrees, convert it to radians"]),
        ("phi", [0.1, 5000.0], ["select events inside"]),
        ("q2", [2.0, 4.5e6], ["1.1 to 6 GeV^2", "if q2 is in MeV^2, divide it by 1e6"]),
        ("q2", [0.5], ["0.5 in row 0 (1 of 1 rows)", "select events inside the range of q2"]),
    ],
)
def test_values_outside_come_with_a_guess(name, values, parts, message):
    with pytest.raises(DataError) as error:
        SCHEMA.check(name, np.array(values))
    message(error, *parts)


def test_the_edges_are_inside():
    SCHEMA.check("q2", np.array([1.1, 6.0]))
    SCHEMA.check("phi", np.array([-np.pi, np.pi]))
    SCHEMA.check("phi", np.array([]))
