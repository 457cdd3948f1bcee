import io
import zipfile

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events.tables import TableFile

X = np.arange(12.0).reshape(4, 3)


def table(path, **arrays):
    np.savez(path / "e.npz", **arrays)
    return TableFile.open(path / "e.npz", job="anomaly")


def test_one_table(tmp_path):
    named = table(tmp_path, x=X, columns=np.array(["a", "b", "c"]))
    assert (named.names, named.rows, named.kind) == (("a", "b", "c"), 4, "npz")
    assert named.read(["c", "a"], 1, 3)["c"].tolist() == [5, 8]
    assert table(tmp_path, x=X).names == ("column_0", "column_1", "column_2")
    assert table(tmp_path, x=np.asfortranarray(X)).read(["column_1"])["column_1"].tolist() == [1, 4, 7, 10]


def test_a_column_may_be_called_columns(tmp_path):
    assert table(tmp_path, columns=np.arange(3.0)).names == ("columns",)


def test_compressed(tmp_path):
    np.savez_compressed(tmp_path / "e.npz", x=np.array([1, np.nan], dtype=">f4"), n=np.array([True, False]))
    found = TableFile.open(tmp_path / "e.npz", job="anomaly").read(["x", "n"])
    np.testing.assert_array_equal(found["x"], [1, np.nan])
    assert {name: values.dtype.name for name, values in found.items()} == {"x": "float64", "n": "bool"}


def test_each_array_is_read_once(tmp_path, monkeypatch):
    found, read = table(tmp_path, x=X), []
    get = np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda self, key: (read.append(key), get(self, key))[1])
    assert sum(len(chunk) for chunk in found.chunks(None, 1)) == 4
    assert read == ["x"]


@pytest.mark.parametrize("column", [np.array(["a"] * 3), np.zeros(3, dtype=complex), np.zeros(3, dtype="M8[s]")])
def test_columns_that_are_no_numbers(tmp_path, column, message):
    found = table(tmp_path, x=np.arange(3), bad=column)
    assert found.read(["x"])["x"].tolist() == [0, 1, 2]
    with pytest.raises(DataError) as error:
        found.read(["bad"])
    message(error, "e.npz", "column 'bad' does not hold numbers", "one number a row")


def test_names_as_pandas_has_them(tmp_path, message):
    with pytest.raises(DataError) as error:
        table(tmp_path, x=X, columns=np.array(["a", "b", "c"], dtype=object))
    message(error, "e.npz", "array 'columns' holds Python objects", "astype(str)")


def test_nothing_is_unpickled(tmp_path, message):
    found = table(tmp_path, ragged=np.array([[1.0], [2.0, 3.0]], dtype=object))
    with pytest.raises(DataError) as error:
        found.read(["ragged"])
    message(error, "cannot be read", "pickle")


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"x": np.zeros(3), "y": np.zeros(2)}, "different length"),
        ({"x": np.zeros((2, 2, 2))}, "(2, 2, 2)"),
        ({"x": np.float64(1.0)}, "of shape ()"),
        ({"x": X, "columns": np.array(["a", "b"])}, "2 names for 3 columns"),
        ({"x": X, "columns": np.array(["a", "b", "a"])}, "column 'a' stands twice"),
    ],
)
def test_files_without_a_table(tmp_path, arrays, part, message):
    with pytest.raises(DataError) as error:
        table(tmp_path, **arrays)
    message(error, "e.npz", part)


def test_a_zip_file_of_other_things(tmp_path, message):
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(DataError) as error:
        TableFile.open(tmp_path / "e.npz", job="anomaly")
    message(error, "e.npz", "cannot be read")


def test_an_array_of_its_own_is_no_table(tmp_path, message):
    buffer = io.BytesIO()
    np.save(buffer, X)
    (tmp_path / "e.npy").write_bytes(buffer.getvalue())
    with pytest.raises(DataError) as error:
        TableFile.open(tmp_path / "e.npy", job="anomaly")
    message(error, "of no known format", ".npz")
