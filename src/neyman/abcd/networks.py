"""The two networks that are trained: features in, two scores out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

_ROWS = 100_000  # events that go through at a time when no gradient is needed


class Scores(nn.Module):
    """Two networks of the same form on the same standardised features; a score is a logit.

    Logits do not crowd at 0 and 1 as probabilities do, so that a soft gate is as wide at a tight cut as at a loose one.

    Args:
        features: Number of features.
        hidden: Widths of the hidden layers.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.first, self.second = (_network(features, hidden) for _ in range(2))
        self.register_buffer("mean", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(features, dtype=torch.float64))

    def standardise_with(self, features: Float[np.ndarray, "n d"]) -> None:
        """Take mean and standard deviation from events. A feature that does not vary is only centred."""
        mean, scale = features.mean(axis=0), features.std(axis=0)
        varies = scale > 1e-9 * np.abs(mean)  # the spread of a constant is rounding
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.where(varies, scale, 1.0)))

    def inputs(self, features: Float[np.ndarray, "n d"]) -> Float[Tensor, "n d"]:
        """Standardised features in single precision, on the device of the networks."""
        standard = (features - self.mean.cpu().numpy()) / self.scale.cpu().numpy()
        return torch.from_numpy(standard.astype(np.float32)).to(self.mean.device)

    def forward(self, inputs: Float[Tensor, "n d"]) -> Float[Tensor, "n 2"]:
        """Both scores of each event, of standardised features."""
        return torch.cat([self.first(inputs), self.second(inputs)], dim=1)

    @torch.no_grad()
    def evaluate(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 2"]:
        """Both scores of each event, from arrays to arrays in double precision."""
        parts = [self(self.inputs(part)).double().cpu().numpy() for part in _blocks(features)]
        return np.concatenate(parts) if parts else np.zeros((0, 2))


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]


def _network(features: int, hidden: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    widths = [features, *hidden]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))
