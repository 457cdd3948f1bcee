"""Operations on workspaces; the truth is what pyhf makes of them."""

import copy

import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import WorkspaceError
from neyman.likelihood.workspace import Workspace, combine, prune, rename, sorted_workspace

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated")  # pyhf's validator

JOINS = ("none", "outer", "left outer", "right outer")


def pyhf_fails(make):
    """Whether pyhf refuses to make the workspace, or a model of one of its measurements."""
    try:
        workspace = make()
        for name in workspace.measurement_names:
            workspace.model(measurement_name=name)
    except (
        pyhf.exceptions.InvalidWorkspaceOperation,
        pyhf.exceptions.InvalidSpecification,
        pyhf.exceptions.InvalidModel,
    ):
        return True
    return False


@settings(max_examples=15)
@given(data=st.data(), join=st.sampled_from(JOINS), merge=st.booleans(), prefix=st.sampled_from(["", "other_"]))
def test_random_workspaces_combine_as_in_pyhf(data, documents, join, merge, prefix):
    left, right = data.draw(documents()), data.draw(documents(prefix))
    before = copy.deepcopy((left, right))
    theirs = pyhf.Workspace(left), pyhf.Workspace(right)
    ours = Workspace.from_dict(left), Workspace.from_dict(right)
    try:
        expected = dict(pyhf.Workspace.combine(*theirs, join=join, merge_channels=merge))
    except (pyhf.exceptions.InvalidWorkspaceOperation, ValueError):
        with pytest.raises(WorkspaceError):
            combine(*ours, join, merge_channels=merge)
        return
    try:
        found = combine(*ours, join, merge_channels=merge).to_dict()
    except WorkspaceError:  # bins, or names that are shared by chance
        with pytest.raises(Exception):  # noqa: B017, PT011 - pyhf notices when it makes the model, if at all
            model = pyhf.Workspace(expected).model()
            assert all(
                len(observation["data"]) == model.config.channel_nbins[observation["name"]]
                for observation in expected["observations"]
            )
    else:
        assert found == expected
    assert (left, right) == before


@pytest.fixture
def other(full):
    """A second search: a channel of its own, the control region in common, other settings of the measurement."""
    changed = copy.deepcopy(full)
    changed["channels"][0]["name"] = "SR2"
    for modifier in changed["channels"][0]["samples"][1]["modifiers"]:
        modifier["name"] = modifier["name"].replace("SR", "SR2")
    changed["observations"][1]["name"] = "SR2"
    changed["measurements"][0]["config"]["parameters"][1] = {"name": "mu", "inits": [0.5]}
    return changed


@pytest.mark.parametrize("join", ["outer", "left outer", "right outer"])
def test_combinations(full, other, join):
    found = combine(Workspace.from_dict(full), Workspace.from_dict(other), join).to_dict()
    assert found == dict(pyhf.Workspace.combine(pyhf.Workspace(full), pyhf.Workspace(other), join=join))
    names = [channel["name"] for channel in found["channels"]]
    assert names == (["SR2", "CR", "SR"] if join == "right outer" else ["SR", "CR", "SR2"])
    settings = [each["name"] for each in found["measurements"][0]["config"]["parameters"]]
    assert settings == {"outer": ["lumi", "free", "mu"], "left outer": ["lumi", "free"]}.get(join, ["lumi", "mu"])


def test_channels_are_merged(full, other):
    other["channels"][0]["name"] = other["observations"][1]["name"] = "SR"
    other["channels"][0]["samples"][0]["name"] = "signal 2"
    other["channels"][0]["samples"].pop()
    found = combine(Workspace.from_dict(full), Workspace.from_dict(other), "outer", merge_channels=True)
    theirs = pyhf.Workspace.combine(pyhf.Workspace(full), pyhf.Workspace(other), join="outer", merge_channels=True)
    assert found.to_dict() == dict(theirs)
    assert found.samples == ("signal", "background", "signal 2")


