import hashlib
import json
import math
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neyman.core.artefacts import CARD, MANIFEST, VALIDATION, WEIGHTS, load_artefact, save_artefact
from neyman.core.errors import ArtefactError, NumericsError

WEIGHT_ARRAYS = {"net.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "scale": np.array(2.0)}


def save(path, **changes):
    arguments = {
        "kind": "posterior",
        "config": {"layers": 3},
        "events": [{"name": "x", "low": None}],
        "parameters": ("mu",),
        "weights": WEIGHT_ARRAYS,
        "validation": {"events": np.ones((2, 4, 1)), "log_prob": np.zeros(2)},
        "card": "# For θ\n",
        "seeds": {"train": 1},
        "inputs": {"dataset": "abc"},
        "metrics": {"loss": 1.5, "worst": math.inf},
    }
    save_artefact(path, **{**arguments, **changes})
    return path


@pytest.fixture
def path(tmp_path):
    return save(tmp_path / "model")


def change_manifest(path, **changes):
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def change_file(path, name, content, *, also_hash):
    (path / name).write_bytes(content)
    if also_hash:
        files = json.loads((path / MANIFEST).read_text())["files"]
        change_manifest(path, files={**files, name: hashlib.sha256(content).hexdigest()})


def test_round_trip(path):
    artefact = load_artefact(path, kind="posterior")
    assert artefact.config == {"layers": 3}
    assert artefact.events == [{"name": "x", "low": None}]
    assert artefact.parameters == ("mu",)
    assert artefact.card == "# For θ\n"
    assert (artefact.seeds, artefact.inputs) == ({"train": 1}, {"dataset": "abc"})
    assert artefact.metrics == {"loss": 1.5, "worst": None}
    assert artefact.provenance["versions"]["numpy"] == np.__version__
    assert artefact.weights.keys() == WEIGHT_ARRAYS.keys()
    for name, values in WEIGHT_ARRAYS.items():
        assert artefact.weights[name].dtype == values.dtype
        np.testing.assert_array_equal(artefact.weights[name], values)
    assert sorted(os.listdir(path)) == sorted([MANIFEST, WEIGHTS, VALIDATION, CARD])
    assert os.listdir(path.parent) == ["model"]


@settings(max_examples=15)
@given(
    hnp.arrays(
        dtype=st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.bool_]),
        shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ).filter(lambda values: values.dtype.kind != "f" or not np.isnan(values).any())
)
def test_arrays_keep_type_shape_and_bits(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("artefact") / "model"
    for given_values in (values, values.T):
        found = load_artefact(save(path, weights={"w": given_values}), kind="posterior").weights["w"]
        assert (found.dtype, found.shape) == (values.dtype, given_values.shape)
        np.testing.assert_array_equal(found, given_values)


def test_arrays_of_an_artefact_cannot_be_changed(path):
    artefact = load_artefact(path, kind="posterior")
    with pytest.raises(ValueError, match="read-only"):
        artefact.weights["scale"][...] = 3
    with pytest.raises(AttributeError):
        artefact.kind = "other"


def test_the_digest_is_the_identity(tmp_path):
    one = load_artefact(save(tmp_path / "one"), kind="posterior")
    two = load_artefact(save(tmp_path / "two"), kind="posterior")
    other = load_artefact(save(tmp_path / "three", card="# Else"), kind="posterior")
    assert one.digest == two.digest != other.digest


def test_an_artefact_of_the_same_kind_is_replaced(path):
    save(path, card="new")
    assert load_artefact(path, kind="posterior").card == "new"
    assert os.listdir(path.parent) == ["model"]


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    assert load_artefact(save(tmp_path / "empty"), kind="posterior").kind == "posterior"


def test_nothing_else_is_replaced(tmp_path, message):
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").write_text("years of work")
    with pytest.raises(ArtefactError) as error:
        save(thesis)
    message(error, "something else is there", "thesis")
    with pytest.raises(ArtefactError):
        save(thesis / "chapter.tex")
    assert (thesis / "chapter.tex").read_text() == "years of work"
    save(tmp_path / "model", kind="anomaly")
    with pytest.raises(ArtefactError) as error:
        save(tmp_path / "model")
    message(error, "an artefact for 'anomaly'")


def test_a_network_that_diverged_is_not_saved(path, message):
    with pytest.raises(NumericsError) as error:
        save(path, weights={"w": np.array([1.0, np.nan])}, card="diverged")
    message(error, "weight 'w' is not a number")
    assert load_artefact(path, kind="posterior").card == "# For θ\n"


@pytest.mark.parametrize("values", [np.array([{}]), np.array(["a"]), np.array([1j]), np.array(["2026"], "M8[Y]")])
def test_arrays_that_are_not_plain_numbers_are_refused(tmp_path, values, message):
    with pytest.raises(ArtefactError) as error:
        save(tmp_path / "model", validation={"v": values})
    message(error, "array 'v'", "plain numbers")
    assert os.listdir(tmp_path) == []


def test_an_interrupted_save_keeps_the_old_one(path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("neyman.core.artefacts.write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(path, card="new")
    assert load_artefact(path, kind="posterior").card == "# For θ\n"
    assert os.listdir(path.parent) == ["model"]


def test_what_is_no_artefact(tmp_path, message):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for name, part in [("none", "no such folder"), ("file", "this is a file"), ("folder", "no manifest.json")]:
        with pytest.raises(ArtefactError) as error:
            load_artefact(tmp_path / name, kind="posterior")
        message(error, part, name)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{}", "not the manifest of an artefact"),
        ('{"format": "pyhf"}', "not the manifest of an artefact"),
        ("[1]", "not the manifest of an artefact"),
        ("null", "not the manifest of an artefact"),
        ("{", "not JSON"),
        ("", "not JSON"),
        ('{"format": "neyman-artefact"}', "$.schema_version"),
        ('{"format": "neyman-artefact", "schema_version": 1}', "$.kind"),
        ('{"format": "neyman-artefact", "schema_version": 2}', "from a newer neyman"),
        ('{"format": "neyman-artefact", "schema_version": "x"}', "$.schema_version"),
    ],
)
def test_a_manifest_that_is_not_ours(path, text, part, message):
    (path / MANIFEST).write_text(text)
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, part, MANIFEST)


