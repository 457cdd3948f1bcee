"""What every error of neyman must be: on purpose, short, and of use to the person who caused it."""

import ast
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import neyman
from neyman.core import errors
from neyman.core.artefacts import load_artefact
from neyman.core.config import load_config
from neyman.core.errors import InputError, NeymanError, require
from neyman.core.executors import local_executor
from neyman.core.files import read_json, write_text
from neyman.core.random import stream
from neyman.core.results import Result
from neyman.events import Column, Events, Schema, read_parquet
from neyman.simulation.datasets import Dataset
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy

SOURCE = Path(neyman.__file__).parent
X = Schema((Column(name="x", low=0, high=1),))

# One line joins another way to go wrong; `folder` is empty but for the file `file`, which holds an open brace.
CAUSES = {
    "a config that is not there": lambda folder: load_config(folder / "none.yaml", BaseModel),
    "a config that is not YAML": lambda folder: load_config(folder / "file", BaseModel),
    "JSON that is not there": lambda folder: read_json(folder / "none"),
    "JSON that is none": lambda folder: read_json(folder / "file"),
    "a result that is none": lambda folder: Result.load(folder / "file"),
    "a file in place of a folder": lambda folder: write_text(folder / "file" / "x", ""),
    "an artefact that is not there": lambda folder: load_artefact(folder / "none", kind="posterior"),
    "an artefact without a manifest": lambda folder: load_artefact(folder, kind="posterior"),
    "an artefact that is a file": lambda folder: load_artefact(folder / "file", kind="posterior"),
    "a data set that is not there": lambda folder: Dataset.open(folder / "none"),
    "a data set without a manifest": Dataset.open,
    "Parquet that is not there": lambda folder: read_parquet(folder / "none", X),
    "Parquet that is none": lambda folder: read_parquet(folder / "file", X),
    "a negative seed": lambda folder: stream(-1),
    "no workers": lambda folder: local_executor(0),
    "a library that is not installed": lambda folder: require("no_such_library_at_all", job="posterior"),
    "events that are not finite": lambda folder: Events({"x": [np.nan]}, X),
    "events out of range": lambda folder: Events({"x": [2.0] * 1000}, X),
    "events without a column": lambda folder: Events({f"y{i}": [1.0] for i in range(5)}, X),
    "events that are no numbers": lambda folder: Events({"x": ["a"]}, X),
    "a column that is not there": lambda folder: Events({"x": [1.0]}, X)["y"],
    "a prior without parameters": lambda folder: UniformPrior({}),
    "a prior upside down": lambda folder: UniformPrior({"mu": (1, 0)}),
    "a simulator without its parameter": lambda folder: GaussianToy().simulate({"nu": 1.0}, 10, 1),
    "no events to simulate": lambda folder: GaussianToy().simulate({"mu": 1.0}, 0, 1),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_an_input_error_is_short_and_says_what_was_found(cause, tmp_path):
    (tmp_path / "file").write_text("{")
    with pytest.raises(InputError) as error:
        CAUSES[cause](tmp_path)
    lines = str(error.value).splitlines()
    assert 1 <= len(lines) <= errors.MAX_LINES
    assert error.value.found
    assert all(len(line) < 300 for line in lines)
    assert error.value.expected or error.value.hint or error.value.where


def test_the_tree_in_the_docstring_is_the_tree_in_the_code():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NeymanError)}
    drawn = [line.replace("│", " ") for line in errors.__doc__.splitlines() if "Error" in line and "Each" not in line]
    parents, found = [], set()
    for line in drawn:
        text = line.lstrip(" ├└─")
        depth, name = len(line) - len(text), text.split()[0]
        parents = [(d, n) for d, n in parents if d < depth]
        if parents:
            assert getattr(errors, name).__bases__ == (getattr(errors, parents[-1][1]),)
        parents.append((depth, name))
        found.add(getattr(errors, name))
    assert found == kinds


def validators(tree):
    """The functions that pydantic calls, and those that they call: they have to raise ValueError."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    marked = {
        name for name, node in functions.items() if any("validator" in ast.unparse(m) for m in node.decorator_list)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "alidator" in ast.unparse(node.func):  # AfterValidator(check)
            marked |= {argument.id for argument in node.args if isinstance(argument, ast.Name)}
    calls = {ast.unparse(call.func) for name in marked & functions.keys() for call in ast.walk(functions[name])
             if isinstance(call, ast.Call)}  # fmt: skip
    return [functions[name] for name in (marked | calls) & functions.keys()]


def raised(tree):
    """The names of what is raised, with lines, outside of validators."""
    allowed = {inner for function in validators(tree) for inner in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None and node not in allowed:
            call = node.exc
            yield ast.unparse(call.func if isinstance(call, ast.Call) else call), node.lineno


def test_the_scan_sees_what_it_should():
    code = "@field_validator('a')\ndef f(): raise ValueError\ndef g(): raise ValueError('x')\nB = AfterValidator(h)\n"
    assert list(raised(ast.parse(code + "def h(): raise ValueError\nraise KeyError"))) == [
        ("KeyError", 6),
        ("ValueError", 3),
    ]


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: str(file.relative_to(SOURCE)))
def test_what_is_raised_on_purpose_is_ours(file):
    builtin = {"Exception", "ValueError", "TypeError", "RuntimeError", "KeyError", "IndexError", "OSError"}
    builtin |= {"AssertionError", "FileNotFoundError", "LookupError", "ArithmeticError", "FloatingPointError"}
    found = [f"line {line}: {name}" for name, line in raised(ast.parse(file.read_text())) if name in builtin]
    assert not found, f"raise a NeymanError instead: {found}"
