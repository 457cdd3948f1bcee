r"""Energies that are −log p_σ itself, at every σ: the constants that score matching leaves open.

Score matching knows gradients alone, so that E(x, σ) = −log p_σ(x) + c(σ) with another constant at each level, and
energies of different levels cannot be compared. What fixes them is that noise adds up: an event of level k with more
noise, y = x + δε, δ² = σ_{k+1}² − σ_k², is one of level k + 1. With F(y|x) that step and B(x|y) *any* density for the
way back, for events x of level k and y of the step (Jarzynski, Phys. Rev. E 56 (1997) 5018; Sohl-Dickstein et al.,
arXiv:1503.03585, eq. 9-11)

    Z_{k+1} / Z_k = E[ exp(−E_{k+1}(y)) B(x|y) / (exp(−E_k(x)) F(y|x)) ]

exactly, however large the step; events with noise are events of the level, so that nothing has to be sampled. The
nearer B is to the true way back, the smaller is the variance: it is the normal around Tweedie's y + δ²∇log p_{k+1}(y),
with the covariance that is seen. At the highest level, where noise has made everything nearly normal, the normal of the
same covariance takes the part of the next level: it is normalised.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from neyman.core.errors import DataError
from neyman.learning.energy import EnergyNetwork

_LEAST = 20  # events, for a covariance at all
_RIDGE = 1e-6  # of the mean variance, for more features than events


@torch.no_grad()
def align(network: EnergyNetwork, x: Float[Tensor, "n d"], generator: torch.Generator) -> Float[Tensor, " l"]:
    """Set the network's offsets such that its energy is −log p_σ at every level.

    Args:
        network: A trained network; it is changed.
        x: Standardised events, of the background that it was trained on; more of them are more exact.
        generator: The noise.

    Returns:
        What was added to the energy of each level.

    Raises:
        DataError: If there are too few events.
    """
    if len(x) < _LEAST:
        raise DataError(f"{len(x)} events to normalise an energy with", expected=f"{_LEAST} at least")
    added = torch.empty_like(network.offsets)
    top = network.levels - 1
    noisy = x + network.sigmas[top] * _noise(x, generator)
    normal = _Normal.of(noisy)
    log_z = -_log_mean_exp(normal.log_prob(noisy) + network.energy(noisy, top))
    added[top] = log_z
    for level in reversed(range(top)):
        log_z -= _log_ratio(network, x, level, generator)
        added[level] = log_z
    network.offsets += added
    return added


def _log_ratio(network: EnergyNetwork, x: Float[Tensor, "n d"], level: int, generator: torch.Generator) -> float:
    """Log Z of the next level, less that of this one."""
    low, high = float(network.sigmas[level]), float(network.sigmas[level + 1])
    step = math.sqrt(high**2 - low**2)
    before = x + low * _noise(x, generator)
    forth = _noise(x, generator)
    after = before + step * forth
    energy, score = network.both(after, level + 1)
    back = before - after - (step**2 / high) * score
    log_forth = -0.5 * forth.square().sum(dim=1) - x.shape[1] * math.log(step * math.sqrt(2 * math.pi))
    halves = torch.arange(len(x), device=x.device) % 2 == 0
    log_back = torch.empty_like(log_forth)
    for half in (halves, ~halves):  # the density of one half is fitted on the other
        log_back[half] = _Normal.of(back[~half]).log_prob(back[half])
    return _log_mean_exp(network.energy(before, level) - energy + log_back - log_forth)


class _Normal:
    """The normal with mean and covariance of a sample."""

    def __init__(self, mean: Tensor, triangle: Tensor) -> None:
        self.mean, self.triangle = mean, triangle

    @classmethod
    def of(cls, x: Float[Tensor, "n d"]) -> _Normal:
        covariance = torch.cov(x.T.double()).reshape(x.shape[1], x.shape[1])
        covariance.diagonal().add_(_RIDGE * covariance.diagonal().mean())
        return cls(x.mean(dim=0), torch.linalg.cholesky(covariance).to(x))

    def log_prob(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """Its logarithm at each row."""
        white = torch.linalg.solve_triangular(self.triangle, (x - self.mean).T, upper=False)
        volume: Tensor = self.triangle.diagonal().log().sum() + 0.5 * x.shape[1] * math.log(2 * math.pi)
        distance: Tensor = white.square().sum(dim=0)
        return -0.5 * distance - volume


def _noise(x: Float[Tensor, "n d"], generator: torch.Generator) -> Float[Tensor, "n d"]:
    return torch.randn(x.shape, generator=generator, device=generator.device).to(x)


def _log_mean_exp(values: Float[Tensor, " n"]) -> float:
    return float(torch.logsumexp(values.double(), dim=0)) - math.log(len(values))
