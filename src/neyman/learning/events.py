"""Networks that look at one event at a time: what a set encoder sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import zuko
from jaxtyping import Float
from torch import Tensor, nn


class EventNetwork(nn.Module):
    """A learned statistic of single events; the mean over a set is its summary (arXiv:1703.06114).

    A set enters through the mean alone, so the order of events is irrelevant and any number of them fits.
    The mean is not fed to a network as it stands: `ConditionalFlow.standardise` gives it unit covariance,
    without which the differences between sets, small against the spread of events, are never learned.

    Args:
        inputs: Number of inputs per event.
        statistics: Number of statistics, the length of the summary.
        hidden: Widths of the hidden layers.
    """

    def __init__(self, inputs: int, statistics: int, *, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.statistics = statistics
        self.network = zuko.nn.MLP(inputs, statistics, tuple(hidden), activation=nn.SiLU)

    def forward(self, inputs: Float[Tensor, "... i"]) -> Float[Tensor, "... s"]:
        """The statistics of each event."""
        return cast("Tensor", self.network(inputs))

    @torch.no_grad()
    def evaluate(self, inputs: Float[np.ndarray, "n i"]) -> Float[np.ndarray, "n s"]:
        """The statistics of each event, from arrays to arrays."""
        device = next(self.parameters()).device
        return np.asarray(self(torch.from_numpy(inputs).to(device)).cpu().double().numpy())
