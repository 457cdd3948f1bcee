import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events import csv_rows
from neyman.events.tables import TableFile


def table(path, text):
    path = path / "e.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return TableFile.open(path, job="anomaly")


def test_numbers_of_all_kinds(tmp_path):
    found = table(tmp_path, "a,b,s\r\n1,nan,x\r\n -2.5,inf,y\r\n\r\n1e3,-inf,\r\n")
    assert (found.names, found.rows, found.kind, found.tree) == (("a", "b", "s"), 3, "CSV", None)
    np.testing.assert_array_equal(found.read(["a"])["a"], [1, -2.5, 1000])
    np.testing.assert_array_equal(found.read(["b"])["b"], [np.nan, np.inf, -np.inf])


def test_whole_numbers_at_first(tmp_path, monkeypatch):
    """The type of a column does not depend on what its first block holds."""
    monkeypatch.setattr(csv_rows, "_BLOCK", 64)
    found = table(tmp_path, "a,b\n" + "1,2\n" * 100 + "0.5,2\n")
    assert found.rows == 101
    assert found.read(["a"], 99)["a"].tolist() == [1, 0.5]
    assert [len(chunk) for chunk in found.chunks(["a"], 7)][:3] == [7, 7, 1]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b\n1,2\n3,x\n", ["Row #3", "'x'"]),
        ("a,b\n1,2\n3,\n", ["column 'b' is null in 1 rows"]),
        ("a,b\n1,2\n3,NA\n", ["Row #3", "'NA'", "True or NA"]),
        ("a,b\n1,2\n3,1 000\n", ["Row #3"]),
        (b"a,b\n1,2\n3,\xff\xfe\n", ["Row #3"]),
    ],
)
def test_fields_that_are_no_numbers(tmp_path, text, parts, message):
    found = table(tmp_path, text)
    assert found.read(["a"])["a"].tolist() == [1, 3]
    with pytest.raises(DataError) as error:
        found.read(["b"])
    message(error, "e.csv", *parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b\n1,2\n3,4,5\n", ["Row #3", "Expected 2 columns, got 3"]),
        ("a,b\n1,2\n3\n", ["Row #3", "got 1"]),
        ("a,b,a\n1,2,3\n", ["column 'a' stands twice"]),
        ("1,2.5\n3,4\n", ["e.csv:1", "the first line holds numbers", "names of the columns"]),
        ("a;b\n1,5;2\n3,5;4\n", ["e.csv:1", "one column, named 'a;b'", "',' for ';'"]),
        ("a\tb\n1\t2\n", ["e.csv:1", "separated by commas", "',' for '\\t'"]),
        ("\n\n", ["cannot be read"]),
        ("", ["empty, 0 bytes"]),
    ],
)
def test_files_that_are_no_tables(tmp_path, text, parts, message):
    with pytest.raises(DataError) as error:
        table(tmp_path, text)
    message(error, "e.csv", *parts)


def test_a_line_of_names_alone(tmp_path):
    found = table(tmp_path, "a,b\n")
    assert (found.rows, found.read(["b"])["b"].tolist()) == (0, [])


def test_a_csv_file_has_no_tree(tmp_path, message):
    table(tmp_path, "a\n1\n")
    with pytest.raises(DataError) as error:
        TableFile.open(f"{tmp_path / 'e.csv'}:events", job="anomaly")
    message(error, "a CSV file has no tree 'events'")


def test_text_of_another_name_is_no_csv_file(tmp_path, message):
    (tmp_path / "e.txt").write_text("a\n1\n")
    with pytest.raises(DataError) as error:
        TableFile.open(tmp_path / "e.txt", job="anomaly")
    message(error, "this is a text file", "CSV")
