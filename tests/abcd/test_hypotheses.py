"""CLs: Asimov data at their own best fit, limits that CLs confirms, random models that end in an answer or a name."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import xlogy
from scipy.stats import norm

import neyman.abcd.asimov as asimov_module
from neyman.abcd.hypotheses import cls, significance, upper_limit
from neyman.core.errors import DataError, InputError, NumericsError

ONE = np.array([[400.0, 50, 4000, 500]]), np.array([[1.0, 15, 0.2, 1]])
TWO = np.array([[400.0, 52, 4000, 500], [80, 9, 900, 100]]), np.array([[20.0, 10, 5, 25], [10, 6, 3, 12]])
COMPILED = {}
DELTAS = np.array([-0.5, -0.4, -0.3, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])


def brute_force(counts, signal, kappa, centre, mu=None):
    """Twice the lowest −ln L by SciPy, of one bin written out as in the issue, and μ̂."""

    def deviance(x):
        strength = x[4] if mu is None else mu
        theta, a, c, d = x[0], *np.exp(x[1:4])
        rates = np.array([a, a * d / c * np.exp(kappa * theta), c, d]) + strength * signal
        return 2 * (rates - counts + xlogy(counts, counts / rates)).sum() + (theta - centre) ** 2

    start = [centre, *np.log(counts[[0, 2, 3]]), *([0.3] if mu is None else [])]
    bounds = [(None, None)] * 4 + [(0, None)] * (mu is None)
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 10_000, "maxfun": 100_000}
    found = minimize(deviance, start, bounds=bounds, method="L-BFGS-B", options=options)
    return found.fun, (found.x[4] if mu is None else mu)


def asimov(background, kappa):
    """Asimov data of one bin by SciPy: rates and θ̂ of the fit at μ = 0."""

    def excess(r):
        a, b, c, d = background + np.array([-r, r, r, -r])
        return np.log(b * c / (a * d)) + kappa**2 * r

    low, high = -min(background[1:3]), min(background[[0, 3]])
    r = brentq(excess, low * (1 - 1e-12), high * (1 - 1e-12), xtol=1e-14)
    return background + np.array([-r, r, r, -r]), -kappa * r


def q_by_brute_force(background, signal, delta):
    """q of the Asimov data, and μ̂ on them."""
    rates, theta = asimov(background, np.log1p(delta))
    held, _ = brute_force(rates, signal, np.log1p(delta), theta, mu=1.0)
    free, best = brute_force(rates, signal, np.log1p(delta), theta)
    return held - free, best


@pytest.mark.parametrize("delta", [-0.5, -0.3, -0.1, 0.1, 0.3, 0.5])
def test_q_of_closed_templates_against_brute_force(delta):
    background, signal = ONE
    q, best = q_by_brute_force(background[0], signal[0], delta)
    found = cls(background, signal, delta=np.array([delta]))
    assert found.q == pytest.approx(q, abs=1e-5)
    assert best == pytest.approx(0, abs=2e-3)


def test_q_falls_with_non_closure():
    background, signal = ONE
    q = np.array([cls(background, signal, delta=np.array([delta])).q for delta in DELTAS])
    order = np.argsort(np.abs(np.log1p(DELTAS)), kind="stable")
    assert (np.diff(q[order]) < 0).all()


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("theta", ["per_bin", "shared"])
def test_no_signal_is_seen_in_asimov_data(delta, theta):
    """Asimov data as they are, without θ̂ where it is, would be fitted with a signal."""
    for background in (ONE[0], ONE[0] * [[1, 1 + delta, 1, 1]]):
        model = {"delta": np.array([delta]), "theta": theta}
        _, data = asimov_data(background, ONE[1], **model)
        free = free_fit(data, ONE[1], **model)
        assert free == pytest.approx(0, abs=1e-6)


def asimov_data(background, signal, *, delta, theta):
    from neyman.abcd.likelihood import data_of, model_of
    from neyman.likelihood.precision import jnp

    shared = theta == "shared"
    yields, model = model_of(jnp.asarray(background.T), jnp.asarray(signal.T), jnp.asarray(delta), None, shared=shared)
    data = data_of(yields)
    fit = asimov_module.fit_background(model, data, shared=shared)
    return model, (asimov_module.asimov_of(model, data, fit), fit.point(data)._replace(pull=jnp.zeros(len(delta))))


def free_fit(prepared, signal, *, delta, theta):
    from neyman.abcd.likelihood import model_of
    from neyman.abcd.profile import fit_free
    from neyman.likelihood.precision import jax, jnp

    data, start = prepared
    shared = theta == "shared"
    _, model = model_of(data.counts, jnp.asarray(signal.T), jnp.asarray(delta), None, shared=shared)
    if shared not in COMPILED:
        COMPILED[shared] = jax.jit(lambda m, d, s: fit_free(m, d, s, 0.7, d.shared, shared=shared))
    return float(COMPILED[shared](model, data, start).mu)


def test_asimov_data_that_keep_theta_0_are_noticed(monkeypatch):
    """The mutant: without the second half of Asimov's recipe q is another one, by far."""
    background, signal = ONE[0] * [[1, 1.3, 1, 1]], ONE[1]
    right = q_by_brute_force(background[0], signal[0], 0.3)[0]
    assert cls(background, signal).q == pytest.approx(right, abs=1e-5)
    rates, _ = asimov(background[0], np.log(1.3))
    wrong = (
        brute_force(rates, signal[0], np.log(1.3), 0.0, mu=1.0)[0] - brute_force(rates, signal[0], np.log(1.3), 0.0)[0]
    )
    assert abs(wrong - right) > 0.01


