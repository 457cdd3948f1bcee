"""The benchmark of the service runs, and gives the numbers that are asked for."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    for module in ("onnxruntime", "fastapi", "uvicorn", "psutil"):
        pytest.importorskip(module)
    command = [sys.executable, str(ROOT / "benchmarks" / "serve.py"), "--json", "--quick"]
    folder = tmp_path_factory.mktemp("benchmark")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1], parse_constant=pytest.fail)


def test_it_gives_the_numbers(found):
    assert found["quick"]
    for key in (
        "http_over_model", "p99_ms", "vs_fastapi_plain", "vs_fastapi_plain_cpu", "batch_events_per_cpu_s",
        "cache_hit_speedup", "http_p50_us", "plain_p50_us", "load_per_second",
    ):  # fmt: skip
        assert math.isfinite(found[key]), key
        assert found[key] > 0, key


def test_the_wire_costs_more_than_nothing(found):
    assert found["http_over_model"] > 1
    assert found["http_p50_us"] < 1e3 * found["p99_ms"] * 100


def test_the_load_was_what_it_should_be(found):
    assert found["load_per_second"] == pytest.approx(300, rel=0.1)


def test_each_size_was_compared(found):
    assert found["by_rows"].keys() == {"1", "16", "256"}
    for case in found["by_rows"].values():
        rates = case["requests_per_second"]
        assert case["vs_fastapi_plain"] == pytest.approx(rates["neyman"] / rates["plain"])
        assert min(case["cpu_us"].values()) >= 0  # of a fifth of a second, in hundredths
