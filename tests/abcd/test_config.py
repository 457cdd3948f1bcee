import pytest

from neyman.abcd.config import AbcdConfig
from neyman.abcd.methods import BceMethod, ClsMethod, DoubleDiscoMethod
from neyman.core.errors import ConfigError

SMALL = {"data": "{kind: toy}", "discriminant": "{column: m, edges: [0, 0.5, 1]}"}


@pytest.fixture
def write(tmp_path):
    def to_file(**changes):
        lines = SMALL | changes
        path = tmp_path / "c.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None))
        return path

    return to_file


def test_a_small_config_is_enough(write):
    config = AbcdConfig.load(write())
    assert isinstance(config.method, ClsMethod)
    assert config.discriminant.edges == (0, 0.5, 1)
    assert AbcdConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(("name", "model"), [("bce", BceMethod), ("double_disco", DoubleDiscoMethod)])
def test_a_name_stands_for_the_defaults_of_a_method(write, name, model):
    assert AbcdConfig.load(write(method=name)).method == model()
    assert AbcdConfig.load(write(method=f"{{kind: {name}}}")).method == model()


def test_a_constraint_may_be_left_out(write):
    config = AbcdConfig.load(write(method="{kind: cls, constraints: {disco: null}}"))
    assert config.method.constraints.disco is None
    assert config.method.constraints.closure == 0.03


def test_files_are_beside_the_config(write, tmp_path):
    config = AbcdConfig.load(
        write(data="{kind: files, signal: [s.parquet], background: [deep/b.parquet]}", features="[x]")
    )
    assert config.data.signal == (tmp_path / "s.parquet",)
    assert config.data.background == (tmp_path / "deep" / "b.parquet",)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"discriminant": "{column: m, edges: [0, 0.5, 0.4]}"}, [":2: discriminant.edges", "0.4 comes after 0.5"]),
        ({"discriminant": "{column: m, edges: [0, .nan]}"}, [":2: discriminant.edges"]),
        ({"discriminant": "{column: m, edges: [0]}"}, [":2: discriminant.edges"]),
        ({"discriminant": None}, ["discriminant: missing"]),
        ({"features": "[x0, m]"}, [":2: discriminant", "they contain 'm'"]),
        ({"features": "[x0, x0]"}, [":3: features", "each once"]),
        ({"features": "[]"}, [":3: features"]),
        ({"features": "[x, w]", "data": "{kind: files, files: [a], label: y, weight: w}"}, ["'w' is the weight"]),
        ({"features": "[x, y]", "data": "{kind: files, files: [a], label: y}"}, [":3: features", "'y' is the label"]),
        ({"evaluation": "{reference: [x0, x0]}"}, [":3: evaluation.reference", "two different columns"]),
        ({"method": "clz"}, [":3: method", "one of cls, double_disco, bce, cls_alone"]),
        ({"method": "[cls]"}, [":3: method", "one of cls, double_disco, bce, cls_alone"]),
        ({"data": "null"}, [":1: data", "one of toy, semi_visible_jets, files"]),
        ({"method": "{kind: cls, trainin: {}}"}, [":3: method.cls.trainin", "did you mean 'training'?"]),
        ({"method": "{kind: cls, cuts: [0.9, 1.0]}"}, ["less than 1"]),
        ({"method": "{kind: cls, steepness: [0, 5]}"}, ["greater than 0"]),
        ({"method": "{kind: cls, constraints: {closure: -0.1}}"}, ["closure", "greater than 0"]),
        ({"data": "{kind: toi}"}, [":1: data", "one of toy, semi_visible_jets, files"]),
        ({"data": "{kind: toy, signal: 3}"}, [":1: data.toy.signal", "100"]),
        ({"data": "{kind: semi_visible_jets, generated: {qcd: 5}}"}, ["semi_visible_jets and at least one background"]),
        ({"data": "{kind: files, signal: [a]}"}, ["either signal and background, or files and label"]),
        ({"data": "{kind: files, files: [a]}"}, ["either signal and background, or files and label"]),
        ({"data": "{kind: files, files: [a], label: y, signal: [b]}"}, ["either signal and background"]),
        ({"data": "{kind: files, signal: [a], background: [b, a]}"}, ["each file once", "a stands twice"]),
        ({"split": "{train: 0.7, validation: 0.3}"}, [":3: split", "the test needs events"]),
        ({"luminosity": "-1"}, [":3: luminosity"]),
        ({"luminosity": ".inf"}, [":3: luminosity"]),
    ],
)
def test_bad_configs_are_refused_with_their_line(write, changes, parts, message):
    with pytest.raises(ConfigError) as error:
        AbcdConfig.load(write(**changes))
    message(error, *parts)


def test_the_schema_explains_every_key():
    schema = AbcdConfig.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, entry in model.get("properties", {}).items():
            assert entry.get("description"), f"{model['title']}.{name}"
    assert {"enum": ["cls", "double_disco", "bce", "cls_alone"]} in schema["properties"]["method"]["anyOf"]
