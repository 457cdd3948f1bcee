import dataclasses
import hashlib
import pickle

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import DataError, MissingDependencyError
from neyman.events.tables import TableFile

COLUMNS = {
    "x": np.array([0.5, np.nan, -np.inf, 3, 4, 5, 6], "f4"),
    "y": np.arange(7.0) / 3,
    "n": np.array([250, 3, 0, 1, 2, 255, 7], "u1"),
    "id": np.array([2**62 + 1, 1, 2, 3, 4, 5, 6], "i8"),
    "b": np.array([True, False] * 3 + [True]),
    "jet.pt": np.arange(7, dtype="i4"),
}
JAGGED = [[1.0], [], [2.0, 3.0], [], [4.0], [5.0], [6.0]]
ENDINGS = ("parquet", "ttree.root", "ntuple.root")


def write(path, columns=COLUMNS, tree="events"):
    if path.suffix == ".parquet":
        pq.write_table(pa.table({**columns}), path, row_group_size=3)
        return path
    with uproot.recreate(path) as file:
        if "ntuple" in path.name:
            file.mkrntuple(tree, ak.zip({name: ak.Array(values) for name, values in columns.items()}, depth_limit=1))
        else:
            file.mktree(tree, columns)
    return path


def opened(source, **more):
    return TableFile.open(source, job="calibration", **more)


@pytest.mark.parametrize("ending", ENDINGS)
def test_numbers_as_they_are(tmp_path, ending):
    path = write(tmp_path / f"e.{ending}")
    table = opened(path)
    assert (set(table.names), table.rows, table.others) == (set(COLUMNS), 7, ())
    assert table.tree == (None if ending == "parquet" else "events")
    found = table.read(list(COLUMNS))
    assert {name: values.dtype.name for name, values in found.items()} == {
        "x": "float64", "y": "float64", "n": "uint8", "id": "int64", "b": "bool", "jet.pt": "int32"
    }  # fmt: skip
    for name, values in found.items():
        np.testing.assert_array_equal(values, COLUMNS[name])
    assert table.digest() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module", params=ENDINGS)
def shared(request, tmp_path_factory):
    return opened(write(tmp_path_factory.mktemp("tables") / f"e.{request.param}"))


@settings(derandomize=True, max_examples=25)
@given(st.integers(0, 7), st.integers(0, 7))
def test_some_rows(shared, one, other):
    start, stop = sorted((one, other))
    found = shared.read(["y", "n"], start, stop)
    np.testing.assert_array_equal(found["y"], COLUMNS["y"][start:stop])
    np.testing.assert_array_equal(found["n"], COLUMNS["n"][start:stop])


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (0, 8), (5, 3)])
def test_rows_that_are_not_there(shared, start, stop, message):
    with pytest.raises(DataError) as error:
        shared.read(["y"], start, stop)
    message(error, f"rows {start} to {stop}", "within 0 to 7")


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_chunks_keep_the_order_of_rows(shared, size):
    chunks = [shared.flat(chunk, ["id"])["id"] for chunk in shared.chunks(None, size)]
    assert max(map(len, chunks)) <= size
    np.testing.assert_array_equal(np.concatenate(chunks), COLUMNS["id"])


def test_it_goes_to_a_worker_process(shared):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(shared)).read(["n"])["n"], COLUMNS["n"])


def test_columns_that_are_missing(shared, message):
    with pytest.raises(DataError) as error:
        shared.read(["x", "jet_pt", "z"])
    message(error, shared.path.name, "no column 'jet_pt', nor 1 more", "one of", "did you mean 'jet.pt'?")


def test_columns_that_are_no_numbers(tmp_path, message):
    columns = {"j": ak.Array(JAGGED), "s": ak.Array(["a"] * 7), "p": np.zeros((7, 2))}
    ttree = write(tmp_path / "t.root", columns)
    ntuple = write(tmp_path / "ntuple.root", {"j": columns["j"], "s": columns["s"]})
    parquet = write(tmp_path / "e.parquet", {"j": JAGGED, "s": ["a"] * 7, "t": pa.array([0] * 7, pa.timestamp("s"))})
    for path, name, kind in [
        (ttree, "j", "var * float64"), (ttree, "s", "string"), (ttree, "p", "2 * float64"),
        (ntuple, "j", "var * float64"), (ntuple, "s", "string"),
        (parquet, "j", "list<"), (parquet, "s", "string"), (parquet, "t", "timestamp"),
    ]:  # fmt: skip
        with pytest.raises(DataError) as error:
            opened(path).read([name])
        message(error, str(path), f"column '{name}' does not hold numbers, but {kind}", "one number a row")


def test_nulls_and_twice_the_same_name(tmp_path, message):
    nulls = write(tmp_path / "n.parquet", {"x": [1.0, None, None]})
    with pytest.raises(DataError) as error:
        opened(nulls).read(["x"])
    message(error, "column 'x' is null in 2 rows", "a number in each")
    twice = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1.0])] * 2, names=["x", "x"]), twice)
    with pytest.raises(DataError) as error:
        opened(twice).read(["x"])
    message(error, "column 'x' stands twice")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_without_rows(tmp_path, ending):
    table = opened(write(tmp_path / f"e.{ending}", {"x": np.zeros(0), "n": np.zeros(0, "i4")}))
    found = table.read(["x", "n"])
    assert {name: (values.dtype.name, len(values)) for name, values in found.items()} == {
        "x": ("float64", 0), "n": ("int32", 0)
    }  # fmt: skip
    assert [len(chunk) for chunk in table.chunks(["x"], 10)] == [0]


