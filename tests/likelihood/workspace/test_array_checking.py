"""What fits the schema of an unbinned channel and makes no sense."""

import copy

import pytest

from neyman.likelihood.workspace import Workspace

SR = "$.channels[1]"
SIGNAL = f"{SR}.samples[0]"
JES = f"{SIGNAL}.modifiers[1].data"


def test_what_these_tests_spoil(unbinned):
    Workspace.from_dict(unbinned[1])


def without_reference(document):
    """The same channel without reference events."""
    channel = document["channels"][1]
    del channel["reference"]
    jes = channel["samples"][0]["modifiers"][1]["data"]
    for both in (*(each["log_ratio"] for each in channel["samples"]), jes["hi_log_ratio"], jes["lo_log_ratio"]):
        del both["reference"]
    return channel


def test_densities_that_cannot_be_normalised(unbinned, refused):
    channel = without_reference(unbinned[1])
    expected = "$.channels[1]: no 'reference', and so varied densities cannot be normalised"
    refused(unbinned[1], expected, "'reference': {'weights': ...}", '"normalise": false, at your own risk')
    channel["normalise"] = False
    Workspace.from_dict(unbinned[1])


@pytest.mark.parametrize("path", [f"{SIGNAL}.log_ratio", f"{SR}.samples[1].log_ratio", f"{JES}.hi_log_ratio"])
def test_ratios_at_reference_events(unbinned, put, refused, path):
    document = copy.deepcopy(unbinned[1])
    put(document, f"{path}.reference", ...)
    refused(document, f"{path}: no key 'reference'\n", "keys observed, reference: the channel has reference events")
    document = copy.deepcopy(unbinned[1])
    ratio = {"path": "a.npy"}
    without_reference(document)["normalise"] = False
    put(document, f"{path}.reference", ratio)
    refused(document, f"{path}.reference: reference events, of which the channel has none\n", "'reference' in the")


def test_log_ratios_on_one_side(unbinned, put, refused):
    refused(
        put(unbinned[1], f"{JES}.lo_log_ratio", ...), f"{JES}: no 'lo_log_ratio', but 'hi_log_ratio'", "both, or none"
    )
    put(unbinned[1], f"{JES}.lo_log_ratio", at_least := {"observed": {"path": "a.npy"}, "reference": {"path": "b.npy"}})
    Workspace.from_dict(unbinned[1])
    refused(put(unbinned[1], f"{JES}.hi_log_ratio", ...), f"{JES}: no 'hi_log_ratio', but 'lo_log_ratio'", "zeros")
    assert at_least


def test_a_normplusshape_without_a_shape_has_nothing_to_be_relative_to(unbinned, put, refused):
    put(unbinned[1], JES, {"hi": 1.1, "lo": 0.9})
    Workspace.from_dict(unbinned[1])
    put(unbinned[1], f"{JES}.relative_to", "reference")
    refused(unbinned[1], f"{JES}.relative_to: no log ratios that could be relative to the reference density")


@pytest.mark.parametrize(("key", "value"), [("hi", 0), ("hi", -1.1), ("lo", 0.0), ("lo", -0.5)])
def test_relative_yields(unbinned, put, refused, key, value):
    put(unbinned[1], f"{JES}.{key}", value)
    refused(unbinned[1], f"{JES}.{key}: found {value}\n", "a relative yield above zero", "10 % less is 0.9")


def test_observations_of_an_unbinned_channel(unbinned, refused):
    unbinned[1]["observations"].append({"name": "SR", "data": [60]})
    parts = "$.observations[1]: channel 'SR' is unbinned", "counts of binned channels alone", "$.channels[1].observed"
    refused(unbinned[1], *parts)


def test_observations_of_binned_channels_are_still_needed(unbinned, refused):
    unbinned[1]["observations"] = []
    refused(unbinned[1], "$.channels[0]: no observation for channel 'CR'\n", "an entry in $.observations")


def test_names_that_stand_twice(unbinned, refused):
    channel = unbinned[1]["channels"][1]
    channel["samples"].append(copy.deepcopy(channel["samples"][0]))
    refused(unbinned[1], f"{SR}.samples[2]: sample 'signal' stands twice, first in {SIGNAL}\n", "each name once")
    channel["samples"].pop()
    channel["samples"][0]["modifiers"].append(channel["samples"][0]["modifiers"][1])
    refused(unbinned[1], f"{SIGNAL}.modifiers[2]: modifier 'normplusshape JES' stands twice")
    channel["samples"][0]["modifiers"].pop()
    channel["name"] = "CR"
    refused(unbinned[1], "$.channels[1]: channel 'CR' stands twice")


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ({"path": "a.csv"}, [".path: found 'a.csv'\n", "a file .npy, .parquet, .pq"]),
        ({"path": "a"}, [".path: found 'a'\n"]),
        ({"path": "a.npz"}, [".path: found 'a.npz'\n"]),
        ({"path": "a\0.npy"}, [r".path: found 'a\x00.npy'"]),
        ({"path": "a.parquet"}, [": no key 'column'\n", "the name of a column"]),
        ({"path": "a.PQ"}, [": no key 'column'\n"]),
        ({"path": "a.npy", "column": "x"}, [".column: found 'x'\n", "no such key: a .npy file is a single array"]),
    ],
)
@pytest.mark.parametrize(
    "path", [f"{SR}.reference.weights", f"{SIGNAL}.log_ratio.observed", f"{JES}.hi_log_ratio.observed"]
)
def test_files_and_columns(unbinned, put, refused, path, reference, parts):
    refused(put(unbinned[1], path, reference), path + parts[0], *parts[1:])


@pytest.mark.parametrize("reference", [{"path": "/a/b.NPY"}, {"path": "../b.pq", "column": "x"}])
def test_files_that_may_be(unbinned, put, reference):
    Workspace.from_dict(put(unbinned[1], f"{SR}.observed.weights", reference))


@pytest.mark.parametrize("kind", ["normfactor", "shapefactor"])
def test_a_shape_shares_its_name_with_systematics_alone(unbinned, refused, kind):
    modifiers = unbinned[1]["channels"][0]["samples"][0]["modifiers"]
    modifiers[0] = {"name": "JES", "type": kind, "data": None}
    found = f"{SIGNAL}.modifiers[1]: 'JES' is of type normplusshape here, of type {kind} in $.channels[0].samples[0]"
    refused(unbinned[1], found, "one type for each name; normsys, histosys and normplusshape alone may share one")


def test_a_shape_shares_its_name_with_a_histosys(unbinned):
    modifiers = unbinned[1]["channels"][0]["samples"][0]["modifiers"]
    modifiers.append({"name": "JES", "type": "histosys", "data": {"lo_data": [90, 85], "hi_data": [110, 96]}})
    Workspace.from_dict(unbinned[1])


def test_lumi_and_polynomials_act_on_unbinned_samples(unbinned, with_eft, put, refused):
    polynomial = with_eft["channels"][0]["samples"][0]["modifiers"][-1]
    unbinned[1]["channels"][1]["samples"][0]["modifiers"] += [
        {"name": "lumi", "type": "lumi", "data": None},
        polynomial,
    ]
    refused(unbinned[1], "$.measurements[0].config.parameters: no entry for 'lumi'")
    unbinned[1]["measurements"][0]["config"]["parameters"].append(
        {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.5, 1.5]], "inits": [1.0]}
    )
    Workspace.from_dict(unbinned[1])
    put(unbinned[1], f"{SIGNAL}.modifiers[3].data.parameters", ["c9"])
    refused(unbinned[1], f"{SIGNAL}.modifiers[3].data.terms[2].powers.c10: no parameter 'c10'")
