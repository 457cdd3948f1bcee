"""The validation with collisions runs from Pythia to its table, and makes no event twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "validate_anomaly_collisions.py"


@pytest.mark.slow
@pytest.mark.guard
def test_it_compares_all_scores_on_the_same_events(tmp_path):
    (tmp_path / "page.md").write_text("Before.\n<!-- collisions -->\nold\n<!-- end of collisions -->\nAfter.\n")
    command = [sys.executable, str(SCRIPT), "--reduced", "--layouts", "dijet", "--workers", "1", "--work", "work"]
    command += ["--json", "found.json", "--docs", "page.md"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NEYMAN_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "found.json").read_text())
    study = report["studies"]["dijet"]
    assert study["events"] == {"train": 90, "test": 38, "zprime_tt": 20}
    scores = [row["score"] for row in study["separations"]]
    assert len(scores) == len(set(scores)) == 8
    assert set(scores) >= {study["config"]["score"], "knn", "autoencoder", "forest", "mahalanobis", "combined"}
    assert all(
        0 <= row["auroc"]["low"] <= row["auroc"]["value"] <= row["auroc"]["high"] for row in study["separations"]
    )
    # 38 background events cannot tell what a rejection of 99 % is
    assert report["verdicts"]["zprime_tt"]["ratio"] is None
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("Before.\n<!-- collisions -->\n\n`dijet`")
    assert page.endswith("<!-- end of collisions -->\nAfter.\n")
    assert "old" not in page
