"""−2 ln L, its gradient and its Hessian where the densities are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from neyman.likelihood.workspace import Workspace

from .oracle import Oracle, code4
from .problems import interfering, joint, single


@dataclass(frozen=True)
class Case:
    """A problem, our model of it and the oracle, and at how many points to compare them."""

    problem: Any
    model: Any
    oracle: Any
    count: int = 12

    def vector(self, point):
        """Values in the order of the model."""
        return np.array([point[name] for name in self.model.names])

    def named(self, vector):
        return dict(zip(self.model.names, map(float, vector), strict=True))


def make(problem, folder, **options):
    document = problem.workspace(folder, **options)
    normaliser = problem.normaliser if options.get("normalise", True) and options["reference"][0] == "grid" else None
    return Case(
        problem, Workspace.from_dict(document, folder=folder).model(), Oracle(document, folder, normaliser=normaliser)
    )


EXPECTED, DRAWN = ("asimov", {"mu": 1.2, "JES": 0.7}), ("drawn", {"mu": 0.8, "JES": -1.2}, 3)
CASES = {
    "one region": (single, {"reference": ("grid", 300), "observed": EXPECTED}),
    "joint": (joint, {"reference": ("grid", 400), "observed": EXPECTED, "centres": {"JES": 0.7, "eff": -0.2}}),
    "drawn": (joint, {"reference": ("sampled", 3000, 1), "observed": DRAWN}),
    "interference": (interfering, {"reference": ("grid", 300), "observed": DRAWN}),
    "not normalised": (interfering, {"reference": ("grid", 300), "observed": EXPECTED, "normalise": False}),
}


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    problem, options = CASES[request.param]
    case = make(problem(), tmp_path_factory.mktemp("arrays"), **options)
    return replace(case, count=50 if request.param == "joint" else 12)


def points(problem, count, seed):
    """Random points, of which the first is nominal; a third of all systematics is at 0 exactly, and some are at ±1."""
    rng = np.random.default_rng(seed + 100)
    found = [problem.nominal]
    for point in problem.points(count - 1, seed):
        special = {name: rng.choice([0.0, 0.0, 0.0, 1.0, -1.0]) for name, value in problem.nominal.items() if not value}
        found.append(
            {name: special[name] if name in special and rng.uniform() < 0.5 else point[name] for name in point}
        )
    return found


def test_interpolation_of_the_oracle_meets_its_templates():
    hi, lo = np.array([1.3, 0.9]), np.array([0.8, 0.95])
    for alpha, expected in ((0, [1, 1]), (1, hi), (-1, lo), (1 - 1e-12, hi), (-1 + 1e-12, lo), (2, hi**2), (-2, lo**2)):
        np.testing.assert_allclose(code4(alpha, hi, lo), expected, rtol=1e-11)
    for knot in (1, -1):  # slope and curvature are continuous
        values = [[code4(knot + side * k * 1e-4, hi, lo) for k in range(3)] for side in (1, -1)]
        (a, b, c), (_, d, e) = values
        np.testing.assert_allclose((b - a), -(d - a), atol=1e-7)
        np.testing.assert_allclose((c - 2 * b + a) / 1e-8, (e - 2 * d + a) / 1e-8, atol=1e-3)


def test_parameters_are_those_of_the_problem(case):
    assert set(case.model.names) == set(case.problem.nominal)


def test_values_are_those_of_the_oracle(case):
    some = points(case.problem, 21, 1)
    found = np.array([case.model.twice_nll(point) for point in some])
    expected = np.array([case.oracle.twice_nll(point) for point in some])
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-9, atol=1e-8)


def test_gradients_are_those_of_the_oracle(case):
    for point in points(case.problem, case.count, 2):
        found, expected = case.model.gradient(point), case.vector(case.oracle.gradient(point))
        scale = 1e-9 * (np.abs(expected) + np.sqrt(np.abs(np.diagonal(case.model.hessian(point)))))
        np.testing.assert_array_less(np.abs(found - expected), scale + 1e-9)


def test_hessians_are_those_of_finite_differences(case):
    """Along a random direction at each point: central differences of the gradient, Richardson's extrapolation.

    Systematics at ±1 are moved off the knot, across which differences lose digits.
    """
    rng = np.random.default_rng(4)
    systematic = case.vector(case.problem.nominal) == 0
    for point in points(case.problem, case.count, 3):
        theta = case.vector(point)
        theta += 0.01 * (systematic & (np.abs(theta) == 1))
        found = case.model.hessian(theta)
        scale = np.sqrt(np.abs(np.diagonal(found)))
        direction = np.clip(rng.normal(size=len(theta)), -2, 2) / scale
        expected = _along(case.model.gradient, theta, direction)
        np.testing.assert_allclose(found, found.T, rtol=0, atol=1e-12 * scale.max() ** 2)
        np.testing.assert_array_less(np.abs(found @ direction - expected) / scale, 1e-7)


def _along(function, at, direction, step=2e-3):
    """The derivative along a direction, to the fourth power of the step."""
    wide, near = ((function(at + h * direction) - function(at - h * direction)) / (2 * h) for h in (step, step / 2))
    return (4 * near - wide) / 3


def test_derivatives_are_continuous_where_the_interpolation_has_knots(case):
    point = case.problem.points(1, 4)[0]
    for name, value in case.problem.nominal.items():
        for knot in () if value else (-1.0, 1.0):
            at, above, below = (case.model.hessian({**point, name: knot + by}) for by in (0.0, 1e-9, -1e-9))
            scale = np.sqrt(np.abs(np.diagonal(at)))
            for other in (above, below):
                np.testing.assert_array_less(np.abs(other - at), 1e-6 * (np.outer(scale, scale) + 1))


@pytest.mark.parametrize("relative_to", ["nominal", "reference", None])
def test_templates_relative_to_the_reference_are_the_same_templates(tmp_path, relative_to):
    problem = joint()
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    usual = make(problem, tmp_path / "one", reference=("grid", 200))
    other = make(problem, tmp_path / "other", reference=("grid", 200), relative_to=relative_to)
    for point in problem.points(5, 5):
        assert other.model.twice_nll(point) == pytest.approx(usual.model.twice_nll(point), rel=1e-12)


def test_yields_alone_do_not_need_the_reference_to_be_exact(tmp_path):
    """At α = 0 of all shapes Z is 1 whatever the reference: −2 ln L of a sampled reference is the exact one."""
    problem = joint()
    values = []
    for number, reference in enumerate([("grid", 300), ("sampled", 50, 1)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        case = make(problem, folder, reference=reference)
        values.append([case.model.twice_nll({"mu": mu, "k": 1.1, "eff": -0.7}) for mu in (0.5, 1.0, 2.0)])
    np.testing.assert_allclose(*values, rtol=1e-12)
