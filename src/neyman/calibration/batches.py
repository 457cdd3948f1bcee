"""Training events as tensors, and the batches that training takes of them: functions of the number of a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from neyman.calibration.sample import Sample
from neyman.calibration.scaling import Scaling
from neyman.core.random import stream


@dataclass(frozen=True)
class TensorSample:
    """A sample as a network sees it, in single precision.

    Attributes:
        y: Standardised variables.
        inputs: Conditions.
        w: Weights.
    """

    y: Float32[Tensor, "n d"]
    inputs: Float32[Tensor, "n i"]
    w: Float32[Tensor, " n"]

    @classmethod
    def of(cls, sample: Sample, scaling: Scaling, device: torch.device) -> TensorSample:
        """The events of a sample, on a device."""
        arrays = scaling.standardise(sample.x), scaling.network_inputs(sample.c), sample.w
        return cls(*(torch.from_numpy(np.asarray(array, dtype=np.float32)).to(device) for array in arrays))

    def __len__(self) -> int:
        return len(self.w)

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Variables, conditions and weights."""
        return self.y, self.inputs, self.w

    def rows(self, chosen: Int[np.ndarray, " m"]) -> tuple[Tensor, Tensor, Tensor]:
        """Variables, conditions and weights of some events."""
        index = torch.from_numpy(chosen).to(self.w.device)
        return self.y[index], self.inputs[index], self.w[index]


@dataclass(frozen=True)
class Pair:
    """Simulation and data."""

    simulation: TensorSample
    data: TensorSample

    @property
    def all(self) -> tuple[Tensor, ...]:
        """Everything at once."""
        return *self.simulation.tensors, *self.data.tensors


class Shuffled:
    """Rows of a batch for each step: pass after pass, each in a random order of its own.

    Args:
        rows: The rows, of which a bootstrap repeats some.
        size: How many in a batch.
        seed: The seed of the run.
        names: What the numbers are for.
    """

    def __init__(self, rows: Int[np.ndarray, " n"], size: int, seed: int, *names: str | int) -> None:
        self.rows, self.size, self.seed, self.names = rows, min(size, len(rows)), seed, names
        self._pass, self._order = -1, rows

    def __call__(self, step: int) -> Int[np.ndarray, " m"]:
        """The rows of a step."""
        number, place = divmod(step, len(self.rows) // self.size)
        if number != self._pass:
            self._pass, self._order = number, stream(self.seed, *self.names, number).permutation(self.rows)
        return self._order[place * self.size : (place + 1) * self.size]


def batches(
    pair: Pair,
    rows: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]],
    *,
    size: int,
    seed: int,
    name: str,
) -> Callable[[int], tuple[Tensor, ...]]:
    """The batches of a training.

    Args:
        pair: The training events.
        rows: Those of simulation and of data to take, see `bootstrapped`.
        size: Events of each in a batch.
        seed: The seed of the run.
        name: Name of the training, which has random numbers of its own.
    """
    simulation = Shuffled(rows[0], size, seed, name, "simulation")
    data = Shuffled(rows[1], size, seed, name, "data")
    return lambda step: (*pair.simulation.rows(simulation(step)), *pair.data.rows(data(step)))


def bootstrapped(events: int, rng: np.random.Generator | None) -> Int[np.ndarray, " m"]:
    """Rows of a sample, each as often as a Poisson law of mean one says; without a generator, each once.

    Which number of events was recorded is as random as which events were, hence Poisson's law and not draws of a
    fixed number (Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6).

    Examples:
        >>> bootstrapped(4, None).tolist()
        [0, 1, 2, 3]
    """
    return np.repeat(np.arange(events), 1 if rng is None else rng.poisson(1.0, events))
