"""Derivatives where factors vanish, polynomials, and symmetries; pyhf checks all else in tests/parity."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from neyman.likelihood.model import Model
from neyman.likelihood.workspace import Workspace


def by_differences(model, theta, step=1e-5):
    """Gradient and Hessian from values and gradients nearby."""
    eye = step * np.eye(len(theta))
    gradient = [(model.twice_nll(theta + e) - model.twice_nll(theta - e)) / (2 * step) for e in eye]
    hessian = [(model.gradient(theta + e) - model.gradient(theta - e)) / (2 * step) for e in eye]
    return np.array(gradient), np.array(hessian)


@pytest.fixture(scope="module")
def factors(build):
    """Two factors on one sample, a shapefactor and a systematic."""
    return build(
        {
            "SR": {
                "signal": (
                    [6.0, 3.0],
                    ("normfactor", "mu"),
                    ("normfactor", "k"),
                    ("shapefactor", "free"),
                    ("normsys", "x", {"lo": 0.9, "hi": 1.2}),
                ),
                "background": ([30.0, 20.0], ("normsys", "x", {"lo": 1.1, "hi": 0.95})),
            }
        },
        {"SR": [33, 27]},
        parameters=[{"name": name, "bounds": [[-5.0, 5.0]]} for name in ("mu", "k")],
    ).model()


@pytest.mark.parametrize(
    "zeros",
    [("mu",), ("mu", "k"), ("free[0]",), ("mu", "free[1]"), ("mu", "k", "free[0]"), ("mu", "k", "free[0]", "free[1]")],
)
def test_derivatives_where_factors_are_zero(factors, zeros):
    theta = factors.vector({"mu": 0.7, "k": 1.3, "free[0]": 0.8, "free[1]": 1.4, "x": 0.3} | dict.fromkeys(zeros, 0.0))
    gradient, hessian = by_differences(factors, theta)
    np.testing.assert_allclose(factors.gradient(theta), gradient, atol=1e-6)
    np.testing.assert_allclose(factors.hessian(theta), hessian, atol=1e-6)


def test_derivatives_of_a_factor_times_a_shape(counting):
    theta = counting.vector({"mu": 0.7, "k": 1.3, "shape": 0.4, "eff": -0.6})
    gradient, hessian = by_differences(counting, theta)
    np.testing.assert_allclose(counting.gradient(theta), gradient, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(counting.hessian(theta), hessian, rtol=1e-6, atol=1e-6)


EFT = {
    "parameters": ["c9", "c10"],
    "terms": [
        {"coefficient": 1.0, "powers": {}},
        {"coefficient": 0.31, "powers": {"c9": 1}},
        {"coefficient": 0.07, "powers": {"c9": 2}},
        {"coefficient": -0.2, "powers": {"c10": 1, "c9": 1}},
        {"coefficient": 0.11, "powers": {"c10": 3}},
    ],
}


def test_polynomial_is_what_it_says(build):
    model = build(
        {
            "SR": {
                "signal": ([10.0, 4.0], ("polynomial", "eft", EFT), ("normsys", "x", {"lo": 0.9, "hi": 1.1})),
                "background": ([30.0, 40.0], ("normfactor", "k")),
            }
        },
        {"SR": [44, 45]},
        poi="c9",
    ).model()
    values = {"c9": -1.2, "c10": 0.8, "x": 0.4, "k": 1.1}
    p = 1 + 0.31 * -1.2 + 0.07 * 1.44 - 0.2 * 0.8 * -1.2 + 0.11 * 0.512
    without = model.expected(values | {"c9": 0.0, "c10": 0.0})["SR"]["signal"]
    np.testing.assert_allclose(model.expected(values)["SR"]["signal"], p * without, rtol=1e-13)
    theta = model.vector(values)
    gradient, hessian = by_differences(model, theta)
    np.testing.assert_allclose(model.gradient(theta), gradient, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(model.hessian(theta), hessian, rtol=1e-6, atol=1e-6)


def test_polynomial_of_degree_one_is_a_normfactor(build):
    line = {"parameters": ["mu"], "terms": [{"coefficient": 1.0, "powers": {"mu": 1}}]}
    background = ([50.0, 30.0], ("normsys", "b", {"lo": 0.9, "hi": 1.1}))
    one, other = (
        build({"SR": {"signal": ([5.0, 9.0], modifier), "background": background}}, {"SR": [57, 41]}).model().fit()
        for modifier in (("normfactor", "mu"), ("polynomial", "line", line))
    )
    assert one.result.twice_nll == pytest.approx(other.result.twice_nll, abs=1e-9)
    for name in ("mu", "b"):
        assert one[name].value == pytest.approx(other[name].value, abs=1e-6)
        assert one[name].error == pytest.approx(other[name].error, rel=1e-6)


def test_order_of_channels_samples_and_modifiers_does_not_matter(full_document):
    turned = copy.deepcopy(full_document)
    turned["channels"].reverse()
    turned["observations"].reverse()
    for channel in turned["channels"]:
        channel["samples"].reverse()
        for sample in channel["samples"]:
            sample["modifiers"].reverse()
    one, other = (Model.build(Workspace.from_dict(each)) for each in (full_document, turned))
    assert one.names == other.names
    theta = one.inits + 0.1
    assert one.twice_nll(theta) == pytest.approx(other.twice_nll(theta), rel=1e-13)
    np.testing.assert_allclose(one.gradient(theta), other.gradient(theta), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(one.fit().theta, other.fit().theta, atol=1e-5)


@pytest.fixture
def full_document():
    def sample(name, data, *modifiers):
        return {
            "name": name,
            "data": data,
            "modifiers": [{"type": kind, "name": label, "data": values} for kind, label, values in modifiers],
        }

    return {
        "channels": [
            {
                "name": "B",
                "samples": [
                    sample("signal", [5.0, 8.0], ("normfactor", "mu", None)),
                    sample(
                        "top",
                        [40.0, 30.0],
                        ("normsys", "jes", {"lo": 0.9, "hi": 1.1}),
                        ("histosys", "tilt", {"lo_data": [38.0, 31.0], "hi_data": [43.0, 29.0]}),
                        ("staterror", "stat_B", [3.0, 2.0]),
                    ),
                    sample("other", [10.0, 12.0], ("staterror", "stat_B", [1.0, 1.5]), ("normfactor", "k", None)),
                ],
            },
            {
                "name": "A",
                "samples": [
                    sample("top", [90.0], ("normsys", "jes", {"lo": 0.95, "hi": 1.04}), ("shapesys", "mc_A", [6.0])),
                    sample("other", [80.0], ("normfactor", "k", None)),
                ],
            },
        ],
        "observations": [{"name": "A", "data": [181]}, {"name": "B", "data": [58, 49]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def test_more_events_scale_the_likelihood(build):
    """Ten times the events, everything in proportion: the same estimate, an error smaller by the root of ten."""
    small, large = (
        build({"SR": {"signal": ([scale * 10.0], ("normfactor", "mu"))}}, {"SR": [scale * 14]}).model().fit()
        for scale in (1, 10)
    )
    assert small["mu"].value == pytest.approx(1.4, abs=1e-6)
    assert large["mu"].value == pytest.approx(1.4, abs=1e-6)
    assert large["mu"].error == pytest.approx(small["mu"].error / np.sqrt(10), rel=1e-6)
    assert small["mu"].error == pytest.approx(np.sqrt(14) / 10, rel=1e-6)
