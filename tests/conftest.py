"""What holds for all tests: reproducible properties, and no trace left behind."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Derandomised: CI must not fail for a commit that did not cause it. Look for new counterexamples with
# `HYPOTHESIS_PROFILE=explore`.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


# What a shell starts in the background ignores Ctrl-C, and so do its children: tests of Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _failed_if_skipped_for_a_package(report):
    """A laptop may do without a package; CI has installed them all, and a test that skips there guards nothing."""
    if os.environ.get("CI") == "true" and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {report.longrepr[-1] if isinstance(report.longrepr, tuple) else ''}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _failed_if_skipped_for_a_package((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _failed_if_skipped_for_a_package((yield))


def _states():
    states = {"NumPy": repr(np.random.get_state())}  # noqa: NPY002 - the global state is what is watched
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        states["torch"] = torch.get_rng_state().numpy().tobytes()
        states["torch's default type"] = repr(torch.get_default_dtype())
    return states


@pytest.fixture(autouse=True)
def no_trace(request):
    """Fail a test that changes global random state or leaves files in the working directory."""
    states, here = _states(), Path.cwd()
    files = set(os.listdir(here))
    yield
    changed = [name for name, state in _states().items() if name in states and state != states[name]]
    assert not changed, f"{request.node.nodeid} changed the global state of {', '.join(changed)}"
    assert Path.cwd() == here, f"{request.node.nodeid} changed the working directory"
    left = {name for name in set(os.listdir(here)) - files if not name.startswith(".")}
    assert not left, f"{request.node.nodeid} left {', '.join(sorted(left))} in the working directory"


@pytest.fixture
def rng():
    """A generator for the data of a test."""
    return np.random.default_rng(20261114)


@pytest.fixture
def message():
    """Check that an error is short and says what it should: `message(error, "part", ...)`."""

    def check(error, *parts):
        text = str(error.value)
        assert len(text.splitlines()) <= 5, text
        for part in parts:
            assert part in text, f"{part!r} is not in:\n{text}"

    return check


# A posterior trained for seconds: enough for everything but good numbers.
TINY = """\
prior: {C9: [3, 5]}
events: [50, 200]
training:
  statistic: {epochs: 2, steps_per_epoch: 10}
  flow: {epochs: 2, steps_per_epoch: 10, events: 200000}
"""


def _shell(*arguments, cwd, start=subprocess.run, **options):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return start(
        [sys.executable, "-m", "neyman", *map(str, arguments)],
        cwd=cwd,
        text=True,
        env=clean | {"OMP_NUM_THREADS": "1"},  # one thread: every run adds in the same order
        **options,
    )


@pytest.fixture(scope="session")
def shell():
    """`shell("posterior", "train", ..., cwd=folder)` is the command as a process of its own."""
    return _shell


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """The folder of one `neyman posterior run` for all tests; beside it are `tiny.yaml`, `stdout` and `stderr`."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.yaml").write_text(TINY)
    run = ["posterior", "run", "tiny.yaml", "--out", "run", "--sets", 100, "--exact-sets", 10]
    done = _shell(*run, cwd=folder, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
    return folder / "run"


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def neyman():
    """`neyman("posterior", "infer", ...)` is the command inside this process, which is quicker than `shell`."""
    from neyman.cli.main import run

    def call(*arguments):
        out, err, code = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                run([str(argument) for argument in arguments])
            except SystemExit as stop:
                code = stop.code or 0
        return Done(code, out.getvalue(), err.getvalue())

    return call


# An anomaly score trained in seconds on a table of every kind of column: for its own tests, and to be served.
NAMES = ("mass", "pt", "phi", "jets", "time", "charge", "run")


def table(n, seed):
    """A peak, a long tail, an angle, a count, a small spread on a large number, a padded column, a constant."""
    rng = np.random.default_rng(seed)
    mass, jets = rng.normal(size=n), rng.poisson(3, n).astype(float)
    pt = 30 * np.exp(1.5 * rng.normal(size=n) + 0.5 * mass)
    phi = rng.vonmises(0.3 * mass, 1.0, n)
    time = 1e6 + rng.normal(size=n) + mass
    charge = np.where(rng.random(n) < 0.3, 0.0, np.exp(rng.normal(size=n)))
    return np.stack([mass, pt, phi, jets, time, charge, np.full(n, 7.0)], axis=1)


@pytest.fixture(scope="session")
def background():
    """`background(n, seed)`: events of the seven columns of `trained`."""
    return table


@pytest.fixture(scope="session")
def tiny():
    """`tiny(score="knn")`: a config that trains in seconds, with some keys changed."""

    from neyman.anomaly.config import AnomalyConfig

    def make(**changes):
        config = {
            "data": {"kind": "files", "background": "background.parquet"},
            "network": {"width": 32, "blocks": 2, "noise": {"low": 0.2, "high": 2.0, "levels": 4}, "score_sigma": 0.4},
            "training": {"epochs": 3, "steps_per_epoch": 60, "batch": 256, "learning_rate": 1e-2},
            "score": "score_norm",
            "device": "cpu",
        }
        return AnomalyConfig.model_validate(config | changes)

    return make


@pytest.fixture(scope="session")
def loaded():
    """The events of `trained`, in their parts."""
    from neyman.anomaly.data import Loaded

    parts = (table(n, seed) for seed, n in enumerate((4000, 800, 1000, 500)))
    return Loaded(NAMES, *parts, periods={"phi": 2 * np.pi})


@pytest.fixture(scope="session")
def trained(tiny, loaded):
    """The score of the tiny config."""
    from neyman.anomaly.trained import train_anomaly

    return train_anomaly(tiny(), loaded=loaded)


@pytest.fixture(scope="session")
def artefact(trained, tmp_path_factory):
    """The folder of `trained`; not to be changed."""
    folder = tmp_path_factory.mktemp("artefact") / "model"
    trained.save(folder)
    return folder
