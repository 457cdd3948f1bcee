from __future__ import annotations

import inspect

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.diagnostics import tarp

WRONG = [
    pytest.param({"width": 1.5}, id="over-dispersed"),
    pytest.param({"width": 1 / 1.5}, id="under-dispersed"),
    pytest.param({"shift": 0.7}, id="biased"),
]


def run(toy, **options):
    return tarp(toy.samples, toy.truth, rng=np.random.default_rng(2), **options)


@pytest.mark.parametrize("d", [1, 3])
def test_the_exact_posterior_passes(gaussian, d):
    curve = run(gaussian(d=d))
    assert curve.p_value > 1e-3
    assert ((curve.low <= curve.level) & (curve.level <= curve.high)).all()


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_is_flagged(gaussian, wrong, d):
    assert run(gaussian(d=d, b=2000, **wrong)).p_value < 1e-4


def test_blind_with_random_references_to_a_posterior_that_ignores_the_data(gaussian):
    assert run(gaussian(prior=True)).p_value > 1e-3


def test_references_that_depend_on_the_data_lift_the_blindness(gaussian):
    prior, exact = gaussian(prior=True), gaussian()
    assert run(prior, references=prior.data).p_value < 1e-6
    assert run(exact, references=exact.data).p_value > 1e-3


def test_too_narrow_curves_have_an_s_shape(gaussian):
    curve = run(gaussian(width=0.5), levels=np.array([0.1, 0.9]))
    assert curve.coverage[0] > 0.15
    assert curve.coverage[1] < 0.85


def test_units_do_not_matter(gaussian):
    toy = gaussian(d=2, b=100)
    units = np.array([1e-6, 1e3])
    scaled = tarp(toy.samples * units, toy.truth * units, rng=np.random.default_rng(2))
    np.testing.assert_allclose(scaled.coverage, run(toy).coverage)


REFUSED = [
    pytest.param(np.empty((0, 5, 1)), np.empty((0, 1)), "empty", id="no tests"),
    pytest.param(np.zeros((3, 5, 2)), np.zeros((3, 1)), "expected: shape (3, 2)", id="other parameters"),
    pytest.param(np.zeros((3, 5, 1)), np.full((3, 1), np.nan), "truth is nan", id="nan"),
    pytest.param(np.zeros((3, 5, 1)), np.zeros((3, 1)), "the same truth in all 3 tests", id="fixed parameter"),
]


@pytest.mark.parametrize(("samples", "truth", "message"), REFUSED)
def test_refused(samples, truth, message):
    with pytest.raises(DataError) as caught:
        inspect.unwrap(tarp)(samples, truth, rng=np.random.default_rng(1))
    assert message in str(caught.value)


def test_references_of_another_shape_are_refused(gaussian):
    toy = gaussian(b=10)
    with pytest.raises(DataError, match="references"):
        inspect.unwrap(tarp)(toy.samples, toy.truth, rng=np.random.default_rng(1), references=toy.truth[:5])