@pytest.mark.parametrize(
    ("change", "join", "parts"),
    [
        (lambda spec: None, "none", ["combine: both workspaces have measurement 'search'", "rename, or join 'outer'"]),
        (
            lambda spec: spec["channels"][1]["samples"][0]["data"].__setitem__(0, 7),
            "outer",
            ["the workspaces differ in channel 'CR'", "'left outer' or 'right outer'"],
        ),
        (
            lambda spec: spec["observations"][0]["data"].__setitem__(0, 7),
            "outer",
            ["the workspaces differ in observation 'CR'"],
        ),
        (
            lambda spec: spec["measurements"][0]["config"].__setitem__("poi", "xsec"),
            "outer",
            ["measurement 'search' has POI 'mu' here and 'xsec' there", "rename one"],
        ),
        (
            lambda spec: spec["measurements"][0]["config"]["parameters"][0].__setitem__("sigmas", [0.5]),
            "outer",
            ["the workspaces differ in parameter 'lumi'"],
        ),
        (lambda spec: None, "outher", ["join 'outher'", "one of none, outer", "did you mean 'outer'?"]),
    ],
)
def test_what_cannot_be_combined(full, other, change, join, parts, message):
    unchecked = getattr(combine, "__wrapped__", combine)  # without the types that tests enforce
    change(other)
    with pytest.raises((pyhf.exceptions.InvalidWorkspaceOperation, ValueError)):
        pyhf.Workspace.combine(pyhf.Workspace(full), pyhf.Workspace(other), join=join)
    with pytest.raises(WorkspaceError) as error:
        unchecked(Workspace.from_dict(full), Workspace.from_dict(other), join)
    message(error, *parts)


def test_channels_are_not_merged_by_accident(full, other, message):
    with pytest.raises(WorkspaceError) as error:
        combine(Workspace.from_dict(full), Workspace.from_dict(other), "none", merge_channels=True)
    message(error, "merge_channels with join 'none'", "'outer'")


def test_a_combination_that_makes_no_sense(full, other, message):
    other["channels"].pop()
    other["observations"].pop(0)
    other["measurements"][0]["config"]["parameters"].pop()
    for name, modifier in (("a", {"name": "mc_CR", "type": "shapesys", "data": [1, 1]}),):
        other["channels"][0]["samples"].append({"name": name, "data": [1, 2], "modifiers": [modifier]})
    with pytest.raises(WorkspaceError) as error:
        combine(Workspace.from_dict(full), Workspace.from_dict(other), "outer")
    message(error, "combined workspace: $.channels[2].samples[2].modifiers[0]: shapesys 'mc_CR' stands in two places")


SUBSETS = {
    "channels": ["SR", "CR", "S"],
    "samples": ["signal", "background", "s"],
    "modifiers": ["mu", "lumi", "xsec", "jes", "stat_SR", "free", "mc_CR", "m"],
    "modifier_types": ["normsys", "staterror", "shapesys", "lumi", "n"],
    "measurements": ["search", "no signal", "x"],
}


@settings(max_examples=20)
@given(data=st.data())
def test_pruned_as_by_pyhf(data, full_spec):
    choice = {
        what: data.draw(st.lists(st.sampled_from(names[:-1]), max_size=2, unique=True))
        for what, names in SUBSETS.items()
    }
    try:
        found = prune(Workspace.from_dict(full_spec), **choice)
    except WorkspaceError:
        assert pyhf_fails(lambda: pyhf.Workspace(full_spec).prune(**choice))
    else:
        assert found.to_dict() == dict(pyhf.Workspace(full_spec).prune(**choice))


def test_a_type_that_shares_all_its_names(full):
    """Pyhf keeps one type for each name, and so overlooks a histosys that has a normsys of its name."""
    found = prune(Workspace.from_dict(full), modifier_types=["histosys"])
    assert [each.type for each in found.document.channels[0].samples[1].modifiers] == ["normsys", "staterror", "lumi"]


