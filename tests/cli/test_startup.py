"""Starting up is quick: what is heavy is imported where it is used."""

import os
import subprocess
import sys

import pytest

HEAVY = {"torch", "jax", "matplotlib", "mplhep", "eos", "sbi", "zuko", "sklearn", "pandas"}

REPORT = "; import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def modules_after(code):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=False, env=clean, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "module", ["neyman", "neyman.core.artefacts", "neyman.events", "neyman.simulation.datasets", "neyman.cli.main"]
)
def test_imports_are_light(module):
    _, loaded = modules_after(f"import {module}")
    assert not loaded & HEAVY
    assert "neyman" in loaded


def test_import_neyman_loads_not_even_numpy():
    _, loaded = modules_after("import neyman")
    assert not loaded & {"numpy", "scipy", "pyarrow", "pydantic"}


@pytest.mark.parametrize("options", [["--help"], ["--version"], ["posterior", "--help"]])
def test_help_is_light(options):
    code = (
        "import sys; from neyman.cli.main import run\n"
        f"sys.argv = ['neyman', *{options}]\n"
        "try: run()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
    )
    text, loaded = modules_after(code + "pass")
    assert not loaded & HEAVY
    assert "neyman" in text.lower()
