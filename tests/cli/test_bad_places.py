"""Artefacts that cannot be trusted, and places where nothing may be written."""

import errno
import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from neyman.core import files


@pytest.fixture
def copy(tiny_run, tmp_path):
    return Path(shutil.copytree(tiny_run / "artefact", tmp_path / "copy"))


def edit(folder, change):
    """Change the manifest, which is what a mistaken hand would do."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace(folder, name, content):
    """Another file, with the hash of the new one in the manifest."""
    (folder / name).write_bytes(content)
    edit(folder, lambda manifest: manifest["files"].update({name: hashlib.sha256(content).hexdigest()}))


def flip(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


HARM = {
    "one bit": (lambda a: flip(a / "weights.safetensors"), ["changed since it was written"]),
    "a cut": (lambda a: os.truncate(a / "validation.safetensors", 100), ["changed since it was written"]),
    "no weights": (lambda a: (a / "weights.safetensors").unlink(), ["missing, although the manifest names it"]),
    "a pickle": (lambda a: replace(a, "weights.safetensors", pickle.dumps({})), ["not safetensors", "never a pickle"]),
    "other arrays": (
        lambda a: replace(a, "weights.safetensors", (a / "validation.safetensors").read_bytes()),
        ["does not fit this version"],
    ),
    "no outputs to check": (
        lambda a: replace(a, "validation.safetensors", (a / "weights.safetensors").read_bytes()),
        ["does not fit this version"],
    ),
    "no manifest": (lambda a: (a / "manifest.json").unlink(), ["no manifest.json in this folder"]),
    "half a manifest": (lambda a: os.truncate(a / "manifest.json", 200), ["not JSON"]),
    "another job": (lambda a: edit(a, lambda m: m.update(kind="ratios")), ["an artefact for 'ratios'"]),
    "the future": (lambda a: edit(a, lambda m: m.update(schema_version=9)), ["newer neyman", "upgrade"]),
    "no metrics": (lambda a: edit(a, lambda m: m.update(metrics={})), ["does not fit this version"]),
    "other histories": (
        lambda a: edit(a, lambda m: m["metrics"].update(histories={"flow": {"x": 1}})),
        ["does not fit this version"],
    ),
    "no config": (lambda a: edit(a, lambda m: m.update(config={})), ["not those that it was trained with"]),
    "another prior": (
        lambda a: edit(a, lambda m: m["config"]["prior"]["bounds"].update(C9=[0, 9])),
        ["not those that it was trained with"],
    ),
    "another network": (
        lambda a: edit(a, lambda m: m["config"]["estimation"]["estimator"].update(bins=5)),
        ["not those that it was trained with"],
    ),
    "another simulator": (
        lambda a: edit(a, lambda m: m["config"]["simulator"].update(tag="GP2004")),
        ["not those that it was trained with"],
    ),
    "other columns": (lambda a: edit(a, lambda m: m["events"].pop()), ["not those that it was trained with"]),
}


@pytest.mark.parametrize("what", HARM)
def test_artefacts_that_cannot_be_trusted(what, neyman, refused, copy, tiny_run):
    harm, parts = HARM[what]
    harm(copy)
    refused(neyman("posterior", "infer", copy, "--observed", tiny_run / "observed.parquet", "--json"), *parts)
    refused(neyman("posterior", "check", copy, "--json"), *parts)


def test_what_is_no_artefact(neyman, refused, tiny_run, tmp_path):
    (tmp_path / "empty").mkdir()
    data, observed = tmp_path / "data", tiny_run / "observed.parquet"
    assert neyman("posterior", "simulate", tiny_run.parent / "tiny.yaml", "--out", data, "--sets", 2).code == 0
    for folder, parts in [
        (tmp_path / "none", ["no such folder"]),
        (tmp_path / "empty", ["no manifest.json in this folder"]),
        (observed, ["this is a file"]),
        (data, ["not the manifest of an artefact, but of a neyman-dataset"]),
        (tiny_run, ["no manifest.json in this folder"]),
    ]:
        refused(neyman("posterior", "check", folder), *parts)
        refused(neyman("posterior", "infer", folder, "--observed", observed), *parts)


def test_what_is_no_data_set(neyman, refused, tiny_run, tmp_path):
    train = ["posterior", "train", tiny_run.parent / "tiny.yaml", "--out", tmp_path / "a", "--data"]
    refused(neyman(*train, tmp_path / "none"), "no manifest.json")
    refused(neyman(*train, tiny_run / "artefact"), "not the manifest of a data set, but of a neyman-artefact")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("config", "sets", "parts"),
    [
        ("prior: {C9: [3, 6]}\nevents: [50, 200]\n", 2, ["data of another prior", "'C9': [3.0, 5.0]"]),
        ("prior: {C9: [3, 5]}\nsimulator: {q2: [1, 6]}\n", 2, ["data of another simulator: q2 [1.0, 8.0]"]),
        ("prior: {C9: [3, 5]}\nevents: [50, 300]\n", 2, ["sets of 200 events", "at least 300"]),
        ("prior: {C9: [3, 5]}\nevents: [50, 200]\ntraining: {statistic: {epochs: 1, steps_per_epoch: 1}}\n", 2,
         ["2 sets", "at least 100", "--sets"]),
    ],
)  # fmt: skip
def test_a_data_set_that_does_not_fit(config, sets, parts, neyman, refused, tiny_run, tmp_path):
    (tmp_path / "c.yaml").write_text(config)
    data = tmp_path / "data"
    assert neyman("posterior", "simulate", tiny_run.parent / "tiny.yaml", "--out", data, "--sets", sets).code == 0
    refused(neyman("posterior", "train", tmp_path / "c.yaml", "--out", tmp_path / "a", "--data", data), *parts)
    assert not (tmp_path / "a").exists()


def tree(folder):
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("command", ["simulate", "train", "run"])
def test_a_folder_of_somebody_else_is_left_alone(command, neyman, refused, tiny_run, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("thesis")
    (tmp_path / "file").write_text("a file")
    before, config = tree(tmp_path), tiny_run.parent / "tiny.yaml"
    refused(neyman("posterior", command, config, "--out", tmp_path / "home"), "home", "another")
    refused(neyman("posterior", command, config, "--out", tmp_path / "file"), "file")
    refused(neyman("posterior", command, config, "--out", tmp_path / "file" / "below"), "a file is in the way")
    refused(neyman("posterior", command, config, "--out", tiny_run), "another")
    assert tree(tmp_path) == before
    assert {file.name for file in tmp_path.iterdir()} == {"home", "file"}


def test_a_data_set_of_other_arguments_is_left_alone(neyman, refused, tiny_run, tmp_path):
    simulate = ["posterior", "simulate", tiny_run.parent / "tiny.yaml", "--out", tmp_path, "--sets", 2]
    assert neyman(*simulate).code == 0
    before = tree(tmp_path)
    refused(neyman(*simulate, "--seed", 2), "holds another data set: seed was 1, is now 2", "another --out")
    refused(neyman("posterior", "train", tiny_run.parent / "tiny.yaml", "--out", tmp_path), "something else is there")
    assert neyman(*simulate).code == 0
    assert tree(tmp_path) == before


def test_a_run_of_other_arguments_is_left_alone(neyman, refused, tiny_run):
    before = tree(tiny_run)
    done = neyman("posterior", "run", tiny_run.parent / "tiny.yaml", "--out", tiny_run, "--sets", 101)
    refused(done, "holds another run", "another --out")
    assert tree(tiny_run) == before


@pytest.mark.parametrize("command", ["simulate", "train", "run"])
def test_a_place_where_one_may_not_write(command, neyman, refused, tiny_run, tmp_path, monkeypatch):
    make = Path.mkdir

    def refuse(path, *args, **options):
        if path.is_relative_to(tmp_path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        make(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    done = neyman("posterior", command, tiny_run.parent / "tiny.yaml", "--out", tmp_path / "out")
    refused(done, str(tmp_path / "out"), "not allowed")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "shard"), 1, "shard: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "shard"), 2, "shard: Permission denied"),
        (MemoryError("Unable to allocate 7 TiB"), 1, "not enough memory: Unable to allocate 7 TiB"),
    ],
)
def test_failures_of_the_machine_are_one_line(error, code, text, neyman, tiny_run, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(files.os, "fsync", fail)
    done = neyman("posterior", "simulate", tiny_run.parent / "tiny.yaml", "--out", tmp_path / "data", "--sets", 2)
    assert (done.code, done.out, done.err) == (code, "", f"neyman: {text}\n")
    assert not any((tmp_path / "data").iterdir())


@pytest.mark.parametrize("place", [0, 5])
def test_debug_shows_where_it_happened(place, shell, tmp_path):
    command = ["posterior", "simulate", "none.yaml", "--out", "out"]
    done = shell(*command[:place], "--debug", *command[place:], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ConfigError: none.yaml: no such config file" in done.stderr


def test_sizes_that_were_not_trained_for(neyman, refused, tiny_run):
    refused(neyman("posterior", "check", tiny_run / "artefact", "--size", 100, "--size", 201), "201", "50 to 200")
