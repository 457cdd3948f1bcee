"""The benchmark of pairs of flows runs, and gives the numbers that are asked for."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    pytest.importorskip("nflows")
    command = [sys.executable, str(ROOT / "benchmarks" / "calibration.py"), "--json", "--reduced"]
    folder = tmp_path_factory.mktemp("benchmark")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1], parse_constant=pytest.fail)


def test_it_gives_the_numbers(found):
    assert found["reduced"]
    for key in ("train_vs_nflows", "train_vs_nflows_switch", "apply_vs_nflows", "apply_vs_nflows_switch"):
        assert math.isfinite(found[key]), key
        assert found[key] > 0, key
    assert found["apply_events_per_cpu_s"] > 1000
    assert 0.5 < found["cells_chi2_over_floor"] < 10


def test_all_contestants_did_the_same(found):
    assert found["validation_loss"].keys() == found["step_milliseconds"].keys() == found["apply_microseconds"].keys()
    assert found["validation_loss"].keys() == {"neyman", "nflows", "nflows_switch"}
    assert all(0.5 < loss < 5 for loss in found["validation_loss"].values())
    assert all(each.keys() == {"1024", "4096"} for each in found["apply_microseconds"].values())


def test_events_come_back(found):
    assert found["inverse_error"] < 1e-3
