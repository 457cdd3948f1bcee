import copy
import json
import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import InputError, WorkspaceError
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.uses import parameters

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator


@settings(max_examples=20)
@given(data=st.data())
def test_what_pyhf_accepts_goes_in_and_comes_out_unchanged(data, documents):
    spec = data.draw(documents())
    before = copy.deepcopy(spec)
    model = pyhf.Workspace(spec).model()
    workspace = Workspace.from_dict(spec)
    assert workspace.to_dict() == before == spec
    # Digests tell 1 from 1.0, equality does not.
    assert pyhf.utils.digest(workspace.to_dict()) == pyhf.utils.digest(before)
    assert {name: parameter.size for name, parameter in parameters(workspace.document).items()} == {
        name: model.config.param_set(name).n_parameters for name in model.config.par_map
    }
    assert set(workspace.channels) == set(model.config.channels)
    assert set(workspace.samples) == set(model.config.samples)


def test_a_file_and_back(tmp_path, full):
    (tmp_path / "a.json").write_text(json.dumps(full))
    workspace = Workspace.load(tmp_path / "a.json")
    workspace.save(str(tmp_path / "b.json"))
    assert json.loads((tmp_path / "b.json").read_text()) == full
    assert Workspace.load(str(tmp_path / "b.json")) == workspace
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json"]
    pyhf.Workspace(json.loads((tmp_path / "b.json").read_text())).model()


def test_names_in_the_order_of_the_document(full):
    workspace = Workspace.from_dict(full)
    assert workspace.channels == ("SR", "CR")
    assert workspace.samples == ("signal", "background")
    assert workspace.measurements == ("search", "no signal")
    assert (
        repr(workspace) == "Workspace(channels: SR, CR; samples: signal, background; measurements: search, no signal)"
    )


def test_a_workspace_does_not_change(full):
    workspace = Workspace.from_dict(full)
    digest = workspace.digest
    full["channels"][0]["name"] = "other"
    workspace.to_dict()["channels"].clear()
    assert workspace.channels == ("SR", "CR")
    with pytest.raises(AttributeError):
        workspace.document = None
    with pytest.raises(ValueError, match="frozen"):
        workspace.document.channels[0].name = "x"
    copied = pickle.loads(pickle.dumps(workspace))
    assert copied == workspace
    assert copied.digest == digest


def test_the_digest_depends_on_the_content_alone(full):
    shuffled = {key: full[key] for key in reversed(full)}
    changed = copy.deepcopy(full)
    changed["observations"][0]["data"][0] += 1
    assert Workspace.from_dict(full).digest == Workspace.from_dict(shuffled).digest
    assert Workspace.from_dict(full).digest != Workspace.from_dict(changed).digest
    assert len(Workspace.from_dict(full).digest) == 64


def test_equal_workspaces_have_equal_hashes(full, with_eft):
    floats = copy.deepcopy(full)
    floats["channels"][0]["samples"][0]["data"][0] = 5.0
    one, same, other = map(Workspace.from_dict, (full, floats, with_eft))
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, other}) == 2


def test_measurements_by_name(full, message):
    workspace = Workspace.from_dict(full)
    assert workspace.measurement().poi == "mu"
    assert workspace.measurement("no signal").poi is None
    with pytest.raises(WorkspaceError) as error:
        workspace.measurement("serach")
    message(error, "no measurement 'serach'", "one of search, no signal", "did you mean 'search'?")


def test_other_observations(full):
    workspace = Workspace.from_dict(full)
    other = workspace.with_observations({"SR": np.array([1, 2]), "CR": [3, 4.5, 0]})
    assert [(each.name, each.data) for each in other.document.observations] == [("CR", (3, 4.5, 0)), ("SR", (1, 2))]
    assert workspace.to_dict() == full
    assert workspace.with_observations({}) == workspace
    one = workspace.with_observations({"SR": (7, 8)}).to_dict()
    full["observations"][1]["data"] = [7, 8]
    assert one == full


@pytest.mark.parametrize(
    ("observations", "parts"),
    [
        ({"SRR": [1, 2]}, ["no channel 'SRR'", "did you mean 'SR'?"]),
        ({"SR": [1]}, ["$.observations[1].data: 1 bins", "expected: 2, as its channel"]),
        ({"SR": []}, ["$.observations[1].data", "an empty list"]),
        ({"SR": np.zeros((2, 1))}, ["$.observations[1].data[0]: found a list of 1 (and 1 more)", "a number"]),
        ({"SR": np.array(3.0)}, ["$.observations[1].data: found 3.0", "a list"]),
        ({"SR": [1, np.nan]}, ["$.observations[1].data[1]: found NaN", "a finite number"]),
        ({"SR": np.array([1, np.inf])}, ["$.observations[1].data[1]: found infinity"]),
        ({"SR": [-1, 2]}, ["$.observations[1].data[0]: found -1", "zero or above"]),
    ],
)
def test_observations_that_cannot_be(full, observations, parts, message):
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full).with_observations(observations)
    message(error, *parts)


def test_the_model_is_built_elsewhere(full, monkeypatch):
    class Model:
        @staticmethod
        def build(*arguments, **options):
            made = Model()
            made.asked = arguments, options
            return made

    module = types.ModuleType("neyman.likelihood.model")
    module.Model = Model
    monkeypatch.setitem(sys.modules, "neyman.likelihood.model", module)
    workspace = Workspace.from_dict(full)
    model = workspace.model("no signal", normsys="code1")
    assert model.asked == ((workspace,), {"measurement": "no signal", "normsys": "code1"})


def test_reading_loads_neither_jax_nor_scipy():
    code = """
import sys
import neyman.likelihood.workspace
heavy = {"jax", "scipy", "matplotlib", "torch", "jsonpatch"} & set(sys.modules)
assert not heavy, heavy
"""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    subprocess.run([sys.executable, "-c", code], check=True, env=clean, timeout=120)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["not JSON"]),
        ("{", ["not JSON", "a.json:1"]),
        ("[]", ["found an empty list", "an object with keys channels, measurements, observations, version"]),
        ("null", ["found null"]),
        ("3", ["found 3"]),
        ("{}", ["no key 'channels' (and 3 more)", "channels, measurements, observations, version"]),
        ('{"patches": []}', ["a set of patches", "PatchSet.load"]),
        ("[" * 100_000, ["not JSON"]),
    ],
)
def test_files_that_are_no_workspaces(tmp_path, text, parts, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError) as error:
        Workspace.load(tmp_path / "a.json")
    message(error, "a.json", *parts)


def test_a_file_that_is_not_there(tmp_path, message):
    with pytest.raises(InputError) as error:
        Workspace.load(tmp_path / "none.json")
    message(error, "no such file", "none.json")
    with pytest.raises(InputError) as error:
        Workspace.load(tmp_path)
    message(error, "cannot be read")
