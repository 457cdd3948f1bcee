from typing import Annotated, Literal

import pytest
from pydantic import Field

from neyman.core.config import Config, load_config
from neyman.core.errors import ConfigError


class Gaussian(Config):
    kind: Literal["gaussian"] = "gaussian"
    width: float = Field(default=1.0, gt=0)


class Flow(Config):
    kind: Literal["flow"] = "flow"
    layers: int = 3


class Training(Config):
    rate: float = 1e-3
    epochs: int = Field(default=10, ge=1)


class Whole(Config):
    events: int
    name: str = "x"
    training: Training = Training()
    stages: tuple[Training, ...] = ()
    model: Annotated[Gaussian | Flow, Field(discriminator="kind")] = Gaussian()
    more: Training | None = None
    bounds: dict[str, tuple[float, float]] = {}


def load(tmp_path, text):
    file = tmp_path / "c.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(file, Whole)


def test_a_good_config(tmp_path):
    config = load(tmp_path, "events: 10\ntraining: {rate: 1.0e-4}\nmodel:\n  kind: flow\nbounds:\n  C9: [3, 5]\n")
    assert config.training.rate == 1e-4
    assert config.model == Flow()
    assert config.bounds == {"C9": (3, 5)}
    with pytest.raises(ValueError, match="frozen"):
        config.events = 11


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("evnets: 10\n", ["c.yaml:1: evnets: unknown key", "did you mean 'events'?"]),
        ("events: 1\ntraining:\n  rat: 1\n", ["c.yaml:3: training.rat: unknown key", "epochs, rate", "'rate'"]),
        ("events: 1\nmore:\n  epoch: 1\n", ["c.yaml:3: more.epoch", "did you mean 'epochs'?"]),
        ("events: 1\nstages:\n- rate: 1\n- epochs: 1\n  rte: 1\n", ["c.yaml:5: stages.1.rte", "did you mean 'rate'?"]),
        ("events: 1\nmodel:\n  kind: flow\n  layer: 3\n", ["c.yaml:4: model.flow.layer", "did you mean 'layers'?"]),
        ("events: 1\nmodel: {kind: foo}\n", ["c.yaml:2: model", "'gaussian', 'flow'"]),
        ("name: a\n", ["c.yaml:1: events: missing"]),
        (
            "name: a\n\n\ntraining:\n  epochs: 0\nevents: 3\n",
            ["c.yaml:5: training.epochs: found 0", "greater than or equal"],
        ),
        ("events: ten\n", ["c.yaml:1: events: found 'ten'", "valid integer"]),
        ("events: 1.5\n", ["c.yaml:1: events: found 1.5", "valid integer"]),
        ("events:\n", ["c.yaml:1: events: found None"]),
        ("events: 1\nstages:\n- epochs: 2\n- epochs: x\n", ["c.yaml:4: stages.1.epochs: found 'x'"]),
        ("events: 1\nstages: 3\n", ["c.yaml:2: stages"]),
        ("events: 1\nbounds: {C9: [3]}\n", ["c.yaml:2: bounds.C9.1"]),
        ("events: 1\nbounds:\n  C9: [3, .nan]\n", ["c.yaml:3: bounds.C9.1: found nan", "finite number"]),
        ("events: 1\ntraining:\n  rate: .inf\n", ["c.yaml:3: training.rate: found inf"]),
        ("events: 1\nevents: 2\n", ["c.yaml:2: key 'events' stands twice, first in line 1"]),
        ("events: 1\nstages:\n- rate: 1\n  rate: 2\n", ["c.yaml:4: key 'rate' stands twice"]),
        ("", ["the file is empty", "a mapping"]),
        ("# only a comment\n", ["the file is empty"]),
        ("- events: 1\n", ["found a list", "a mapping"]),
        ("events\n", ["found a str"]),
        ("events: 1\ntraining:\n\trate: 1\n", ["c.yaml:3", "not valid YAML", "\\t"]),
        ("events: [1\n", ["not valid YAML", "c.yaml:2"]),
        ("events: 1\n---\nevents: 2\n", ["not valid YAML", "c.yaml:2"]),
        ("events: !!python/object/apply:os.system ['true']\n", ["c.yaml:1", "not valid YAML"]),
        ("events: *nothing\n", ["c.yaml:1", "undefined alias"]),
        ("events: 2026-02-31\n", ["not valid YAML"]),
        ("? [a, b]\n: 1\n", ["not valid YAML", "unhashable"]),
        ("events: 1\n2: 3\n", ["c.yaml:2"]),
        (b"events: \xff\n", ["not a text file"]),
        (b"events: \x00\n", ["not valid YAML"]),
        ("[" * 1500, ["not valid YAML"]),
        ("events: " + "9" * 5000, ["c.yaml"]),
        ("events: " + "x" * 5000, ["found 'xxx"]),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, text, parts, message):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    message(error, *parts)
    assert max(map(len, str(error.value).splitlines())) < 300


def test_anchors_are_no_trap(tmp_path, message):
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    for text in (laughs, "events: &e [*e]\n", "events: 1\nbounds: &b {C9: *b}\n"):
        with pytest.raises(ConfigError) as error:
            load(tmp_path, text)
        message(error, "c.yaml")
    config = load(tmp_path, "events: 1\ntraining: &t {rate: 0.5}\nmore: {<<: *t, epochs: 3}\n")
    assert config.more == Training(rate=0.5, epochs=3)


@pytest.mark.parametrize(
    "text",
    [
        "name: 1\nevents: https://eve:geheim@host/x\n",
        "name: 1\nevents: 'redis://:geh@eim@h'\n",
        "events: {url: 'http://eve:geheim@a-host-of-a-rather-long-name.example.org/path'}\n",
        "events: ['http://eve:geheim@host']\n",
    ],
)
def test_passwords_are_not_told(tmp_path, message, text):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    message(error, "events: found", "://***@")
    assert "geh" not in str(error.value)
    assert "eim" not in str(error.value)


def test_how_many_mistakes_there_are(tmp_path, message):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, "events: x\ntraining: {rate: y, epochs: z}\n")
    message(error, "(and 2 more)")


def test_files_that_cannot_be_read(tmp_path, message):
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "none.yaml", Whole)
    message(error, "no such config file")
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path, Whole)
    message(error, "not a text file")
