"""Sums over events: against the plain formula and its automatic derivatives; where there is no density; in threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import DataError
from neyman.likelihood.interpolation import factor, scaled
from neyman.likelihood.precision import jax, jnp
from neyman.likelihood.unbinned import compiled, threads
from neyman.likelihood.unbinned.sums import default_kernel, expectations, mixture
from neyman.likelihood.unbinned.templates import Templates

KERNELS = ["compiled", "scanned"]
# Events, samples, systematics, chance that a systematic acts on a sample, events in a block
SHAPES = [
    (1, 1, 0, 1, 512),
    (700, 3, 9, 0.5, 64),
    (7, 2, 3, 0.6, 4),
    (1, 1, 1, 1, 512),
    (64, 3, 2, 1, 64),
    (40, 1, 6, 1, 8),
]
# Every kernel with every shape, but for compiling in JAX, which takes seconds for each.
BOTH = [("compiled", shape) for shape in SHAPES] + [("scanned", shape) for shape in SHAPES[:2]]
ALPHAS = [0.0, 1.0, -1.0, 0.4, -0.7, 1.8, -2.5, 0.99999, -1.00001]


class Case:
    """Random log-ratios, and the sums as the formulae have them."""

    def __init__(self, events, samples, systematics, chance, block=512, *, dtype=np.float64):
        rng = np.random.default_rng([events, samples, systematics])
        self.samples, self.systematics = samples, systematics
        self.pairs = np.argwhere(rng.random((samples, systematics)) <= chance)[::-1]  # an order that has to be sorted
        self.log_ratio = rng.normal(0, 0.5, (samples, events))
        self.hi, self.lo = rng.normal(0, 0.2, (2, len(self.pairs), events))
        self.templates = Templates.build(
            self.log_ratio, [*self.hi], [*self.lo], *self.pairs.T, parameters=systematics, dtype=dtype, block=block
        )
        self.weights = rng.uniform(0.5, 2, events) * np.where(rng.random(events) < 0.2, -1, 1)
        self.c = np.resize([70.0, -1.0, 90.0], samples)
        self.alpha = rng.permutation(ALPHAS)[:systematics]

    def derivatives(self, alpha):
        """u, ∂u/∂α and ∂²u/∂α∂α of each sample and event."""
        of_pair = jnp.asarray(alpha)[self.pairs[:, 1], None]
        found = scaled(factor(np.exp(self.lo), np.exp(self.hi)), of_pair, jnp.ones_like(of_pair), "code4")
        g, q, h = np.ones((3, self.samples, self.systematics, len(self.weights)))
        q[...] = h[...] = 0
        at = tuple(self.pairs.T)
        g[at], q[at], h[at] = found.value, found.first / found.value, found.second / found.value
        u = np.exp(self.log_ratio) * g.prod(1)
        mixed = q[:, :, None] * q[:, None]
        own = np.arange(self.systematics)
        mixed[:, own, own] = h
        return u, u[:, None] * q, u[:, None, None] * mixed

    def expected_mixture(self):
        u, first, second = self.derivatives(self.alpha)
        s, n = self.samples, self.samples + self.systematics
        p = self.c @ u
        gradient = np.concatenate([u, np.einsum("s,skn->kn", self.c, first)]) / p
        bend = np.zeros((n, n, len(p)))
        bend[:s, s:], bend[s:, s:] = first, np.einsum("s,skln->kln", self.c, second)
        bend[s:, :s] = bend[:s, s:].swapaxes(0, 1)
        w = self.weights
        return w @ np.log(p), p.min(), gradient @ w, (bend / p) @ w, (gradient * w) @ gradient.T

    def ln_likelihood(self, x):
        """The plain formula, for automatic derivatives."""
        of_pair = x[self.samples + self.pairs[:, 1], None]
        g = scaled(factor(np.exp(self.lo), np.exp(self.hi)), of_pair, jnp.ones_like(of_pair), "code4").value
        of_sample = np.equal.outer(np.arange(self.samples), self.pairs[:, 0]).astype(float)
        return (self.weights * jnp.log(x[: self.samples] @ jnp.exp(self.log_ratio + of_sample @ jnp.log(g)))).sum()

    def mixture(self, kernel="compiled", *, curvature=True, weights=None, c=None, alpha=None):
        return mixture(
            self.templates,
            self.templates.pack(self.weights if weights is None else weights),
            self.c if c is None else np.asarray(c, float),
            self.alpha if alpha is None else np.asarray(alpha, float),
            curvature=curvature,
            kernel=kernel,
        )

    def expectations(self, kernel="compiled", *, curvature=True):
        packed = self.templates.pack(self.weights)
        return expectations(self.templates, packed, self.alpha, curvature=curvature, kernel=kernel)


def agree(found, expected, tolerance=1e-10):
    """To a tolerance relative to the largest number of an array."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max(initial=1e-3))


