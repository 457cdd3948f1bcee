"""What fits the schema and makes no sense; where pyhf sees it too, it is asked."""

import copy

import pyhf
import pytest

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator

SIGNAL = "$.channels[0].samples[0]"
BACKGROUND = "$.channels[0].samples[1]"
CONTROL = "$.channels[1].samples[0]"


def sample(spec, path):
    channel, index = {SIGNAL: (0, 0), BACKGROUND: (0, 1), CONTROL: (1, 0)}[path]
    return spec["channels"][channel]["samples"][index]


def refused(spec, message, *parts):
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(spec)
    message(error, *parts)
    assert max(map(len, str(error.value).splitlines())) < 300


def pyhf_refuses(spec):
    try:
        for measurement in spec["measurements"]:
            pyhf.Workspace(spec).model(measurement_name=measurement["name"])
    except (pyhf.exceptions.InvalidModel, pyhf.exceptions.InvalidModifier, pyhf.exceptions.InvalidNameReuse):
        return True
    except (AssertionError, TypeError, ValueError):  # what pyhf did not expect
        return True
    return False


def test_pyhf_takes_the_workspace_that_these_tests_spoil(full):
    assert not pyhf_refuses(full)
    assert Workspace.from_dict(full).warnings() == []


@pytest.mark.parametrize(
    ("path", "data", "parts"),
    [
        (BACKGROUND, [50.0], [f"{BACKGROUND}.data: 1 bins (and 3 more)", "2, as sample 'signal'"]),
        (SIGNAL, [5, 2, 1], [f"{BACKGROUND}.data: 2 bins (and 1 more)", "3, as sample 'signal'"]),
        (CONTROL, [1], [f"{CONTROL}.modifiers[1].data: 3 bins (and 3 more)", "1, as its sample"]),
    ],
)
def test_samples_with_other_bins(full, path, data, parts, message):
    sample(full, path)["data"] = data
    assert pyhf_refuses(full) or path == SIGNAL
    refused(full, message, *parts)


@pytest.mark.parametrize(
    ("path", "index", "data", "parts"),
    [
        (BACKGROUND, 0, {"lo_data": [48], "hi_data": [52, 58]}, [f"{BACKGROUND}.modifiers[0].data.lo_data: 1 bins"]),
        (BACKGROUND, 0, {"lo_data": [48, 1], "hi_data": [52, 58, 1]}, ["data.hi_data: 3 bins", "2, as its sample"]),
        (BACKGROUND, 2, [1, 2, 3], [f"{BACKGROUND}.modifiers[2].data: 3 bins", "2, as its sample"]),
        (CONTROL, 1, [1, 2], [f"{CONTROL}.modifiers[1].data: 2 bins", "3, as its sample"]),
    ],
)
def test_modifiers_with_other_bins(full, path, index, data, parts, message):
    sample(full, path)["modifiers"][index]["data"] = data
    assert pyhf_refuses(full)
    refused(full, message, *parts)


@pytest.mark.parametrize(
    ("path", "index", "data", "parts"),
    [
        (
            SIGNAL,
            2,
            {"lo": 0, "hi": 1.1},
            [f"{SIGNAL}.modifiers[2].data.lo: found 0", "above zero", "10 % less is 0.9"],
        ),
        (SIGNAL, 2, {"lo": 0.9, "hi": -0.1}, [f"{SIGNAL}.modifiers[2].data.hi: found -0.1", "above zero"]),
        (BACKGROUND, 2, [1, -2.0], [f"{BACKGROUND}.modifiers[2].data[1]: found -2.0", "zero or above"]),
        (CONTROL, 1, [-1, 0, 1], [f"{CONTROL}.modifiers[1].data[0]: found -1", "zero or above"]),
    ],
)
def test_values_that_cannot_be(full, path, index, data, parts, message):
    sample(full, path)["modifiers"][index]["data"] = data
    refused(full, message, *parts)


@pytest.mark.parametrize(
    ("observations", "parts"),
    [
        ([("CR", [1, 2, 3])], ["$.channels[0]: no observation for channel 'SR'", "an entry in $.observations"]),
        (
            [("CR", [1, 2, 3]), ("SRR", [1, 2])],
            ["$.channels[0]: no observation for channel 'SR' (and 1 more)", "did you mean 'SRR'?"],
        ),
        (
            [("CR", [1, 2, 3]), ("SR", [1, 2]), ("VR", [1])],
            ["$.observations[2].name: no channel 'VR'", "one of SR, CR"],
        ),
        ([("CR", [1, 2]), ("SR", [1, 2])], ["$.observations[0].data: 2 bins", "3, as its channel"]),
        ([("CR", [1, 2, -3]), ("SR", [1, 2])], ["$.observations[0].data[2]: found -3", "counts, zero or above"]),
        (
            [("CR", [1, 2, 3]), ("SR", [1, 2]), ("CR", [1, 2, 3])],
            ["$.observations[2]: observation 'CR' stands twice, first in $.observations[0]"],
        ),
    ],
)
def test_observations(full, observations, parts, message):
    full["observations"] = [{"name": name, "data": data} for name, data in observations]
    refused(full, message, *parts)


