import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.likelihood.workspace import relative as module
from neyman.likelihood.workspace.relative import relative

X = (np.arange(500) + 0.5) / 500
"""Reference events of the uniform density."""


def log_ratio(centre, width, x=X):
    def density(at):
        return np.exp(-0.5 * ((at - centre) / width) ** 2)

    return np.log(density(x) / density(X).mean())


@given(
    centre=st.floats(0.2, 0.8),
    width=st.floats(0.08, 0.3),
    shift=st.floats(-0.02, 0.02),
    stretch=st.floats(0.95, 1.05),
    scale=st.floats(0.01, 100),
)
def test_known_densities(centre, width, shift, stretch, scale):
    nominal, varied = log_ratio(centre, width), log_ratio(centre + shift, width * stretch)
    weights = np.full(500, scale)
    found = relative(weights, nominal, varied)
    assert found.to_reference
    assert found.integral == pytest.approx(1)
    assert not relative(weights, nominal, varied - nominal).to_reference


def test_reference_events_of_another_density(rng):
    # x is drawn with density 2x; the ratio to that density is what is given
    x = np.sqrt(rng.uniform(size=20_000))
    nominal, varied = (log_ratio(centre, 0.2, x) - np.log(2 * x) for centre in (0.5, 0.52))
    found = relative(np.ones(len(x)), nominal, varied)
    assert found.to_reference
    assert found.integral == pytest.approx(1, abs=0.02)
    assert not relative(np.ones(len(x)), nominal, varied - nominal).to_reference


def test_negative_weights_of_a_simulation(rng):
    x = np.concatenate([X, X, X])
    weights = np.concatenate([np.full(1000, 1.0), np.full(500, -1.0)])
    nominal, varied = log_ratio(0.5, 0.1, x), log_ratio(0.51, 0.1, x)
    assert relative(weights, nominal, varied).to_reference
    assert not relative(weights, nominal, varied - nominal).to_reference


def test_a_sample_that_is_the_reference_has_the_same_ratio_to_both():
    zeros = np.zeros(500)
    assert not relative(np.ones(500), zeros, 0.1 * np.sin(6 * X)).to_reference
    assert not relative(np.ones(500), zeros, zeros).to_reference


def test_no_variation_at_all():
    nominal = log_ratio(0.5, 0.1)
    assert relative(np.ones(500), nominal, nominal).to_reference
    assert not relative(np.ones(500), nominal, np.zeros(500)).to_reference


@pytest.mark.parametrize("size", [800.0, -800.0])
def test_what_overflows_is_not_believed(size):
    assert not relative(np.ones(500), log_ratio(0.5, 0.1), np.full(500, size)).to_reference


def test_the_answer_does_not_depend_on_blocks(monkeypatch):
    arguments = np.linspace(0.5, 1.5, 500), log_ratio(0.5, 0.1), log_ratio(0.51, 0.1).astype(np.float32)
    whole = relative(*arguments)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert relative(*arguments).integral == pytest.approx(whole.integral, rel=1e-12)