@pytest.mark.parametrize(("kernel", "shape"), BOTH)
def test_a_mixture_is_that_of_the_formula(kernel, shape):
    case = Case(*shape)
    full, plain = case.mixture(kernel), case.mixture(kernel, curvature=False)
    for one, expected in zip(full, case.expected_mixture(), strict=True):
        agree(one, expected)
    for one, expected in zip(plain[:3], full[:3], strict=True):
        agree(one, expected, 1e-13)
    assert plain.bend.shape == full.bend.shape
    assert not plain.bend.any()
    assert not plain.outer.any()


@pytest.mark.parametrize(("kernel", "shape"), BOTH)
def test_expectations_are_those_of_the_formula(kernel, shape):
    case = Case(*shape)
    full, plain = case.expectations(kernel), case.expectations(kernel, curvature=False)
    for one, expected in zip(full, case.derivatives(case.alpha), strict=True):
        agree(one, expected @ case.weights)
    agree(plain.value, full.value, 1e-13)
    agree(plain.gradient, full.gradient, 1e-13)
    assert plain.hessian.shape == full.hessian.shape
    assert not plain.hessian.any()


def test_derivatives_are_those_that_jax_finds():
    case = Case(30, 2, 3, 0.8, 16)
    slope = jax.jit(jax.value_and_grad(case.ln_likelihood))
    bend = jax.jit(jax.jacfwd(jax.grad(case.ln_likelihood)))
    for alpha in ([0.3, -0.6, 0.0], [1.4, -2.0, 0.2], [1.0, -1.0, -0.99]):
        x = jnp.concatenate([case.c, jnp.asarray(alpha)])
        found, (value, gradient) = case.mixture(alpha=alpha), slope(x)
        agree(found.value, value)
        agree(found.gradient, gradient)
        agree(found.bend - found.outer, bend(x))


@pytest.mark.parametrize("kernel", KERNELS)
def test_densities_are_those_of_the_sums(kernel):
    case = Case(*SHAPES[1])
    u = case.templates.densities(case.alpha)
    agree(u, case.derivatives(case.alpha)[0], 1e-12)
    agree(case.expectations(kernel, curvature=False).value, u @ case.weights, 1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_single_precision_of_ratios_is_kept_in_double_precision_sums(kernel):
    single, double = (Case(3000, 2, 3, 1, dtype=dtype) for dtype in (np.float32, np.float64))
    c = np.array([70.0, 10.0])
    found, expected = single.mixture(kernel, c=c), double.mixture(kernel, c=c)
    limit = (1 + single.systematics) * 1e-7  # of the docstring, for ln p of any event
    moved = np.log(c @ single.templates.densities(single.alpha)) - np.log(c @ double.templates.densities(double.alpha))
    assert limit / 10 < np.abs(moved).max() < limit
    agree(found.value - expected.value, moved @ single.weights, 1e-6)
    for one, other in zip(found[2:], expected[2:], strict=True):
        agree(one, other, 1e-6)
        assert one.dtype == np.float64


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("curvature", [False, True])
def test_an_event_without_density_makes_the_likelihood_zero(kernel, curvature):
    case = Case(20, 2, 2, 1, 16)
    found = case.mixture(kernel, curvature=curvature, c=[1.0, -50.0])
    assert found.value == -np.inf
    assert found.lowest < 0
    assert not np.concatenate([found.gradient, found.bend.ravel(), found.outer.ravel()]).any()
    assert case.mixture(kernel, curvature=curvature, c=[0.0, 0.0]).value == -np.inf


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("curvature", [False, True])
def test_events_of_no_weight_need_no_density(kernel, curvature):
    case = Case(20, 2, 2, 1, 16)
    c = np.array([1.0, -1.0])
    p = c @ case.templates.densities(case.alpha)
    found = case.mixture(kernel, curvature=curvature, c=c, weights=np.where(p > 0, 1.5, 0.0))
    assert (p < 0).any()
    agree(found.value, 1.5 * np.log(p[p > 0]).sum())
    agree(found.lowest, p[p > 0].min())
    assert np.isfinite(found.gradient).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_density_may_vanish_exactly(kernel):
    templates = Templates.build([np.zeros(3), np.zeros(3)], [], [], [], [], parameters=0)
    for c, weights, value in (([1.0, -1.0], [1.0, 1.0, 1.0], -np.inf), ([1.0, -1.0], [0.0, 0.0, 0.0], 0.0)):
        found = mixture(
            templates, templates.pack(np.array(weights)), np.array(c), np.zeros(0), curvature=True, kernel=kernel
        )
        assert found.value == value
        assert np.isfinite(found.gradient).all()
        assert np.isfinite(found.outer).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_never_a_likelihood(kernel, wrong):
    case = Case(20, 2, 2, 1, 16)
    found = case.mixture(kernel, c=[wrong, 1.0])
    assert found.value == -np.inf
    assert found.lowest == (np.inf if wrong > 0 else -np.inf)
    found = case.mixture(kernel, alpha=[np.nan, 0.0])
    assert (found.value, found.lowest) == (-np.inf, -np.inf)
    assert not np.concatenate([found.gradient, found.bend.ravel(), found.outer.ravel()]).any()


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_events_are_a_likelihood_of_one(kernel):
    case = Case(20, 2, 2, 1, 16)
    nothing = case.templates.take(np.zeros(0, int))
    found = mixture(nothing, nothing.pack(np.zeros(0)), case.c, case.alpha, curvature=True, kernel=kernel)
    assert (found.value, found.lowest) == (0.0, np.inf)
    assert not np.concatenate([found.gradient, found.bend.ravel(), found.outer.ravel()]).any()
    assert not expectations(nothing, nothing.pack(np.zeros(0)), case.alpha, curvature=True, kernel=kernel).value.any()


@pytest.mark.parametrize("kernel", KERNELS)
def test_shapes_are_checked(kernel, message):
    case = Case(20, 2, 2, 1, 16)
    weights = case.templates.pack(case.weights)
    for arguments, part in (
        ((weights[:, :8], case.c, case.alpha), "packed weights of shape (2, 8)"),
        ((weights, case.c[:1], case.alpha), "coefficients of shape (1,)"),
        ((weights, case.c, case.alpha[:1]), "alpha of shape (1,)"),
    ):
        with pytest.raises(DataError) as error:
            mixture(case.templates, *(np.asarray(one) for one in arguments), curvature=False, kernel=kernel)
        message(error, part, "expected: shape")
    with pytest.raises(DataError) as error:
        expectations(case.templates, weights[:1], case.alpha, curvature=False, kernel=kernel)
    message(error, "packed weights of shape (1, 16)")


@pytest.mark.parametrize("events", [64, 20_000])
def test_results_do_not_depend_on_the_number_of_threads(events, monkeypatch):
    case = Case(events, 2, 3, 1, 32)
    monkeypatch.setattr(compiled, "_WORTH_A_THREAD", 1)
    found = []
    for number in ("1", "2", "5", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", number)
        found.append([np.asarray(one) for one in (*case.mixture(), *case.expectations())])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("asked", "number"), [("3", 3), ("4,2", 4), ("", None), ("many", None), ("0", None)])
def test_threads_are_as_many_as_openmp_would_have(asked, number, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5, 6}, raising=False)
    assert threads.threads_allowed() == (number or 7)


