"""The help says everything, says it quickly, and what it shows works."""

import os
import re
import subprocess
import sys
import textwrap

import pytest
import typer

from neyman.cli.main import app
from neyman.posterior.config import PosteriorConfig


def commands(command, path=()):
    """All commands below one, with the words that lead there."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


FIT_COMMANDS = (
    *("bestfit", "cls", "limit", "significance", "scan", "contour", "impacts", "gof", "neyman", "toys"),
    *("report", "run", "build", "schema", "inspect", "blind", "asimov", "patch", "combine", "prune", "rename", "sort"),
)

ANOMALY_COMMANDS = (
    *("simulate", "nanoaod", "explore", "train", "score", "evaluate", "explain"),
    *("characterise", "trigger", "export", "run", "schema"),
)


def test_these_are_the_commands():
    assert {" ".join(path) for path in ALL} == {
        "",
        "demo",
        "doctor",
        "posterior",
        "fit",
        "abcd",
        *(f"abcd {name}" for name in ("train", "check", "limit", "run", "schema")),
        "calibration",
        *(f"calibration {name}" for name in ("train", "apply", "check", "run", "schema")),
        "anomaly",
        *(f"anomaly {name}" for name in ANOMALY_COMMANDS),
        "serve",
        *(f"serve {name}" for name in ("worker", "keys", "schema", "triton")),
        *(f"serve keys {name}" for name in ("create", "list", "revoke")),
        *(f"fit {name}" for name in FIT_COMMANDS),
        *(f"posterior {name}" for name in ("simulate", "train", "check", "infer", "run", "schema")),
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_and_argument_is_explained(path, neyman):
    done = neyman(*path, "--help")
    assert done.code == 0
    text = " ".join(done.out.split())
    for parameter in ALL[path].params:
        assert parameter.help, parameter.name
        assert " ".join(parameter.help.split()) in text, parameter.name
        assert max(parameter.opts, key=len).lower() in text.lower()
    for name, inner in getattr(ALL[path], "commands", {}).items():
        (line,) = [line for line in done.out.split("Commands:")[1].splitlines() if line.split()[:1] == [name]]
        assert not line.endswith("..."), "the first line of its docstring is too long"
        assert inner.get_short_help_str(limit=200) in line


def test_the_config_in_the_help_is_enough(neyman, tmp_path):
    """And shorter than fifteen lines."""
    block = re.search(r"((?:^    .*\n)+)", neyman("posterior", "--help").out, re.MULTILINE)[1]
    (tmp_path / "c.yaml").write_text(textwrap.dedent(block))
    config = PosteriorConfig.load(tmp_path / "c.yaml")
    assert config.prior == {"C9": (3.0, 5.0)}
    assert config.model_fields_set == {"prior", "simulator", "events"}
    assert len(block.splitlines()) < 15


def test_all_of_it_is_light():
    """One process that asks for all helps, the version and the doctor, and loads nothing that computes or draws."""
    words = [[*path, "--help"] for path in ALL] + [["--version"], ["doctor"]]
    code = f"""
import sys
from neyman.cli.main import run
for words in {words!r}:
    try:
        run(words)
    except SystemExit as stop:
        assert not stop.code, words
    heavy = {{"torch", "matplotlib", "eos", "zuko", "sbi", "jax"}} | ({{"numpy"}} if words != ["doctor"] else set())
    assert not heavy & set(sys.modules), (words, heavy & set(sys.modules))
"""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env=clean, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: neyman") == len(ALL)


def test_as_a_module(shell, tmp_path):
    done = shell("--version", cwd=tmp_path, capture_output=True, timeout=60)
    assert re.fullmatch(r"neyman \d+\.\d+\.\d+\S*\n", done.stdout)
    done = shell("posterior", "infer", cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: neyman posterior infer")
