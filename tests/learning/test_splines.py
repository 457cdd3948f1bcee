"""Splines: zuko, an integral of the slope and finite differences say what they must be; both versions agree."""

import sys

import numpy as np
import pytest
import torch
import zuko
from hypothesis import given, settings
from hypothesis import strategies as st

from neyman.core.errors import InputError
from neyman.learning import compiled_splines, splines
from neyman.learning.splines import LEAST, QuadraticSpline, RationalQuadraticSpline

SPLINES = [RationalQuadraticSpline, QuadraticSpline]
VERSIONS = {"torch": splines.rational_quadratic, "numba": compiled_splines.rational_quadratic}
BINS, BOUND = 5, 3.0


@pytest.fixture(params=SPLINES, ids=lambda kind: kind.__name__)
def spline(request):
    return request.param(BINS, BOUND)


def numbers(count, parameters, *, seed=1, spread=2.0, dtype=torch.float64):
    return torch.tensor(spread * np.random.default_rng(seed).normal(size=(count, parameters)), dtype=dtype)


def line(count, edge=BOUND, dtype=torch.float64):
    return torch.linspace(-edge, edge, count, dtype=dtype)


def one_shape(spline, x, seed=1):
    """The spline of one set of raw numbers, at all x."""
    raw = numbers(1, spline.parameters, seed=seed).expand(len(x), -1)
    return spline.forward(x, raw)


def test_zeros_are_the_identity(spline):
    x = line(101, 2 * BOUND)
    for direction in (spline.forward, spline.inverse):
        found, log_slope = direction(x, torch.zeros(101, spline.parameters, dtype=torch.float64))
        torch.testing.assert_close(found, x, rtol=0, atol=1e-12)
        torch.testing.assert_close(log_slope, torch.zeros_like(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_value_is_the_integral_of_the_slope(spline, seed):
    x = line(200_001)
    u, log_slope = one_shape(spline, x, seed)
    slope = log_slope.exp()
    area = torch.cumulative_trapezoid(slope, x)
    torch.testing.assert_close(u[1:] + BOUND, area, rtol=0, atol=1e-5)
    assert slope.max() > 2 * slope.min()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("inverse", [False, True])
def test_zuko_finds_the_same_between_the_same_knots(version, inverse, rng):
    raw = numbers(500, 3 * BINS - 1, spread=1.5)
    theirs = zuko.transforms.MonotonicRQSTransform(raw[:, :BINS], raw[:, :BINS], raw[:, 2 * BINS :])
    shares = LEAST + (1 - LEAST * BINS) * torch.softmax(raw[:, : 2 * BINS].view(-1, 2, BINS), dim=-1)
    edges = BOUND * (2 * torch.nn.functional.pad(shares.cumsum(dim=-1), (1, 0)) - 1)
    theirs.horizontal, theirs.vertical = edges[:, 0], edges[:, 1]
    theirs.derivatives = torch.nn.functional.pad(raw[:, 2 * BINS :].exp(), (1, 1), value=1.0)
    value = torch.tensor(rng.uniform(-1.2 * BOUND, 1.2 * BOUND, 500))
    found, log_slope = VERSIONS[version](value, raw, BINS, BOUND, inverse=inverse)
    back = theirs.inv(value) if inverse else value
    expected, expected_log_slope = theirs.call_and_ladj(back)
    torch.testing.assert_close(found, back if inverse else expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(log_slope, -expected_log_slope if inverse else expected_log_slope, rtol=0, atol=1e-8)


def test_the_slope_of_a_quadratic_spline_is_a_polygon():
    spline = QuadraticSpline(BINS, BOUND)
    raw = numbers(1, spline.parameters)
    shares = LEAST + (1 - LEAST * BINS) * torch.softmax(raw[0, :BINS], dim=-1).numpy()
    knots = BOUND * (2 * np.concatenate([[0], np.cumsum(shares)]) - 1)
    knots[-1] = BOUND
    x = line(1001)
    slope = one_shape(spline, x)[1].exp().numpy()
    at_knots = one_shape(spline, torch.tensor(knots))[1].exp().numpy()
    np.testing.assert_allclose(slope, np.interp(x.numpy(), knots, at_knots), rtol=1e-9)
    assert at_knots[0] == pytest.approx(1)
    assert at_knots[-1] == pytest.approx(1)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-9), (torch.float32, 2e-3)])
def test_both_versions_agree_in_values_and_gradients(inverse, dtype, close, rng):
    value = torch.tensor(rng.normal(0, 2, (200, 3)), dtype=dtype, requires_grad=True)
    raw = numbers(600, 3 * BINS - 1, spread=1.5, dtype=dtype).view(200, 3, -1).requires_grad_()
    weights = torch.tensor(rng.normal(size=(2, 200, 3)), dtype=dtype)
    found = []
    for version in VERSIONS.values():
        values = version(value, raw, BINS, BOUND, inverse=inverse)
        total = (values[0] * weights[0] + values[1] * weights[1]).sum()
        found.append((*values, *torch.autograd.grad(total, (value, raw))))
    for one, other in zip(*found, strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one, other, rtol=close, atol=close)


