"""The study of ABCD methods runs from training to the table, and goes on where it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.guard
def test_it_runs_and_does_nothing_twice(tmp_path):
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "validate_abcd.py"),
        "--reduced",
        "--trials",
        "1",
        "--seeds",
        "2",
    ]
    command += ["--work", "work", "--json", "found.json", "--docs", "page.md", "--methods", "double_disco", "cls"]
    (tmp_path / "page.md").write_text("Before.\n<!-- results -->\nold\n<!-- end of results -->\nAfter.\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""  # no progress of training: everything was there
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["summary"] == json.loads(done.stdout.splitlines()[-1])
    for method in ("double_disco", "cls", "cut_and_count"):
        tests = found["methods"][method]["tests"]
        assert len(tests) == 2
        assert all(each["limit"] > 0 for each in tests)
        assert found["summary"][method]["closes"] == sum(abs(each["non_closure"]) <= 0.1 for each in tests)
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("Before.\n<!-- results -->")
    assert page.endswith("<!-- end of results -->\nAfter.\n")
    assert "Double DisCo" in page
    assert "old" not in page
