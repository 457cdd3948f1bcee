"""The profile of the signal strength and of the shared parameter: slopes, curvature, minimum."""

import numpy as np
import pytest

from neyman.abcd.likelihood import Point, data_of, model_of
from neyman.abcd.profile import _derivatives, fit_at, fit_free
from neyman.abcd.solver import minimise
from neyman.likelihood.precision import jax, jnp

BACKGROUND = np.array([[400.0, 60, 4000, 500], [80, 7, 900, 100], [9, 2, 40, 6]])
SIGNAL = np.array([[20.0, 10, 5, 25], [10, 6, 3, 12], [0, 1, 0, 0.5]])
OBSERVED = np.array([[410.0, 72, 3950, 490], [75, 12, 910, 95], [8, 4, 44, 5]])


def prepared(shared):
    yields, model = model_of(*map(jnp.asarray, (BACKGROUND.T, SIGNAL.T)), None, None, shared=shared)
    return model, data_of(jnp.asarray(OBSERVED.T)), Point(jnp.zeros(3), yields[0], yields[2], yields[3])


def test_derivatives_of_the_profile():
    model, data, start = prepared(shared=True)

    def at(mu, common):
        point = minimise(model, data, start, mu, common).point
        return fit_at(model, data, point, mu, shared=False)._replace(shared=common, point=point)

    def value(mu, common):
        from neyman.abcd.likelihood import total

        return float(total(model, data, at(mu, common).point, mu, common))

    mu, common, step = 0.8, 0.4, 1e-3
    gradient, hessian = _derivatives(model, data, at(jnp.asarray(mu), jnp.asarray(common)))
    arrays = [jnp.asarray(each) for each in (mu - step, mu, mu + step, common - step, common, common + step)]
    m0, m, m1, c0, c, c1 = arrays
    slopes = [(value(m1, c) - value(m0, c)) / (2 * step), (value(m, c1) - value(m, c0)) / (2 * step)]
    assert np.asarray(gradient) == pytest.approx(slopes, rel=1e-5)
    centre = value(m, c)
    bends = [(value(m1, c) - 2 * centre + value(m0, c)) / step**2, (value(m, c1) - 2 * centre + value(m, c0)) / step**2]
    assert np.diagonal(np.asarray(hessian)) == pytest.approx(bends, rel=1e-3)
    mixed = (value(m1, c1) - value(m1, c0) - value(m0, c1) + value(m0, c0)) / (4 * step**2)
    assert float(hessian[0, 1]) == pytest.approx(mixed, rel=1e-3)


@pytest.mark.parametrize("shared", [False, True])
def test_the_free_fit_is_the_lowest_of_the_profile(shared):
    model, data, start = prepared(shared)
    free = fit_free(model, data, start, 0.0, 0.0, shared=shared)
    run = jax.jit(lambda mu: fit_at(model, data, start, mu, shared=shared).value)
    values = np.array([float(run(mu)) for mu in np.linspace(0, 4, 41)])
    assert float(free.value) <= values.min() + 1e-12
    assert float(run(free.mu)) == pytest.approx(float(free.value), abs=1e-10)
    assert 0 < float(free.mu) < 4


def test_a_deficit_ends_at_zero():
    yields, model = model_of(*map(jnp.asarray, (BACKGROUND.T, SIGNAL.T)), None, None, shared=False)
    few = OBSERVED.copy()
    few[:, 1] = [20, 1, 0]
    start = Point(jnp.zeros(3), yields[0], yields[2], yields[3])
    found = fit_free(model, data_of(jnp.asarray(few.T)), start, 0.5, 0.0, shared=False)
    assert float(found.mu) == 0.0
