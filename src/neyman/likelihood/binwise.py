"""Parameters that scale single bins: shapefactor, shapesys, staterror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Integer

from neyman.likelihood.grid import Grid
from neyman.likelihood.parameters import Spec, users


class Pairs(NamedTuple):
    """All pairs of a bin-wise parameter and a bin that it scales: E of them.

    Attributes:
        parameter: Number of the parameter, shape (E,).
        bin: The bin, shape (E,).
        sample: 1 for samples that have the parameter in the bin, else 0, shape (S, E).
        first: First of two pairs with the same bin and different parameters, shape (F,).
        second: Second of them; its parameter stands before the diagonal block. Both orders are there where they fit.
    """

    parameter: Integer[Array, " e"] | Integer[np.ndarray, " e"]
    bin: Integer[Array, " e"] | Integer[np.ndarray, " e"]
    sample: Float[Array, "s e"] | Float[np.ndarray, "s e"]
    first: Integer[Array, " f"] | Integer[np.ndarray, " f"]
    second: Integer[Array, " f"] | Integer[np.ndarray, " f"]


@dataclass(frozen=True)
class BinWise:
    """Which bin-wise parameter scales which sample in which bin; parameters as the workspace numbers them.

    Attributes:
        entries: Rows of parameter, row of the sample, bin.
        coupled: Parameters that share a bin with one of `separate`.
        separate: Parameters no two of which share a bin.
        samples: Number of rows of samples.
        bins: Number of bins.
    """

    entries: Int[np.ndarray, "n 3"]
    coupled: list[int]
    separate: list[int]
    samples: int
    bins: int

    def slots(self, place: Int[np.ndarray, " p"]) -> Int[np.ndarray, "m s b"]:
        """Numbers of the parameters of each sample in each bin, filled up with P."""
        depth = np.zeros((self.samples, self.bins), int)
        levels: list[Int[np.ndarray, "s b"]] = []
        for parameter, row, at in self.entries:
            level = depth[row, at]
            if level == len(levels):
                levels.append(np.full((self.samples, self.bins), len(place)))
            levels[level][row, at] = place[parameter]
            depth[row, at] += 1
        return np.array(levels, int).reshape(-1, self.samples, self.bins)

    def pairs(self, place: Int[np.ndarray, " p"], *, dense: int) -> Pairs:
        """All pairs of a parameter and a bin."""
        found, index = np.unique(self.entries[:, [0, 2]], axis=0, return_inverse=True)
        sample = np.zeros((self.samples, len(found)))
        sample[self.entries[:, 1], index.ravel()] = 1
        parameter, at = place[found[:, 0]] if len(found) else np.zeros(0, int), found[:, 1]
        first, second = [], []
        for shared in np.unique(at):
            here = np.flatnonzero(at == shared)
            for e in here:
                joint = [other for other in here if other != e and parameter[other] < dense]
                first += [e] * len(joint)
                second += joint
        return Pairs(parameter, at, sample, np.array(first, int), np.array(second, int))


def find_bin_wise(channels: Sequence[Spec], grid: Grid, starts: Mapping[str, int]) -> BinWise:
    """Find the bin-wise parameters of channels.

    Args:
        channels: The channels, sorted by name.
        grid: Where they stand.
        starts: Number of the first parameter of each name.
    """
    entries: list[tuple[int, int, int]] = []
    for kind in ("shapefactor", "shapesys", "staterror"):
        names = dict.fromkeys(
            m["name"] for c in channels for s in c["samples"] for m in s["modifiers"] if m["type"] == kind
        )
        for name in names:
            offset: dict[str, int] = {}  # a staterror of several channels has parameters for the bins of each
            for channel, sample, _ in users(channels, kind, name):
                bins = grid.slice(channel)
                if kind == "staterror" and channel["name"] not in offset:
                    offset[channel["name"]] = sum(
                        grid.starts[grid.names.index(c) + 1] - grid.starts[grid.names.index(c)] for c in offset
                    )
                first = starts[name] + offset.get(channel["name"], 0)
                row = grid.row(channel, sample)
                entries += [(first + index, row, at) for index, at in enumerate(range(bins.start, bins.stop))]
    table = np.array(entries, int).reshape(-1, 3)
    coupled, separate = _split(table)
    return BinWise(table, coupled, separate, grid.samples, grid.bins)


def _split(entries: Int[np.ndarray, "n 3"]) -> tuple[list[int], list[int]]:
    """A large set of parameters that share no bin, taken greedily, and the rest."""
    bins: dict[int, set[int]] = {}
    for parameter, _, at in entries.tolist():
        bins.setdefault(parameter, set()).add(at)
    taken: set[int] = set()
    coupled, separate = [], []
    for parameter in sorted(bins, key=lambda each: (len(bins[each]), -each)):
        if taken.isdisjoint(bins[parameter]):
            taken |= bins[parameter]
            separate.append(parameter)
        else:
            coupled.append(parameter)
    return sorted(coupled), sorted(separate)
