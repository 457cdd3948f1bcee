"""The benchmark of binned fits runs, its contestants agree, and the committed numbers are what was promised."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.guard
def test_it_runs_and_the_contestants_agree(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "fit_binned.py"), "--json", "--reduced"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for key in ("fit_vs_pyhf_jax", "value_grad_vs_pyhf_jax", "toys_vs_pyhf", "scan_vs_cabinetry"):
        assert found[key] > 0
    ours, (theirs,) = found["ours"]["ours_fit"], found["peers"]["fit"]
    assert ours["twice_nll"] <= theirs["twice_nll"] + 1e-6
    assert ours["mu"] == pytest.approx(theirs["mu"], abs=0.01 * ours["error"])
    assert found["ours"]["ours_scan"]["rise"] == pytest.approx(found["peers"]["scan"]["rise"], abs=2e-3)


def test_the_committed_numbers_meet_their_targets():
    report = json.loads((ROOT / "docs" / "validation" / "fit.json").read_text())["benchmark"]
    assert report["fit_vs_pyhf_jax"] >= 3
    assert report["scan_vs_cabinetry"] >= 10
    page = (ROOT / "docs" / "fit.md").read_text()
    for key in ("fit_vs_pyhf_jax", "toys_vs_pyhf", "scan_vs_cabinetry", "value_grad_vs_pyhf_jax"):
        assert f"{report[key]:.1f}" in page
