"""The form of unbinned channels, and that binned ones stay as they are."""

import copy
import json

import pyhf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.modifiers import NormPlusShape
from neyman.likelihood.workspace.unbinned import UnbinnedChannel, event_arrays, references
from neyman.likelihood.workspace.uses import parameters

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator

SR = "$.channels[1]"
SIGNAL = f"{SR}.samples[0]"
JES = f"{SIGNAL}.modifiers[1].data"


def test_a_file_and_back(unbinned):
    folder, document = unbinned
    workspace = Workspace.from_dict(document, folder=folder)
    assert workspace.to_dict() == document
    workspace.save(folder / "ws.json")
    assert json.loads((folder / "ws.json").read_text()) == document
    again = Workspace.load(folder / "ws.json")
    assert again == workspace
    assert (again.folder, again.digest) == (folder, workspace.digest)
    assert again.warnings() == []
    assert again.channels == ("CR", "SR")
    assert again.samples == ("background", "signal")


def test_the_parts(unbinned):
    _, document = unbinned
    found = Workspace.from_dict(document).document
    ((path, channel),) = found.unbinned
    assert (path, channel.name, channel.type, channel.normalise) == (SR, "SR", "unbinned", True)
    assert isinstance(channel, UnbinnedChannel)
    assert [sample.nominal for sample in channel.samples] == [20, 40.5]
    assert isinstance(channel.samples[0].modifiers[1], NormPlusShape)
    assert [(path, each.name, each.bins) for path, each in found.binned] == [("$.channels[0]", "CR", 2)]


def test_arrays_with_their_places(unbinned, at):
    _, document = unbinned
    channel = Workspace.from_dict(document).document.channels[1]
    named = list(references(channel, SR))
    for path, events, reference in named:
        assert at(document, path) == reference.model_dump(exclude_unset=True)
        assert events in path
    places = [f"{SIGNAL}.log_ratio", f"{JES}.hi_log_ratio", f"{JES}.lo_log_ratio", f"{SR}.samples[1].log_ratio"]
    assert [path for path, _ in event_arrays(channel, SR)] == places
    ends = [f"{place}.{events}" for place in places for events in ("observed", "reference")]
    assert [path for path, _, _ in named] == [f"{SR}.reference.weights", *ends]


def test_a_binned_channel_may_say_so(full):
    plain = Workspace.from_dict(full)
    full["channels"][0]["type"] = "binned"
    workspace = Workspace.from_dict(full)
    assert workspace.to_dict() == full
    assert workspace.channels == plain.channels
    assert "type" not in plain.to_dict()["channels"][0]
    assert workspace.digest != plain.digest


def test_unbinned_channels_alone_need_no_observations(unbinned):
    _, document = unbinned
    del document["channels"][0]
    document["observations"] = []
    assert Workspace.from_dict(document).to_dict() == document


def test_pyhf_does_not_take_it_for_a_workspace_of_its_own(unbinned):
    with pytest.raises(pyhf.exceptions.InvalidSpecification):
        pyhf.Workspace(unbinned[1])


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        (f"{SR}.type", "unbined", ["type: found 'unbined'", "one of binned, unbinned", "did you mean 'unbinned'?"]),
        (f"{SR}.type", None, ["$.channels[1].type: found null", "one of binned, unbinned"]),
        (f"{SR}.type", ["unbinned"], ["$.channels[1].type: found a list of 1", "one of binned, unbinned"]),
        (f"{SR}.type", ..., ["[1].observed: unknown key 'observed'", 'try: "type": "unbinned"']),
        (f"{SR}.observed", ..., ["$.channels[1]: no key 'observed'", "keys name, type, observed, samples"]),
        (f"{SR}.observed", None, ["$.channels[1].observed: found null", "a value, or no such key"]),
        (f"{SR}.reference", None, ["$.channels[1].reference: found null", "a value, or no such key"]),
        (f"{SR}.reference", {}, ["$.channels[1].reference: no key 'weights'", "keys weights"]),
        (f"{SR}.normalise", 1, ["$.channels[1].normalise: found 1", "true or false"]),
        (f"{SR}.normalize", False, ["unknown key 'normalize'", "did you mean 'normalise'?"]),
        (f"{SR}.samples", [], ["$.channels[1].samples: found an empty list", "one entry at least"]),
        (f"{SIGNAL}.yield", ..., [f"{SIGNAL}: no key 'yield'", "keys name, yield, log_ratio, modifiers"]),
        (f"{SIGNAL}.yield", [20], [f"{SIGNAL}.yield: found a list of 1", "a number"]),
        (f"{SIGNAL}.yield", float("nan"), [f"{SIGNAL}.yield: found NaN", "a finite number"]),
        (f"{SIGNAL}.yield", float("inf"), [f"{SIGNAL}.yield: found infinity", "a finite number"]),
        (f"{SIGNAL}.nominal", 3, [f"{SIGNAL}.nominal: unknown key 'nominal'", "one of name, yield, log_ratio"]),
        (f"{SIGNAL}.yeild", 3, ["unknown key 'yeild'", "name, yield"]),
        (f"{SIGNAL}.data", [1], ["unknown key 'data'", "one of name, yield, log_ratio, modifiers"]),
        (f"{SIGNAL}.log_ratio", "a.npy", ["log_ratio: found 'a.npy'", "an object with keys observed"]),
        (f"{SIGNAL}.log_ratio.observed", "a.npy", ["log_ratio.observed: found 'a.npy'", "an object with keys path"]),
        (f"{SIGNAL}.log_ratio.observed.path", "", ["log_ratio.observed.path: found ''", "a name"]),
        (f"{SIGNAL}.log_ratio.observed.sha256", None, ["observed.sha256: found null", "a value, or no such key"]),
        (f"{SIGNAL}.log_ratio.observed.sha256", "abc", ["observed.sha256: found 'abc'", "64 hexadecimal digits"]),
        (f"{SIGNAL}.log_ratio.observed.sha256", "g" * 64, ["64 hexadecimal digits"]),
        (f"{SIGNAL}.log_ratio.observed.sha256", "a" * 64 + "\n", ["64 hexadecimal digits"]),
        (f"{SIGNAL}.log_ratio.observed.colum", "x", ["unknown key 'colum'", "did you mean 'column'?"]),
        (f"{JES}.hi", ..., [f"{JES}: no key 'hi'", "keys hi, lo"]),
        (f"{JES}.hi_log_ratio", None, [f"{JES}.hi_log_ratio: found null", "a value, or no such key"]),
        (f"{JES}.hi_log_ratio.observed", ..., [f"{JES}.hi_log_ratio: no key 'observed'", "keys observed"]),
        (f"{JES}.relative_to", "signal", [f"{JES}.relative_to: found 'signal'", "'nominal' or 'reference'"]),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(unbinned, put, refused, path, value, parts):
    refused(put(unbinned[1], path, value), *parts)


