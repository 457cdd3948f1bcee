import copy
import json

import pyhf
import pytest

from neyman.core.errors import InputError, WorkspaceError
from neyman.likelihood.workspace import PatchSet, Workspace

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator

PLACE = "/channels/0/samples/0"


@pytest.fixture
def background(full):
    """A workspace without its signal, as it is published: its POI is not there."""
    del full["channels"][0]["samples"][0]
    return full


@pytest.fixture
def signals(full, background):
    """A set of patches for it."""

    def entry(name, values, data):
        modifiers = [{"name": "mu", "type": "normfactor", "data": None}]
        sample = {"name": name, "data": data, "modifiers": modifiers}
        return {
            "metadata": {"name": name, "values": values, "comment": "more is allowed here"},
            "patch": [{"op": "add", "path": PLACE, "value": sample}],
        }

    return {
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "digests": {algorithm: pyhf.utils.digest(background, algorithm) for algorithm in ("md5", "sha256")},
            "labels": ["m_stop", "m_chi"],
            "description": "signals",
        },
        "patches": [entry("stop_300_100", [300, 100], [5, 2]), entry("stop_400_100", [400, 100], [3, 1])],
        "version": "1.0.0",
    }


def test_what_is_in_it(signals, tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(signals))
    patches = PatchSet.load(str(tmp_path / "p.json"))
    assert patches == PatchSet.load(tmp_path / "p.json")
    assert patches.names == ("stop_300_100", "stop_400_100")
    assert patches.labels == ("m_stop", "m_chi")
    assert patches.hepdata == "ins1234567"
    assert patches.digests == signals["metadata"]["digests"]
    assert patches["stop_400_100"] == patches[400, 100] == patches[[400.0, 100]] == patches.patches[1]
    assert patches["stop_400_100"].values == (400, 100)


def test_signals_as_pyhf_adds_them(signals, background, tmp_path):
    (tmp_path / "background.json").write_text(json.dumps(background))
    patches, theirs = PatchSet.from_dict(signals), pyhf.PatchSet(signals)
    for key in ("stop_300_100", (400, 100)):
        expected = dict(theirs.apply(pyhf.Workspace(background), key))
        assert patches.apply(background, key).to_dict() == expected
        assert Workspace.load(tmp_path / "background.json", patches=[patches[key]]).to_dict() == expected


def test_a_workspace_is_patched_too(signals, background):
    for measurement in background["measurements"]:
        measurement["config"]["poi"] = ""
    signals["metadata"]["digests"] = {"sha256": pyhf.utils.digest(background).upper()}
    found = PatchSet.from_dict(signals).apply(Workspace.from_dict(background), "stop_300_100")
    assert found.samples == ("stop_300_100", "background")


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_patch_for_another_workspace(signals, background, algorithm, tmp_path, message):
    del signals["metadata"]["digests"][algorithm]
    other = "sha256" if algorithm == "md5" else "md5"
    background["observations"][0]["data"][0] = float(background["observations"][0]["data"][0])  # 101.0 for 101
    (tmp_path / "background.json").write_text(json.dumps(background))
    patches = PatchSet.from_dict(signals, where="signals.json")
    with pytest.raises(pyhf.exceptions.PatchSetVerificationError):
        pyhf.PatchSet(signals).apply(background, "stop_300_100")
    with pytest.raises(WorkspaceError) as error:
        patches.apply(background, "stop_300_100")
    message(error, f"workspace: {other} ", "'stop_300_100' is for another workspace", "says signals.json")
    with pytest.raises(WorkspaceError) as error:
        Workspace.load(tmp_path / "background.json", patches=[patches["stop_300_100"]])
    message(error, "background.json: ", "is for another workspace")


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        (
            "stop_300_10",
            ["no patch 'stop_300_10'", "one of stop_300_100, stop_400_100", "did you mean 'stop_300_100'?"],
        ),
        ((300, 101), ["no patch at m_stop, m_chi = [300, 101]", "one of [300, 100], [400, 100]"]),
        ([], ["no patch at m_stop, m_chi = []"]),
    ],
)
def test_patches_that_are_not_there(signals, background, key, parts, message):
    with pytest.raises(WorkspaceError) as error:
        PatchSet.from_dict(signals).apply(background, key)
    message(error, *parts)


def test_a_patch_that_does_not_fit(signals, background, message):
    signals["patches"][1]["patch"][0]["path"] = "/channels/2/samples/0"
    with pytest.raises(WorkspaceError) as error:
        PatchSet.from_dict(signals, where="signals.json").apply(background, "stop_400_100")
    message(error, "signals.json: $.patches[1].patch[0]: operation 0, add", "/channels has no entry 2", "0 to 1")


def put(document, path, value):
    changed = copy.deepcopy(document)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


FIRST = ("patches", 0, "metadata")


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        (("patches",), [], ["$.patches: found an empty list"]),
        (("version",), "1", ["$.version: found '1'", "'1.0.0'"]),
        (("metadata", "digests"), {}, ["$.metadata.digests: found an empty object", "md5, sha256 or both"]),
        (
            ("metadata", "digests"),
            {"md5": "x"},
            ["$.metadata.digests.md5: found 'x'", "a text of the form ^[a-f0-9]{32}$"],
        ),
        (("metadata", "digests"), {"sha1": "x"}, ["$.metadata.digests.sha1: unknown key"]),
        (("metadata", "references"), {"hepdata": "1"}, ["$.metadata.references.hepdata: found '1'"]),
        (("metadata", "labels"), [], ["$.metadata.labels: found an empty list"]),
        (("metadata", "labels"), ["m stop", "b"], ["$.metadata.labels[0]: found 'm stop'"]),
        (("metadata",), {"labels": ["a", "b"]}, ["$.metadata: no key 'references' (and 2 more)"]),
        ((*FIRST, "values"), [300], ["$.patches[0].metadata.values: 1 values", "2, one for each of m_stop, m_chi"]),
        ((*FIRST, "values"), [300, float("nan")], ["$.patches[0].metadata.values[1]: found NaN"]),
        ((*FIRST, "values"), [400, 100], ["$.patches[1].metadata.values: the values of patch 'stop_300_100'"]),
        ((*FIRST, "name"), "stop_400_100", ["$.patches[1]: patch 'stop_400_100' stands twice"]),
        ((*FIRST, "name"), "a b", ["$.patches[0].metadata.name: found 'a b'"]),
        (("patches", 0, "patch"), {"op": "add"}, ["$.patches[0].patch"]),
        (("patches", 0, "patch"), ["add"], ["$.patches[0].patch[0]: found 'add'", "an object"]),
        (("patches", 0, "pach"), [], ["$.patches[0].pach: unknown key"]),
    ],
)
def test_sets_that_are_none(signals, path, value, parts, message):
    with pytest.raises(WorkspaceError) as error:
        PatchSet.from_dict(put(signals, path, value))
    message(error, "patchset: ", *parts)


def test_files_that_are_none(tmp_path, full, message):
    (tmp_path / "a.json").write_text(json.dumps(full))
    with pytest.raises(WorkspaceError) as error:
        PatchSet.load(tmp_path / "a.json")
    message(error, "a.json: $.channels: unknown key", "one of patches, metadata, version")
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(WorkspaceError) as error:
        PatchSet.load(tmp_path / "a.json")
    message(error, "found an empty list", "an object with keys patches, metadata, version")
    with pytest.raises(InputError):
        PatchSet.load(tmp_path / "none.json")