@pytest.mark.parametrize(
    ("where", "parts"),
    [
        (lambda spec: spec["channels"], ["$.channels[2]: channel 'SR' stands twice, first in $.channels[0]"]),
        (
            lambda spec: spec["channels"][0]["samples"],
            ["$.channels[0].samples[2]: sample 'signal' stands twice, first in $.channels[0].samples[0]"],
        ),
        (
            lambda spec: spec["channels"][0]["samples"][0]["modifiers"],
            [f"{SIGNAL}.modifiers[3]: modifier 'normfactor mu' stands twice", "each name once"],
        ),
        (lambda spec: spec["measurements"], ["$.measurements[2]: measurement 'search' stands twice"]),
        (
            lambda spec: spec["measurements"][0]["config"]["parameters"],
            ["$.measurements[0].config.parameters[2]: parameter 'lumi' stands twice", "config.parameters[0]"],
        ),
    ],
)
def test_names_that_stand_twice(full, where, parts, message):
    items = where(full)
    items.append(copy.deepcopy(items[0]))
    refused(full, message, *parts)


@pytest.mark.parametrize(
    ("path", "modifier", "parts"),
    [
        (
            CONTROL,
            {"name": "mu", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}},
            [f"{CONTROL}.modifiers[2]: 'mu' is of type normsys here, of type normfactor in {SIGNAL}.modifiers[0]"],
        ),
        (CONTROL, {"name": "jes", "type": "normfactor", "data": None}, ["'jes' is of type normfactor here"]),
        (CONTROL, {"name": "stat_SR", "type": "shapesys", "data": [1, 1, 1]}, ["'stat_SR' is of type shapesys here"]),
        (CONTROL, {"name": "lumi", "type": "normfactor", "data": None}, ["'lumi' is of type normfactor here"]),
        (SIGNAL, {"name": "free", "type": "staterror", "data": [1, 1]}, ["'free' is of type shapefactor here"]),
        (
            SIGNAL,
            {"name": "mc_CR", "type": "shapesys", "data": [1, 1]},
            [f"{CONTROL}.modifiers[1]: shapesys 'mc_CR' stands in two places, first in {SIGNAL}.modifiers[3]"],
        ),
    ],
)
def test_names_that_are_used_for_two_things(full, path, modifier, parts, message):
    sample(full, path)["modifiers"].append(modifier)
    assert pyhf_refuses(full)
    refused(full, message, *parts)


def test_one_name_for_normsys_and_histosys_is_one_parameter(full):
    normsys = {"name": "jes", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}
    sample(full, CONTROL)["modifiers"].append(normsys)
    assert not pyhf_refuses(full)
    Workspace.from_dict(full)


def polynomial(parameters, *powers):
    terms = [{"coefficient": 1.0, "powers": each} for each in powers]
    return {"name": "eft", "type": "polynomial", "data": {"parameters": parameters, "terms": terms}}


@pytest.mark.parametrize(
    ("modifier", "parts"),
    [
        (polynomial(["c9"], {"c9": 1}, {"c1O": 2}), [".data.terms[1].powers.c1O: no parameter 'c1O'", "one of c9"]),
        (polynomial(["c9", "c10"], {"c9": 1}, {"c10": 1, "c19": 1}), ["powers.c19", "did you mean 'c9'?"]),
        (polynomial(["Re(c)"], {"Im(c)": 1, "Re(c)": 1}), [".powers['Im(c)']: no parameter 'Im(c)'"]),
        (polynomial(["c9", "c9"], {"c9": 1}), [".data.parameters[1]: parameter 'c9' stands twice"]),
        (polynomial(["c9", "c10"], {"c9": 1}), [".data.parameters[1]: parameter 'c10' stands in no term"]),
        (polynomial(["mu"], {"mu": 2}), ["'mu' is of type polynomial here, of type normfactor"]),
    ],
)
def test_polynomials(full, modifier, parts, message):
    sample(full, SIGNAL)["modifiers"].append(modifier)
    refused(full, message, f"{SIGNAL}.modifiers[3]", *parts)


def test_polynomials_share_parameters(with_eft):
    sample(with_eft, CONTROL)["modifiers"].append(polynomial(["c9"], {"c9": 3}))
    Workspace.from_dict(with_eft)


def test_the_file_is_named_and_long_names_are_cut(full, message, tmp_path):
    full["channels"][0]["name"] = "x" * 1000 + "\n" * 20
    with pytest.raises(WorkspaceError) as error:
        Workspace.from_dict(full, where="analysis.json")
    message(error, "analysis.json: $.channels[0]: no observation for channel 'xxx")
    assert max(map(len, str(error.value).splitlines())) < 300
