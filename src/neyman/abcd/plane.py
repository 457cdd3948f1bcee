"""All cuts on two scores at once: sums over the rectangles of a grid, from which any template follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class ScoredSample:
    """What regions are made of.

    Attributes:
        scores: Both scores.
        discriminant: The final discriminant.
        weights: Expected events.
        is_signal: The class.
    """

    scores: Float[np.ndarray, "n 2"]
    discriminant: Float[np.ndarray, " n"]
    weights: Float[np.ndarray, " n"]
    is_signal: Bool[np.ndarray, " n"]

    def quantiles(self, levels: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k 2"]:
        """The scores below which these fractions of the background's weight lie; an event's own value each."""
        background = ~self.is_signal
        found = []
        for score in self.scores[background].T:
            order = np.argsort(score, kind="stable")
            reached = np.maximum.accumulate(np.cumsum(self.weights[background][order]))
            rows = np.searchsorted(reached, levels * reached[-1]).clip(0, len(order) - 1)
            found.append(score[order][rows])
        return np.stack(found, axis=1)


@dataclass(frozen=True)
class Sums:
    """Yields at one pair of cuts, regions A, B, C, D last.

    Attributes:
        background: Expected background.
        signal: Expected signal.
        variance: Σw² of the background.
    """

    background: Float[np.ndarray, "b 4"]
    signal: Float[np.ndarray, "b 4"]
    variance: Float[np.ndarray, "b 4"]


class Plane:
    """The yields of every pair of cuts of a grid, with hard gates.

    Args:
        sample: The events.
        edges: Edges of the bins of the discriminant; the last belongs to the last bin.
        first: Cuts on the first score, not falling; an event at a cut is below it.
        second: Cuts on the second.
    """

    def __init__(
        self,
        sample: ScoredSample,
        edges: Float[np.ndarray, " e"],
        first: Float[np.ndarray, " k"],
        second: Float[np.ndarray, " m"],
    ) -> None:
        self.first, self.second = first, second
        bins = np.searchsorted(edges, sample.discriminant, side="right") - 1
        bins[sample.discriminant == edges[-1]] = len(edges) - 2
        inside = (bins >= 0) & (bins < len(edges) - 1)
        cells = (
            bins,
            np.searchsorted(first, sample.scores[:, 0], side="left"),
            np.searchsorted(second, sample.scores[:, 1], side="left"),
        )
        shape = (len(edges) - 1, len(first) + 1, len(second) + 1)

        def summed(chosen: Bool[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, "i j b 4"]:
            chosen = chosen & inside
            flat = np.ravel_multi_index(tuple(cell[chosen] for cell in cells), shape)
            table = np.bincount(flat, weights[chosen], minlength=int(np.prod(shape))).reshape(shape)
            return _regions(table.astype(float))  # of no events it makes integers

        self._background = summed(~sample.is_signal, sample.weights)
        self._signal = summed(sample.is_signal, sample.weights)
        self._variance = summed(~sample.is_signal, sample.weights**2)

    def at(self, i: int, j: int) -> Sums:
        """The yields at the i-th cut on the first score and the j-th on the second."""
        return Sums(self._background[i, j], self._signal[i, j], self._variance[i, j])


def _regions(table: Float[np.ndarray, "b k m"]) -> Float[np.ndarray, "i j b 4"]:
    """Sums over the cells on either side of each pair of cuts."""
    low1 = np.cumsum(table, axis=1)[:, :-1]
    high1 = np.flip(np.cumsum(np.flip(table, 1), axis=1), 1)[:, 1:]

    def low(part: np.ndarray) -> np.ndarray:
        return np.cumsum(part, axis=2)[:, :, :-1]

    def high(part: np.ndarray) -> np.ndarray:
        return np.flip(np.cumsum(np.flip(part, 2), axis=2), 2)[:, :, 1:]

    regions = np.stack([low(high1), high(high1), low(low1), high(low1)], axis=-1)
    return np.moveaxis(regions, 0, 2)


def sums_at(sample: ScoredSample, edges: Float[np.ndarray, " e"], cuts: Float[np.ndarray, 2]) -> Sums:
    """The yields at one pair of cuts.

    Examples:
        >>> events = ScoredSample(np.array([[0.9, 0.1], [0.9, 0.9]]), np.zeros(2), np.ones(2), np.array([False, True]))
        >>> found = sums_at(events, np.array([0.0, 1.0]), np.array([0.5, 0.5]))
        >>> found.background.tolist(), found.signal.tolist()
        ([[1.0, 0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0, 0.0]])
    """
    return Plane(sample, edges, cuts[:1], cuts[1:]).at(0, 0)
