"""What the JSON of a workspace may look like: the same as in pyhf's schema."""

import copy
import math

import numpy as np
import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator


def places(value, path=()):
    """The path of every value inside a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(document, path, value):
    """A copy with another value at a path; with none there for `...`."""
    changed = copy.deepcopy(document)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    if value is ...:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return changed


JUNK = st.sampled_from([..., None, True, "x", "", -1, 0, 3, 1e30, [], {}, [1], [1, 2], {"x": 1}, "normsys", "lumi"])


@given(data=st.data())
def test_what_we_accept_pyhf_accepts(data, full_spec):
    path = data.draw(st.sampled_from([path for path in places(full_spec) if path]))
    changed = put(full_spec, path, data.draw(JUNK))
    try:
        workspace = Workspace.from_dict(changed)
    except WorkspaceError as error:
        assert len(str(error).splitlines()) <= 5
        return
    assert workspace.to_dict() == changed
    pyhf.Workspace(changed).model()


@given(data=st.data())
def test_a_key_too_many_is_refused_wherever_it_is(data, full_spec):
    objects = [path for path in places(full_spec) if path and path[-1] == "name"]
    path = data.draw(st.sampled_from(objects))
    with pytest.raises(WorkspaceError, match="unknown key 'comment'"):
        Workspace.from_dict(put(full_spec, (*path[:-1], "comment"), "hello"))


@given(data=st.data(), bad=st.sampled_from([math.nan, math.inf, -math.inf, 10**400]))
def test_no_number_is_infinite(data, bad, full_spec):
    def is_number(path):
        value = full_spec
        for key in path:
            value = value[key]
        return isinstance(value, int | float) and not isinstance(value, bool)

    path = data.draw(st.sampled_from([path for path in places(full_spec) if is_number(path)]))
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(put(full_spec, path, bad))
    steps = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    assert f"workspace: ${steps}: found " in str(error.value)
    assert "expected: a finite number" in str(error.value)


S = ("channels", 0, "samples", 0)
M = (*S, "modifiers")
P = ("measurements", 0, "config", "parameters", 0)


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        (("version",), ..., ["workspace: $: no key 'version'", "keys channels, measurements, observations, version"]),
        (("version",), "2.0.0", ["$.version: found '2.0.0'", "'1.0.0'"]),
        (("channels",), [], ["$.channels: found an empty list", "one entry at least"]),
        (("channels",), {}, ["$.channels: found an empty object", "a list"]),
        (("channels", 0), "SR", ["$.channels[0]: found 'SR'", "an object with keys name, samples"]),
        (("channels", 0, "name"), 3, ["$.channels[0].name: found 3", "a text"]),
        (("channels", 0, "name"), "", ["$.channels[0].name: found ''", "a name"]),
        (S, {"name": "x", "data": [1, 2]}, ["$.channels[0].samples[0]: no key 'modifiers'", "name, data, modifiers"]),
        ((*S, "data", 1), None, ["$.channels[0].samples[0].data[1]: found null", "a number"]),
        ((*S, "data", 1), "2.5", ["$.channels[0].samples[0].data[1]: found '2.5'", "a number"]),
        ((*S, "data", 1), True, ["found true", "a number"]),
        ((*S, "data"), [[5], [2]], ["data[0]: found a list of 1 (and 1 more)"]),
        ((*S, "data"), "x" * 500, ["data: found 'xxx", "...'"]),
        ((*S, "data"), np.array([[5, 2.5]]), ["data[0]: found a numpy.ndarray", "a number"]),
        ((*S, "name"), "\ud800", ["name: found", "Unicode"]),
        ((*M, 0, "type"), "normsis", ["modifiers[0].type: found 'normsis'", "normfactor, normsys", "mean 'normsys'?"]),
        ((*M, 0, "type"), ["normsys"], ["modifiers[0].type: found a list of 1"]),
        ((*M, 0, "type"), ..., ["modifiers[0]: no key 'type'"]),
        ((*M, 0), [], ["modifiers[0]: found an empty list"]),
        ((*M, 0, "data"), [1.0], ["modifiers[0].data: found a list of 1", "expected: null"]),
        ((*M, 0, "data"), ..., ["modifiers[0]: no key 'data'", "keys name, type, data"]),
        ((*M, 2, "data"), {"low": 0.9, "hi": 1.1}, ["[2].data.low: unknown key 'low'", "lo, hi", "mean 'lo'?"]),
        ((*M, 2, "data", "hi"), ..., ["modifiers[2].data: no key 'hi'", "keys lo, hi"]),
        ((*M, 1, "name"), "lumy", ["modifiers[1].name: found 'lumy'", "'lumi'"]),
        ((*P, "bounds", 0), [0], ["parameters[0].bounds[0]: found a list of 1", "two numbers, [low, high]"]),
        ((*P, "bounds", 0), [0, 1, 2], ["parameters[0].bounds[0]: found a list of 3", "two numbers"]),
        ((*P, "bounds"), [0, 1], ["parameters[0].bounds[0]: found 0 (and 1 more)"]),
        ((*P, "inits"), None, ["parameters[0].inits: found null", "a value, or no such key"]),
        ((*P, "inits"), 1.0, ["parameters[0].inits: found 1.0", "a list"]),
        ((*P, "fixed"), 1, ["parameters[0].fixed: found 1", "true or false"]),
        ((*P, "init"), [1.0], ["parameters[0].init: unknown key 'init'", "one of name, inits"]),
        (("measurements", 0, "config", "poi"), None, ["config.poi: found null", "a text"]),
        (("measurements", 0, "config"), {"POI": "mu", "parameters": []}, ["unknown key 'POI'", "did you mean 'poi'?"]),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(full, path, value, parts, message):
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(put(full, path, value))
    message(error, *parts)
    assert max(map(len, str(error.value).splitlines())) < 300


def test_a_misspelt_key_is_one_mistake_and_not_two(full, message):
    full["channels"][1]["smaples"] = full["channels"][1].pop("samples")
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, "$.channels[1].smaples: unknown key 'smaples'\n", "one of name, samples", "did you mean 'samples'?")


def test_how_many_mistakes_there_are(full, message):
    for sample in full["channels"][0]["samples"]:
        sample["data"] = [None, "x"]
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, "(and 3 more)")


def test_numbers_and_arrays_of_numpy_become_plain(full):
    full["channels"][0]["samples"][0]["data"] = [np.int64(5), np.float32(2.5)]
    full["channels"][0]["samples"][1]["data"] = np.array([50.0, 60.0])
    samples = Workspace.from_dict(full).to_dict()["channels"][0]["samples"]
    assert [sample["data"] for sample in samples] == [[5, 2.5], [50.0, 60.0]]
    assert [type(value) for value in samples[0]["data"]] == [int, float]


def test_a_document_that_contains_itself(full, message):
    full["channels"].append(full)
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full)
    message(error, "$.channels[2]")


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("terms", [], ["data.terms: found an empty list"]),
        ("parameters", [], ["data.parameters: found an empty list"]),
        ("terms", [{"coefficient": 1}], ["data.terms[0]: no key 'powers'"]),
        ("terms", [{"coefficient": 1, "powers": {"c9": -1}}], ["powers.c9: found -1", "a whole number, zero or above"]),
        ("terms", [{"coefficient": 1, "powers": {"c9": 0.5}}], ["powers.c9: found 0.5", "a whole number"]),
        ("terms", [{"coefficient": 1, "powers": {"c9": True}}], ["powers.c9: found true"]),
        ("terms", [{"coefficient": 1, "powers": [2]}], ["powers: found a list of 1", "an object"]),
        ("terms", [{"coefficient": math.nan, "powers": {}}], ["coefficient: found NaN"]),
        ("terms", [{"coeficient": 1, "powers": {}}], ["unknown key 'coeficient'\n", "did you mean 'coefficient'?"]),
    ],
)
def test_polynomials_that_are_none(with_eft, key, value, parts, message):
    with_eft["channels"][0]["samples"][0]["modifiers"][-1]["data"][key] = value
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(with_eft)
    message(error, "$.channels[0].samples[0].modifiers[3].data", *parts)


def test_polynomials_come_out_unchanged(with_eft):
    assert Workspace.from_dict(with_eft).to_dict() == with_eft
    with pytest.raises(pyhf.exceptions.InvalidSpecification):
        pyhf.Workspace(with_eft)
