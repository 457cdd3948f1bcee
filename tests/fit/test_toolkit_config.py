"""Configs in the spelling of nsbi-common-utils: what they mean, and what is refused."""

import json
import re

import pytest
import yaml
from pydantic import ValidationError

from neyman.core.errors import ConfigError
from neyman.fit.config import FitConfig
from neyman.fit.templates import Key, plan

from .toolkit import TEXT, changed

SR = ("Regions", 1)
MODEL = (*SR, "TrainedModels", 0)
JES = ("Systematics", 0)


def templates(config):
    return {template.key: template for template in plan(config)}


def test_it_loads_and_survives_json():
    config = FitConfig.model_validate(yaml.safe_load(TEXT))
    assert config.data is None
    assert [region.unbinned for region in config.Regions] == [False, True]
    assert [each.Name for each in config.measurements] == ["signal_strength"]
    assert config.Regions[1].TrainedModels[2].Systematics == ()
    assert FitConfig.model_validate_json(config.model_dump_json()) == config
    assert FitConfig.model_validate(json.loads(json.dumps(config.model_dump(mode="json")))) == config


def test_the_schema_allows_it():
    import jsonschema

    schema = FitConfig.model_json_schema()
    jsonschema.validate(yaml.safe_load(TEXT), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(((*MODEL, "Nominal", "Ratio"), "r.npy")), schema)


def test_files_are_named_as_they_are():
    found = templates(FitConfig.model_validate(yaml.safe_load(TEXT)))
    nominal, up, down = (found[key] for key in (
        Key("SR", "ttbar"), Key("SR", "ttbar", "JES", "Up"), Key("SR", "ttbar", "JES", "Down"),
    ))  # fmt: skip
    assert [path.value for path in nominal.paths] == ["./saved/nominal.root"]
    assert [path.value for path in up.paths] == ["./saved/JES_up.root"]
    assert [path.value for path in down.paths] == ["./saved/JES_dn.root"]
    assert up.tree.value == "tree_ttbar"
    assert down.tree.where == "Systematics.0.Dn.2.Tree"
    assert Key("SR", "ttbar", "TES", "Up") not in found


def test_a_sample_may_have_several_files():
    config = FitConfig.model_validate(changed((("Samples", 0, "SamplePath"), ["a.root", "b*.root"])))
    assert [path.value for path in templates(config)[Key("CR", "htautau")].paths] == ["a.root", "b*.root"]


def test_both_spellings_may_stand_side_by_side():
    weights = {"Up": {"Weight": "1.1 * weights"}, "Dn": None, "Down": {"Symmetrize": True}}
    config = FitConfig.model_validate(
        changed(
            *(((*JES, key), value) for key, value in weights.items()),
            (("General", "InputPath"), "in/{SamplePath}"),
            (("Samples", 1, "InputPath"), "{SamplePath}"),
            *(((*SR, "TrainedModels", number, "Systematics"), []) for number in range(3)),
        )
    )
    found = templates(config)
    paths = {key: [path.value for path in each.paths] for key, each in found.items()}
    assert paths[Key("SR", "htautau")] == ["in/./saved/nominal.root"]
    assert paths[Key("SR", "ztautau", "JES", "Up")] == ["./saved/nominal.root"]
    assert paths[Key("SR", "htautau", "TES", "Down")] == ["./saved/TES_dn.root"]
    assert found[Key("SR", "ztautau", "JES", "Up")].weight.value == "1.1 * weights"


def test_the_samples_of_a_systematic_are_those_that_it_lists():
    found = templates(FitConfig.model_validate(changed((("Systematics", 1, "Samples"), None))))
    assert {key.sample for key in found if key.systematic == "TES"} == {"htautau"}


