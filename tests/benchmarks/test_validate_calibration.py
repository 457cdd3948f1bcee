"""The validation of the calibration runs from training to its tables, and goes on where it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.guard
def test_it_answers_its_questions_and_trains_nothing_twice(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "validate_calibration.py"), "--reduced"]
    command += ["--kinematics", "toy", "--work", "work", "--json", "found.json", "--docs", "page.md"]
    (tmp_path / "page.md").write_text("Before.\n<!-- results -->\nold\n<!-- end of results -->\nAfter.\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert "training the" not in done.stderr  # everything was there
    found = json.loads((tmp_path / "found.json").read_text())
    draw = found["table"]["draw"]
    assert draw["corrected"]["chi2_per_bin"] < 0.5 * draw["uncorrected"]["chi2_per_bin"]
    assert draw["floor"]["chi2_per_bin_cells"] == pytest.approx(1, abs=0.3)
    for tail in found["table"]["tails"]:
        assert tail["error"] >= max(tail["statistics"], tail["bootstrap"])
    assert found["histograms"]["draws"] == 3
    assert found["histograms"]["cells"]["error"] > 0
    first, last = found["distance"][0]["mean_distance"], found["distance"][-1]["mean_distance"]
    assert first["none"] == last["none"] > last["flow"]
    covered = found["coverage"]
    assert 0 < covered["share"] < 1
    assert covered["holds_68_3"] == (covered["interval"][0] <= 0.683 <= covered["interval"][1])
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("Before.\n<!-- results -->")
    assert page.endswith("<!-- end of results -->\nAfter.\n")
    assert "quantile map in cells" in page
    assert "old" not in page
