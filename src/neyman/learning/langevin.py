r"""Samples of the density that an energy network has learned: annealed Langevin dynamics.

From the highest noise level to the lowest (Song and Ermon, arXiv:1907.05600, algorithm 1), each level begins where the
one above ends, less the noise between them (the ancestral step of Song et al., arXiv:2011.13456, eq. 47). A step at a
level proposes x' = x + h σ² s(x) + √(2h) σ ε and, as the energy is known, takes it with the probability of Metropolis
and Hastings (Roberts and Tweedie, Bernoulli 2 (1996) 341): the density of the level stays what it is, whatever h is.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neyman.core.errors import InputError
from neyman.learning.energy import EnergyNetwork


@torch.no_grad()
def annealed_langevin(
    network: EnergyNetwork, n: int, generator: torch.Generator, *, steps: int = 20, step: float = 1.0
) -> Float[Tensor, "n d"]:
    """Draw from the density at the lowest noise level.

    Args:
        network: A trained energy; its offsets do not matter.
        n: Samples; each is a chain of its own.
        generator: Random numbers; on the CPU.
        steps: Langevin steps at each level.
        step: h·D^(1/3); what is near 1 is taken about every second time, at most levels.

    Returns:
        Standardised events.

    Raises:
        InputError: If there is nothing to do.
    """
    if min(n, steps) < 1 or not 0 < step < math.inf:
        raise InputError(
            f"{n} samples, {steps} steps a level of {step:g}", expected="one at least, and a step above zero"
        )
    device = network.sigmas.device

    def noise() -> Tensor:
        return torch.randn((n, network.features), generator=generator).to(device)

    h = step * network.features ** (-1 / 3)
    sigmas = [float(sigma) for sigma in network.sigmas]
    x = math.sqrt(1 + sigmas[-1] ** 2) * noise()
    for level in reversed(range(network.levels)):
        sigma = sigmas[level]
        energy, score = network.both(x, level)
        for _ in range(steps):
            move = h * sigma * score + math.sqrt(2 * h) * sigma * noise()
            found, found_score = network.both(x + move, level)
            back = -move - h * sigma * found_score  # the noise that would undo the move
            forth = move - h * sigma * score
            log_back, log_forth = (-part.square().sum(dim=1) / (4 * h * sigma**2) for part in (back, forth))
            chance = torch.rand(n, generator=generator).to(device)
            taken = chance.log() < energy - found + log_back - log_forth
            x, energy, score = (
                _where(taken, x + move, x),
                _where(taken, found, energy),
                _where(taken, found_score, score),
            )
        if level:
            below = sigmas[level - 1]
            share = 1 - (below / sigma) ** 2
            x = x + share * sigma * score + math.sqrt(share) * below * noise()
    return x


def _where(taken: Bool[Tensor, " n"], new: Tensor, old: Tensor) -> Tensor:
    return torch.where(taken.view(-1, *[1] * (new.ndim - 1)), new, old)
