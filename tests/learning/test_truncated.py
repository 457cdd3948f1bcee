"""The transform is the posterior of a normal likelihood under a flat prior: scipy's truncnorm says what that is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neyman.learning.truncated import TruncatedNormalTransform

LOW, HIGH = 1.0, 3.0
# Location and scale: inside, at an edge, narrow, flat, and up to 30 standard deviations outside on both sides.
CASES = [(2.0, 0.3), (1.0, 0.1), (3.0, 0.1), (2.7, 1e-3), (2.0, 100.0), (0.9, 0.01), (3.1, 0.01)]
OUTSIDE = [(LOW - 30.0, 1.0), (HIGH + 30.0, 1.0), (LOW - 3.0, 0.1), (HIGH + 3.0, 0.1), (LOW - 60.0, 2.0), (63.0, 2.0)]
TOO_FAR = [(LOW - 100.0, 1.0), (HIGH + 100.0, 1.0), (-1e6, 0.01), (1e6, 0.01)]


def transform(location, scale):
    box = torch.tensor([LOW]), torch.tensor([HIGH])
    return TruncatedNormalTransform(*torch.tensor([[location], [scale]], dtype=torch.float64), *box)


def truth(location, scale):
    return stats.truncnorm((LOW - location) / scale, (HIGH - location) / scale, location, scale)


def column(values):
    return torch.as_tensor(np.asarray(values, dtype=np.float64))[:, None]


def log_density(location, scale, theta):
    u, ladj = transform(location, scale).call_and_ladj(column(theta))
    return stats.norm.logpdf(u[:, 0].double().numpy()) + ladj.double().numpy()


def everywhere(location, scale):
    """Points all over the box, and where the probability is."""
    quantiles = truth(location, scale).ppf([1e-6, 0.01, 0.3, 0.5, 0.9, 1 - 1e-6])
    return np.unique(np.clip([*np.linspace(LOW, HIGH, 21), *quantiles], LOW, HIGH))


@pytest.mark.parametrize(("location", "scale"), CASES + OUTSIDE)
def test_it_is_the_truncated_normal(location, scale):
    theta = everywhere(location, scale)
    np.testing.assert_allclose(
        log_density(location, scale, theta), truth(location, scale).logpdf(theta), rtol=3e-6, atol=3e-6
    )


@given(st.floats(-30, 30), st.floats(-3, 3), st.floats(LOW, HIGH))
def test_it_is_the_truncated_normal_anywhere(sigmas, log_scale, theta):
    scale = 10**log_scale
    location = (HIGH if sigmas > 0 else LOW) + sigmas * scale
    expected = truth(location, scale).logpdf(theta)
    assert log_density(location, scale, [theta])[0] == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("location", "scale"), CASES + OUTSIDE)
def test_it_integrates_to_one(location, scale):
    theta = np.unique(truth(location, scale).ppf(stats.norm.cdf(np.linspace(-9, 9, 2001))))
    density = np.exp(log_density(location, scale, theta))
    assert np.trapezoid(density, theta) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("location", "scale"), CASES + OUTSIDE)
def test_normal_noise_becomes_its_quantiles(location, scale):
    probability = np.array([1e-4, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-4])
    theta = transform(location, scale).inv(column(stats.norm.ppf(probability)))[:, 0].numpy()
    expected = truth(location, scale).ppf(probability)
    np.testing.assert_allclose(theta, expected, atol=5e-7, rtol=0)


@pytest.mark.parametrize(("location", "scale"), CASES + OUTSIDE)
def test_there_and_back(location, scale):
    t = transform(location, scale)
    theta = truth(location, scale).ppf(np.linspace(1e-5, 1 - 1e-5, 31))
    np.testing.assert_allclose(t.inv(t(column(theta)))[:, 0].numpy(), theta, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("location", "scale"), CASES + OUTSIDE)
def test_the_log_determinant_is_the_derivative(location, scale):
    theta = column(truth(location, scale).ppf(np.linspace(1e-4, 1 - 1e-4, 21))).requires_grad_()
    t = transform(location, scale)
    u, ladj = t.call_and_ladj(theta)
    (slope,) = torch.autograd.grad(u.sum(), theta)
    np.testing.assert_allclose(ladj.detach(), slope[:, 0].log(), atol=1e-4, rtol=0)
    torch.testing.assert_close(t.log_abs_det_jacobian(theta, u), ladj)


def test_the_log_determinant_sums_over_parameters():
    location, scale = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.3, 1.0]])
    both = TruncatedNormalTransform(location, scale, torch.tensor([LOW, -1.0]), torch.tensor([HIGH, 4.0]))
    first = transform(2.0, 0.3)
    second = TruncatedNormalTransform(location[0, 1:], scale[0, 1:], torch.tensor([-1.0]), torch.tensor([4.0]))
    theta = torch.tensor([[2.2, 0.5], [1.1, 3.9]], dtype=torch.float64)
    u, ladj = both.call_and_ladj(theta)
    (u0, ladj0), (u1, ladj1) = first.call_and_ladj(theta[:, :1]), second.call_and_ladj(theta[:, 1:])
    torch.testing.assert_close(u, torch.cat([u0, u1], dim=1))
    torch.testing.assert_close(ladj, ladj0 + ladj1)


@pytest.mark.parametrize(("location", "scale"), CASES + OUTSIDE + TOO_FAR)
def test_values_and_gradients_are_finite(location, scale):
    place = torch.tensor([location], dtype=torch.float64, requires_grad=True)
    width = torch.tensor([scale], dtype=torch.float64, requires_grad=True)
    theta = torch.linspace(LOW, HIGH, 21, dtype=torch.float64)[:, None].requires_grad_()
    t = TruncatedNormalTransform(place, width, torch.tensor([LOW]), torch.tensor([HIGH]))
    u, ladj = t.call_and_ladj(theta)
    assert torch.isfinite(u).all()
    assert torch.isfinite(ladj).all()
    (0.5 * u**2 - ladj).sum().backward()
    for gradient in (place.grad, width.grad, theta.grad):
        assert torch.isfinite(gradient).all()
    draws = t.inv(torch.linspace(-9, 9, 21)[:, None])
    assert ((draws >= LOW) & (draws <= HIGH)).all()


@pytest.mark.parametrize(("location", "scale"), TOO_FAR)
def test_where_numbers_end_it_promises_too_little_and_learns_the_way_back(location, scale):
    """37 standard deviations outside, Φ is no longer a float: a loss may then be too large, never too small."""
    theta = np.linspace(LOW, HIGH, 1001)
    assert np.trapezoid(np.exp(log_density(location, scale, theta)), theta) < 1
    place = torch.tensor([location], dtype=torch.float64, requires_grad=True)
    t = TruncatedNormalTransform(place, torch.tensor([scale]), torch.tensor([LOW]), torch.tensor([HIGH]))
    u, ladj = t.call_and_ladj(column([2.0]))
    (0.5 * u**2 - ladj.unsqueeze(-1)).sum().backward()
    assert np.sign(place.grad.item()) == np.sign(location)
