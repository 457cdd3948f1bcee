r"""Denoising score matching: networks of noisy densities, trained by telling noise from events.

For x̃ = x + σε the network's scaled score s(x̃, σ) that is nearest to −ε on average is σ∇log p_σ(x̃) (Vincent, Neural
Computation 23 (2011) 1661, eq. 11), so that no density has to be normalised. The loss is

    L = (L_DSM(σ*) + λ₁ 1/L Σ_l L_DSM(σ_l)) / (1 + λ₁) + λ₂ Σ‖W‖²     L_DSM(σ) = E‖s(x + σε, σ) + ε‖² / D

- The first term is that of one level σ*, at which events are to be scored.
- The multi-scale term is the mean over all levels, each with the weight σ² that the scaled score already has (Song and
  Ermon, arXiv:1907.05600, eq. 6). Without it (λ₁ = 0) the other levels know nothing: no profile over σ, no samples, no
  energy that could be normalised. With it, some of the network's capacity goes to them. If σ* were drawn as the other
  levels are, it would repeat the first term.
- The weight term prefers small matrices: a smoother energy, for which few events do not become wells of their own.

Both expectations are one over a mixture of levels, so that a step has one pass through the network whatever λ₁ is.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neyman.core.errors import InputError
from neyman.learning.energy import EnergyNetwork, ScoreNetwork


class ScoreMatching(nn.Module):
    """What the training loop trains: a network and its loss.

    Args:
        network: An energy, or a score.
        score_level: Index of σ*.
        multi_scale: λ₁.
        weight: λ₂.

    Raises:
        InputError: If there is no such level, or a term has a negative weight.
    """

    def __init__(
        self, network: EnergyNetwork | ScoreNetwork, *, score_level: int, multi_scale: float = 1.0, weight: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 <= score_level < network.levels:
            raise InputError(f"noise level {score_level}", expected=f"0 to {network.levels - 1}")
        if not (multi_scale >= 0 and weight >= 0):
            raise InputError(f"terms of the loss with weights {multi_scale:g} and {weight:g}", expected="zero or above")
        self.network, self.score_level, self.multi_scale, self.weight = network, score_level, multi_scale, weight

    def levels(self, n: int, rng: np.random.Generator) -> Int[Tensor, " n"]:
        """A level for each of n events, of the mixture: the share of σ* is exact, the others come in turn.

        Args:
            n: Events.
            rng: Random numbers.
        """
        single = round(n / (1 + self.multi_scale))
        start = int(rng.integers(self.network.levels))
        turns = (start + np.arange(n - single)) % self.network.levels
        return torch.from_numpy(np.concatenate([np.full(single, self.score_level), turns]))

    def loss(self, x: Float[Tensor, "n d"], level: Int[Tensor, " n"], noise: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
        """The loss of a batch, with levels of the mixture.

        Args:
            x: Standardised events.
            level: As `levels` gives them.
            noise: ε, standard normal.
        """
        matching = self.matching(x, level, noise).mean()
        return matching + self.weight * self.squared_weights() if self.weight else matching

    def matching(
        self, x: Float[Tensor, "n d"], level: Int[Tensor, " n"], noise: Float[Tensor, "n d"]
    ) -> Float[Tensor, " n"]:
        """‖s(x + σε, σ) + ε‖² / D of each event: 1 for a network that does not see the noise at all."""
        sigma = self.network.sigmas[level][:, None]
        found = self.network.scaled_score(x + sigma * noise, level)
        return (found + noise).square().mean(dim=1)

    def squared_weights(self) -> Float[Tensor, ""]:
        """Σ‖W‖² over all matrices, without biases and embeddings."""
        matrices = [module.weight for module in self.network.modules() if isinstance(module, nn.Linear)]
        return torch.stack([matrix.square().sum() for matrix in matrices]).sum()
