import sys

import numpy as np
import pytest

from neyman.core.errors import DataError, InputError, MissingDependencyError
from neyman.events.tables import TableFile
from neyman.events.write import WRITERS, write_table

ENDINGS = tuple(WRITERS)
COLUMNS = {
    "x": np.array([0.1, np.nan, -np.inf, 1e-300, 4, 5, 1 / 3]),
    "y": np.arange(7.0) / 3,
    "n": np.array([2**53, 3, 0, -1, 2, 255, 7]),
    "b": np.array([True, False] * 3 + [True]),
    "jet.pt": np.arange(7, dtype="i4"),
}


def opened(path):
    return TableFile.open(path, job="anomaly")


def damaged(path):
    """What goes wrong when all of a file is read."""
    with pytest.raises(DataError) as error:
        table = opened(path)
        table.read(list(table.names))
    return error


@pytest.fixture(scope="module", params=ENDINGS)
def shared(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("write") / f"e{request.param}"
    write_table(path, COLUMNS, job="anomaly")
    return opened(path)


def test_what_was_written_is_read(shared):
    assert sorted(shared.names) == sorted(COLUMNS)
    assert shared.rows == 7
    found = shared.read(list(COLUMNS))
    for name, values in found.items():
        np.testing.assert_array_equal(values, COLUMNS[name], strict=shared.kind != "CSV")
    assert not [file.name for file in shared.path.parent.iterdir() if file != shared.path]


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 7), (2, 5), (6, 7), (7, 7)])
def test_some_rows(shared, start, stop):
    found = shared.read(["y", "n"], start, stop)
    np.testing.assert_array_equal(found["y"], COLUMNS["y"][start:stop])
    np.testing.assert_array_equal(found["n"], COLUMNS["n"][start:stop])


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("names", [["y"], None])
def test_chunks_keep_the_order_of_rows(shared, size, names):
    chunks = [shared.flat(chunk, ["y"])["y"] for chunk in shared.chunks(names, size)]
    assert max(map(len, chunks)) <= size
    np.testing.assert_array_equal(np.concatenate(chunks), COLUMNS["y"])


def test_a_column_that_is_missing(shared, message):
    with pytest.raises(DataError) as error:
        shared.read(["jet_pt"])
    message(error, str(shared.path), "no column 'jet_pt'", "did you mean 'jet.pt'?")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(tmp_path, ending, rows):
    write_table(tmp_path / f"e{ending}", {"x": np.full(rows, 2.5), "n": np.full(rows, 3)}, job="anomaly")
    table = opened(tmp_path / f"e{ending}")
    assert (table.rows, sorted(table.names)) == (rows, ["n", "x"])
    found = table.read(["x", "n"])
    assert (found["x"].tolist(), found["n"].tolist()) == ([2.5] * rows, [3] * rows)
    assert [len(chunk) for chunk in table.chunks(["x"], 10)] == [rows]


@pytest.mark.parametrize("ending", [".parquet", ".h5", ".npz", ".root"])
def test_files_that_are_cut_short(tmp_path, ending, message):
    path = tmp_path / f"e{ending}"
    write_table(path, {"x": np.random.default_rng(1).normal(size=20_000)}, job="anomaly")
    whole, table = path.read_bytes(), opened(path)
    for part in (0.01, 0.7):
        path.write_bytes(whole[: int(part * len(whole))])
        message(damaged(path), str(path), "cannot be read")
        with pytest.raises(DataError) as error:
            list(table.chunks(None, 999))
        message(error, "cannot be read")


@pytest.mark.parametrize("ending", [".h5", ".npz", ".csv"])
def test_damaged_bytes_give_our_error_or_no_harm(tmp_path, ending):
    path = tmp_path / f"e{ending}"
    write_table(path, {"x": np.arange(50.0), "n": np.arange(50)}, job="anomaly")
    whole, rng = path.read_bytes(), np.random.default_rng(2)
    for place in rng.integers(4, len(whole) - 8, size=30):
        path.write_bytes(whole[:place] + rng.bytes(8) + whole[place + 8 :])
        try:
            table = opened(path)
            table.read(list(table.names))
        except DataError as error:
            assert len(str(error).splitlines()) <= 5


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ({}, ["no columns"]),
        ({"x": np.zeros(2), "y": np.zeros(3)}, ["different length", "'y': 3"]),
        ({"x": np.zeros((2, 2))}, ["'x' has shape (2, 2)"]),
        ({"x": np.array(["a", "b"])}, ["'x'", "one number a row"]),
        ({"x": np.array([1, None])}, ["'x'", "object"]),
    ],
)
def test_tables_that_are_none(tmp_path, table, parts, message):
    with pytest.raises(DataError) as error:
        write_table(tmp_path / "e.csv", table, job="anomaly")
    message(error, "e.csv", *parts)
    assert not list(tmp_path.iterdir())


def test_a_format_that_is_none(tmp_path, message):
    with pytest.raises(InputError) as error:
        write_table(tmp_path / "e.xlsx", COLUMNS, job="anomaly")
    message(error, "'.xlsx'", ".parquet", ".npz")


@pytest.mark.parametrize(("ending", "library"), [(".h5", "h5py"), (".root", "uproot")])
def test_libraries_that_are_missing(tmp_path, ending, library, monkeypatch, message):
    write_table(tmp_path / f"e{ending}", COLUMNS, job="anomaly")
    monkeypatch.setitem(sys.modules, library, None)
    for use in (opened, lambda path: write_table(path, COLUMNS, job="anomaly")):
        with pytest.raises(MissingDependencyError) as error:
            use(tmp_path / f"e{ending}")
        message(error, f"anomaly needs {library}", "neyman[anomaly]")
    assert [file.name for file in tmp_path.iterdir()] == [f"e{ending}"]
