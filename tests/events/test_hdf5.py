import h5py
import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events.tables import TableFile

X = np.arange(12.0).reshape(4, 3)


def table(path, fill):
    with h5py.File(path / "e.h5", "w") as file:
        fill(file)
    return TableFile.open(path / "e.h5", job="anomaly")


def everything(found):
    return {name: values.tolist() for name, values in found.read(list(found.names)).items()}


def test_one_table_with_names(tmp_path):
    def fill(file):
        file["events"] = X
        file["events"].attrs["columns"] = ["a", "b", "c"]

    assert everything(table(tmp_path, fill)) == {"a": [0, 3, 6, 9], "b": [1, 4, 7, 10], "c": [2, 5, 8, 11]}


def test_one_table_without_names(tmp_path):
    found = table(tmp_path, lambda file: file.create_dataset("x", data=X, chunks=(2, 3), compression="gzip"))
    assert (found.names, found.rows, found.kind) == (("column_0", "column_1", "column_2"), 4, "HDF5")
    assert found.read(["column_2", "column_0"], 1, 3)["column_2"].tolist() == [5, 8]
    assert [len(chunk) for chunk in found.chunks(None, 3)] == [3, 1]


def test_a_table_a_dataset_of_names_and_a_column(tmp_path):
    def fill(file):
        file["x"], file["columns"], file["label"] = X, [b"a", b"b", b"c"], np.arange(4)

    found = table(tmp_path, fill)
    assert sorted(found.names) == ["a", "b", "c", "label"]
    assert found.read(["c", "label"])["label"].tolist() == [0, 1, 2, 3]


def test_columns_in_a_group(tmp_path):
    found = table(tmp_path, lambda file: file.create_group("events").create_dataset("x", data=[1.0, np.nan]))
    np.testing.assert_array_equal(found.read(["x"])["x"], [1, np.nan])


def test_kinds_of_numbers(tmp_path):
    kinds = ["<f4", ">f8", "<f2", ">i4", "u1", "?", "<f8"]

    def fill(file):
        for kind in kinds:
            file[kind] = np.array([0, 1, 1], dtype=kind)

    found = table(tmp_path, fill)
    assert everything(found) == {kind: [0, 1, 1] for kind in kinds}
    assert found.read(["?"])["?"].dtype == bool
    assert found.read([">i4"])[">i4"].dtype == np.int32


def test_a_frame_of_pandas(tmp_path):
    """As `DataFrame.to_hdf` writes it."""

    def fill(file):
        group = file.create_group("df")
        group["axis0"], group["axis1"] = [b"a", b"b", b"c"], np.arange(4)
        group["block0_items"], group["block0_values"] = [b"a", b"b", b"c"], X

    assert everything(table(tmp_path, fill))["b"] == [1, 4, 7, 10]


def test_a_frame_of_several_types(tmp_path, message):
    def fill(file):
        group = file.create_group("df")
        for block in (0, 1):
            group[f"block{block}_items"], group[f"block{block}_values"] = [b"a", b"b", b"c"], X

    with pytest.raises(DataError) as error:
        table(tmp_path, fill)
    message(error, "several types", "astype")


@pytest.mark.parametrize(
    ("column", "part"),
    [
        (["a", "b", "c", "d"], "text or lists"),
        (np.array([b"a"] * 4), "|S1"),
        (np.zeros(4, dtype=complex), "complex"),
        (np.zeros(4, dtype=[("a", "f8")]), "[('a'"),
    ],
)
def test_columns_that_are_no_numbers(tmp_path, column, part, message):
    def fill(file):
        file["x"], file["bad"] = np.arange(4), column

    found = table(tmp_path, fill)
    assert found.read(["x"])["x"].tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError) as error:
        found.read(["bad"])
    message(error, "e.h5", "column 'bad' does not hold numbers", part)


def test_a_ragged_column(tmp_path, message):
    def fill(file):
        lists = file.create_dataset("jets", 2, dtype=h5py.vlen_dtype(np.float64))
        lists[0], lists[1] = [1.0], [2.0, 3.0]

    with pytest.raises(DataError) as error:
        everything(table(tmp_path, fill))
    message(error, "column 'jets' does not hold numbers", "lists")


@pytest.mark.parametrize(
    ("fill", "part"),
    [
        (lambda file: None, "0 groups"),
        (lambda file: (file.create_group("a"), file.create_group("b")), "2 groups"),
        (lambda file: file.create_group("a"), "no arrays"),
        (lambda file: file.update({"x": np.zeros(3), "y": np.zeros(4)}), "different length"),
        (lambda file: file.update({"x": np.zeros((3, 19, 4))}), "(3, 19, 4)"),
        (lambda file: file.update({"x": 1.0}), "of shape ()"),
    ],
)
def test_files_without_a_table(tmp_path, fill, part, message):
    with pytest.raises(DataError) as error:
        table(tmp_path, fill)
    message(error, "e.h5", part)


def test_an_hdf5_file_has_no_tree(tmp_path, message):
    table(tmp_path, lambda file: file.create_dataset("x", data=[1.0]))
    with pytest.raises(DataError) as error:
        TableFile.open(f"{tmp_path / 'e.h5'}:x", job="anomaly")
    message(error, "an HDF5 file has no tree 'x'")
