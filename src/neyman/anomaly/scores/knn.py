"""The distance to the nearest background events: what every learned score has to beat."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from neyman.anomaly.scores.protocol import Prepared, fitting_events, scoring_events
from neyman.core.random import stream

_BLOCK = 1 << 24  # distances in memory at a time
_SPARE = 8  # more candidates than neighbours, for what single precision may confuse


class NearestNeighbours:
    """The mean distance to the k nearest of at most so many reference events.

    Distances of all pairs come from one matrix product in single precision; those of the nearest candidates are then
    computed again in double precision from the differences, so that the score of an event does not depend on which
    others are in the product with it.

    Ramaswamy, Rastogi and Shim, SIGMOD 2000, with the mean for the k-th distance; in semi-supervised benchmarks k = 5
    is hard to beat (Livernoche et al., ICLR 2024).

    Args:
        neighbours: How many, k.
        references: Keep at most so many background events, drawn at random.
        seed: Which.
    """

    def __init__(self, *, neighbours: int = 5, references: int = 20_000, seed: int = 1) -> None:
        self.neighbours, self.references, self.seed = neighbours, references, seed
        self.reference: Float[np.ndarray, "r k"] | None = None

    def fit(self, x: Prepared, x_validation: Prepared | None = None) -> NearestNeighbours:
        """Keep reference events; more of them are better than validation, so both are used."""
        every = fitting_events(x)
        if x_validation is not None:
            every = np.concatenate([every, scoring_events(x_validation, x.shape[1])])
        if len(every) > self.references:
            rows = stream(self.seed, "references").choice(len(every), self.references, replace=False)
            every = every[np.sort(rows)]
        self.reference = every.astype(np.float64)
        self._centre = self.reference.mean(axis=0)
        self._single = (self.reference - self._centre).astype(np.float32)
        self._squares = (self._single**2).sum(axis=1)
        return self

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """The mean distance to the nearest references, in standard deviations of a feature."""
        scoring_events(x, None if self.reference is None else self.reference.shape[1])
        size = max(1, _BLOCK // len(self._single))
        return np.concatenate([self._scores(x[start : start + size]) for start in range(0, len(x), size)])

    def _scores(self, x: Prepared) -> Float[np.ndarray, " n"]:
        assert self.reference is not None  # noqa: S101 - `score_samples` has looked
        values = x.astype(np.float64)
        k = min(self.neighbours, len(self.reference))
        candidates = self._candidates(values, min(k + _SPARE, len(self.reference)))
        exact = np.empty(candidates.shape)
        for column, rows in enumerate(candidates.T):  # a column at a time: all differences would not fit in the cache
            exact[:, column] = np.sqrt(((values - self.reference[rows]) ** 2).sum(axis=1))
        exact.sort(axis=1)
        return np.asarray(exact[:, :k].mean(axis=1))

    def _candidates(self, values: Float[np.ndarray, "n d"], count: int) -> Int[np.ndarray, "n c"]:
        """The references that are nearest by ‖r‖² − 2 x·r."""
        near = (values - self._centre).astype(np.float32) @ (-2 * self._single.T)
        near += self._squares
        if count == near.shape[1]:
            return np.broadcast_to(np.arange(count), near.shape)
        return np.argpartition(near, count - 1, axis=1)[:, :count]
