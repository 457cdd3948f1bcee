import os

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from neyman.core.errors import DataError, InputError
from neyman.events import adding
from neyman.events.adding import add_columns
from neyman.events.tables import TableFile

ROWS = 23
FLAT = {
    "x": np.linspace(-1, 1, ROWS),
    "run": np.arange(ROWS, dtype="i4")[::-1],
    "fired": np.arange(ROWS) % 3 == 0,
    "id": 2**53 + 1 + np.arange(ROWS, dtype="u8"),
    "jet.q-1": np.arange(ROWS, dtype="i1"),
}
LISTS = {
    "pt": ak.Array([[float(i)] * (i % 4) for i in range(ROWS)]),
    "good": ak.Array([[i % 2 == 0] * (i % 4) for i in range(ROWS)]),
    "cov": np.arange(ROWS * 6, dtype="f4").reshape(ROWS, 2, 3),
    "name": ak.Array(["ü" * (i % 3) for i in range(ROWS)]),
}
PYTHON = {name: ak.to_list(values) for name, values in LISTS.items()}


def ttree(path, columns, tree="events", chunk=5):
    """A tree of several baskets; both lists are counted by `npt`."""
    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        types = {
            name: np.dtype((values.dtype, values.shape[1:])) if isinstance(values, np.ndarray) else values.type.content
            for name, values in columns.items()
        }
        file.mktree(tree, types, "a title", counter_name=lambda _: "npt")
        for start in range(0, len(columns["x"]), chunk):
            file[tree].extend({name: values[start : start + chunk] for name, values in columns.items()})
    return TableFile.open(path, job="calibration", tree=tree)


def ntuple(path, columns, tree="events"):
    columns = columns | {"deep": ak.Array([[[i], [i, i]] for i in range(ROWS)])[: len(columns["x"])]}
    with uproot.recreate(path) as file:
        file.mkrntuple(tree, ak.zip({name: ak.Array(values) for name, values in columns.items()}, depth_limit=1))
    return TableFile.open(path, job="calibration")


def parquet(path, columns):
    table = pa.table(
        {name: values if values.ndim == 1 and name in FLAT else PYTHON[name] for name, values in columns.items()}
    )
    if "name" in columns:
        table = table.append_column("kind", pa.array(["a", "b", None][i % 3] for i in range(ROWS)).dictionary_encode())
    pq.write_table(table.replace_schema_metadata({"made by": "us"}), path, row_group_size=10)
    return TableFile.open(path, job="calibration")


def double(table):
    return {"y": 2 * table["x"], "odd": table["run"] % 2 == 1}


