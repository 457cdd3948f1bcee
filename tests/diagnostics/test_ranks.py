from __future__ import annotations

import inspect

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.diagnostics import rank_ecdf, rank_uniformity, ranks
from neyman.diagnostics.ranks import rank_histogram

WRONG = [
    pytest.param({"width": 1.5}, id="over-dispersed"),
    pytest.param({"width": 1 / 1.5}, id="under-dispersed"),
    pytest.param({"shift": 0.4}, id="biased"),
]


def of(toy, seed=2):
    return ranks(toy.samples, toy.truth, rng=np.random.default_rng(seed))[:, 0]


def test_ranks_count_the_samples_below_the_truth():
    samples = np.random.default_rng(1).normal(size=(5, 30, 2))
    truth = np.random.default_rng(2).normal(size=(5, 2))
    found = ranks(samples, truth, rng=np.random.default_rng(3))
    for b in range(5):
        for d in range(2):
            assert found[b, d] == sum(sample < truth[b, d] for sample in samples[b, :, d])


def test_ties_are_broken_evenly():
    found = ranks(np.zeros((2000, 9, 1)), np.zeros((2000, 1)), rng=np.random.default_rng(4))[:, 0]
    assert set(found) == set(range(10))
    assert rank_uniformity(found, 9).p_value > 1e-3


def test_the_exact_posterior_passes(gaussian):
    found = of(gaussian())
    test = rank_uniformity(found, 199)
    assert test.n == 1000
    assert test.bins == 20
    assert test.chi_square_p_value > 1e-3
    assert test.distance_p_value > 1e-3
    assert test.p_value > 1e-3
    assert rank_ecdf(found, 199).within


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_is_flagged(gaussian, wrong):
    found = of(gaussian(**wrong))
    assert rank_uniformity(found, 199).p_value < 1e-6
    assert not rank_ecdf(found, 199).within


def test_blind_to_a_posterior_that_ignores_the_data(gaussian):
    """By construction, and the reason why reports show the width and the KL divergence beside the ranks."""
    found = of(gaussian(prior=True))
    assert rank_uniformity(found, 199).p_value > 1e-3
    assert rank_ecdf(found, 199).within


def test_p_values_of_calibrated_posteriors_are_uniform(gaussian):
    found = of(gaussian(7, b=20_000, n=99)).reshape(100, 200)
    tests = [rank_uniformity(part, 99) for part in found]
    for name in ("chi_square_p_value", "distance_p_value"):
        assert np.mean([getattr(test, name) for test in tests]) == pytest.approx(0.5, abs=0.1)


def test_bins_need_not_divide_the_ranks():
    observed, expected = rank_histogram(np.repeat(np.arange(101), 3), 100, 7)
    np.testing.assert_allclose(observed, expected)
    assert expected.sum() == 303


def test_few_tests_get_fewer_bins():
    assert rank_uniformity(np.arange(50), 99).bins == 5


REFUSED = [
    pytest.param(np.empty((0, 5, 1)), np.empty((0, 1)), "empty", id="no tests"),
    pytest.param(np.empty((3, 0, 1)), np.zeros((3, 1)), "empty", id="no samples"),
    pytest.param(np.zeros((3, 5)), np.zeros((3, 1)), "samples has shape (3, 5)", id="two axes"),
    pytest.param(np.zeros((3, 5, 2)), np.zeros((3, 1)), "expected: shape (3, 2)", id="other parameters"),
    pytest.param(np.full((3, 5, 1), np.nan), np.zeros((3, 1)), "nan at (0, 0, 0) (15 of 15", id="nan samples"),
    pytest.param(np.zeros((3, 5, 1)), np.full((3, 1), np.inf), "truth is inf", id="infinite truth"),
]


@pytest.mark.parametrize(("samples", "truth", "message"), REFUSED)
def test_refused(samples, truth, message):
    # Unwrapped: while testing, jaxtyping would complain about shapes before the function does.
    with pytest.raises(DataError) as caught:
        inspect.unwrap(ranks)(samples, truth, rng=np.random.default_rng(1))
    assert message in str(caught.value)


@pytest.mark.parametrize("values", [[-1, 3], [0, 11], []])
def test_impossible_ranks_are_refused(values):
    with pytest.raises(DataError):
        rank_uniformity(np.array(values, dtype=np.int64), 10)


@pytest.mark.parametrize("bins", [1, 12])
def test_impossible_bins_are_refused(bins):
    with pytest.raises(DataError, match="2 to 11"):
        rank_uniformity(np.arange(11), 10, bins=bins)
