import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from neyman.core.errors import DataError
from neyman.events import Column, Events, Schema, read_parquet, write_parquet
from neyman.events.parquet import read_columns, read_schema

SCHEMA = Schema((Column(name="q2", unit="GeV^2", low=0, high=20), Column(name="x")))


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


@given(hnp.arrays(float, (7, 2), elements={"min_value": 0, "max_value": 20}))
def test_round_trip(tmp_path_factory, matrix):
    path = tmp_path_factory.mktemp("events") / "e.parquet"
    weights = matrix[:, 0] - 10
    write_parquet(path, Events(dict(zip(("q2", "x"), matrix.T, strict=True)), SCHEMA, weights=weights))
    found = read_parquet(path, SCHEMA)
    np.testing.assert_array_equal(found.matrix, matrix)
    np.testing.assert_array_equal(found.weights, weights)
    assert read_schema(path) == SCHEMA


def test_the_same_events_give_the_same_bytes(tmp_path):
    events = Events({"q2": [1.0, 2.0], "x": [3.0, 4.0]}, SCHEMA)
    for name in ("a", "b"):
        write_parquet(tmp_path / name, events, extra={"set": np.array([0, 1], dtype=np.int32)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_columns(tmp_path / "a", ("set",))["set"].dtype == np.int32
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_files_of_other_programs(tmp_path):
    path = write(tmp_path / "e.parquet", x=np.array([1, 2], "i4"), run=["a", "b"], q2=np.array([1, 2], "f4"))
    found = read_parquet(path, SCHEMA)
    np.testing.assert_array_equal(found.matrix, [[1, 1], [2, 2]])
    assert found.weights is None
    assert read_schema(path) is None


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"q2": [1.0]}, ["missing x; found q2", "columns q2, x"]),
        ({"q": [1.0]}, ["missing q2, x; found q", "rename 'q' to 'q2', if that is what they are"]),
        ({f"y{i}": [1.0] for i in range(10)}, ["found y0, y1, y2, y3, y4, y5, y6, y7 and 2 more"]),
        ({"q2": [1.0, None, None], "x": [1.0, 2.0, 3.0]}, ["'q2' is null in 2 rows"]),
        ({"q2": [1.0, np.nan], "x": [1.0, 2.0]}, ["'q2' is nan in row 1"]),
        ({"q2": [1.0, np.inf], "x": [1.0, 2.0]}, ["'q2' is inf in row 1"]),
        ({"q2": ["1.5"], "x": [1.0]}, ["'q2' does not hold numbers"]),
        ({"q2": [True], "x": [1.0]}, ["'q2' does not hold numbers"]),
        ({"q2": [[1.0, 2.0]], "x": [1.0]}, ["'q2' does not hold numbers"]),
        ({"q2": [{"a": 1.0}], "x": [1.0]}, ["'q2' does not hold numbers"]),
        ({"q2": [2e6], "x": [1.0]}, ["if q2 is in MeV^2"]),
        ({"q2": [1.0], "x": [1.0], "weight": [None]}, ["'weight' is null"]),
        ({"q2": [1.0], "x": [1.0], "weight": [np.nan]}, ["not finite"]),
        ({"q2": pa.array([], "f8"), "x": pa.array([], "f8")}, ["no events in this file"]),
    ],
)
def test_files_that_cannot_be_used(tmp_path, columns, parts, message):
    path = write(tmp_path / "e.parquet", **columns)
    with pytest.raises(DataError) as error:
        read_parquet(path, SCHEMA)
    message(error, "e.parquet", *parts)


def test_a_column_that_stands_twice(tmp_path, message):
    table = pa.Table.from_arrays([pa.array([1.0])] * 3, names=["q2", "x", "q2"])
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path / "e.parquet", SCHEMA)
    message(error, "'q2' stands twice")


def test_a_file_that_says_it_is_in_other_units(tmp_path, message):
    other = Schema((Column(name="q2", unit="MeV^2"), Column(name="x")))
    write_parquet(tmp_path / "e.parquet", Events({"q2": [3.0], "x": [1.0]}, other))
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path / "e.parquet", SCHEMA)
    message(error, "'q2' is in MeV^2", "expected: GeV^2")


@pytest.mark.parametrize("text", ["{", "[]", '[{"name": 1, "b": 2}]', "3", "\\ud800"])
def test_a_damaged_schema_in_the_file(tmp_path, text, message):
    table = pa.table({"q2": [1.0], "x": [1.0]}).replace_schema_metadata({b"neyman.schema": text})
    pq.write_table(table, tmp_path / "e.parquet")
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path / "e.parquet", SCHEMA)
    message(error)


@pytest.fixture
def content(tmp_path):
    path = tmp_path / "good.parquet"
    rng = np.random.default_rng(1)
    write_parquet(path, Events({"q2": rng.uniform(0, 20, 500), "x": rng.normal(size=500)}, SCHEMA))
    return path.read_bytes()


@pytest.mark.parametrize("keep", [0, 3, 4, 100, 0.5, -1, -9])
def test_truncated_files(tmp_path, content, keep, message):
    (tmp_path / "e.parquet").write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path / "e.parquet", SCHEMA)
    message(error, "e.parquet", "cannot be read")


@pytest.mark.parametrize("place", range(0, 900, 90))
def test_damaged_bytes_give_our_error_or_no_harm(tmp_path, content, place):
    damaged = bytearray(content)
    damaged[place : place + 8] = b"\xff" * 8
    (tmp_path / "e.parquet").write_bytes(damaged)
    try:
        assert np.isfinite(read_parquet(tmp_path / "e.parquet", SCHEMA).matrix).all()
    except DataError as error:
        assert len(str(error).splitlines()) <= 5


def test_no_file_and_a_folder(tmp_path, message):
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path / "none.parquet", SCHEMA)
    message(error, "no such file", "none.parquet")
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path, SCHEMA)
    message(error, "cannot be read")


def test_names_that_would_clash(tmp_path, message):
    events = Events({"q2": [1.0], "x": [1.0]}, SCHEMA)
    for name in ("q2", "weight"):
        with pytest.raises(DataError) as error:
            write_parquet(tmp_path / "e.parquet", events, extra={name: np.ones(1)})
        message(error, f"'{name}'")
    with pytest.raises(DataError):
        write_parquet(tmp_path / "e.parquet", Events({"weight": [1.0]}, Schema((Column(name="weight"),))))
    assert os.listdir(tmp_path) == []


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fails)
    with pytest.raises(OSError, match="No space left"):
        write_parquet(tmp_path / "e.parquet", Events({"q2": [1.0], "x": [1.0]}, SCHEMA))
    assert os.listdir(tmp_path) == []
