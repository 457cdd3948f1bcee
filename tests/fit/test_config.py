import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from neyman.core.errors import ConfigError
from neyman.fit.config import FitConfig

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "fit.json"

TEXT = """\
General:
  Measurement: zprime
  POI: mu
  InputPath: "{SamplePath}.root"
  Tree: events
Regions:
  - {Name: SR, Variable: m_jj, Binning: [500, 600, 800], Filter: "n_b >= 2"}
  - {Name: CR, Variable: m_jj, Binning: {Bins: 4, Range: [0, 1]}, Filter: "n_b == 0"}
Samples:
  - {Name: data, Data: true, SamplePath: data}
  - {Name: signal, SamplePath: signal, Weight: w_mc, Regions: SR}
  - {Name: ttbar, SamplePath: [a, b], Weight: 0.5}
NormFactors:
  - {Name: mu, Samples: signal, Nominal: 1, Bounds: [0, 5]}
Systematics:
  - Name: jes
    Type: NormPlusShape
    Samples: [ttbar]
    Up: {Variable: m_jj_up}
    Down: {Symmetrize: true}
    Smoothing: {Algorithm: "353QH, twice"}
  - Name: lumi
    Type: Normalization
    Up: {Normalization: 0.02}
    Down: {Normalization: -0.02}
"""


def changed(path, value):
    """The config with one value replaced, or added to a list; `None` removes it."""
    data = copy.deepcopy(yaml.safe_load(TEXT))
    *parents, last = path
    node = data
    for part in parents:
        node = node[part]
    if value is None:
        del node[last]
    elif isinstance(node, list):
        node[last:] = [value]
    else:
        node[last] = value
    return data


def written(tmp_path, text=TEXT):
    path = tmp_path / "fit.yml"
    path.write_text(text)
    return path


def test_names_and_numbers_may_stand_alone(tmp_path):
    config = FitConfig.load(written(tmp_path))
    assert config.Samples[1].Regions == ("SR",)
    assert config.Samples[2].SamplePath == ("a", "b")
    assert config.Samples[2].Weight == "0.5"
    assert config.Samples[0].SamplePath == ("data",)
    assert config.data.Name == "data"
    np.testing.assert_array_equal(config.Regions[1].Binning, [0, 0.25, 0.5, 0.75, 1])
    assert [(each.Name, each.POI) for each in config.measurements] == [("zprime", "mu")]


def test_a_config_survives_json(tmp_path):
    config = FitConfig.load(written(tmp_path))
    assert FitConfig.model_validate_json(config.model_dump_json()) == config
    assert FitConfig.model_validate(config.model_dump()) == config


def test_where_a_setting_stands(tmp_path):
    path = written(tmp_path)
    config = FitConfig.load(path)
    assert config.where(("Systematics", 0, "Up", "Variable")) == f"{path}:19: Systematics.0.Up.Variable"
    assert FitConfig.model_validate(yaml.safe_load(TEXT)).where(("General",)) == "General"


def test_one_measurement_or_a_list():
    measurement = {"Name": "zprime", "POI": "mu"}
    general = {"InputPath": "{SamplePath}.root"}
    for section in (measurement, [measurement]):
        config = FitConfig.model_validate(yaml.safe_load(TEXT) | {"General": general, "Measurement": section})
        assert [(each.Name, each.POI) for each in config.measurements] == [("zprime", "mu")]


