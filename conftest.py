"""The documents are tests: Python blocks of README.md and docs/ run, commands in bash blocks must exist.

Each document runs from top to bottom in an empty folder of its own. `<!--- skip: next -->` leaves a block out.
"""

import os
import shlex
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

SHELL_ENDS = {"|", ">", ">>", "<", "&&", "||", ";", "&"}


def check_commands(example):
    """Every `neyman ...` of a bash block names commands and options that there are."""
    text = example.parsed.replace("\\\n", " ")
    for line in text.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["neyman"]:
            _check_words(words[1:], line.strip())


def _check_words(words, line):
    import typer

    from neyman.cli.main import app

    command, waiting = typer.main.get_command(app), list(words)
    while waiting and waiting[0] not in SHELL_ENDS:
        word = waiting.pop(0)
        if word.startswith("-"):
            name, equals, _ = word.partition("=")
            if name == "--help":
                continue
            found = [option for option in command.params if name in (*option.opts, *option.secondary_opts)]
            assert found, f"{command.name} has no option {name}: {line}"
            if not (equals or getattr(found[0], "is_flag", False) or getattr(found[0], "count", False)):
                waiting = waiting[found[0].nargs :]
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{command.name} has no command {word}: {line}"
            command = command.commands[word]


def check_config(example):
    """Every YAML block is a config of a job; a key that no other job has tells of which."""
    import yaml

    from neyman.abcd.config import AbcdConfig
    from neyman.anomaly.config import AnomalyConfig
    from neyman.anomaly.trigger import MenuConfig
    from neyman.calibration.config import CalibrationConfig
    from neyman.fit.config import FitConfig
    from neyman.posterior.config import PosteriorConfig
    from neyman.serve.settings import Settings

    config = yaml.safe_load(example.parsed)
    keys = {
        "Regions": FitConfig,
        "discriminant": AbcdConfig,
        "variables": CalibrationConfig,
        "error_rate": AnomalyConfig,
        "paths": MenuConfig,
        "models": Settings,
    }
    next((kind for key, kind in keys.items() if key in config), PosteriorConfig).model_validate(config)


def enter_folder(namespace):
    """Into an empty folder, so that a document may write files."""
    namespace["_folders"] = tempfile.TemporaryDirectory(), os.getcwd()  # noqa: PTH109
    os.chdir(namespace["_folders"][0].name)


def leave_folder(namespace):
    """Back, and the folder is gone."""
    folder, before = namespace.pop("_folders")
    os.chdir(before)
    folder.cleanup()


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE),
        CodeBlockParser(language="bash", evaluator=check_commands),
        CodeBlockParser(language="yaml", evaluator=check_config),
        SkipParser(),
    ],
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    setup=enter_folder,
    teardown=leave_folder,
).pytest()
