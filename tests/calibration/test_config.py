import pytest

from neyman.calibration.config import CalibrationConfig, FilesSource, PassesConfig, ToySource
from neyman.core.errors import ConfigError

SMALL = {
    "data": "{kind: files, data: d.parquet, simulation: deep/s.root:T, weights: sw}",
    "variables": "[ip, {name: r9, transform: logit}]",
    "conditions": "[pt, {name: phi, period: 6.2832}]",
}


@pytest.fixture
def write(tmp_path):
    def to_file(**changes):
        path = tmp_path / "c.yaml"
        lines = SMALL | changes
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None))
        return path

    return to_file


def test_names_are_enough_and_files_are_beside_the_config(write, tmp_path):
    config = CalibrationConfig.load(write())
    assert config.variable_names == ("ip", "r9")
    assert config.condition_names == ("pt", "phi")
    assert [variable.transform for variable in config.variables] == ["auto", "logit"]
    assert [condition.period for condition in config.conditions] == [None, 6.2832]
    assert config.data.data == str(tmp_path / "d.parquet")
    assert config.data.simulation == str(tmp_path / "deep" / "s.root:T")
    assert CalibrationConfig.model_validate(config.model_dump(mode="json")) == config


def test_a_toy_knows_its_columns(write):
    config = CalibrationConfig.load(write(data="impact_parameter", variables=None, conditions=None))
    assert isinstance(config.data, ToySource)
    assert config.variable_names == ("ip",)
    assert config.condition_names == ("pt", "eta", "phi", "npv")
    assert config.checks.tail_thresholds == {"ip": (0.1, 0.2, 0.3)}
    other = CalibrationConfig.load(write(data="shower_shapes", variables="[r9]", conditions=None))
    assert other.variable_names == ("r9",)
    assert CalibrationConfig.model_validate(other.model_dump(mode="json")) == other


def test_a_trial_is_smaller(write):
    config = CalibrationConfig.load(write())
    quick = config.quick()
    assert isinstance(quick.data, FilesSource)
    assert quick.data.rows == 40_000
    assert quick.training.epochs < config.training.epochs
    assert quick.members < config.members
    assert CalibrationConfig.load(write(data="{kind: impact_parameter, events: 500}")).quick().data.events == 500


def test_an_epoch_is_a_pass():
    passes = PassesConfig(batch=1000, least_steps=10)
    assert passes.loop(25_500).steps_per_epoch == 25
    assert passes.batch_of(25_500) == 1000
    assert passes.loop(2000).steps_per_epoch == 10
    assert passes.batch_of(2000) == 200
    assert passes.loop(3).steps_per_epoch == 1


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"data": "{kind: filez}"}, [":1: data", "one of files, impact_parameter, shower_shapes"]),
        ({"data": "{kind: files, data: a, simulation: a}"}, [":1: data", "both are 'a'"]),
        ({"data": "{kind: files, data: a}"}, [":1: data.files.simulation: missing"]),
        ({"data": "{kind: impact_parameter, events: 3}"}, ["greater than or equal to 100"]),
        ({"variables": "[]"}, [":2: variables"]),
        ({"variables": None}, ["variables: missing"]),
        ({"variables": "[{name: ip, transfrom: log}]"}, ["unknown key", "did you mean 'transform'?"]),
        ({"variables": "[{name: ip, transform: lg}]"}, [":2: variables.0.transform", "did you mean 'log'?"]),
        ({"variables": "[ip, pt]"}, ["'pt' once"]),
        ({"variables": "[sw]"}, ["'sw' once"]),
        ({"conditions": "[{name: phi, period: -1}]"}, [":3: conditions.0.period", "greater than 0"]),
        ({"conditions": "[{name: phi, period: 6, transform: log}]"}, [":3: conditions.0", "a period is none"]),
        ({"split": "{train: 0.9, validation: 0.1}"}, ["the test needs events"]),
        ({"tail": "{above: 0.4}"}, ["tail.above", "greater than 0.5"]),
        ({"checks": "{cells: {pt: [3, 2]}}"}, ["edges of 'pt' that increase"]),
        ({"checks": "{cells: {eta: [3, 4]}}"}, ["cells of conditions; 'eta' is none"]),
        ({"checks": "{tail_thresholds: {pt: [3]}}"}, ["tail_thresholds of variables; 'pt' is none"]),
        ({"training": "{learning_rate: .nan}"}, ["training.learning_rate"]),
        ({"members": "-1"}, ["members", "greater than or equal to 0"]),
    ],
)
def test_bad_configs_are_refused_with_their_line(write, changes, parts, message):
    with pytest.raises(ConfigError) as error:
        CalibrationConfig.load(write(**changes))
    message(error, *parts)


def test_the_schema_explains_every_key():
    schema = CalibrationConfig.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        assert all("description" in each for name, each in model["properties"].items() if name != "kind"), model