def test_delta_estimated_again_from_asimov_data_is_noticed():
    background, signal = ONE[0] * [[1, 1.3, 1, 1]], ONE[1]
    rates, theta = asimov(background[0], np.log(1.3))
    again = np.log(rates[1] * rates[2] / (rates[0] * rates[3]))
    wrong = brute_force(rates, signal[0], again, theta, mu=1.0)[0] - brute_force(rates, signal[0], again, theta)[0]
    assert abs(wrong - cls(background, signal).q) > 0.01


def test_limits_are_where_cls_is_the_level():
    background, signal = TWO
    observed = np.array([[390.0, 61, 4050, 488], [85, 7, 880, 111]])
    for level in (0.05, 0.1):
        limit = upper_limit(background, signal, observed=observed, level=level)
        assert limit.observed is not None
        assert cls(background, signal, observed=observed, mu=limit.observed).observed == pytest.approx(level, rel=1e-7)
        for i, mu in enumerate(limit.expected):
            assert cls(background, signal, observed=observed, mu=mu).expected[i] == pytest.approx(level, rel=1e-7)
        assert (np.diff(limit.expected) > 0).all()


def test_limits_scale_with_the_signal():
    background, signal = ONE
    plain = upper_limit(background, signal).expected
    for factor in (1e-4, 1e4):
        assert upper_limit(background, factor * signal).expected == pytest.approx(plain / factor, rel=1e-7)


def test_without_observed_data_there_is_no_observed_answer():
    background, signal = TWO
    assert cls(background, signal).observed is None
    assert cls(background, signal).q_observed is None
    assert upper_limit(background, signal).observed is None
    assert significance(background, signal).observed is None


def test_more_data_than_the_signal_are_no_exclusion():
    background, signal = ONE
    found = cls(background, signal, observed=background + 3 * signal)
    assert found.mu_hat > 1
    assert found.q_observed == 0
    assert found.observed == pytest.approx(0.5 / norm.cdf(np.sqrt(found.q)))


def test_a_huge_deficit_is_excluded_and_finite():
    background, signal = ONE
    found = cls(background, 30 * signal, observed=background * [[1, 0.0, 1, 1]])
    assert 0 <= found.observed < 1e-6


def test_signals_are_found():
    background, signal = ONE
    found = significance(background, signal, observed=background + 2 * signal)
    assert found.mu_hat == pytest.approx(2, rel=0.01)
    assert found.observed > found.expected > 0
    assert significance(background, signal, observed=background * [[1, 0.5, 1, 1]]).observed == 0


@pytest.mark.parametrize("theta", ["per_bin", "shared"])
def test_random_models_end_in_an_answer_or_name_the_bin(theta):
    """Yields from 1e-3 to 1e6, contamination, empty regions: half of them close, the others not at all."""
    rng, named = np.random.default_rng(11), 0
    for number in range(500):
        background = np.exp(rng.uniform(np.log(1e-3), np.log(1e6), (5, 4)))
        if number % 2:
            background[:, 1] = background[:, 0] * background[:, 3] / background[:, 2] * np.exp(rng.normal(0, 0.6, 5))
        signal = np.exp(rng.uniform(np.log(1e-3), np.log(100), (5, 4))) * rng.choice([1, 0.1, 0.01], (5, 4))
        observed = rng.poisson(np.minimum(background, 1e9) + signal * rng.uniform(0, 2)).astype(float)
        if number % 3 == 0:
            observed[rng.uniform(size=(5, 4)) < 0.2] = 0
        try:
            found = cls(background, signal, observed=observed, theta=theta)
        except NumericsError as error:
            named += 1
            assert "bin " in str(error)
            assert len(str(error).splitlines()) <= 5
            continue
        assert np.isfinite([found.observed, *found.expected, found.q, found.q_observed, found.mu_hat]).all()
        assert (np.diff(found.expected) >= 0).all()
        assert 0 <= found.observed <= 1 + 1e-12
    assert named < 50


def test_bad_input(message):
    background, signal = TWO
    with pytest.raises(InputError) as error:
        cls(background, signal, mu=float("nan"))
    message(error, "nan")
    with pytest.raises(InputError) as error:
        upper_limit(background, signal, level=1.5)
    message(error, "1.5", "0.05")
    with pytest.raises(DataError) as error:
        cls(background, signal, observed=background * [[1, np.nan, 1, 1]])
    message(error, "observed in region B", "bin 0")
    with pytest.raises(NumericsError) as error:
        upper_limit(background, 0 * signal)
    message(error, "is there a signal in B?")
