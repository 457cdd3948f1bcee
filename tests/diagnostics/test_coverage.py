from __future__ import annotations

import inspect

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.diagnostics import CoverageCurve, central_coverage, hpd_coverage, ranks

WRONG = [
    pytest.param({"width": 1.5}, id="over-dispersed"),
    pytest.param({"width": 1 / 1.5}, id="under-dispersed"),
    pytest.param({"shift": 0.7}, id="biased"),
]


def hpd(toy, **options):
    return hpd_coverage(toy.log_prob_truth, toy.log_prob_samples, rng=np.random.default_rng(2), **options)


def central(toy):
    found = ranks(toy.samples, toy.truth, rng=np.random.default_rng(2))[:, 0]
    return central_coverage(found, toy.samples.shape[1])


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("coverage", [hpd, central])
def test_the_exact_posterior_covers(gaussian, coverage, d):
    curve = coverage(gaussian(d=d))
    assert isinstance(curve, CoverageCurve)
    assert curve.p_value > 1e-3
    inside = (curve.low <= curve.level) & (curve.level <= curve.high)
    assert inside.mean() > 0.9  # each interval holds at 99 % on its own
    assert curve.max_deviation >= np.abs(curve.coverage - curve.level).max()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("coverage", [hpd, central])
def test_a_wrong_posterior_is_flagged(gaussian, coverage, wrong):
    curve = coverage(gaussian(**wrong))
    assert curve.p_value < 1e-6
    assert not ((curve.low <= curve.level) & (curve.level <= curve.high)).all()


@pytest.mark.parametrize("coverage", [hpd, central])
def test_too_wide_covers_too_much_and_too_narrow_too_little(gaussian, coverage):
    wide, narrow = coverage(gaussian(width=1.5)), coverage(gaussian(width=0.6))
    assert (wide.coverage >= wide.level).all()
    assert (narrow.coverage <= narrow.level).all()


@pytest.mark.parametrize("coverage", [hpd, central])
def test_blind_to_a_posterior_that_ignores_the_data(gaussian, coverage):
    assert coverage(gaussian(prior=True)).p_value > 1e-3


def test_a_flat_posterior_has_only_ties_and_covers():
    """Posterior = prior = uniform: all densities are equal, and without random ties coverage would be 1."""
    curve = hpd_coverage(np.zeros(1000), np.zeros((1000, 99)), rng=np.random.default_rng(3))
    assert curve.p_value > 1e-3


def test_a_truth_outside_the_support_is_in_no_region():
    curve = hpd_coverage(
        np.full(20, -np.inf), np.full((20, 99), -np.inf), rng=np.random.default_rng(3), levels=np.array([0.5, 0.99])
    )
    np.testing.assert_array_equal(curve.coverage, 0)


def test_agrees_with_the_chi_square_law_of_gaussian_regions(gaussian):
    """In the limit of many samples the region of level α is a ball whose radius the χ² law gives."""
    from scipy.stats import chi2

    toy = gaussian(b=400, n=4000, d=2)
    curve = hpd(toy, levels=np.array([0.5, 0.9]))
    distance = ((toy.truth - 0.5 * toy.data) ** 2 / 0.5).sum(axis=1)
    exact = [(distance < chi2(2).ppf(level)).mean() for level in curve.level]
    np.testing.assert_allclose(curve.coverage, exact, atol=0.01)


@pytest.mark.parametrize("n", [3, 10, 99, 200])
def test_evenly_spread_ranks_cover_exactly(n):
    curve = central_coverage(np.arange(n + 1), n)
    np.testing.assert_allclose(curve.coverage, curve.level)
    assert curve.max_deviation == pytest.approx(0)


@pytest.mark.parametrize("shift", [-0.7, 0.7])
def test_a_bias_looks_like_a_posterior_that_is_too_narrow(gaussian, shift):
    curve = central(gaussian(shift=shift))
    assert (curve.coverage <= curve.level + 0.01).all()


REFUSED = [
    pytest.param(np.empty(0), np.empty((0, 4)), "empty", id="no tests"),
    pytest.param(np.zeros(3), np.zeros((4, 5)), "expected: shape (4,)", id="lengths"),
    pytest.param(np.array([0.0, np.nan]), np.zeros((2, 5)), "truth is nan at (1,)", id="nan"),
    pytest.param(np.zeros(2), np.full((2, 5), np.inf), "finite numbers or −inf", id="infinite density"),
]


@pytest.mark.parametrize(("truth", "samples", "message"), REFUSED)
def test_refused(truth, samples, message):
    with pytest.raises(DataError) as caught:
        inspect.unwrap(hpd_coverage)(truth, samples, rng=np.random.default_rng(1))
    assert message in str(caught.value)


@pytest.mark.parametrize("levels", [[0.0], [1.0], [np.nan], []])
def test_levels_that_are_no_probabilities_are_refused(levels):
    with pytest.raises(DataError):
        central_coverage(np.arange(10), 9, levels=np.array(levels))