@pytest.mark.parametrize(
    ("modifier", "hint"),
    [
        ({"name": "x", "type": "histosys", "data": {"lo_data": [1], "hi_data": [2]}}, "normplusshape"),
        ({"name": "x", "type": "shapesys", "data": [1]}, "leave it out"),
        ({"name": "x", "type": "staterror", "data": [1]}, "leave it out"),
        ({"name": "x", "type": "shapefactor", "data": None}, "leave it out"),
    ],
)
def test_modifiers_of_bins_are_not_for_events(unbinned, at, refused, modifier, hint):
    at(unbinned[1], SIGNAL)["modifiers"].append(modifier)
    parts = f"{SIGNAL}.modifiers[2].type: found '{modifier['type']}'", "one of normfactor, normsys, lumi, polynomial"
    refused(unbinned[1], *parts, hint, "has no bins")


def test_a_shape_of_events_is_not_for_bins(unbinned, at, refused):
    shape = {"name": "JES", "type": "normplusshape", "data": {"lo": 0.9, "hi": 1.1}}
    at(unbinned[1], "$.channels[0].samples[0]")["modifiers"].append(shape)
    place = "$.channels[0].samples[0].modifiers[1].type: found 'normplusshape'"
    refused(unbinned[1], place, '"type": "unbinned"')


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


JUNK = st.sampled_from([..., None, True, "x", "", -1, 0, 3, [], {}, [1], {"x": 1}, "normsys", "unbinned", "binned"])


@given(data=st.data())
def test_junk_anywhere_is_refused_or_comes_out_as_it_went_in(data, unbinned_source):
    changed = copy.deepcopy(unbinned_source[1])
    *parents, key = data.draw(st.sampled_from([path for path in places(changed) if path]))
    inside = changed
    for step in parents:
        inside = inside[step]
    junk = data.draw(JUNK)
    if junk is ...:
        del inside[key]
    else:
        inside[key] = junk
    try:
        workspace = Workspace.from_dict(changed)
    except WorkspaceError as error:
        assert len(str(error).splitlines()) <= 5
    else:
        assert workspace.to_dict() == changed
        assert all(line.startswith("$.") for line in workspace.warnings())


def test_one_parameter_for_norm_and_shape(unbinned):
    found = parameters(Workspace.from_dict(unbinned[1]).document)
    assert {name: each.size for name, each in found.items()} == {"JES": 1, "mu": 1}
    assert found["JES"].types == ("normsys", "normplusshape")
    assert found["JES"].settings == ("auxdata",)


def test_settings_of_a_shape_are_those_of_a_normsys(unbinned, refused):
    document = unbinned[1]
    config = document["measurements"][0]["config"]
    config["parameters"] = [{"name": "JES", "inits": [0.1], "bounds": [[-3, 3]], "auxdata": [0.2], "fixed": True}]
    Workspace.from_dict(document)
    config["parameters"][0]["sigmas"] = [0.5]
    kinds = "normsys and normplusshape 'JES' has no sigmas"
    refused(document, "config.parameters[0].sigmas", kinds, "inits, bounds, auxdata, fixed")


def test_the_published_schema_allows_both_kinds(unbinned, full, put):
    import jsonschema

    from neyman.likelihood.workspace.document import Document

    schema = Document.model_json_schema()
    for document in (unbinned[1], full):
        jsonschema.validate(document, schema)
    for path, value in (
        (f"{SR}.type", "unbined"),
        (f"{SR}.reference", None),
        (f"{SIGNAL}.log_ratio.observed.sha256", "abc"),
        (f"{SIGNAL}.yield", "20"),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(put(copy.deepcopy(unbinned[1]), path, value), schema)
