"""Summaries of sets of all sizes from one simulation: the data that the flow is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from neyman.core.progress import progress
from neyman.core.random import stream
from neyman.posterior.statistics import Statistic, tensors
from neyman.simulation.datasets import Dataset
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator

_CLASSES = 5
_BLOCKS_IN_SMALLEST = 8
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


class SummaryBank:
    """Simulated sets, kept as running sums of their statistic over blocks of events.

    Any stretch of blocks is a set of its own. So one simulated set of 10,000 events gives sets of all sizes
    up to that, and every epoch sees other ones. Sets are simulated with five different totals, spaced evenly
    in the logarithm: small sets need many different θ, large ones cost many events.

    Args:
        statistic: What is summed.
        source: Where sets come from.
        sizes: Smallest and largest number of events.
        events: How many events to simulate in all.
    """

    def __init__(self, statistic: Statistic, source: Source, *, sizes: tuple[int, int], events: int, seed: int) -> None:
        low, high = sizes
        block = max(1, low // _BLOCKS_IN_SMALLEST)
        edges = np.unique(np.geomspace(low, high, _CLASSES).astype(int) // block * block)
        counts = allocate(edges, events)
        first = np.concatenate([[0], np.cumsum(counts)])
        self.seed = seed
        self.held_out = [max(1, round(VALIDATION * count)) for count in counts]
        self.classes: list[_Class] = []
        with progress("simulating summaries", total=int(edges @ counts), unit="events") as advance:
            for index, total in enumerate(edges.tolist()):
                smallest = low if index == 0 else int(edges[index - 1])
                theta, running = [], []
                for values, events in source(total, range(first[index], first[index + 1])):
                    b, n, c = events.shape
                    statistics = statistic(events.reshape(b * n, c)).reshape(b, n // block, block, -1).sum(axis=2)
                    sums = np.cumsum(statistics, axis=1)
                    theta.append(values)
                    running.append(np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1))
                    advance(b * n)
                self.classes.append(_Class(smallest, block, np.concatenate(theta), np.concatenate(running)))

    def all_summaries(self) -> Float[np.ndarray, "m s"]:
        """The mean statistic of every training set at its full size, for standardisation."""
        parts = zip(self.classes, self.held_out, strict=True)
        return np.concatenate([c.running[held:, -1] / (c.block * (c.running.shape[1] - 1)) for c, held in parts])

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, ...]:
        """θ, summaries and sizes of the training batch of a step."""
        rng = stream(self.seed, "bank", step)
        weight = np.sqrt([len(c.theta) for c in self.classes])
        rows = np.ceil(size * weight / weight.sum()).astype(int)
        parts = [
            c.draw(rng.integers(held, len(c.theta), size=count), rng)
            for c, held, count in zip(self.classes, self.held_out, rows, strict=True)
        ]
        return tensors(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def validation(self) -> list[tuple[torch.Tensor, ...]]:
        """Fixed batches from sets that `batch` never draws; sets of all sizes count the same."""
        rng = stream(self.seed, "bank validation")
        return [
            tensors(*c.draw(np.resize(np.arange(held), _VALIDATION_SETS), rng))
            for c, held in zip(self.classes, self.held_out, strict=True)
        ]


def allocate(sizes: Int[np.ndarray, " k"], events: int) -> Int[np.ndarray, " k"]:
    """How many sets of each size to simulate: about as many events of each.

    What a set says about the location of the posterior grows with its events, so equal numbers of events
    say equally much; small sets, whose posteriors differ most from a normal, are then the most numerous.
    """
    return np.maximum(10, events // (len(sizes) * sizes))


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