def test_data_are_needed_if_paths_are_put_together():
    regions = [yaml.safe_load(TEXT)["Regions"][0]]
    assert FitConfig.model_validate(changed((("Regions",), regions))).data is None
    with pytest.raises(ValidationError, match="one sample with `Data: true`"):
        FitConfig.model_validate(changed((("Regions",), regions), (("General", "InputPath"), "{SamplePath}")))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        # regions of one type
        ((*SR, "Type"), "unbined", "'binned' or 'unbinned'"),
        ((*SR, "Type"), "binned", "no AsimovWeights, as Type is binned"),
        ((*SR, "Variable"), "presel_score", "no Variable, as Type is unbinned"),
        ((*SR, "Binning"), [0, 1], "no Binning, as Type is unbinned"),
        ((*SR, "Overflow"), True, "no Overflow, as Type is unbinned"),
        ((*SR, "AsimovWeights"), None, "AsimovWeights, as Type is unbinned"),
        ((*SR, "TrainedModels"), [], "TrainedModels, as Type is unbinned"),
        (("Regions", 0, "Variable"), None, "Variable, as Type is binned"),
        (("Regions", 0, "Normalise"), False, "no Normalise, as Type is binned"),
        # arrays
        ((*SR, "AsimovWeights"), "w.parquet", "{Path: file.parquet, Column: name} for a Parquet file"),
        ((*SR, "AsimovWeights"), "w.root", "a .npy file, or"),
        ((*SR, "AsimovWeights"), {"Path": "w.npy", "Column": "w"}, "a .npy file, or"),
        ((*SR, "AsimovWeights"), 3, "ArrayConfig"),
        ((*MODEL, "Nominal"), {"Models": "here"}, "Ratios"),
        # what they belong to
        ((*MODEL, "SampleName"), "htauta", "did you mean 'htautau'?"),
        ((*MODEL, "SampleName"), "ttbar", "the ratios of sample 'htautau' too"),
        ((*SR, "TrainedModels", 1, "SampleName"), "htautau", "each sample once"),
        ((*MODEL, "Systematics", 0, "SystName"), "JER", "a systematic that acts on 'htautau' in 'SR' (JES, TES)"),
        ((*JES, "Symmetrize"), True, "two sides of its own"),
        ((*JES, "Dn"), {"OneSided": True}, "two sides of its own"),
        # sides
        ((*JES, "Down"), {"Symmetrize": True}, "Down: the variation by −1σ, once"),
        ((*JES, "Dn"), None, "Down: the variation by −1σ, once"),
        ((*JES, "Dn"), {"Weight": "w"}, "Dn: a list of samples, as the other side has"),
        ((*JES, "Dn"), [], "PerSample"),
        ((*JES, "Dn", 2), None, "Dn: an entry for sample 'ttbar' too"),
        ((*JES, "Samples"), ["htautau", "ttbar"], "Up: no entry for 'ztautau'"),
        ((*JES, "Up", 1, "SampleName"), "ttbar", "each sample once, not 'ttbar' twice"),
        ((*JES, "Type"), "Normalization", "and nothing else for Type Normalization"),
        ((*JES, "Up"), {"PerSample": [{"SampleName": "ttbar", "Path": "p"}], "Weight": "w"}, "a list of samples, or "),
        ((*JES, "Up", 0, "Path"), None, "Path"),
        # measurements
        (("General", "POI"), "mu_ttbar", "POI here or in Measurement, not both"),
        (("General", "Measurement", "POI"), "mu", "a norm factor (mu_htautau"),
        (("General", "Measurement", "ParametersToFit"), ["TESS"], "did you mean 'TES'?"),
        (
            ("General", "Measurement", "Fixed"),
            [{"Name": "TES", "Value": 0}],
            "in Fixed or in ParametersToFit, not both",
        ),
        (("General", "Measurement", "Label"), "x", "Label"),
        (("Measurement",), {"Name": "m"}, "in the section Measurement alone"),
        # both spellings, and no way to follow both
        (("Samples", 0, "UseAsReference"), "perhaps", "boolean"),
    ],
)
def test_what_makes_no_sense_is_refused(path, value, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        FitConfig.model_validate(changed((path, value)))


def test_a_name_in_a_list_is_one_of_a_sample():
    lists = [((*JES, side, 2, "SampleName"), "ttbr") for side in ("Up", "Dn")]
    with pytest.raises(ValidationError, match=re.escape("a simulated sample (htautau, ztautau, ttbar); did you mean")):
        FitConfig.model_validate(changed(*lists, ((*JES, "Samples"), ["htautau", "ztautau", "ttbr"])))


def test_a_normalization_has_no_ratios():
    number = {"Normalization": 0.1}
    changes = [((*JES, key), value) for key, value in (("Type", "Normalization"), ("Up", number), ("Dn", number))]
    with pytest.raises(ValidationError, match="a Normalization has no ratios"):
        FitConfig.model_validate(changed(*changes))


def test_a_systematic_has_ratios_once():
    twice = yaml.safe_load(TEXT)["Regions"][1]["TrainedModels"][0]["Systematics"] * 2
    with pytest.raises(ValidationError, match="each systematic once"):
        FitConfig.model_validate(changed(((*MODEL, "Systematics"), twice)))


def test_a_value_that_is_fixed_is_the_nominal_one():
    changes = [((*JES, "Nominal"), 0.5), (("General", "Measurement", "Fixed"), [{"Name": "JES", "Value": 1}])]
    with pytest.raises(ValidationError, match=r"the Nominal value of 'JES', 0\.5"):
        FitConfig.model_validate(changed(*changes, (("General", "Measurement", "ParametersToFit"), None)))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("{SampleName: ttbar, Path: ./saved/JES_d", "{SampleNam: ttbar, Path: ./saved/JES_d", ["try: did you mean"]),
        ("RatiosUp: ", "RatioUp: ", ["RatioUp: unknown key", "did you mean 'RatiosUp'?"]),
        ("[mu_htautau, mu_ztautau, TES", "[mu_htautau, mu_ztauta, TES", ["ToFit.1", "did you mean 'mu_ztautau'?"]),
        ("AsimovWeights: ./saved/asimov_weights.npy", "AsimovWeights: ./w.txt", ["AsimovWeights: ", "a .npy file"]),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, message, old, new, parts):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    number = next(n for n, each in enumerate(text.splitlines(), 1) if new in each)
    (tmp_path / "fit.yml").write_text(text)
    with pytest.raises(ConfigError) as error:
        FitConfig.load(tmp_path / "fit.yml")
    message(error, f"fit.yml:{number}: ", *parts)


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        (("Regions", 0, "RegionPath"), "cr", ["Regions.0.RegionPath: RegionPath has no effect"]),
        (("General", "VariationPath"), "_up", ["General.VariationPath: VariationPath has no effect"]),
        (
            ("General", "InputPath"),
            "{Sample}.root",
            ["Samples.0.SamplePath: SamplePath has no effect", "{SamplePath} in"],
        ),
        (("Samples", 0, "SamplePath"), None, ["Samples.0: no InputPath for sample 'htautau'", "or a SamplePath"]),
    ],
)
def test_paths_that_contradict_each_other(path, value, parts, message):
    with pytest.raises(ConfigError) as error:
        plan(FitConfig.model_validate(changed((path, value))))
    message(error, *parts)
