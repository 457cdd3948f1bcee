import copy
import json
import sys

import jsonpatch
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import InputError, MissingDependencyError, WorkspaceError
from neyman.likelihood.workspace import Patch, Workspace
from neyman.likelihood.workspace.patching import document_digest

SIGNAL = {"name": "mu", "type": "normfactor", "data": None}
DOCUMENT = {"a/b": [1, {"c~d": 2}, []], "e": {"f": None}, "g": "text"}


def write(path, value):
    path.write_text(json.dumps(value))
    return path


def test_patches_from_files_lists_and_objects(full, tmp_path):
    background = copy.deepcopy(full)
    background["channels"][0]["samples"][0]["modifiers"].pop(0)  # without its POI it is no workspace yet
    add = {"op": "add", "path": "/channels/0/samples/0/modifiers/0", "value": SIGNAL}
    other = [{"op": "replace", "path": "/observations/0/data", "value": [1, 2, 3]}]
    path, patch = write(tmp_path / "ws.json", background), write(tmp_path / "patch.json", [add])
    with pytest.raises(WorkspaceError):
        Workspace.load(path)
    assert Workspace.load(path, patches=[patch]).to_dict() == full
    assert Workspace.load(path, patches=[str(patch), other]) == Workspace.load(path, patches=[Patch.of([add, *other])])
    full["observations"][0]["data"] = [1, 2, 3]
    assert Workspace.load(path, patches=[[add], Patch.of(other)]).to_dict() == full


def pointers(document, prefix=""):
    yield prefix
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from pointers(value, f"{prefix}/{str(key).replace('~', '~0').replace('/', '~1')}")


POINTERS = st.one_of(
    st.sampled_from(
        [*pointers(DOCUMENT), "/a~1b/-", "/a~1b/3", "/a~1b/9", "/new", "/g/x", "/e/f/x", "/a~1b/01", "x", "/~2"]
    ),
    st.text("/ab~012-", max_size=6),
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "ad"]), "path": POINTERS},
    optional={"value": st.sampled_from([1, None, [2], {"c": 3}, DOCUMENT]), "from": POINTERS},
)


@given(st.lists(OPERATIONS, max_size=4))
def test_the_result_is_that_of_the_standard_or_an_error_of_ours(operations):
    before, given_operations = copy.deepcopy(DOCUMENT), copy.deepcopy(operations)
    try:
        expected = jsonpatch.JsonPatch(copy.deepcopy(operations)).apply(copy.deepcopy(DOCUMENT))
    except Exception:  # noqa: BLE001 - jsonpatch has many ways to fail
        with pytest.raises(WorkspaceError) as error:
            Patch.of(operations).apply(DOCUMENT)
        assert "patch: $[" in str(error.value)
        assert 2 <= len(str(error.value).splitlines()) <= 5
    else:
        assert Patch.of(operations).apply(DOCUMENT) == expected
    assert before == DOCUMENT
    assert operations == given_operations


@pytest.mark.parametrize(
    ("operation", "parts"),
    [
        (
            {"op": "replace", "path": "/a~1b/7", "value": 1},
            ["patch: $[1]: operation 1, replace '/a~1b/7': /a/b has no entry 7", "expected: 0 to 2"],
        ),
        ({"op": "add", "path": "/a~1b/7", "value": 1}, ["/a/b has no entry 7", "expected: 0 to 3"]),
        ({"op": "remove", "path": "/a~1b/-"}, ["/a/b has no entry -", "0 to 2"]),
        ({"op": "remove", "path": "/a~1b/2/0"}, ["/a/b/2 has no entry 0", "/a/b/2 is empty"]),
        ({"op": "remove", "path": "/e/ff"}, ["/e has no key 'ff'", "expected: one of f", "did you mean 'f'?"]),
        ({"op": "add", "path": "/ee/x", "value": 1}, ["the document has no key 'ee'", "one of a/b, e, g"]),
        ({"op": "add", "path": "/g/x", "value": 1}, ["/g is 'text' and has nothing inside", "an object or a list"]),
        ({"op": "move", "from": "/x", "path": "/y"}, ["operation 1, move '/y': the document has no key 'x'"]),
        ({"op": "test", "path": "/g", "value": "tex"}, ["operation 1, test '/g': "]),
        ({"op": "add", "path": "/y"}, ["operation 1, add '/y'", "'value'"]),
        (
            {"op": "ad", "path": "/y", "value": 1},
            ["operation 1 has op 'ad'", "one of add, remove", "did you mean 'add'?"],
        ),
        ({"op": "add", "path": "y", "value": 1}, ["operation 1, add 'y'"]),
        ({"op": "add", "value": 1}, ["operation 1 is an object", "keys op and path"]),
        ("add", ["operation 1 is 'add'", "keys op and path"]),
        (None, ["operation 1 is null"]),
    ],
)
def test_operations_that_do_not_fit(operation, parts, message):
    with pytest.raises(WorkspaceError) as error:
        Patch.of([{"op": "test", "path": "/g", "value": "text"}, operation]).apply(DOCUMENT)
    message(error, *parts)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ({"patches": []}, ["a set of patches", "PatchSet.load(path)[name]"]),
        ({"op": "add"}, ["found an object", "a list of operations"]),
        (None, ["found null"]),
        ([{"op": "remove", "path": "/chanels"}], ["p.json: $[0]", "no key 'chanels'", "did you mean 'channels'?"]),
        ([{"op": "remove", "path": "/version"}], ["ws.json, patched: $: no key 'version'"]),
        ([{"op": "replace", "path": "", "value": 3}], ["ws.json, patched: $: found 3"]),
    ],
)
def test_files_that_are_no_patches(full, tmp_path, content, parts, message):
    path = write(tmp_path / "ws.json", full)
    with pytest.raises(WorkspaceError) as error:
        Workspace.load(path, patches=[write(tmp_path / "p.json", content)])
    message(error, *parts)
    with pytest.raises(InputError, match="no such file"):
        Workspace.load(path, patches=[tmp_path / "none.json"])


@settings(max_examples=20)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=8,
    )
)
def test_digests_are_those_of_pyhf(document):
    for algorithm in ("md5", "sha256"):
        assert document_digest(document, algorithm) == pyhf.utils.digest(document, algorithm=algorithm)


def test_without_the_library(monkeypatch, message):
    monkeypatch.setitem(sys.modules, "jsonpatch", None)
    with pytest.raises(MissingDependencyError) as error:
        Patch.of([]).apply({})
    message(error, "pip install 'neyman[fit]'")
