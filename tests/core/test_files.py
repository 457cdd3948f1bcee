import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import InputError
from neyman.core.files import (
    digest,
    finite,
    first_difference,
    locked,
    read_json,
    remove_leftovers,
    replacing,
    replacing_folder,
    sha256,
    write_json,
    write_text,
)

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(), st.text())
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(values)
def test_everything_is_written_as_standard_json(value):
    text = json.dumps(finite(value), allow_nan=False)
    assert json.loads(text) == finite(value)
    assert finite(finite(value)) == finite(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), np.float64("inf")])
def test_numbers_that_json_lacks_become_null(tmp_path, value):
    write_json(tmp_path / "a.json", {"a": [value, (value, 1)]})
    assert (tmp_path / "a.json").read_text() == json.dumps({"a": [None, [None, 1]]}, indent=2) + "\n"


def test_numpy_becomes_plain():
    assert finite({"a": np.array([1.0, np.nan]), "b": np.int64(3), "c": np.bool_(True)}) == {
        "a": [1.0, None],
        "b": 3,
        "c": True,
    }


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(RuntimeError, match="half-way"), replacing(file) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("half-way")
    with pytest.raises(KeyboardInterrupt), replacing(file) as temporary:
        temporary.write_text("ne")
        raise KeyboardInterrupt
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_new_file_makes_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b" / "c.txt", "θ\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "θ\n".encode()


def test_a_file_where_a_folder_should_be(tmp_path, message):
    (tmp_path / "a").write_text("")
    for place in (tmp_path / "a" / "b.txt", tmp_path / "a" / "b" / "c.txt"):
        with pytest.raises(InputError) as error:
            write_text(place, "x")
        message(error, "a file is in the way")


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "model"
    for attempt in ("first", "second"):
        with replacing_folder(folder) as temporary:
            (temporary / "a.txt").write_text(attempt)
            (temporary / f"{attempt}.txt").write_text(attempt)
    assert sorted(os.listdir(folder)) == ["a.txt", "second.txt"]
    with pytest.raises(KeyboardInterrupt), replacing_folder(folder) as temporary:
        (temporary / "a.txt").write_text("third")
        raise KeyboardInterrupt
    assert (folder / "a.txt").read_text() == "second"
    assert os.listdir(tmp_path) == ["model"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.txt").write_text("old")
    rename = type(folder).rename

    def fails(self, target):
        if self.name.endswith(".tmp"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(type(folder), "rename", fails)
    with pytest.raises(KeyboardInterrupt), replacing_folder(folder) as temporary:
        (temporary / "a.txt").write_text("new")
    assert (folder / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"{'a': 1}", "a.json:1"),
        (b'{"a": 1,\n', "a.json:2"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not a text file"),
        (b"9" * 5000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_not_json_is_refused(tmp_path, content, part, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(tmp_path / "a.json")
    message(error, part)


def test_a_missing_file_and_a_folder_are_refused(tmp_path, message):
    with pytest.raises(InputError) as error:
        read_json(tmp_path / "none.json")
    message(error, "no such file", "none.json")
    with pytest.raises(InputError) as error:
        read_json(tmp_path)
    message(error, "cannot be read")


def test_digests(tmp_path):
    assert digest({"a": 1, "b": [1.5, "θ"]}) == digest({"b": [1.5, "θ"], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest([1, 2]) != digest([2, 1])
    (tmp_path / "a").write_bytes(b"abc")
    # The test vector of FIPS 180-2, appendix B.1.
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def lock_elsewhere(folder):
    code = "from pathlib import Path; from neyman.core.files import locked\nwith locked(Path('.')): pass"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_folder_is_held_by_one_process(tmp_path):
    with locked(tmp_path):
        with locked(tmp_path):
            pass
        code, errors = lock_elsewhere(tmp_path)
        assert code
        assert "another process is writing here" in errors
    assert lock_elsewhere(tmp_path) == (0, "")
    assert os.listdir(tmp_path) == []


def test_leftovers_of_a_killed_process(tmp_path):
    (tmp_path / ".shard.parquet.123.tmp").write_text("half")
    (tmp_path / "kept.tmp").write_text("")
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["kept.tmp"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"a": 1}, {"a": 2}, "a was 1, is now 2"),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, "a.c was 2, is now 3"),
        ({"a": 1}, {}, "a was 1, is now None"),
        ({}, {"z": "x" * 99}, "z was None, is now 'xxx"),
    ],
)
def test_differences_are_told_in_one_line(old, new, text):
    told = first_difference(old, new)
    assert told.startswith(text)
    assert len(told) < 120
