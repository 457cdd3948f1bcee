"""Summaries of sets of all sizes from one simulation: the data that the flow is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from neyman.core.errors import DataError
from neyman.core.progress import progress
from neyman.core.random import stream
from neyman.posterior.statistics import Statistic, tensors
from neyman.simulation.datasets import Dataset
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator

_CLASSES = 5
_BLOCKS_IN_SMALLEST = 4
_EVENTS_AT_ONCE = 200_000
VALIDATION = 0.1
_VALIDATION_SETS = 2000

Source = Callable[[int, range], Iterator[tuple[np.ndarray, np.ndarray]]]
"""`source(total, sets)`: parameters and events of the sets with these numbers, `total` events each, in pieces."""


@dataclass(frozen=True)
class _Class:
    """Sets that were simulated with one number of events, as running sums over blocks of events."""

    smallest: int
    block: int
    theta: Float[np.ndarray, "m d"]
    running: Float[np.ndarray, "m k1 s"]

    def draw(self, rows: Int[np.ndarray, " r"], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """θ, mean statistic and size of a random stretch of consecutive blocks, the last followed by the first.

        The number of events is uniform in its logarithm.
        """
        blocks = self.running.shape[1] - 1
        least = max(1, -(-self.smallest // self.block))
        count = np.exp(rng.uniform(np.log(least), np.log(blocks + 1), size=len(rows))).astype(int)
        count = np.clip(count, least, blocks)
        start = rng.integers(0, blocks, size=len(rows))
        end = start + count
        wrapped = end > blocks
        sums = self.running[rows, np.where(wrapped, end - blocks, end)] - self.running[rows, start]
        sums += np.where(wrapped[:, None], self.running[rows, blocks], 0.0)
        sizes = count * self.block
        return self.theta[rows], sums / sizes[:, None], sizes.astype(float)


@dataclass(frozen=True)
class Plan:
    """How many sets of which size to simulate.

    Attributes:
        smallest: The smallest number of events to serve.
        block: Events in a block; sizes are multiples of it.
        sizes: Sizes of the simulated sets, evenly spaced in the logarithm.
        counts: How many of each.
    """

    smallest: int
    block: int
    sizes: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def events(self) -> int:
        """Events in all."""
        return sum(size * count for size, count in zip(self.sizes, self.counts, strict=True))

    @property
    def held_out(self) -> tuple[int, ...]:
        """How many sets of each size are kept for validation: the first ones."""
        return tuple(max(1, round(VALIDATION * count)) for count in self.counts)

    def validation_sets(self) -> Int[np.ndarray, " v"]:
        """The numbers of the sets that are kept for validation."""
        firsts = np.cumsum((0, *self.counts[:-1]))
        return np.concatenate([first + np.arange(held) for first, held in zip(firsts, self.held_out, strict=True)])

    @classmethod
    def of_events(cls, serve: tuple[int, int], events: int) -> Plan:
        """Sets in proportion to 1/√N, so that events are in proportion to √N.

        As many sets of each size would spend nearly all events on the largest, as many events would leave too few
        large sets to learn their width from (its error is 1/√(2 × sets)).
        """
        block, sizes = _sizes(serve)
        share = np.sqrt(sizes) / np.sqrt(sizes).sum()
        counts = np.maximum(20, events * share / sizes).astype(int)
        return cls(serve[0], block, sizes, tuple(counts.tolist()))

    @classmethod
    def of_sets(cls, serve: tuple[int, int], sets: int) -> Plan:
        """As many sets of each size, from sets that are there already."""
        block, sizes = _sizes(serve)
        if sets < 20 * len(sizes):
            raise DataError(f"{sets} sets", expected=f"at least {20 * len(sizes)}", hint="simulate with more --sets")
        return cls(serve[0], block, sizes, (sets // len(sizes),) * len(sizes))


def _sizes(serve: tuple[int, int]) -> tuple[int, tuple[int, ...]]:
    low, high = serve
    block = max(1, low // _BLOCKS_IN_SMALLEST)
    return block, tuple(np.unique(np.geomspace(low, high, _CLASSES).astype(int) // block * block).tolist())


class SummaryBank:
    """Simulated sets, kept as running sums of their statistic over blocks of events.

    Any stretch of blocks is a set of its own. So one simulated set of 10,000 events gives sets of all sizes
    up to that, and every epoch sees other ones. Sets are simulated with five different totals, spaced evenly
    in the logarithm: small sets need many different θ, large ones cost many events.

    Args:
        statistic: What is summed.
        source: Where sets come from.
        plan: How many sets of which size.
        seed: The seed of the batches.
    """

    def __init__(self, statistic: Statistic, source: Source, plan: Plan, *, seed: int) -> None:
        self.seed = seed
        self.classes: list[_Class] = []
        self.held_out = plan.held_out
        first, smallest = 0, plan.smallest
        with progress("simulating summaries", total=plan.events, unit="events") as advance:
            for total, count in zip(plan.sizes, plan.counts, strict=True):
                theta, running = [], []
                for values, matrix in source(total, range(first, first + count)):
                    b, n, c = matrix.shape
                    statistics = statistic(matrix.reshape(b * n, c)).reshape(b, n // plan.block, plan.block, -1)
                    sums = np.cumsum(statistics.sum(axis=2), axis=1)
                    theta.append(values)
                    running.append(np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1))
                    advance(b * n)
                self.classes.append(_Class(smallest, plan.block, np.concatenate(theta), np.concatenate(running)))
                first, smallest = first + count, total

    def all_summaries(self) -> Float[np.ndarray, "m s"]:
        """The mean statistic of every training set at its full size, for standardisation."""
        parts = zip(self.classes, self.held_out, strict=True)
        return np.concatenate([c.running[held:, -1] / (c.block * (c.running.shape[1] - 1)) for c, held in parts])

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, ...]:
        """θ, summaries and sizes of the training batch of a step: as many sets of each class."""
        rng = stream(self.seed, "bank", step)
        each = -(-size // len(self.classes))
        parts = [
            c.draw(rng.integers(held, len(c.theta), size=each), rng)
            for c, held in zip(self.classes, self.held_out, strict=True)
        ]
        return tensors(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def validation(self) -> list[tuple[torch.Tensor, ...]]:
        """Fixed batches from sets that `batch` never draws; sets of all sizes count the same."""
        rng = stream(self.seed, "bank validation")
        return [
            tensors(*c.draw(np.resize(np.arange(held), _VALIDATION_SETS), rng))
            for c, held in zip(self.classes, self.held_out, strict=True)
        ]


def fresh(simulator: Simulator, prior: UniformPrior, seed: int) -> Source:
    """Sets simulated for the purpose."""

    def source(total: int, sets: range) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in _pieces(sets, total):
            rng = stream(seed, "summaries", part.start)
            theta = prior.sample(len(part), rng)
            yield theta, simulator.simulate_sets(theta, total, rng)

    return source


def stored(data: Dataset) -> Source:
    """The sets of a data set on disk, the first events of each."""

    def source(total: int, sets: range) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in _pieces(sets, data.events):
            index = np.arange(part.start, part.stop)
            yield data.theta[index], data.read(index)[:, :total]

    return source


def _pieces(sets: range, events: int) -> Iterator[range]:
    at_once = max(1, _EVENTS_AT_ONCE // events)
    for start in range(sets.start, sets.stop, at_once):
        yield range(start, min(start + at_once, sets.stop))
