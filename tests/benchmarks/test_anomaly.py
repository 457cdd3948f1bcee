"""The benchmark of the energy network runs, and gives the numbers that are asked for."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    command = [sys.executable, str(ROOT / "benchmarks" / "anomaly.py"), "--json", "--reduced"]
    folder = tmp_path_factory.mktemp("benchmark")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1], parse_constant=pytest.fail)


def test_it_gives_the_numbers(found):
    assert found["reduced"]
    for key in (
        "batch_vs_torch", "batch_vs_torch_by_hand", "flops_fraction", "single_p50_us", "single_p99_us",
        "train_vs_reference", "peak_gflops",
    ):  # fmt: skip
        assert math.isfinite(found[key]), key
        assert found[key] > 0, key
    assert found["executed_flops_fraction"] < found["flops_fraction"]
    assert found["peak_gflops"] == max(found["products_gflops"].values())
    assert found["products_gflops"].keys() == {"torch", "numpy", "onnxruntime"}


def test_every_score_was_measured(found):
    scores = {"score_norm", "energy", "weighted_norm", "knn", "combined"}
    assert found["microseconds"].keys() == {*scores, "autograd", "by_hand"}
    assert all(0 < each < 5000 for each in found["microseconds"].values())


def test_both_loops_learn_the_same(found):
    losses = found["validation_loss"]
    assert losses["neyman"] == pytest.approx(losses["reference"], rel=0.01)