def test_another_kind(path, message):
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="anomaly")
    message(error, "an artefact for 'posterior'", "one for 'anomaly'")


@pytest.mark.parametrize("name", [WEIGHTS, VALIDATION, CARD])
def test_a_changed_byte_and_a_missing_file_are_named(path, name, message):
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, "changed since it was written", name)
    (path / name).unlink()
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, "missing", name)
    files = json.loads((path / MANIFEST).read_text())["files"]
    del files[name]
    change_manifest(path, files=files)
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, "the manifest names no", name)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b", "..", "..\\secret", "a\\b", "", "link", "nul\0"])
def test_a_file_name_may_not_leave_the_folder(path, name, message):
    (path.parent / "secret").write_bytes(b"x")
    (path / "link").symlink_to(path.parent / "secret")
    files = json.loads((path / MANIFEST).read_text())["files"]
    change_manifest(path, files={**files, name: hashlib.sha256(b"x").hexdigest()})
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, "leaves the folder")


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was run')",))


@pytest.mark.parametrize(
    "content",
    [
        *(pickle.dumps(Bomb(), protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        b"PK\x03\x04" + b"archive of PyTorch" * 9,
        b"",
        b"{}",
        b"\x93NUMPY\x01\x00",
        (10).to_bytes(8, "little") + b"{" * 10,
        (2**60).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
    ],
)
@pytest.mark.parametrize("name", [WEIGHTS, VALIDATION])
def test_what_is_not_safetensors_is_refused_even_with_the_right_hash(path, name, content, message):
    change_file(path, name, content, also_hash=True)
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, "safetensors", name)


def safetensors(header, data=b"\0" * 8):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        safetensors({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}),
        safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 8]}}),
        safetensors({"w": {"dtype": "F33", "shape": [2], "data_offsets": [0, 8]}}),
        safetensors({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}}),
        safetensors({"w": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 8]}}),
        safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, np.full(2, np.nan, "f4").tobytes()),
        safetensors({"w": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}),
    ],
)
def test_damaged_tensors_are_refused_even_with_the_right_hash(path, content, message):
    change_file(path, WEIGHTS, content, also_hash=True)
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, WEIGHTS)


def test_more_keys_and_more_files_are_no_harm(path):
    change_manifest(path, comment="from a friend")
    (path / "report.html").write_text("<html>")
    assert load_artefact(path, kind="posterior").kind == "posterior"


def test_further_files_come_along(tmp_path, message):
    path = save(tmp_path / "model", extra={"model.onnx": b"\x08\x09graph"})
    assert load_artefact(path, kind="posterior").extra == {"model.onnx": b"\x08\x09graph"}
    (path / "model.onnx").write_bytes(b"\x08\x09other")
    with pytest.raises(ArtefactError) as error:
        load_artefact(path, kind="posterior")
    message(error, "changed since it was written", "model.onnx")


def test_an_artefact_without_further_files_has_none(path):
    assert load_artefact(path, kind="posterior").extra == {}


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, CARD, "../model.onnx", "a/b", ""])
def test_a_further_file_has_a_plain_name_of_its_own(tmp_path, name, message):
    with pytest.raises(ArtefactError) as error:
        save(tmp_path / "model", extra={name: b""})
    message(error, "a plain name of its own")
    assert os.listdir(tmp_path) == []