@pytest.fixture
def several(tmp_path):
    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        for n in (2, 4, 3):
            file.mktree("T", {"x": np.full(n, n)})
        file.mktree("Tuple/DecayTree", {"y": np.arange(5.0)})
        file["h"] = np.histogram([1.0, 2.0], 2)
    return path


def test_the_newest_cycle_unless_one_is_named(several):
    assert {f"{source}": opened(f"{several}:{source}").read(["x"])["x"].tolist() for source in ("T", "T;2")} == {
        "T": [3, 3, 3],
        "T;2": [4, 4, 4, 4],
    }


def test_a_tree_in_a_folder_beside_others(several):
    table = opened(f"{several}:Tuple/DecayTree")
    assert (table.names, table.rows, table.tree) == (("y",), 5, "Tuple/DecayTree")
    assert sorted(table.others) == ["T", "h"]
    assert opened(several, tree="T").rows == 3
    assert opened(f"{several}:Tuple/DecayTree", tree="T").rows == 5


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("e.root", ["2 trees", "one of T, Tuple/DecayTree", "e.root:T"]),
        ("e.root:DecayTree", ["no tree 'DecayTree'", "did you mean 'Tuple/DecayTree'?"]),
        ("e.root:h", ["no tree 'h'", "one of T, Tuple/DecayTree"]),
        ("e.root:T;9", ["no tree 'T;9'"]),
        ("e.root:", ["no tree ''"]),
        ("f.root:T", ["f.root:T: no such file"]),
    ],
)
def test_trees_that_are_not_there(several, source, parts, message):
    with pytest.raises(DataError) as error:
        opened(several.parent / source)
    message(error, *parts)


def test_a_file_without_trees(tmp_path, message):
    with uproot.recreate(tmp_path / "h.root") as file:
        file["h"] = np.histogram([1.0, 2.0], 2)
    with pytest.raises(DataError) as error:
        opened(tmp_path / "h.root")
    message(error, "0 trees", "a file that holds a tree")


def test_a_colon_in_the_name(tmp_path):
    folder = tmp_path / "run:3.root:x"
    folder.mkdir()
    path = write(folder / "e.root", {"x": np.arange(3)})
    assert [opened(source).rows for source in (path, str(path), f"{path}:events")] == [3, 3, 3]


def test_a_parquet_file_has_no_tree(tmp_path, message):
    path = write(tmp_path / "e.parquet")
    assert opened(path, tree="events").tree is None
    with pytest.raises(DataError) as error:
        opened(f"{path}:events")
    message(error, "a Parquet file has no tree 'events'")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty, 0 bytes"),
        (b"a,b\n1,2\n", "this is a text file"),
        (b"\x89HDF\r\n", "cannot be read"),
        (b"\0" * 50, "of no known format"),
        (b"PK\3\4" + bytes(50), "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a git-LFS pointer"),
        (b"root" + b"\1" * 300, "cannot be read"),
        (b"PAR1" + bytes(300), "cannot be read"),
    ],
)
def test_other_files(tmp_path, content, part, message):
    (tmp_path / "e.root").write_bytes(content)
    with pytest.raises(DataError) as error:
        opened(tmp_path / "e.root")
    message(error, "e.root", part)


def test_no_file_and_a_folder(tmp_path, message):
    for path, part in ((tmp_path / "e.root", "no such file"), (tmp_path, "this is a folder")):
        with pytest.raises(DataError) as error:
            opened(path)
        message(error, str(path), part)


@pytest.mark.parametrize("ending", ENDINGS)
def test_files_that_are_cut_short(tmp_path, ending, message):
    path = write(tmp_path / f"e.{ending}", {"x": np.random.default_rng(1).normal(size=20_000)})
    whole, table = path.read_bytes(), opened(path)
    for part in (0.02, 0.7):
        path.write_bytes(whole[: int(part * len(whole))])
        for use in (lambda: opened(path).read(["x"]), lambda: table.read(["x"]), lambda: list(table.chunks(None, 999))):
            with pytest.raises(DataError) as error:
                use()
            message(error, str(path), "cannot be read")


@pytest.mark.parametrize("compression", [uproot.ZLIB(1), uproot.LZMA(1)])
def test_a_basket_that_cannot_be_unpacked(tmp_path, compression, message):
    path = tmp_path / "e.root"
    with uproot.recreate(path, compression=compression) as file:
        file.mktree("events", {"x": np.arange(5000) // 7})
    with uproot.open(path) as file:
        place = file["events"]["x"].member("fBasketSeek")[0] + 100
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + b"\xff" * 8 + whole[place + 8 :])
    with pytest.raises(DataError) as error:
        opened(path).read(["x"])
    message(error, str(path), "cannot be read")


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_bytes_give_our_error_or_no_harm(tmp_path, ending):
    path = write(tmp_path / f"e.{ending}", {"x": np.arange(50.0), "n": np.arange(50)})
    whole, rng = path.read_bytes(), np.random.default_rng(2)
    for place in rng.integers(4, len(whole) - 8, size=30):
        path.write_bytes(whole[:place] + rng.bytes(8) + whole[place + 8 :])
        try:
            table = opened(path)
            table.read(list(table.names))
        except DataError as error:
            assert len(str(error).splitlines()) <= 5


def test_without_uproot(tmp_path, monkeypatch, message):
    path = write(tmp_path / "e.root")

    def absent(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("neyman.core.errors.importlib.import_module", absent)
    with pytest.raises(MissingDependencyError) as error:
        opened(path)
    message(error, "calibration needs uproot", "neyman[calibration]")


def test_it_is_frozen(shared):
    with pytest.raises(dataclasses.FrozenInstanceError):
        shared.rows = 3
