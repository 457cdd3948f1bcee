"""Fits at a given signal strength: minima that nothing near is below, few steps, and empty regions."""

import numpy as np
import pytest

from neyman.abcd.likelihood import LOWEST, Model, Point, data_of, model_of, terms
from neyman.abcd.solver import TOLERANCE, minimise
from neyman.likelihood.precision import jax, jnp

BACKGROUND = np.array([[400.0, 52, 4000, 500], [80, 9, 900, 100], [1e-3, 2e-3, 5e-3, 4e-3], [2.0, 0.5, 30, 5]])
SIGNAL = np.array([[20.0, 10, 5, 25], [10, 6, 3, 12], [0.02, 0.5, 0.01, 0.03], [3.0, 1, 0.5, 4]])
COUNTS = np.array([[390.0, 61, 4050, 488], [85, 7, 880, 111], [0, 1, 1, 0], [1, 0, 33, 7]])
ZERO = jnp.zeros(())
FIT = jax.jit(minimise)


def prepared(counts=COUNTS):
    yields, model = model_of(jnp.asarray(BACKGROUND.T), jnp.asarray(SIGNAL.T), None, None, shared=False)
    return model, data_of(jnp.asarray(counts.T)), Point(jnp.zeros(len(counts)), yields[0], yields[2], yields[3])


@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0, 5.0])
def test_nothing_near_is_lower(mu, rng):
    model, data, start = prepared()
    found = FIT(model, data, start, mu, ZERO)
    assert (np.asarray(found.distance) < TOLERANCE).all()
    lowest = np.asarray(terms(model, data, found.point, mu, ZERO))
    for size in (1e-4, 1e-2, 0.3):
        shifts = size * rng.normal(size=(100, 4, len(lowest)))
        for shift in shifts:
            rates = (jnp.maximum(rate * np.exp(s), LOWEST) for rate, s in zip(found.point[1:], shift[1:], strict=True))
            near = terms(model, data, Point(found.point.pull + shift[0], *rates), mu, ZERO)
            assert (np.asarray(near) >= lowest - 1e-9).all()


def test_few_steps_where_there_are_events():
    model, data, start = prepared()
    first = Model(*(array[..., :2] for array in model))
    found = FIT(
        first,
        data._replace(counts=data.counts[:, :2], centre=data.centre[:2]),
        Point(*(x[:2] for x in start)),
        1.0,
        ZERO,
    )
    assert int(found.steps) <= 10


def test_bins_do_not_know_each_other():
    model, data, start = prepared()
    together = FIT(model, data, start, 1.0, ZERO).point
    for i in range(len(COUNTS)):
        alone = FIT(
            Model(*(array[..., i : i + 1] for array in model)),
            data._replace(counts=data.counts[:, i : i + 1], centre=data.centre[i : i + 1]),
            Point(*(x[i : i + 1] for x in start)),
            1.0,
            ZERO,
        ).point
        value = terms(model, data, together, 1.0, ZERO)[i]
        one = Model(*(array[..., i : i + 1] for array in model))
        same = data._replace(counts=data.counts[:, i : i + 1], centre=data.centre[i : i + 1])
        assert float(terms(one, same, alone, 1.0, ZERO)[0]) == pytest.approx(float(value), abs=1e-8)


def test_a_background_that_the_signal_replaces_goes_to_zero():
    """30 expected from the signal alone in A, 1 seen: no background is left there."""
    background, signal = np.array([[2.0, 1, 40, 20]]), np.array([[30.0, 5, 0, 0]])
    yields, model = model_of(jnp.asarray(background.T), jnp.asarray(signal.T), None, None, shared=False)
    data = data_of(jnp.asarray(np.array([[1.0, 0, 40, 20]]).T))
    found = FIT(model, data, Point(jnp.zeros(1), yields[0], yields[2], yields[3]), 1.0, ZERO)
    assert float(found.distance[0]) < TOLERANCE
    assert float(found.point.a[0]) < 1e-8
    assert float(found.point.c[0]) == pytest.approx(40, rel=1e-6)
