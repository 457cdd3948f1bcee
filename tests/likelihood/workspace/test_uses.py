"""Which parameters there are; the truth is pyhf's."""

import copy

import pyhf
import pytest

from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.uses import parameters, uses

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator


def sizes(spec):
    return {name: each.size for name, each in parameters(Workspace.from_dict(spec).document).items()}


def pyhf_sizes(spec):
    config = pyhf.Workspace(spec).model().config
    return {name: config.param_set(name).n_parameters for name in config.par_order}


def test_one_for_each_name_or_each_bin(full):
    expected = {"mu": 1, "lumi": 1, "xsec": 1, "jes": 1, "stat_SR": 2, "free": 3, "mc_CR": 3}
    assert sizes(full) == pyhf_sizes(full) == expected
    assert list(sizes(full)) == list(expected)  # in the order of the document


def test_a_staterror_of_two_channels_has_the_bins_of_both(full):
    control = copy.deepcopy(full["channels"][0]["samples"][1]["modifiers"][2])
    full["channels"][1]["samples"][0]["modifiers"].append(control | {"data": [1, 2, 3]})
    assert sizes(full) == pyhf_sizes(full)
    assert sizes(full)["stat_SR"] == 5


def test_a_shapefactor_of_two_channels_has_the_bins_of_the_larger(full):
    full["channels"][0]["samples"][0]["modifiers"].append({"name": "free", "type": "shapefactor", "data": None})
    assert sizes(full) == pyhf_sizes(full)
    assert sizes(full)["free"] == 3


def test_a_polynomial_brings_its_own(with_eft):
    found = parameters(Workspace.from_dict(with_eft).document)
    assert {name: found[name].types for name in ("c9", "c10")} == {"c9": ("polynomial",), "c10": ("polynomial",)}
    assert found["c9"].size == 1
    assert "eft" not in found
    assert found["jes"].types == ("histosys", "normsys")


def test_each_use_says_where_it_is(with_eft):
    for use in uses(Workspace.from_dict(with_eft).document):
        inside = with_eft
        for step in use.path.removeprefix("$.").replace("[", ".").replace("]", "").split("."):
            inside = inside[int(step)] if step.isdecimal() else inside[step]
        assert inside["type"] == use.modifier.type
        assert inside["name"] == use.modifier.name
