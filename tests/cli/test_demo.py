"""The demo, in full: it trains for real, its checks run against the exact posterior, its report is there."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.guard
def test_demo_of_the_posterior(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from neyman.cli.main import run; run()", "demo", "--out", "here"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    folder = tmp_path / "here" / "posterior"
    assert (folder / "report.html").stat().st_size > 100_000
    results = json.loads((folder / "results.json").read_text())
    found, truth = results["inference"]["parameters"]["C9"], results["truth"]["C9"]
    assert abs(found["mean"] - truth) < 4 * found["sd"]
    for size in results["check"]["sizes"]:
        assert size["exact"]["kl"] < 0.1 * size["exact"]["kl_prior"], size["n_events"]
        assert size["ranks"]["C9"]["p_value"] > 1e-3
