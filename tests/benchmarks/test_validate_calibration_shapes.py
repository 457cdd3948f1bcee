"""The validation with several variables runs, and shows what maps of one variable at a time leave."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "validate_calibration_shapes.py"


def test_maps_of_one_variable_leave_what_a_classifier_finds(tmp_path):
    (tmp_path / "page.md").write_text("Before.\n<!-- shapes -->\nold\n<!-- end of shapes -->\nAfter.\n")
    command = [sys.executable, str(SCRIPT), "--reduced", "--json", "found.json", "--docs", "page.md"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())["study"]["methods"]
    assert json.loads(done.stdout.splitlines()[-1]) == {name: row["auc"] for name, row in found.items()}
    assert found["uncorrected"]["auc"] > found["quantile_map"]["auc"] > found["corrected"]["auc"]
    exact, floor = found["exact_map_of_each"], found["floor"]
    assert exact["auc"] - floor["auc"] > 3 * exact["auc_error"]
    assert exact["chi2_per_bin_cells"] < floor["chi2_per_bin_cells"] + 0.3  # each shape alone is right
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("Before.\n<!-- shapes -->\n\n| method")
    assert page.endswith("<!-- end of shapes -->\nAfter.\n")
    assert "old" not in page