@pytest.mark.parametrize("what", SUBSETS)
def test_parts_that_are_not_there(full, what, message):
    workspace = Workspace.from_dict(full)
    unknown = SUBSETS[what][-1]
    with pytest.raises(WorkspaceError) as error:
        prune(workspace, **{what: [unknown]})
    message(error, f"no {what.replace('_types', ' of type').removesuffix('s')} '{unknown}'", "one of")
    if what != "modifier_types":
        with pytest.raises(WorkspaceError) as error:
            rename(workspace, **{what: {unknown: "x"}})
        message(error, f"no {what.removesuffix('s')} '{unknown}'")


def test_what_must_not_go(full, message):
    workspace = Workspace.from_dict(full)
    with pytest.raises(WorkspaceError) as error:
        prune(workspace, modifiers=["mu"])
    message(error, "pruned workspace: $.measurements[0].config.poi: no parameter 'mu'")
    with pytest.raises(WorkspaceError) as error:
        prune(workspace, channels=["SR", "CR"])
    message(error, "pruned workspace: $.channels: found an empty list")
    assert prune(workspace) == workspace


NEW = st.sampled_from(["mu", "jes", "new", "other"])


@settings(max_examples=25)
@given(
    channels=st.dictionaries(st.sampled_from(["SR", "CR"]), st.sampled_from(["SR", "new"]), max_size=2),
    samples=st.dictionaries(st.sampled_from(["signal", "background"]), st.sampled_from(["signal", "new"]), max_size=2),
    modifiers=st.dictionaries(st.sampled_from(["mu", "xsec", "jes", "free", "mc_CR"]), NEW, max_size=2),
    measurements=st.dictionaries(st.sampled_from(["search", "no signal"]), NEW, max_size=2),
)
def test_renamed_as_by_pyhf(full_spec, **choice):
    workspace = Workspace.from_dict(full_spec)
    try:
        found = rename(workspace, **choice).to_dict()
    except WorkspaceError as error:  # pyhf does not look: two of the same name
        assert "stands twice" in str(error) or "of type" in str(error)
    else:
        assert found == dict(pyhf.Workspace(full_spec).rename(**choice))


def test_renamed_in_all_places(full):
    found = rename(Workspace.from_dict(full), channels={"CR": "top"}, modifiers={"mu": "mu_Z", "lumi": "lumi"})
    assert found.channels == ("SR", "top")
    assert {each.name for each in found.document.observations} == {"SR", "top"}
    assert found.measurement().poi == "mu_Z"
    assert rename(found, channels={"top": "CR"}, modifiers={"mu_Z": "mu"}).to_dict() == full


def test_parameters_of_a_polynomial_are_renamed(with_eft):
    config = with_eft["measurements"][0]["config"]
    config["poi"] = "c9"
    config["parameters"].append({"name": "c9", "bounds": [[-5, 5]]})
    found = rename(Workspace.from_dict(with_eft), modifiers={"c9": "Re(C9)", "eft": "SMEFT"})
    polynomial = found.document.channels[0].samples[0].modifiers[-1]
    assert polynomial.name == "SMEFT"
    assert polynomial.data.parameters == ("Re(C9)", "c10")
    assert [term.powers for term in polynomial.data.terms] == [{}, {"Re(C9)": 1}, {"Re(C9)": 2, "c10": 0}, {"c10": 1}]
    assert found.measurement().poi == "Re(C9)"
    assert found.measurement().config.parameters[-1].name == "Re(C9)"
    assert rename(found, modifiers={"Re(C9)": "c9", "SMEFT": "eft"}).to_dict() == with_eft


def test_a_luminosity_keeps_its_name(full, message):
    with pytest.raises(WorkspaceError) as error:
        rename(Workspace.from_dict(full), modifiers={"lumi": "luminosity"})
    message(error, "renamed workspace: ", "found 'luminosity'", "'lumi'")


@settings(max_examples=10)
@given(data=st.data())
def test_sorted_as_by_pyhf(data, documents):
    spec = data.draw(documents())
    found = sorted_workspace(Workspace.from_dict(spec))
    assert found.to_dict() == dict(pyhf.Workspace.sorted(pyhf.Workspace(spec)))
    assert sorted_workspace(found) == found
    spec["channels"].reverse()
    spec["observations"].reverse()
    assert sorted_workspace(Workspace.from_dict(spec)).digest == found.digest
