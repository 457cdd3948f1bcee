import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from neyman.core.errors import ConfigError, DataError
from neyman.fit.columns import open_table, read_chunks

COLUMNS = {
    "x": np.arange(7, dtype=np.float32) / 10,
    "n": np.array([250, 3, 0, 1, 2, 255, 7], dtype=np.uint8),
    "b": np.array([True, False] * 3 + [True]),
    "jet.pt": np.arange(7, dtype=np.int32),
    "not_read": np.zeros(7),
}


def write(path, columns, tree="events"):
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path, row_group_size=3)
        return path
    with uproot.recreate(path) as file:
        file.mktree(tree, {name: column.dtype for name, column in columns.items()})
        file[tree].extend(columns)
    return path


def read(path, names, *, tree="events", size=3):
    with open_table(path, tree, where="fit.yml:4: Samples.0.Tree") as table:
        return list(read_chunks(table, names, size=size, where=str(path)))


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_chunks_of_wide_numbers(tmp_path, ending):
    path = write(tmp_path / f"e.{ending}", COLUMNS)
    chunks = read(path, {"x", "n", "b", "jet.pt"})
    assert [length for length, _ in chunks] == [3, 3, 1]
    found = {name: np.concatenate([columns[name] for _, columns in chunks]) for name in chunks[0][1]}
    assert {name: column.dtype.name for name, column in found.items()} == {
        "x": "float64", "n": "int64", "b": "bool", "jet.pt": "int64"
    }  # fmt: skip
    for name, column in found.items():
        np.testing.assert_array_equal(column, COLUMNS[name])


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_without_columns_events_are_counted(tmp_path, ending):
    path = write(tmp_path / f"e.{ending}", COLUMNS)
    assert sum(length for length, _ in read(path, set())) == 7


def test_an_rntuple(tmp_path):
    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("events", {"x": np.arange(5.0)})
    (length, columns), *rest = read(path, {"x"}, size=100)
    assert (length, rest) == (5, [])
    np.testing.assert_array_equal(columns["x"], np.arange(5.0))


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_only_the_columns_that_are_needed_are_read(tmp_path, ending, monkeypatch):
    path = write(tmp_path / f"e.{ending}", COLUMNS)
    if ending == "root":
        asked, true = [], uproot.TTree.iterate

        def iterate(self, *, filter_name, **options):
            asked.extend(name for name in self.keys() if filter_name(name))
            return true(self, filter_name=filter_name, **options)

        monkeypatch.setattr(uproot.TTree, "iterate", iterate)
    else:
        asked, true = [], pq.ParquetFile.iter_batches

        def iter_batches(self, *, columns, **options):
            asked.extend(columns)
            return true(self, columns=columns, **options)

        monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    read(path, {"x", "n"})
    assert sorted(asked) == ["n", "x"]


def test_a_tree_that_is_not_there(tmp_path, message):
    path = write(tmp_path / "e.root", COLUMNS)
    with pytest.raises(ConfigError) as error:
        read(path, {"x"}, tree="event")
    message(error, "fit.yml:4: Samples.0.Tree: no tree 'event' in", "one of events", "did you mean 'events'?")
    with pytest.raises(ConfigError) as error:
        read(path, {"x"}, tree=None)
    message(error, "no Tree is named", "one of events")


def test_a_histogram_is_no_tree(tmp_path, message):
    path = tmp_path / "h.root"
    with uproot.recreate(path) as file:
        file["h"] = np.histogram([1.0, 2.0], 2)
    with pytest.raises(ConfigError) as error:
        read(path, {"x"}, tree="h")
    message(error, "no tree 'h'", "a file that holds trees")


@pytest.mark.parametrize("ending", ["root", "parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"hello, I am no file of events", b"root" + b"\1" * 300, b"PAR1" + bytes(300)]
)
def test_other_files(tmp_path, message, ending, content):
    path = tmp_path / f"e.{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read(path, {"x"})
    message(error, str(path), "cannot be read")


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_files_that_are_cut_short(tmp_path, message, ending):
    rng = np.random.default_rng(1)
    path = write(tmp_path / f"e.{ending}", {"x": rng.normal(size=20_000)})
    whole = path.read_bytes()
    for part in (0.3, 0.7, 0.99):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(DataError) as error:
            read(path, {"x"})
        message(error, str(path), "cannot be read")


def test_columns_that_are_not_one_number_per_event(tmp_path, message):
    path = tmp_path / "e.parquet"
    pq.write_table(pa.table({"jets": [[1.0], [2.0, 3.0]], "text": ["a", "b"], "x": [1.0, None]}), path)
    for name in ("jets", "text"):
        with pytest.raises(DataError) as error:
            read(path, {name})
        message(error, str(path), f"column '{name}' does not hold one number per event")
    with pytest.raises(DataError) as error:
        read(path, {"x"})
    message(error, "column 'x' has nulls", "a number in each row")


def test_a_jagged_branch(tmp_path, message):
    awkward = pytest.importorskip("awkward")
    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        file.mktree("events", {"jets": "var * float64", "pair": ("f8", (2,))})
        file["events"].extend({"jets": awkward.Array([[1.0], [2.0, 3.0]]), "pair": np.zeros((2, 2))})
    for name in ("jets", "pair"):
        with pytest.raises(DataError) as error:
            read(path, {name})
        message(error, f"column '{name}' does not hold one number per event")


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_a_pointer_of_git_lfs(tmp_path, ending, message):
    path = tmp_path / f"e.{ending}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n")
    with pytest.raises(DataError) as error:
        read(path, {"x"})
    message(error, f"{path}: a git-LFS pointer, not the file itself", "try: run git lfs pull")
