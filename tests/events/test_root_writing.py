from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
import uproot

from neyman.core.errors import DataError
from neyman.events.root_writing import Layout, _written_type, tree_writer

F4 = uproot.AsDtype(">f4")


@pytest.mark.parametrize(
    ("interpretation", "expected"),
    [
        (F4, np.dtype("f4")),
        (uproot.AsDtype("bool"), np.dtype("?")),
        (uproot.AsDtype((">u2", (2, 3))), np.dtype(("u2", (2, 3)))),
        (uproot.AsDouble32(0, 1, 16), np.dtype("f8")),
        (uproot.AsFloat16(0, 1, 16, to_dims=(3,)), np.dtype(("f4", (3,)))),
        (uproot.AsStrings(), "string"),
        (uproot.AsJagged(F4), "var * float32"),
        (uproot.AsJagged(uproot.AsDtype(">i8"), header_bytes=10), "var * int64"),  # std::vector<long>
        (uproot.AsJagged(uproot.AsDtype((">f4", (3,)))), None),
        (uproot.AsDtype([("x", ">f4"), ("n", ">i4")]), None),
        (uproot.AsObjects(uproot.containers.AsVector(True, uproot.containers.AsVector(False, np.dtype(">f4")))), None),
        (uproot.interpretation.identify.UnknownInterpretation("no class", "file", "path"), None),
    ],
)
def test_types_to_write_branches_with(interpretation, expected):
    assert _written_type(SimpleNamespace(branches=[], interpretation=interpretation)) == expected


def test_a_split_object_cannot_be_written():
    assert _written_type(SimpleNamespace(branches=["part"], interpretation=F4)) is None


def test_a_vector_gets_a_counter_of_a_name_that_is_free(tmp_path):
    layout = Layout("T", types={"v": "var * float32", "nv": np.dtype("i4"), "w": "var * bool"})
    chunk = ak.zip({"v": [[1.0], [2.0, 3.0]], "nv": [7, 8], "w": [[True], []]}, depth_limit=1)
    with tree_writer(tmp_path / "a.root", layout, chunks=1, job="calibration") as append:
        append(chunk, {"nnv": np.array([0.5, 1.5])})
    with uproot.open(tmp_path / "a.root") as file:
        found = file["T"].arrays()
        counts = {branch.name: branch.count_branch for branch in file["T"].branches}
    assert {name: counts[name].name for name in ("v", "w")} == {"v": "nnnv", "w": "nw"}
    for name in chunk.fields:
        assert found[name].to_list() == chunk[name].to_list()
    assert found["nnv"].to_list() == [0.5, 1.5]


def test_there_may_be_more_chunks_than_were_provided_for(tmp_path):
    with tree_writer(tmp_path / "a.root", Layout("T"), chunks=2, job="calibration") as append:
        for i in range(30):
            append(None, {"x": np.full(2, i)})
    with uproot.open(tmp_path / "a.root") as file:
        np.testing.assert_array_equal(file["T"]["x"].array(library="np"), np.repeat(np.arange(30), 2))


def test_fields_of_an_rntuple_that_cannot_be_written(tmp_path, message):
    layout, chunk = Layout("T", ntuple=True), ak.zip({"empty": [[], []]}, depth_limit=1)
    with (
        pytest.raises(DataError) as error,
        tree_writer(tmp_path / "a.root", layout, chunks=1, job="calibration") as append,
    ):
        append(chunk, {"y": np.zeros(2)})
    message(error, "T: fields that cannot be written again", "empty: var * unknown", "--only-new")
