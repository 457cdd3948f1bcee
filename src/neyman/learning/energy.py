r"""Networks of noisy densities: an energy E(x, σ) and its gradient, or the gradient alone.

x are *standardised* features, and p_σ is the density of x + σε, ε standard normal. An energy network is trained such
that E(x, σ) = −log p_σ(x) up to a constant; its scaled score −σ∇ₓE(x, σ) = σ∇ₓlog p_σ(x) has no units.

Both networks begin as the standard normal, p_σ = N(0, 1 + σ²), and learn what differs from it. With c² = 1/(1 + σ²),

    E(x, σ) = ½ c²‖x‖² + f(c x, σ) / σ + offset(σ)     −σ∇ₓE = −σc² x − c ∇f(c x, σ)

so that the network f is asked for gradients of about one at every σ (the preconditioning of Karras et al.,
arXiv:2206.00364, table 1, with ∇f in place of the network). Far from all events E grows as ½c²‖x‖²: what is farther
away is more anomalous.

The gradient is written down by hand and not recorded: it is a forward function. Training by score matching then needs
one reverse pass, not the two of `autograd.grad(..., create_graph=True)`, and scoring needs no torch: `anomaly.export`
writes the same lines into an ONNX graph.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neyman.core.errors import InputError
from neyman.learning.residual_gradient import Workspaces, residual_gradient

Level = Int[Tensor, " n"] | int
"""The index of a noise level: one for each row, or one for all of them."""


class _Residual(nn.Module):
    """D → width, plus an embedding of the noise level, then residual blocks z + silu(W z + b)."""

    sigmas: Tensor

    def __init__(self, features: int, sigmas: Sequence[float], *, width: int, blocks: int, outputs: int) -> None:
        super().__init__()
        _refuse_nonsense(features, sigmas, width, blocks)
        self.register_buffer("sigmas", torch.tensor(sigmas, dtype=torch.float32))
        self.inputs = nn.Linear(features, width)
        self.embedding = nn.Embedding(len(sigmas), width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.output = nn.Linear(width, outputs)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    @property
    def features(self) -> int:
        """D, the number of features."""
        return self.inputs.in_features

    @property
    def levels(self) -> int:
        """The number of noise levels."""
        return self.embedding.num_embeddings

    @property
    def _linear(self) -> list[nn.Linear]:
        return [block for block in self.blocks if isinstance(block, nn.Linear)]

    def _sigma(self, level: Level) -> Float[Tensor, "_ 1"]:
        """σ as a column, of one row if it is the same for all."""
        return self.sigmas[level].reshape(-1, 1)

    def _first(self, x: Float[Tensor, "n d"], level: Level, contraction: Float[Tensor, "_ 1"]) -> Float[Tensor, "n w"]:
        embedded = self.embedding.weight[level] if isinstance(level, int) else self.embedding(level)
        first: Tensor = self.inputs(contraction * x) + embedded
        return first


class EnergyNetwork(_Residual):
    """E(x, σ) on a grid of noise levels, with its gradient as a forward function.

    Args:
        features: Features, D.
        sigmas: The noise levels σ, from the smallest to the largest, in units of the standardised features.
        width: Units of each hidden layer.
        blocks: Residual blocks.

    Attributes:
        sigmas: The noise levels.
        offsets: What is added to the energy at each level: zero until `learning.alignment` has made E = −log p_σ.

    Raises:
        InputError: If a size or a level makes no sense.

    Examples:
        Before training it is the standard normal with noise: at σ = 1, −σ∇E = −x/2.

        >>> network = EnergyNetwork(2, (0.1, 1.0))
        >>> network.scaled_score(torch.tensor([[2.0, 0.0]]), 1).tolist()
        [[-1.0, 0.0]]
    """

    offsets: Tensor

    def __init__(self, features: int, sigmas: Sequence[float], *, width: int = 256, blocks: int = 3) -> None:
        super().__init__(features, sigmas, width=width, blocks=blocks, outputs=1)
        self.register_buffer("offsets", torch.zeros(len(sigmas)))
        self._workspaces = Workspaces()

    def energy(self, x: Float[Tensor, "n d"], level: Level) -> Float[Tensor, " n"]:
        """E(x, σ) of a level.

        Args:
            x: Standardised features.
            level: Index into `sigmas`.
        """
        z, _ = self._up(x, level, torch.rsqrt(1 + self._sigma(level) ** 2))
        return self._energy(x, z, level)

    def scaled_score(self, x: Float[Tensor, "n d"], level: Level) -> Float[Tensor, "n d"]:
        """−σ∇ₓE(x, σ) of a level, without autograd and itself differentiable.

        Args:
            x: Standardised features.
            level: Index into `sigmas`.
        """
        if not torch.is_grad_enabled():
            return self.both(x, level)[1]
        sigma = self._sigma(level)
        contraction = torch.rsqrt(1 + sigma**2)
        back = residual_gradient(
            self._first(x, level, contraction),
            self.output.weight,
            [block.weight for block in self._linear],
            [block.bias for block in self._linear],
            self._workspaces,
        )
        return self._chained(x, back, sigma, contraction)

    def both(self, x: Float[Tensor, "n d"], level: Level) -> tuple[Float[Tensor, " n"], Float[Tensor, "n d"]]:
        """Energy and scaled score, for little more than the price of the score.

        Args:
            x: Standardised features.
            level: Index into `sigmas`.
        """
        sigma = self._sigma(level)
        contraction = torch.rsqrt(1 + sigma**2)
        z, slopes = self._up(x, level, contraction)
        back = self.output.weight  # one row, the same for all events
        for block, slope in zip(reversed(self._linear), reversed(slopes), strict=True):
            back = back + (back * slope) @ block.weight
        return self._energy(x, z, level), self._chained(x, back, sigma, contraction)

    def forward(self, x: Float[Tensor, "n d"], level: Level) -> tuple[Float[Tensor, " n"], Float[Tensor, "n d"]]:
        """As `both`."""
        return self.both(x, level)

    def _up(
        self, x: Float[Tensor, "n d"], level: Level, contraction: Float[Tensor, "_ 1"]
    ) -> tuple[Float[Tensor, "n w"], list[Float[Tensor, "n w"]]]:
        """The last hidden layer, and the slope of the activation of each block."""
        z, slopes = self._first(x, level, contraction), []
        for block in self._linear:
            a = block(z)
            gate = torch.sigmoid(a)
            up = a * gate
            slopes.append(gate + up * (1 - gate))  # silu' = s + a s (1 − s)
            z = z + up
        return z, slopes

    def _energy(self, x: Float[Tensor, "n d"], z: Float[Tensor, "n w"], level: Level) -> Float[Tensor, " n"]:
        sigma = self.sigmas[level]
        energy: Tensor = 0.5 * x.square().sum(dim=1) / (1 + sigma**2) + self.output(z)[:, 0] / sigma
        return energy + self.offsets[level]

    def _chained(
        self, x: Float[Tensor, "n d"], back: Float[Tensor, "n w"], sigma: Float[Tensor, "_ 1"],
        contraction: Float[Tensor, "_ 1"],
    ) -> Float[Tensor, "n d"]:  # fmt: skip
        """The scaled score, from the gradient of f by the first hidden layer."""
        return -(sigma * contraction**2) * x - contraction * (back @ self.inputs.weight)


class ScoreNetwork(_Residual):
    """The scaled score σ∇ₓlog p_σ(x) on a grid of noise levels, of no energy that anybody knows.

    A field of D outputs need not be a gradient. It is cheaper to train and sometimes more accurate than −σ∇ₓE; but it
    gives neither an energy nor a density.

    Args:
        features: Features, D.
        sigmas: The noise levels σ, from the smallest to the largest, in units of the standardised features.
        width: Units of each hidden layer.
        blocks: Residual blocks.

    Raises:
        InputError: If a size or a level makes no sense.
    """

    def __init__(self, features: int, sigmas: Sequence[float], *, width: int = 256, blocks: int = 3) -> None:
        super().__init__(features, sigmas, width=width, blocks=blocks, outputs=features)

    def scaled_score(self, x: Float[Tensor, "n d"], level: Level) -> Float[Tensor, "n d"]:
        """σ∇ₓlog p_σ(x) of a level.

        Args:
            x: Standardised features.
            level: Index into `sigmas`.
        """
        sigma = self._sigma(level)
        contraction = torch.rsqrt(1 + sigma**2)
        z = self._first(x, level, contraction)
        for block in self._linear:
            z = z + nn.functional.silu(block(z))
        score: Tensor = -(sigma * contraction**2) * x - contraction * self.output(z)
        return score

    def forward(self, x: Float[Tensor, "n d"], level: Level) -> Float[Tensor, "n d"]:
        """As `scaled_score`."""
        return self.scaled_score(x, level)


def _refuse_nonsense(features: int, sigmas: Sequence[float], width: int, blocks: int) -> None:
    if min(features, width, blocks) < 1:
        raise InputError(
            f"a network of {features} features, {width} units and {blocks} blocks", expected="one at least"
        )
    levels = [0.0, *sigmas, math.inf]
    if len(sigmas) < 1 or not all(one < two for one, two in itertools.pairwise(levels)):
        shown = ", ".join(f"{sigma:g}" for sigma in sigmas)
        raise InputError(f"noise levels {shown or 'none'}", expected="numbers above zero that ascend")