def test_a_section_that_is_commented_out():
    assert FitConfig.model_validate(changed(("Systematics",), []) | {"Systematics": None}).Systematics == ()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("Filter: ", "Filtre: ", ["fit.yml:7: Regions.0.Filtre: unknown key", "did you mean 'Filter'?"]),
        ("Regions:", "Region:", ["fit.yml:6: Region: unknown key (and 1 more)", "did you mean 'Regions'?"]),
        ("n_b >= 2", "n_b >", ["fit.yml:7: Regions.0.Filter: found 'n_b >'", "cannot read 'n_b >'"]),
        ("800]", "600]", ["fit.yml:7: Regions.0.Binning: ", "each above the one before"]),
        ("[0, 1]", "[1, 0]", ["fit.yml:8: Regions.1.Binning: ", "each above the one before"]),
        ("Bins: 4", "Bins: x", ["fit.yml:8: Regions.1.Binning.Bins: found 'x'"]),
        ("Data: true, ", "", ["fit.yml:9: Samples: found", "one sample with `Data: true`"]),
        ("{Name: signal", "{Name: data", ["fit.yml:11: Samples.1.Name: found 'data'", "Samples.0 has it too"]),
        ("Regions: SR", "Regions: sr", ["fit.yml:11: Samples.1.Regions", "found 'sr'", "a region (SR, CR)"]),
        ("POI: mu", "POI: nu", ["fit.yml:3: General.POI: found 'nu'", "a norm factor (mu); did you mean 'mu'?"]),
        ("Samples: signal", "Samples: data", ["fit.yml:14: NormFactors.0.Samples", "(signal, ttbar)"]),
        ("[ttbar]", "[ttbra]", ["fit.yml:18: Systematics.0.Samples.0: found 'ttbra'", "did you mean 'ttbar'?"]),
        ("{Variable: m_jj_up}", "{Symmetrize: true}", ["fit.yml:16: Systematics.0: ", "cannot both come from"]),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, message, old, new, parts):
    assert old in TEXT
    with pytest.raises(ConfigError) as error:
        FitConfig.load(written(tmp_path, TEXT.replace(old, new, 1)))
    message(error, *parts)