@pytest.mark.parametrize("version", VERSIONS)
def test_slopes_at_knots_are_held_between_a_thousandth_and_a_thousand(version):
    x, raw = line(50), numbers(50, 3 * BINS - 1, spread=0.5)
    raw[:, 2 * BINS :] = torch.where(raw[:, 2 * BINS :] > 0, 7.5, -7.5)
    further = raw.clone()
    further[:, 2 * BINS :] *= 10
    raw.requires_grad_()
    found, log_slope = VERSIONS[version](x, raw, BINS, BOUND, inverse=False)
    assert torch.equal(found, VERSIONS[version](x, further, BINS, BOUND, inverse=False)[0])
    (gradient,) = torch.autograd.grad(found.sum() + log_slope.sum(), raw)
    assert (gradient[:, 2 * BINS :] == 0).all()
    assert (gradient[:, : 2 * BINS] != 0).any()


@pytest.mark.parametrize("inverse", [False, True])
def test_the_gradient_that_is_written_down_is_that_of_finite_differences(inverse, rng):
    value = torch.tensor(rng.uniform(-1.2 * BOUND, 1.2 * BOUND, 30), requires_grad=True)
    raw = numbers(30, 3 * BINS - 1, spread=1.0).requires_grad_()

    def function(value, raw):
        return compiled_splines.rational_quadratic(value, raw, BINS, BOUND, inverse=inverse)

    assert torch.autograd.gradcheck(function, (value, raw), eps=1e-6, atol=1e-5, rtol=1e-4)


def test_a_second_derivative_is_refused(rng):
    raw = numbers(4, 3 * BINS - 1).requires_grad_()
    found, _ = compiled_splines.rational_quadratic(torch.tensor(rng.normal(size=4)), raw, BINS, BOUND, inverse=False)
    (first,) = torch.autograd.grad(found.square().sum(), raw, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0, 5), st.sampled_from(SPLINES), st.integers(2, 20))
def test_it_grows_and_comes_back(seed, spread, kind, bins):
    spline = kind(bins, BOUND)
    x = line(201, 1.1 * BOUND)
    raw = numbers(1, spline.parameters, seed=seed, spread=spread).expand(len(x), -1)
    u, log_slope = spline.forward(x, raw)
    again, log_back = spline.inverse(u, raw)
    assert (u.diff() > 0).all()
    torch.testing.assert_close(again, x, rtol=0, atol=1e-6)
    # Where it is steep, the last digit of u decides about the slope on the way back.
    inside = u.abs() < BOUND * (1 - 1e-12)
    torch.testing.assert_close(log_back[inside], -log_slope[inside], rtol=0, atol=1e-3)


def test_far_out_it_is_the_identity(spline):
    x = torch.tensor([-torch.inf, -1e6, -BOUND - 1e-9, BOUND + 1e-9, 1e6, torch.inf], dtype=torch.float64)
    raw = numbers(6, spline.parameters).requires_grad_()
    for direction in (spline.forward, spline.inverse):
        found, log_slope = direction(x, raw)
        assert (found == x).all()
        assert (log_slope == 0).all()
        (gradient,) = torch.autograd.grad(found[1:-1].sum() + log_slope.sum(), raw)
        assert (gradient == 0).all()


def test_it_has_no_step_and_no_kink_at_the_bound(spline):
    edge = torch.tensor([-BOUND, BOUND], dtype=torch.float64)
    inside = edge * (1 - 1e-9)
    raw = numbers(2, spline.parameters)
    found, log_slope = spline.forward(inside, raw)
    torch.testing.assert_close(found, edge, rtol=0, atol=1e-6)
    torch.testing.assert_close(log_slope, torch.zeros_like(edge), rtol=0, atol=1e-5)


def test_what_is_not_a_number_stays_so_and_harms_no_other(spline):
    x = torch.tensor([0.5, torch.nan, -0.5], dtype=torch.float64)
    raw = numbers(3, spline.parameters)
    found, _ = spline.forward(x, raw)
    assert found.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(found[2], spline.forward(x[2:], raw[2:])[0][0])


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_extreme_raw_numbers_stay_finite(spline, size):
    x = torch.linspace(-BOUND, BOUND, 101)
    raw = (size * torch.sign(numbers(101, spline.parameters, dtype=torch.float32))).requires_grad_()
    for direction in (spline.forward, spline.inverse):
        found, log_slope = direction(x, raw)
        (gradient,) = torch.autograd.grad(found.sum() + log_slope.sum(), raw)
        for values in (found, log_slope, gradient):
            assert torch.isfinite(values).all()


def test_no_events_are_no_values(spline):
    found, log_slope = spline.forward(torch.zeros(0, 2), torch.zeros(0, 2, spline.parameters))
    assert found.shape == log_slope.shape == (0, 2)


def test_without_numba_torch_does_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "neyman.learning.compiled_splines")
    monkeypatch.delattr("neyman.learning.compiled_splines")
    splines._compiled.cache_clear()
    try:
        assert splines._compiled() is None
        spline, x = RationalQuadraticSpline(BINS, BOUND), line(11)
        u, _ = one_shape(spline, x)
    finally:
        splines._compiled.cache_clear()
    raw = numbers(1, spline.parameters).expand(11, -1)
    torch.testing.assert_close(u, compiled_splines.rational_quadratic(x, raw, BINS, BOUND, inverse=False)[0])


@pytest.mark.parametrize("bins", [-1, 0, 1, 1000])
def test_bins_must_make_sense(spline, bins, message):
    with pytest.raises(InputError) as error:
        type(spline)(bins, BOUND)
    message(error, f"{bins} bins", "2 to 200")


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan")])
def test_the_bound_must_make_sense(spline, bound, message):
    with pytest.raises(InputError) as error:
        type(spline)(BINS, bound)
    message(error, f"a bound of {bound}", "positive")
