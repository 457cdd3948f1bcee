"""Workspaces of unbinned channels in other folders, and what is made of them: the arrays stay the same."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import PatchSet, Workspace, combine, prune, rename, sorted_workspace
from neyman.likelihood.workspace.patching import document_digest
from neyman.likelihood.workspace.unbinned import references

SR = "$.channels[1]"
SIGNAL = f"{SR}.samples[0]"


@pytest.fixture
def workspace(unbinned):
    folder, document = unbinned
    return Workspace.from_dict(document, folder=folder)


def paths(workspace):
    return [
        Path(each.reference.path) for _, channel in workspace.document.unbinned for each in references(channel, "$")
    ]


def files(workspace):
    """The files that a workspace means, wherever its paths start; all of them are there."""
    return [(workspace.folder / path).resolve(strict=True) for path in paths(workspace)]


def same_arrays(one, other, name="SR", other_name="SR"):
    one, other = one.arrays()[name], other.arrays()[other_name]
    np.testing.assert_array_equal(one.reference_weights, other.reference_weights)
    for mine, theirs in zip(one.log_ratio, other.log_ratio, strict=True):
        np.testing.assert_array_equal(mine.observed, theirs.observed)


@pytest.mark.parametrize("where", ["other", "a/b/c", "ws/inside", "."])
def test_saved_elsewhere(workspace, tmp_path, where):
    out = tmp_path / where / "new.json"
    workspace.save(out)
    found = Workspace.load(out)
    assert found.folder == out.parent
    assert files(found) == files(workspace)
    assert not any(path.is_absolute() for path in paths(found))
    same_arrays(workspace, found)
    assert found.document != workspace.document
    assert found.at(workspace.folder) == workspace


def test_saved_in_its_own_folder_it_stays_as_it_is(workspace, tmp_path, monkeypatch):
    workspace.save(workspace.folder / "new.json")
    assert Workspace.load(workspace.folder / "new.json").digest == workspace.digest
    monkeypatch.chdir(workspace.folder)
    assert Workspace.load("new.json").folder == workspace.folder
    Workspace.load("new.json").save("newer.json")
    found = Workspace.load("newer.json")
    monkeypatch.chdir(tmp_path)
    assert found.digest == workspace.digest
    same_arrays(workspace, found)


def test_the_folder_may_move_with_its_arrays(workspace, tmp_path):
    workspace.save(workspace.folder / "ws.json")
    shutil.move(workspace.folder, tmp_path / "moved")
    found = Workspace.load(tmp_path / "moved" / "ws.json")
    assert found.digest == workspace.digest
    assert len(found.arrays()["SR"].observed_weights) == 60


def test_absolute_paths_stay(unbinned, put, at, tmp_path):
    folder, document = unbinned
    put(document, f"{SR}.reference.weights.path", str(folder / "arrays" / "weights.npy"))
    Workspace.from_dict(document, folder=folder).save(tmp_path / "far" / "ws.json")
    saved = json.loads((tmp_path / "far" / "ws.json").read_text())
    assert at(saved, f"{SR}.reference.weights.path") == str(folder / "arrays" / "weights.npy")
    assert at(saved, f"{SIGNAL}.log_ratio.observed.path") == "../ws/arrays/signal_observed.npy"


def test_a_folder_that_is_a_link(workspace, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    workspace.save(tmp_path / "link" / "ws.json")
    found = Workspace.load(tmp_path / "link" / "ws.json")
    assert files(found) == files(workspace)
    assert Workspace.load(tmp_path / "deep" / "er" / "ws.json") == found


def test_a_file_that_is_a_link_stays_one(workspace, tmp_path):
    weights = workspace.folder / "arrays" / "weights.npy"
    weights.rename(tmp_path / "store.npy")
    weights.symlink_to(tmp_path / "store.npy")
    workspace.save(tmp_path / "other" / "ws.json")
    assert Path("../ws/arrays/weights.npy") in paths(Workspace.load(tmp_path / "other" / "ws.json"))


def test_a_binned_workspace_does_not_change_with_its_folder(full, tmp_path):
    one = Workspace.from_dict(full, folder=tmp_path)
    other = Workspace.from_dict(full)
    assert (one, one.digest, hash(one)) == (other, other.digest, hash(other))
    assert (one.folder, other.folder) == (tmp_path, Path.cwd())
    one.save(tmp_path / "a" / "ws.json")
    assert json.loads((tmp_path / "a" / "ws.json").read_text()) == full


def test_relative_folders_do_not_follow_a_change_of_folder(unbinned, tmp_path, monkeypatch):
    folder, document = unbinned
    monkeypatch.chdir(tmp_path)
    workspace = Workspace.from_dict(document, folder="ws")
    monkeypatch.chdir(folder)
    assert workspace.folder == folder
    assert len(workspace.arrays()["SR"].observed_weights) == 60


def second(unbinned, tmp_path):
    """Another analysis in another folder, with the same control region."""
    folder, document = unbinned
    shutil.copytree(folder, tmp_path / "second")
    document = copy.deepcopy(document)
    document["channels"][1]["name"] = "SR2"
    document["measurements"][0]["name"] = "other"
    return Workspace.from_dict(document, folder=tmp_path / "second")


@pytest.mark.parametrize("join", ["outer", "left outer", "right outer"])
def test_combined_from_two_folders(unbinned, workspace, tmp_path, join):
    right = second(unbinned, tmp_path)
    found = combine(workspace, right, join)
    assert found.folder == workspace.folder
    assert set(found.channels) == {"CR", "SR", "SR2"}
    assert set(files(found)) == {*files(workspace), *files(right)}
    same_arrays(workspace, found)
    same_arrays(right, found, "SR2", "SR2")
    found.save(tmp_path / "both" / "ws.json")
    same_arrays(right, Workspace.load(tmp_path / "both" / "ws.json"), "SR2", "SR2")


def test_one_channel_in_two_workspaces(workspace, tmp_path, message):
    moved = workspace.at(tmp_path)
    assert combine(workspace, moved, "outer") == workspace
    changed = moved.to_dict()
    changed["channels"][1]["samples"][0]["yield"] = 21
    with pytest.raises(WorkspaceError) as error:
        combine(workspace, Workspace.from_dict(changed, folder=tmp_path), "outer")
    message(error, "the workspaces differ in channel 'SR'")


def test_channels_are_merged(workspace):
    other = rename(workspace, samples={"signal": "signal 2"}, modifiers={"mu": "mu"})
    found = combine(workspace, other, "left outer", merge_channels=True)
    assert [sample.name for sample in found.document.channels[1].samples] == ["signal", "background", "signal 2"]
    assert len(found.arrays()["SR"].log_ratio) == 3


def test_pruned(workspace):
    found = prune(workspace, samples=["background"], channels=["CR"])
    assert (found.channels, found.samples, found.folder) == (("SR",), ("signal",), workspace.folder)
    assert found.document.observations == ()
    assert len(found.arrays()["SR"].log_ratio) == 1
    for choice in ({"modifiers": ["JES"]}, {"modifier_types": ["normplusshape"]}):
        assert prune(workspace, **choice).arrays()["SR"].shapes == ()


def test_pruned_to_what_needs_no_arrays(workspace, tmp_path):
    document = workspace.to_dict()
    document["measurements"][0]["config"]["poi"] = ""
    found = prune(Workspace.from_dict(document, folder=workspace.folder), channels=["SR"])
    assert found.arrays() == {}
    found.save(tmp_path / "ws.json")


def test_renamed(workspace):
    names = {"channels": {"SR": "top"}, "samples": {"signal": "ttH"}, "modifiers": {"JES": "jes", "mu": "mu_ttH"}}
    found = rename(workspace, **names)
    assert [shape.name for shape in found.arrays()["top"].shapes] == ["jes"]
    assert found.document.channels[1].samples[0].name == "ttH"
    back = rename(found, channels={"top": "SR"}, samples={"ttH": "signal"}, modifiers={"jes": "JES", "mu_ttH": "mu"})
    assert back == workspace
    same_arrays(workspace, found, "SR", "top")


def test_sorted(workspace):
    document = workspace.to_dict()
    document["channels"].reverse()
    document["channels"][0]["samples"].reverse()
    found = sorted_workspace(Workspace.from_dict(document, folder=workspace.folder))
    assert found.digest == sorted_workspace(workspace).digest
    assert [sample.name for sample in found.document.channels[1].samples] == ["background", "signal"]
    np.testing.assert_array_equal(
        found.arrays()["SR"].log_ratio[1].observed, workspace.arrays()["SR"].log_ratio[0].observed
    )


def test_patched(workspace):
    workspace.save(workspace.folder / "ws.json")
    operation = {"op": "replace", "path": "/channels/1/samples/0/yield", "value": 25}
    found = Workspace.load(workspace.folder / "ws.json", patches=[[operation]])
    assert found.document.channels[1].samples[0].nominal == 25
    same_arrays(workspace, found)
    digests = {"sha256": document_digest(workspace.to_dict(), "sha256")}
    metadata = {"labels": ["yield"], "description": "", "digests": digests, "references": {"hepdata": "ins1234567"}}
    entry = {"metadata": {"name": "m25", "values": [25]}, "patch": [operation]}
    signals = PatchSet.from_dict({"patches": [entry], "metadata": metadata, "version": "1.0.0"})
    assert signals.apply(workspace, "m25") == found
    same_arrays(workspace, signals.apply(workspace, "m25"))


def test_a_patch_that_makes_no_sense_tells_where(workspace, message):
    workspace.save(workspace.folder / "ws.json")
    operation = {"op": "remove", "path": "/channels/1/samples/0/modifiers/1/data/lo_log_ratio"}
    with pytest.raises(WorkspaceError) as error:
        Workspace.load(workspace.folder / "ws.json", patches=[[operation]])
    message(error, "ws.json, patched: $.channels[1].samples[0].modifiers[1].data: no 'lo_log_ratio'")


def test_other_observations(workspace, message):
    found = workspace.with_observations({"CR": [1, 2]})
    assert (found.folder, found.document.observations[0].data) == (workspace.folder, (1, 2))
    same_arrays(workspace, found)
    with pytest.raises(WorkspaceError) as error:
        workspace.with_observations({"CR": [1, 2], "SR": [3]})
    message(error, "channel 'SR' is unbinned, and has no counts", "counts of binned channels", "$.channels[1]")
