import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from neyman.simulation.rice import RiceMixture

LENGTHS = np.linspace(0.01, 7, 60)


def single(offset, n=60):
    return RiceMixture(np.ones((n, 1)), np.ones((n, 1)), np.full(n, offset))


@pytest.mark.parametrize("offset", [0.0, 0.2, 0.5, 1.0])
def test_one_law_is_that_of_rice(offset):
    below, above, density = single(offset).probabilities(LENGTHS)
    law = stats.ncx2(2, offset**2) if offset else stats.chi2(2)
    np.testing.assert_allclose(below, law.cdf(LENGTHS**2), rtol=1e-10)
    np.testing.assert_allclose(above, law.sf(LENGTHS**2), rtol=1e-9)
    np.testing.assert_allclose(density, stats.rice.pdf(LENGTHS, offset) * LENGTHS, rtol=1e-9)


def test_what_is_tiny_is_exact():
    """Far below and far above, where one minus the other would be rounding."""
    below, above, _ = single(0.5, 2).probabilities(np.array([1e-7, 13.0]))
    assert below[0] == pytest.approx(0.5e-14 * np.exp(-0.125), rel=1e-10)
    marcum = integrate.quad(lambda r: stats.rice.pdf(r, 0.5), 13, 25, epsrel=1e-10, epsabs=0)[0]
    assert above[1] == pytest.approx(marcum, rel=1e-8)
    assert above[1] < 1e-34


@given(
    widths=st.lists(st.floats(0.6, 40), min_size=1, max_size=5),
    offset=st.floats(0, 0.5),
    probability=st.floats(1e-9, 1 - 1e-9),
)
def test_a_mixture_and_its_inverse(widths, offset, probability):
    k = len(widths)
    weights = np.arange(1, k + 1) / (k * (k + 1) / 2)
    mixture = RiceMixture(np.array([widths]), weights[None], np.array([offset]))
    asked = np.array([np.log(probability / (1 - probability))])
    length = mixture.length_at(asked)
    assert mixture.log_odds(length)[0] == pytest.approx(asked[0], rel=1e-8, abs=1e-8)
    truth = sum(
        weight * stats.ncx2.cdf((length[0] / width) ** 2, 2, (offset / width) ** 2 or 1e-300)
        for weight, width in zip(weights, widths, strict=True)
    )
    assert truth == pytest.approx(probability, rel=1e-8)


def test_no_length_at_all():
    mixture = single(0.3, 1)
    assert mixture.log_odds(np.zeros(1))[0] == -np.inf
    np.testing.assert_array_equal(mixture.length_at(np.array([-np.inf])), 0)
