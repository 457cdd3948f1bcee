"""The validation on tables compares all scores, on each of its families."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "validate_anomaly.py"


def test_it_compares_all_scores_on_the_same_tables(tmp_path):
    command = [sys.executable, str(SCRIPT), "--suite", "tabular", "--only", "breast", "--epochs", "1"]
    done = subprocess.run(
        [*command, "--json", "found.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "found.json").read_text())
    assert set(report["tabular"]) == {"breast_cancer", "mean"}
    assert set(report["tabular"]["mean"]) >= {"combined", "knn", "autoencoder", "forest", "mahalanobis", "energy"}
    # Malignant tumours lie beside benign ones: neighbours find most, no score finds all.
    assert 0.8 < report["tabular"]["breast_cancer"]["knn"] < 1
    assert "| combined |" in done.stdout
