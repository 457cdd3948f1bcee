"""The validation of unbinned channels runs, and the committed numbers are what the page says."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "validate_unbinned.py"


@pytest.mark.slow
@pytest.mark.guard
def test_it_runs(tmp_path):
    command = [sys.executable, str(SCRIPT), "--reduced", "--json", "found.json", "--picture", "profiles.png"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert json.loads(done.stdout.splitlines()[-1])["coverage"] == found["coverage"]
    assert (tmp_path / "profiles.png").stat().st_size > 10_000
    (coverage,) = found["coverage"]
    assert coverage["normalised"]["with_error"] == coverage["normalised"]["toys"]


@pytest.fixture(scope="module")
def committed():
    return json.loads((ROOT / "docs" / "validation" / "fit-unbinned.json").read_text())


def test_the_committed_numbers_say_what_is_claimed(committed):
    for each in committed["coverage"]:
        good, bad = each["normalised"], each["unnormalised"]
        error = 1 / np.sqrt(good["toys"])
        assert abs(good["pull_mean"]) < 3 * error
        assert abs(good["pull_width"] - 1) < 3 * error / np.sqrt(2)
        assert abs(good["covered_68"] - 0.683) < 3 * np.sqrt(0.683 * 0.317) * error
        assert bad["pull_mean"] > 1
        assert bad["covered_68"] < 0.5
    rows = committed["reference"]["rows"]
    for name in ("scale", "slope"):
        falls = np.polyfit(np.log([row["ratio"] for row in rows]), np.log([row[name] for row in rows]), 1)[0]
        assert falls == pytest.approx(-0.5, abs=0.06)
    for each in committed["experiments"]:
        mu, error = each["fits"]["normalised"]["mu"]
        assert abs(mu - committed["truth"]["mu"]) < 2 * error


@pytest.fixture(scope="module")
def script():
    """Imported not in a test: JAX draws from NumPy's global stream while it loads."""
    spec = importlib.util.spec_from_file_location("validate_unbinned", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        spec.loader.exec_module(module)
    return module


def test_the_page_has_the_committed_numbers(script, committed):
    page = (ROOT / "docs" / "unbinned.md").read_text()
    assert script.with_results(page, committed) == page
