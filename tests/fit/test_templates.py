import pytest

from neyman.core.errors import ConfigError
from neyman.fit.config import FitConfig
from neyman.fit.templates import Key, plan


def config(*, general=None, region=None, sample=None, systematics=()):
    return FitConfig.model_validate({
        "General": {"Measurement": "m", "InputPath": "{Sample}.root", "Tree": "events"} | (general or {}),
        "Regions": [{"Name": "SR", "Variable": "x", "Binning": [0, 1]} | (region or {})],
        "Samples": [{"Name": "data", "Data": True, "InputPath": "data.root"}, {"Name": "ttbar"} | (sample or {})],
        "Systematics": list(systematics),
    })  # fmt: skip


def systematic(**sides):
    return {"Name": "jes", "Type": "NormPlusShape", "Up": {"Weight": "u"}, "Down": {"Weight": "d"}} | sides


def by_key(config):
    return {template.key: template for template in plan(config)}


def paths(config, key):
    return [path.value for path in by_key(config)[key].paths]


TTBAR, UP, DOWN = Key("SR", "ttbar"), Key("SR", "ttbar", "jes", "Up"), Key("SR", "ttbar", "jes", "Down")


def test_data_have_no_variations_and_derived_sides_no_histogram():
    assert list(by_key(config(systematics=[systematic()]))) == [Key("SR", "data"), TTBAR, UP, DOWN]
    assert list(by_key(config(systematics=[systematic(Down={"OneSided": True})]))) == [Key("SR", "data"), TTBAR, UP]


def test_the_most_particular_setting_counts():
    side = {"Variable": "x_up", "Filter": "up", "Tree": "up"}
    templates = by_key(
        config(
            region={"Filter": "region"},
            sample={"Filter": "sample", "Weight": "w"},
            systematics=[systematic(Up=side, Down={"Weight": "w_down"})],
        )
    )
    read = {
        key: [setting and setting.value for setting in (each.variable, each.filter, each.weight, each.tree)]
        for key, each in templates.items()
    }
    assert read == {
        Key("SR", "data"): ["x", "region", None, "events"],
        TTBAR: ["x", "sample", "w", "events"],
        UP: ["x_up", "up", "w", "up"],
        DOWN: ["x", "sample", "w_down", "events"],
    }
    assert templates[UP].filter.where == "Systematics.0.Up.Filter"
    assert templates[TTBAR].filter.where == "Samples.1.Filter"
    assert templates[Key("SR", "data")].filter.where == "Regions.0.Filter"


def test_placeholders():
    found = config(
        general={"InputPath": "{RegionPath}/{SamplePath}{VariationPath}_{Region}_{Sample}.root"},
        region={"RegionPath": "sr"},
        sample={"SamplePath": ["a", "b"]},
        systematics=[systematic(Up={"VariationPath": "_up"}, Down={"SamplePath": "c", "RegionPath": "sr2"})],
    )
    assert paths(found, TTBAR) == ["sr/a_SR_ttbar.root", "sr/b_SR_ttbar.root"]
    assert paths(found, UP) == ["sr/a_up_SR_ttbar.root", "sr/b_up_SR_ttbar.root"]
    assert paths(found, DOWN) == ["sr2/c_SR_ttbar.root"]


def test_a_name_in_braces_is_not_filled_again():
    found = config(general={"InputPath": "{SamplePath}"}, sample={"SamplePath": "{Region}"})
    assert paths(found, TTBAR) == ["{Region}"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"general": {"InputPath": "{Smaple}.root"}}, ["unknown placeholder {Smaple}", "did you mean 'Sample'?"]),
        ({"general": {"InputPath": "{SamplePath}.root"}}, ["General.InputPath", "sample 'ttbar' has no SamplePath"]),
        ({"general": {"InputPath": "{RegionPath}.root"}}, ["region 'SR' has no RegionPath"]),
        ({"general": {"InputPath": None}}, ["Samples.1: no InputPath for sample 'ttbar'"]),
        (
            {"sample": {"SamplePath": "t"}},
            ["Samples.1.SamplePath: SamplePath has no effect", "{SamplePath} in InputPath"],
        ),
        ({"region": {"RegionPath": "t"}}, ["Regions.0.RegionPath: RegionPath has no effect"]),
        ({"general": {"VariationPath": "t"}}, ["General.VariationPath: VariationPath has no effect"]),
        ({"systematics": [systematic(Up={"SamplePath": "u"})]}, ["Systematics.0.Up.SamplePath: SamplePath has no"]),
    ],
)
def test_paths_that_do_not_fit(changes, parts, message):
    with pytest.raises(ConfigError) as error:
        plan(config(**changes))
    message(error, *parts)


def test_a_path_of_its_own_needs_no_placeholder():
    found = config(
        region={"RegionPath": "sr"}, general={"InputPath": "{RegionPath}.root"}, sample={"InputPath": "t.root"}
    )
    assert paths(found, TTBAR) == ["t.root"]
    assert str(TTBAR) == "ttbar in SR"
    assert str(UP) == "ttbar in SR, jes Up"