SIDE = {"Weight": "w"}
SHAPE = {"Name": "s", "Type": "NormPlusShape", "Up": SIDE, "Down": SIDE}
NORM = {"Name": "n", "Type": "Normalization", "Up": {"Normalization": 0.1}, "Down": {"Normalization": -0.1}}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        # misspelt, missing, of another type
        (("Generale",), {}, "Generale"),
        (("Regions",), None, "Regions"),
        (("Regions",), [], "Regions"),
        (("Samples",), [], "Samples"),
        (("General", "Measurement"), None, "the name of the measurement"),
        (("General", "Measurement"), "", "at least 1 character"),
        (("Regions", 0, "Variable"), None, "Variable"),
        (("Regions", 0, "Variable"), True, "valid string"),
        (("Samples", 1, "Weight"), "w *", "cannot read 'w *'"),
        (("Samples", 1, "Weight"), float("nan"), "a finite number"),
        (("Samples", 1, "Regions"), [], "at least one name"),
        (("Samples", 1, "Regions"), ["SR", "SR"], "each name once"),
        (("General", "NegativeBins"), "drop", "'error', 'keep' or 'clip'"),
        (("General", "Pruning"), {"Norm": -0.1}, "greater than or equal to 0"),
        # binning
        (("Regions", 0, "Binning"), [500, 500], "each above the one before"),
        (("Regions", 0, "Binning"), [600, 500], "each above the one before"),
        (("Regions", 0, "Binning"), [500], "at least two edges"),
        (("Regions", 0, "Binning"), [], "at least two edges"),
        (("Regions", 0, "Binning"), [0, float("nan")], "finite"),
        (("Regions", 0, "Binning"), [0, float("inf")], "finite"),
        (("Regions", 0, "Binning"), {"Bins": 0, "Range": [0, 1]}, "Bins"),
        (("Regions", 0, "Binning"), {"Bins": 3, "Range": [1, 0]}, "each above the one before"),
        (("Regions", 0, "Binning"), {"Bins": 3}, "Range"),
        # names twice
        (("Samples", 3), {"Name": "ttbar"}, "each name once; Samples.2 has it too"),
        (("Regions", 2), {"Name": "SR", "Variable": "x", "Binning": [0, 1]}, "Regions.0 has it too"),
        (("NormFactors", 1), {"Name": "mu"}, "NormFactors.0 has it too"),
        (("Systematics", 2), NORM | {"Name": "jes"}, "Systematics.0 has it too"),
        # data
        (("Samples", 0, "Data"), False, "one sample with `Data: true`"),
        (("Samples", 3), {"Name": "more", "Data": True}, "one sample of data; Samples.0 is another"),
        (("Samples", 0, "Regions"), "SR", "data in all regions, also 'CR'"),
        # unknown names
        (("General", "POI"), "lumi", "a norm factor (mu)"),
        (("General", "Fixed"), [{"Name": "lmui", "Value": 0}], "did you mean 'lumi'"),
        (("Systematics", 0, "Regions"), "VR", "a region (SR, CR)"),
        (("Systematics", 0, "Smoothing"), {"Algorithm": "running", "Samples": "qcd"}, "a simulated sample"),
        (("Systematics", 0, "Smoothing"), {"Algorithm": "353QH"}, "353QH, twice"),
        # norm factors
        (("NormFactors", 0, "Bounds"), [5, 0], "low below high"),
        (("NormFactors", 0, "Nominal"), 7, "within the Bounds, 0 to 5"),
        (("NormFactors", 0, "Nominal"), float("inf"), "finite"),
        (("NormFactors", 1), {"Name": "k", "Nominal": -1}, "within the Bounds, 0 to 10"),
        (("NormFactors", 1), {"Name": "k", "Samples": "signal", "Regions": "CR"}, "acts on no sample"),
        (("General", "Fixed"), [{"Name": "mu", "Value": 2}], "the Nominal value of 'mu', 1"),
        # systematics that contradict themselves
        (("Systematics", 0, "Up"), {"Symmetrize": True}, "cannot both come from the other"),
        (("Systematics", 0, "Up"), {"OneSided": True}, "cannot both come from the other"),
        (("Systematics", 0, "Down"), {"Symmetrize": True, "Weight": "w"}, "Symmetrize alone, without Weight"),
        (("Systematics", 0, "Down"), {"Symmetrize": True, "OneSided": True}, "Symmetrize alone, without OneSided"),
        (("Systematics", 0, "Down"), {}, "Down: what differs from nominal"),
        (("Systematics", 0, "Down"), None, "Down"),
        (("Systematics", 0, "Symmetrize"), True, "two sides of their own"),
        (("Systematics", 1, "Up"), {"Weight": "w"}, "Up: {Normalization: 0.1} and nothing else"),
        (("Systematics", 1, "Up"), {"Normalization": 0.1, "Weight": "w"}, "and nothing else"),
        (("Systematics", 1, "Up"), {"Normalization": -1}, "greater than -1"),
        (("Systematics", 1, "Type"), "NormPlusShape", "what differs from nominal"),
        (("Systematics", 1, "Smoothing"), {"Algorithm": "running"}, "a Normalization has no shape"),
        # parameters that are shared
        (("Systematics", 2), NORM | {"Name": "mu"}, "a name that no norm factor"),
        (("Systematics", 2), NORM | {"Name": "staterror_SR"}, "no statistical uncertainty has"),
        (("NormFactors", 1), {"Name": "staterror_CR"}, "a name that no statistical uncertainty has"),
        (("Systematics", 2), SHAPE | {"ModifierName": "jes"}, "one systematic of this parameter for sample 'ttbar'"),
        # both places for the measurement
        (("Measurement",), {"Name": "m"}, "in the section Measurement alone"),
    ],
)
def test_what_makes_no_sense_is_refused(path, value, words):
    with pytest.raises(ValidationError, match=re.escape(words)):
        FitConfig.model_validate(changed(path, value))


def test_a_region_needs_simulation():
    samples = [{"Name": "data", "Data": True}, {"Name": "ttbar", "Regions": "SR"}]
    with pytest.raises(ValidationError, match="a region that has a simulated sample"):
        FitConfig.model_validate(
            {
                "General": {"Measurement": "m"},
                "Regions": yaml.safe_load(TEXT)["Regions"],
                "Samples": samples,
            }
        )


def test_one_parameter_may_act_on_several_samples():
    other = SHAPE | {"Samples": "signal", "ModifierName": "jes"}
    config = FitConfig.model_validate(changed(("Systematics", 2), other))
    assert config.Systematics[2].parameter == "jes"


def test_the_published_schema():
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == FitConfig.model_json_schema()


def test_the_schema_explains_every_key_and_allows_what_the_config_does():
    import jsonschema

    schema = FitConfig.model_json_schema()
    for model in [schema, *schema["$defs"].values()]:
        assert all("description" in field or "$ref" in field for field in model["properties"].values())
    jsonschema.validate(yaml.safe_load(TEXT), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(("Samples", 0, "Dta"), True), schema)
