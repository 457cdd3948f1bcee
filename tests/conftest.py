"""What holds for all tests: reproducible properties, and no trace left behind."""

import os
import sys
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
