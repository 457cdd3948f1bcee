"""Statistics of single events whose mean over a set is the set's summary.

A mean has no order and no fixed length, so any summary made of these serves sets of every size, and the
summary of a large set is the sum of those of its parts: it is computed once, in pieces, in float64.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from neyman.core.errors import ConfigError, DataError
from neyman.learning.events import EventNetwork
from neyman.posterior.inputs import Normaliser
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator, TractableSimulator

_CHUNK = 100_000  # events at a time: 30 MB of inputs


@runtime_checkable
class Statistic(Protocol):
    """A vector for each event."""

    @property
    def length(self) -> int:
        """Length of the vector."""
        ...

    def __call__(self, matrix: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n s"]:
        """The vectors of some events."""
        ...


class ScoreStatistic:
    """The analytic score ∂ log p(x|θ)/∂θ at fixed points of θ (locally sufficient: arXiv:1805.00020, eq. 14).

    Args:
        simulator: A simulator; its density must be known.
        prior: The box that the points are spread over.
        points: How many along each parameter; from one edge of the prior to the other.

    Raises:
        ConfigError: If the density is not known.
    """

    def __init__(self, simulator: Simulator, prior: UniformPrior, points: int) -> None:
        if not isinstance(simulator, TractableSimulator):
            raise ConfigError(
                "estimator 'scores' for a simulator whose density is not known",
                expected="method: exact",
                hint="estimator: set_encoder, which needs no density",
            )
        self.simulator = simulator
        axes = [np.linspace(low, high, points) for low, high in zip(prior.low, prior.high, strict=True)]
        self.points: Float[np.ndarray, "g d"] = np.array(list(itertools.product(*axes)))

    @property
    def length(self) -> int:
        """Length of the vector: points times parameters."""
        return self.points.size

    def __call__(self, matrix: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n s"]:
        """The scores of each event at all points."""
        return self.simulator.score_grid(self.points, matrix).reshape(len(matrix), -1)


class LearnedStatistic:
    """A network of the normalised event."""

    def __init__(self, normaliser: Normaliser, network: EventNetwork) -> None:
        self.normaliser, self.network = normaliser, network

    @property
    def length(self) -> int:
        """Length of the vector."""
        return self.network.statistics

    def __call__(self, matrix: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n s"]:
        """The network's answer for each event."""
        return self.network.evaluate(self.normaliser(matrix))


def summarise(
    statistic: Statistic, sets: Sequence[Float[np.ndarray, "_ c"]]
) -> tuple[Float[np.ndarray, "b s"], Float[np.ndarray, " b"]]:
    """The mean of the statistic over each set, and the sizes of the sets.

    Raises:
        DataError: If a set is empty.
    """
    sizes = np.array([len(matrix) for matrix in sets], dtype=np.int64)
    if len(sizes) == 0 or (sizes == 0).any():
        raise DataError("an empty set of events", expected="at least one event in each set")
    ends = np.cumsum(sizes)
    sums = np.zeros((len(sets), statistic.length))
    events = np.concatenate(sets)
    for start in range(0, len(events), _CHUNK):
        stop = min(start + _CHUNK, len(events))
        values = statistic(events[start:stop])
        owner = np.searchsorted(ends, np.arange(start, stop), side="right")
        first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
        sums[owner[first]] += np.add.reduceat(values, first, axis=0)
    return sums / sizes[:, None], sizes.astype(np.float64)


def tensors(*arrays: np.ndarray) -> tuple[torch.Tensor, ...]:
    """Arrays as the float32 tensors that networks take."""
    return tuple(torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)) for array in arrays)