def test_logarithms_and_exponentials_are_as_exact_as_those_of_numpy():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.uniform(-708, 709, 20_000), rng.uniform(-1, 1, 20_000), [0.0]])
    found = np.ones_like(x)
    compiled.multiply_by_exp(x, found)
    np.testing.assert_allclose(found, np.exp(x), rtol=4.5e-16, atol=0)
    tiny, huge = np.finfo(float).smallest_normal, np.finfo(float).max
    p = np.concatenate([np.exp(rng.uniform(-708, 709, 20_000)), 1 + rng.uniform(-0.4, 1e-3, 20_000), [1.0, tiny, huge]])
    logs = p.copy()
    compiled.replace_by_log(logs)
    np.testing.assert_allclose(logs, np.log(p), rtol=4.5e-16, atol=0)


def test_exponentials_end_in_zero_infinity_and_nan():
    found = np.ones(5)
    compiled.multiply_by_exp(np.array([-1e9, -np.inf, np.inf, 1e9, np.nan]), found)
    np.testing.assert_array_equal(found, [0, 0, np.inf, np.inf, np.nan])


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 3), st.integers(0, 4))
def test_kernels_agree_on_whatever_is_given(seed, events, samples, systematics):
    rng = np.random.default_rng(seed)
    count = rng.integers(0, samples * systematics + 1)
    chosen = rng.permutation(samples * systematics)[:count]
    logs = rng.normal(0, 0.3, (samples + 2 * count, events))
    templates = Templates.build(
        logs[:samples],
        [*logs[samples : samples + count]],
        [*logs[samples + count :]],
        chosen // max(systematics, 1),
        chosen % max(systematics, 1),
        parameters=systematics,
        block=16,
    )
    alpha = rng.normal(0, 1, systematics)
    weights, c = templates.pack(rng.normal(1, 1, events)), rng.uniform(0.1, 1, samples)
    u = templates.densities(alpha)
    found = mixture(templates, weights, c, alpha, curvature=True, kernel="compiled")
    agree(found.value, weights.ravel()[:events] @ np.log(c @ u), 1e-12)
    agree(found.gradient[:samples], (u / (c @ u)) @ weights.ravel()[:events], 1e-12)
    # Of a homogeneous function of degree one in c: c ∇∇p c = 0, and Σ c ∂p/∂c = p.
    agree(found.gradient[:samples] @ c, weights.sum(), 1e-12)
    agree(found.bend[samples:, :samples] @ c, found.gradient[samples:], 1e-11)
    agree(found.outer[:samples] @ np.eye(samples + systematics)[:, :samples] @ c, found.gradient[:samples], 1e-11)


def test_functions_compile_where_nothing_can_be_written(monkeypatch):
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    double = compiled._jit("contract")(lambda x: 2 * x)
    assert double(3) == 6


def test_a_cpu_has_the_compiled_kernel(monkeypatch):
    assert default_kernel() == "compiled"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert default_kernel() == "scanned"
