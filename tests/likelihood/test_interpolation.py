"""Interpolation: what it must be at −1, 0 and 1, continuity, and derivatives by finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.likelihood.interpolation import factor, scaled, shift, shifted
from neyman.likelihood.precision import jnp

LO, NOMINAL, HI = np.array([[8.0, 5.0, 0.0]]), np.array([[10.0, 5.0, 1.0]]), np.array([[13.0, 4.0, 3.0]])
DOWN, UP = np.array([[0.8, 1.1, 1.0]]), np.array([[1.3, 1.2, 1.0]])
SHIFTS, FACTORS = ["code0", "code2", "code4p"], ["code1", "code4"]


def delta(alpha, code, side=1.0):
    return shifted(shift(LO, NOMINAL, HI, code), jnp.full((1, 1), alpha), jnp.full((1, 1), side), code)


def ratio(alpha, code, side=1.0):
    return scaled(factor(DOWN, UP), jnp.full((1, 1), alpha), jnp.full((1, 1), side), code)


def both():
    return [pytest.param(delta, code, id=code) for code in SHIFTS] + [
        pytest.param(ratio, code, id=code) for code in FACTORS
    ]


@pytest.mark.parametrize("code", SHIFTS)
def test_templates_are_met(code):
    at_one = 1.0 if code != "code2" else np.nextafter(1.0, 0)
    np.testing.assert_allclose(delta(0.0, code).value, np.zeros((1, 3)))
    np.testing.assert_allclose(delta(at_one, code).value, HI - NOMINAL, rtol=1e-12)
    np.testing.assert_allclose(delta(-at_one, code).value, LO - NOMINAL, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("code", FACTORS)
def test_factors_are_met(code):
    for alpha, expected in ((0.0, np.ones((1, 3))), (1.0, UP), (-1.0, DOWN), (2.0, UP**2), (-3.0, DOWN**3)):
        np.testing.assert_allclose(ratio(alpha, code).value, expected, rtol=1e-12)


@pytest.mark.parametrize(("function", "code"), both())
@pytest.mark.parametrize("alpha", [-2.3, -0.999, -0.4, 0.2, 0.97, 1.6])
def test_derivatives_are_those_of_finite_differences(function, code, alpha):
    step = 1e-5
    here, up, down = (function(alpha + by, code) for by in (0.0, step, -step))
    np.testing.assert_allclose(here.first, (up.value - down.value) / (2 * step), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(here.second, (up.first - down.first) / (2 * step), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("function", "code"), [(delta, "code4p"), (ratio, "code4")])
@pytest.mark.parametrize("alpha", [-1.0, 0.0, 1.0])
def test_the_defaults_are_twice_differentiable_where_their_parts_meet(function, code, alpha):
    above, below = function(alpha + 1e-9, code), function(alpha - 1e-9, code)
    for one, other in zip(above, below, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("function", "code"), [(delta, "code0"), (ratio, "code1")])
def test_a_kink_has_a_slope_on_each_side(function, code):
    for side in (1.0, -1.0):
        slope = (function(side * 1e-6, code).value - function(0.0, code).value) / (side * 1e-6)
        np.testing.assert_allclose(function(0.0, code, side).first, slope, rtol=1e-5, atol=1e-9)
    assert not np.allclose(function(0.0, code, 1.0).first, function(0.0, code, -1.0).first)
