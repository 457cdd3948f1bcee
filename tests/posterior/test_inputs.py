import numpy as np
import pytest

from neyman.core.errors import ConfigError
from neyman.events import Column, Schema
from neyman.posterior.inputs import Normaliser

ANGLE = Schema((Column(name="phi", low=-np.pi, high=np.pi, periodic=True), Column(name="x")))


@pytest.fixture(scope="module")
def events(decay):
    return decay.simulate({"C9": 4.0}, 5000, 1).matrix


@pytest.mark.parametrize("inputs", ["angular", "plain"])
def test_inputs_have_mean_zero_and_spread_one(decay, events, inputs):
    found = Normaliser.fit(decay.schema, inputs, events)(events)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("inputs", ["angular", "plain"])
def test_phi_has_no_seam(decay, events, inputs):
    normaliser = Normaliser.fit(decay.schema, inputs, events)
    left, right = events[:50].copy(), events[:50].copy()
    left[:, 3], right[:, 3] = -np.pi, np.pi
    np.testing.assert_allclose(normaliser(left), normaliser(right), atol=1e-5)
    right[:, 3] = np.pi - 1e-3
    assert 1e-6 < np.abs(normaliser(left) - normaliser(right)).max() < 1e-2


def test_periods_need_not_be_those_of_an_angle():
    schema = Schema((Column(name="hour", low=0, high=24, periodic=True),))
    found = Normaliser(schema, "plain")(np.array([[0.0], [24.0], [6.0], [12.0]]))
    np.testing.assert_allclose(found, [[1, 0], [1, 0], [0, 1], [-1, 0]], atol=1e-6)


@pytest.mark.parametrize("inputs", ["angular", "plain"])
def test_different_events_have_different_inputs(decay, events, inputs):
    found = Normaliser.fit(decay.schema, inputs, events)(events)
    assert len(np.unique(found, axis=0)) == len(np.unique(events, axis=0))


def test_the_density_is_linear_in_the_angular_inputs(decay, events):
    """At fixed q², p(x|θ) is a linear function of the f_i: that is what they are for."""
    few = events[:200].copy()
    few[:, 0] = 4.0
    inputs = Normaliser.fit(decay.schema, "angular", events)(few).astype(np.float64)
    density = decay.terms(few) @ decay.table.monomials(np.array([[3.5]]))[0]
    design = np.column_stack([inputs, np.ones(len(inputs))])
    fitted = design @ np.linalg.lstsq(design, density, rcond=None)[0]
    np.testing.assert_allclose(fitted, density, atol=1e-5 * density.max())


def test_the_density_is_almost_linear_in_the_angular_inputs_at_all_q2(decay, events):
    """Products with two powers of q² leave 7 % of its spread unexplained; without one of the two it is twice that."""
    inputs = Normaliser.fit(decay.schema, "angular", events)(events).astype(np.float64)
    density = decay.terms(events) @ decay.table.monomials(np.array([[4.0]]))[0]

    def unexplained(columns):
        design = np.column_stack([columns, np.ones(len(columns))])
        return np.std(density - design @ np.linalg.lstsq(design, density, rcond=None)[0]) / np.std(density)

    assert unexplained(inputs) < 0.08
    for products in (slice(14, 26), slice(26, 38)):
        assert unexplained(np.delete(inputs, products, axis=1)) > 0.1


def test_angular_inputs_are_for_decays_alone(toy, message):
    with pytest.raises(ConfigError) as error:
        Normaliser(toy.schema, "angular")
    message(error, "columns x", "cos_theta_K", "inputs: plain")


def test_columns_without_limits(rng):
    events = np.column_stack([rng.uniform(-np.pi, np.pi, 1000), rng.normal(5, 3, 1000)])
    normaliser = Normaliser.fit(ANGLE, "plain", events)
    assert len(normaliser) == 3
    x = events[:, 1]
    np.testing.assert_allclose(normaliser(events)[:, 2], (x - x.mean()) / x.std(), atol=1e-5)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 / 3])
def test_a_column_that_does_not_vary_is_only_centred(rng, constant):
    events = np.column_stack([rng.uniform(-np.pi, np.pi, 1001), np.full(1001, constant)])
    normaliser = Normaliser.fit(ANGLE, "plain", events)
    events[:, 1] += 0.5
    np.testing.assert_allclose(normaliser(events)[:, 2], 0.5, atol=1e-3)


def test_arrays_make_the_same_normaliser(decay, events):
    first = Normaliser.fit(decay.schema, "angular", events)
    second = Normaliser.restore(decay.schema, "angular", first.arrays())
    np.testing.assert_array_equal(first(events), second(events))
    assert len(first) == len(second) == first(events).shape[1]
