"""The fit without a signal against a general minimiser, its derivatives, and what is expected there."""

import numpy as np
import pytest
from scipy.optimize import minimize

from neyman.abcd.asimov import asimov_of, fit_background
from neyman.abcd.likelihood import Point, data_of, model_of, total
from neyman.abcd.profile import fit_free
from neyman.likelihood.precision import jax, jnp

BACKGROUND = np.array([[400.0, 60, 4000, 500], [80, 7, 900, 100], [9, 2, 40, 6]])
SIGNAL = np.array([[20.0, 10, 5, 25], [10, 6, 3, 12], [0, 1, 0, 0.5]])
VARIANCE = np.array([[300.0, 60, 5000, 400], [70, 12, 800, 90], [9, 3, 50, 5]])


def prepared(background=BACKGROUND, *, shared=False):
    yields, model = model_of(*map(jnp.asarray, (background.T, SIGNAL.T)), None, jnp.asarray(VARIANCE.T), shared=shared)
    return model, data_of(yields)


@pytest.mark.parametrize("shared", [False, True])
def test_it_is_the_minimum(shared):
    model, data = prepared(shared=shared)
    found = fit_background(model, data, shared=shared)
    value = float(total(model, data, found.point(data), 0.0, found.shared))

    def objective(x):
        point = Point(jnp.asarray(x[:3]), *(jnp.exp(jnp.asarray(part)) for part in x[3:12].reshape(3, 3)))
        return total(model, data, point, 0.0, jnp.asarray(x[12] if shared else 0.0))

    start = np.concatenate([np.zeros(3), *np.log(BACKGROUND.T[[0, 2, 3]]), [0.0]])
    slope = jax.jit(jax.grad(objective))
    peer = minimize(jax.jit(objective), start, jac=slope, method="BFGS", options={"gtol": 1e-9})
    assert value == pytest.approx(peer.fun, abs=1e-9)
    assert np.asarray(found.distance).max() < 1e-10


@pytest.mark.parametrize("shared", [False, True])
def test_its_derivatives_are_those_of_finite_differences(shared):
    def rates(background):
        yields, model = model_of(background, jnp.asarray(SIGNAL.T), None, jnp.asarray(VARIANCE.T), shared=shared)
        data = data_of(yields)
        asimov = asimov_of(model, data, fit_background(model, data, shared=shared))
        return jnp.concatenate([asimov.counts.ravel(), asimov.centre, asimov.shared[None]])

    exact = jax.jit(jax.jacobian(rates))(jnp.asarray(BACKGROUND.T))
    run = jax.jit(rates)
    for index in np.ndindex(4, 3):
        step = 1e-4 * BACKGROUND.T[index]
        up, down = BACKGROUND.T.copy(), BACKGROUND.T.copy()
        up[index] += step
        down[index] -= step
        slope = (run(jnp.asarray(up)) - run(jnp.asarray(down))) / (2 * step)
        assert np.asarray(exact[:, *index]) == pytest.approx(np.asarray(slope), abs=1e-6 * float(abs(exact).max()))


@pytest.mark.parametrize("shared", [False, True])
def test_nothing_else_fits_asimov_data_better(shared):
    """Also with a free signal strength, from another start: −ln L is 0 where they were made, and not below."""
    model, data = prepared(shared=shared)
    without = fit_background(model, data, shared=shared)
    asimov = asimov_of(model, data, without)
    found = fit_free(model, asimov, without.point(data), 0.7, 0.3 if shared else 0.0, shared=shared)
    assert float(found.value) == pytest.approx(0.0, abs=1e-9)
    assert float(found.mu) == pytest.approx(0.0, abs=1e-4)