def content(path, tree="events"):
    """All of a file as Python lists."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pydict()
    with uproot.open(path) as file:
        arrays = file[tree].arrays()
    return {name: arrays[name].to_list() for name in arrays.fields}


MAKERS = {"t.root": ttree, "n.root": ntuple, "e.parquet": parquet}


@pytest.fixture(params=MAKERS)
def source(request, tmp_path):
    return MAKERS[request.param](tmp_path / request.param, FLAT | LISTS)


@pytest.mark.parametrize("rows_per_chunk", [4, 1000])
def test_all_is_kept_and_the_new_is_added(source, tmp_path, rows_per_chunk):
    before = content(source.path)
    out = tmp_path / "out" / source.path.name
    assert add_columns(source, out, ["x", "run"], double, rows_per_chunk=rows_per_chunk) == ROWS
    found = content(out)
    assert {name: found.pop(name) for name in ("y", "odd")} == {
        "y": (2 * FLAT["x"]).tolist(), "odd": (FLAT["run"] % 2 == 1).tolist()
    }  # fmt: skip
    assert found == before
    assert os.listdir(out.parent) == [out.name]


def test_types_of_branches_are_kept(tmp_path):
    source = ttree(tmp_path / "a.root", FLAT | LISTS, tree="dir/T")
    add_columns(source, tmp_path / "b.root", ["x", "run"], double, rows_per_chunk=7)
    with uproot.open(tmp_path / "a.root") as a, uproot.open(tmp_path / "b.root") as b:
        kinds = [{branch.name: branch.typename for branch in file["dir/T"].branches} for file in (a, b)]
        assert kinds[1] == kinds[0] | {"y": "double", "odd": "bool"}
        assert b["dir/T"]["pt"].count_branch.name == b["dir/T"]["good"].count_branch.name == "npt"
        assert b["dir/T"].title == "a title"
        assert b.file.compression == uproot.ZSTD(3)


def test_types_of_parquet_columns_and_metadata_are_kept(tmp_path):
    source = parquet(tmp_path / "a.parquet", FLAT | LISTS)
    add_columns(source, tmp_path / "b.parquet", ["x", "run"], double, rows_per_chunk=7)
    a, b = (pq.read_schema(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert [b.field(name) for name in a.names] == list(a)
    assert b.names == [*a.names, "y", "odd"]
    assert b.metadata == {b"made by": b"us"}


@pytest.mark.parametrize("ending", [".root", ".parquet"])
def test_only_the_new(source, tmp_path, ending):
    out = tmp_path / f"friend{ending}"
    add_columns(source, out, ["x", "run"], double, only_new=True, rows_per_chunk=7)
    assert content(out) == {"y": (2 * FLAT["x"]).tolist(), "odd": (FLAT["run"] % 2 == 1).tolist()}


def test_only_what_is_needed_is_read_for_the_new_alone(source, tmp_path, monkeypatch):
    asked, true = [], TableFile.chunks

    def chunks(self, names, size):
        asked.append(list(names))
        return true(self, names, size)

    monkeypatch.setattr(TableFile, "chunks", chunks)
    add_columns(source, tmp_path / "o.root", ["x", "run"], double, only_new=True)
    assert asked == [["x", "run"]] * 2


@pytest.mark.parametrize("make", MAKERS.values())
def test_a_file_without_rows(tmp_path, make):
    source = make(
        tmp_path / ("a.parquet" if make is parquet else "a.root"), {name: column[:0] for name, column in FLAT.items()}
    )
    out = tmp_path / f"b{source.path.suffix}"
    assert add_columns(source, out, ["x", "run"], double) == 0
    assert content(out) == content(source.path) | {"y": [], "odd": []}
    assert TableFile.open(out, job="calibration").read(["odd"])["odd"].dtype == bool


def test_a_million_rows_are_never_in_memory_together(tmp_path):
    rows = 1_000_000
    pq.write_table(pa.table({"x": np.arange(rows, dtype="f4")}), tmp_path / "a.parquet")
    seen = []

    def make(table):
        seen.append((len(table["x"]), table["x"][0]))
        return {"y": table["x"]}

    source = TableFile.open(tmp_path / "a.parquet", job="calibration")
    assert add_columns(source, tmp_path / "b.parquet", ["x"], make) == rows
    assert max(count for count, _ in seen) <= 200_000
    assert [first for _, first in seen] == np.cumsum([0, *(count for count, _ in seen[:-1])]).tolist()
    assert sum(count for count, _ in seen) == rows


def test_wide_rows_come_in_smaller_chunks(source, tmp_path, monkeypatch):
    monkeypatch.setattr(adding, "BYTES", 600)
    seen = []

    def make(table):
        seen.append(len(table["x"]))
        return {"y": table["x"]}

    add_columns(source, tmp_path / f"o{source.path.suffix}", ["x"], make)
    assert 1 <= max(seen) <= 10
    assert sum(seen) == ROWS


def test_lists_of_one_large_basket_are_judged_by_what_they_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(adding, "SAMPLE", 2)
    lists = ak.Array([[1.0, 2.0]] * 5000)
    source = ttree(tmp_path / "a.root", {"x": np.zeros(5000), "l": lists}, chunk=5000)
    monkeypatch.setattr(adding, "BYTES", 50_000)
    assert 500 < adding._chunk_size(source, None, 10_000) < 2000


@pytest.mark.parametrize(
    ("new", "parts"),
    [
        ({"x": np.zeros(ROWS)}, ["column 'x' is there already", "the file that it was made from"]),
        ({"y": np.zeros(ROWS), "pt": np.zeros(ROWS)}, ["column 'pt' is there already"]),
        ({"y": np.zeros(3)}, ["new column 'y' has shape (3,)", "expected: ("]),
        ({"y": np.zeros((ROWS, 1))}, ["new column 'y' has shape (", ", 1)"]),
        ({}, ["new columns {}", "at least one"]),
    ],
)
@pytest.mark.parametrize("only_new", [False, True])
def test_new_columns_that_cannot_be_added(source, tmp_path, new, parts, only_new, message):
    out = tmp_path / "out" / source.path.name
    with pytest.raises(DataError) as error:
        add_columns(source, out, ["x"], lambda _: new, only_new=only_new)
    message(error, source.path.name, *parts)
    assert os.listdir(out.parent) == []


def test_new_columns_are_the_same_in_each_chunk(source, tmp_path, message):
    def make(table):
        return {"y": table["x"] if table["x"][0] < 0 else table["x"] > 0}

    with pytest.raises(DataError) as error:
        add_columns(source, tmp_path / f"o{source.path.suffix}", ["x"], make, rows_per_chunk=5)
    message(error, "new columns {'y': 'bool'}", "{'y': 'float64'}")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device"), ValueError("broken")])
def test_a_failure_leaves_what_was_there(source, tmp_path, failure):
    out = tmp_path / "out" / source.path.name
    out.parent.mkdir()
    out.write_text("the old")
    calls = []

    def make(table):
        calls.append(1)
        if len(calls) == 3:
            raise failure
        return {"y": table["x"]}

    kind = failure if isinstance(failure, type) else type(failure)
    with pytest.raises(kind):
        add_columns(source, out, ["x"], make, rows_per_chunk=5)
    assert os.listdir(out.parent) == [out.name]
    assert out.read_text() == "the old"


def test_a_file_that_is_cut_short_while_it_is_read(source, tmp_path, message):
    out = tmp_path / "out" / source.path.name
    whole = source.path.read_bytes()
    source.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError) as error:
        add_columns(source, out, ["x"], double)
    message(error, source.path.name, "cannot be read")
    assert not out.exists()


def test_the_input_is_not_overwritten(source, tmp_path, message):
    (tmp_path / "link.root").symlink_to(source.path)
    before = source.path.read_bytes()
    for out in (source.path, tmp_path / "." / source.path.name, tmp_path / "link.root"):
        with pytest.raises(InputError) as error:
            add_columns(source, out, ["x", "run"], double)
        message(error, "the input itself", "another file to write to")
    assert source.path.read_bytes() == before


def test_formats_that_do_not_fit(source, tmp_path, message):
    here, there = ("Parquet", "ROOT") if source.tree is None else ("ROOT", "Parquet")
    other = tmp_path / ("o.root" if source.tree is None else "o.parquet")
    with pytest.raises(InputError) as error:
        add_columns(source, other, ["x", "run"], double)
    message(error, f"a {there} file to be made of a {here} file", "--only-new")
    with pytest.raises(InputError) as error:
        add_columns(source, tmp_path / "o.csv", ["x", "run"], double)
    message(error, "ends in '.csv'", "one of .root, .parquet, .pq")


def test_branches_that_cannot_be_written_again(tmp_path, message):
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("events", {"x": "f8", "tracks": "var * 3 * float32", "m": "var * 2 * int32"})
    source = TableFile.open(tmp_path / "a.root", job="calibration")
    with pytest.raises(DataError) as error:
        add_columns(source, tmp_path / "b.root", ["x"], lambda table: {"y": table["x"]})
    message(error, "a.root", "tracks (float[][3]), m (int32_t[][2])", "lists of numbers", "--only-new")
    assert os.listdir(tmp_path) == ["a.root"]
    assert add_columns(source, tmp_path / "b.root", ["x"], lambda table: {"y": table["x"]}, only_new=True) == 0


def test_the_newest_cycle_is_copied_under_the_name_of_the_tree(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        for rows in (2, 3):
            file.mktree("T", {"x": np.arange(rows)})
    for source, rows in (("a.root:T", 3), ("a.root", 3), ("a.root:T;1", 2)):
        table = TableFile.open(tmp_path / source, job="calibration")
        add_columns(table, tmp_path / "b.root", ["x"], lambda table: {"y": -table["x"]})
        assert content(tmp_path / "b.root", "T;1") == {"x": list(range(rows)), "y": [-i for i in range(rows)]}


def test_columns_that_are_needed(source, tmp_path, message):
    with pytest.raises(DataError) as error:
        add_columns(source, tmp_path / "o.root", ["x", "rum"], double)
    message(error, "no column 'rum'", "did you mean 'run'?")
    with pytest.raises(DataError) as error:
        add_columns(source, tmp_path / f"o{source.path.suffix}", ["x", "name"], double)
    message(error, "column 'name' does not hold numbers")
    for needs, rows in ((["x"], 0), ([], 1)):
        with pytest.raises(InputError) as error:
            add_columns(source, tmp_path / f"o{source.path.suffix}", needs, double, rows_per_chunk=rows)
        message(error, "at least one of each")
