"""A box to the real line by the distribution function of a truncated normal."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.transforms import Transform

_TAIL = 1e-15  # Φ⁻¹(10⁻¹⁵) = −7.9: beyond, what comes after is the identity anyway


def _phi(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """Φ(x) to full relative precision in the lower tail, where torch.special.ndtr is a difference from one."""
    tail: Tensor = torch.special.erfc(-x * math.sqrt(0.5))
    return 0.5 * tail


class TruncatedNormalTransform(Transform):
    r"""u = Φ⁻¹(F(θ)), with F the distribution function of a normal that is cut off at the edges of a box.

    \[ F(\theta) = \frac{\Phi(z(\theta)) - \Phi(z(a))}{\Phi(z(b)) - \Phi(z(a))},
       \quad z(\theta) = (\theta - \mu)/\sigma \]

    With a flat prior on [a, b] and a likelihood that is normal in θ this *is* the posterior, also where the
    prior cuts it off, and u is standard normal. Computed in float64, in the tail where Φ keeps its digits.

    Args:
        location: μ, any real number, also outside the box; shape `(..., d)`.
        scale: σ > 0; same shape.
        low: a, shape `(d,)`.
        high: b, shape `(d,)`.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True
    event_dim = 1

    def __init__(
        self,
        location: Float[Tensor, "... d"],
        scale: Float[Tensor, "... d"],
        low: Float[Tensor, " d"],
        high: Float[Tensor, " d"],
    ) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.location, self.scale = location.double(), scale.double()
        first: Tensor = (low - self.location) / self.scale
        last: Tensor = (high - self.location) / self.scale
        # Mirror it so that the nearer edge is the lower: both edges in the upper tail would cancel to nothing.
        self.mirror = 1.0 - 2.0 * (first + last > 0).double()
        self.first = torch.where(self.mirror > 0, first, -last)
        last = torch.where(self.mirror > 0, last, -first)
        self.below = _phi(self.first)
        self.mass = (_phi(last) - self.below).clamp(min=1e-300)

    def call_and_ladj(self, x: Float[Tensor, "... d"]) -> tuple[Float[Tensor, "... d"], Float[Tensor, ...]]:
        """u, and the logarithm of du/dθ summed over the parameters."""
        z = self.mirror * (x - self.location) / self.scale
        fraction = (_phi(z) - self.below) / self.mass
        u = torch.special.ndtri(fraction.clamp(_TAIL, 1 - _TAIL))
        ladj = -0.5 * z**2 - self.scale.log() - self.mass.log() + 0.5 * u**2
        return (self.mirror * u).float(), ladj.sum(dim=-1).float()

    def _call(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        return self.call_and_ladj(x)[0]

    def _inverse(self, y: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        fraction = _phi(self.mirror * y.double())
        z = torch.special.ndtri((self.below + fraction * self.mass).clamp(1e-300, 1 - 1e-16))
        theta = self.location + self.scale * self.mirror * z
        return torch.minimum(torch.maximum(theta, self.low), self.high).float()

    def log_abs_det_jacobian(self, x: Float[Tensor, "... d"], y: Float[Tensor, "... d"]) -> Float[Tensor, ...]:
        """The logarithm of du/dθ, summed over the parameters."""
        del y
        return self.call_and_ladj(x)[1]
