"""Events as tensors, and the batches that training takes of them: functions of the number of a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from neyman.abcd.networks import Scores
from neyman.abcd.sample import Sample
from neyman.core.random import stream

Four = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class TensorSample:
    """A sample on a device.

    Attributes:
        inputs: Standardised features, single precision.
        discriminant: The final discriminant.
        weights: Expected events that each stands for.
        is_signal: The class.
    """

    inputs: Float32[Tensor, "n d"]
    discriminant: Float[Tensor, " n"]
    weights: Float[Tensor, " n"]
    is_signal: Bool[Tensor, " n"]

    @classmethod
    def of(cls, sample: Sample, scores: Scores, features: tuple[str, ...], column: str) -> TensorSample:
        """The events of a sample, on the device of the networks."""
        inputs = scores.inputs(sample.matrix(features))
        discriminant, weights, is_signal = (
            torch.from_numpy(np.array(each)).to(inputs.device)
            for each in (sample.events[column], sample.weights, sample.is_signal)
        )
        return cls(inputs, discriminant, weights, is_signal)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def tensors(self) -> Four:
        """Inputs, discriminant, weights and class."""
        return self.inputs, self.discriminant, self.weights, self.is_signal

    def batch(self, size: int | None, rng: np.random.Generator) -> Four:
        """Some events of each class in proportion, drawn with replacement, that stand for all; None takes all."""
        if size is None or size >= len(self):
            return self.tensors
        rows, factors = [], []
        for label in (False, True):
            these = torch.nonzero(self.is_signal == label)[:, 0]
            count = max(1, round(size * len(these) / len(self)))
            rows.append(these[torch.from_numpy(rng.integers(0, len(these), count)).to(these.device)])
            factors.append(torch.full((count,), len(these) / count, dtype=torch.float64, device=these.device))
        chosen = torch.cat(rows)
        return (
            self.inputs[chosen], self.discriminant[chosen], self.weights[chosen] * torch.cat(factors),
            self.is_signal[chosen],
        )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The batches of one phase.

    Attributes:
        sample: The events.
        size: Events in a batch; None for all.
        steps: Steps of the phase.
        seed: The seed of the run.
        name: Name of the phase, which has random numbers of its own.
        random_cuts: How many random quantiles come with a batch.
        disco_events: How many random background events do.
    """

    sample: TensorSample
    size: int | None
    steps: int
    seed: int
    name: str
    random_cuts: int = 1
    disco_events: int = 1

    def classification(self, step: int) -> tuple[Tensor, ...]:
        """Inputs, weights and class."""
        inputs, _, weights, is_signal = self.sample.batch(self.size, stream(self.seed, self.name, step))
        return inputs, weights, is_signal

    def constrained(self, step: int) -> tuple[Tensor, ...]:
        """All of it, the fraction of the training that is done, random quantiles, and numbers of background events."""
        rng = stream(self.seed, self.name, step)
        levels = torch.from_numpy(rng.uniform(*QUANTILES, size=(self.random_cuts, 2)))
        batch = self.sample.batch(self.size, rng)
        there = int((~batch[3]).sum())
        some = torch.from_numpy(rng.choice(there, min(there, self.disco_events), replace=False))
        return *batch, torch.tensor(step / max(1, self.steps - 1)), levels.to(batch[0].device), some.to(batch[0].device)


QUANTILES = (0.05, 0.98)
"""Between which quantiles of the background random cuts are drawn."""


def statement_of_bias(size: int | None, events: int, *, of_cls: bool) -> str:
    """What batches do to a loss that is not a mean over events; empty if each step sees them all.

    Args:
        size: Events in a batch; None for all.
        events: Events in all.
        of_cls: Whether CLs was in the loss, or distance correlation alone.
    """
    if size is None or size >= events:
        return ""
    seen = f"each step sees {size} of {events} events: "
    disco = "distance correlation is biased upwards by terms of order 1/(background events in a batch)"
    if not of_cls:
        return seen + disco
    return seen + (
        f"its yields fluctuate √{events / size:.3g} times more than those of the whole sample, and CLs is not linear "
        f"in them, so its gradient is biased by terms of order 1/(events per bin and region); {disco}; closure too"
    )
