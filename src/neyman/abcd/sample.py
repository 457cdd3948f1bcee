"""Signal and background together, and cut into parts to train on, to choose by and to test with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.abcd.config import SplitConfig
from neyman.core.errors import DataError
from neyman.core.random import stream
from neyman.events.events import Events

FEWEST = 10
"""Events of each class in each part: with fewer, nothing that is said of a part means anything."""


@dataclass(frozen=True)
class Sample:
    """Signal and background together.

    Attributes:
        events: All columns, and weights: the number of expected events that each stands for.
        is_signal: Which are signal.
    """

    events: Events
    is_signal: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.is_signal)

    @property
    def weights(self) -> Float[np.ndarray, " n"]:
        """The number of expected events that each stands for."""
        weights = self.events.weights
        return np.ones(len(self)) if weights is None else weights

    def matrix(self, names: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """Some columns side by side."""
        return np.stack([self.events[name] for name in names], axis=1)

    def select(self, rows: Int[np.ndarray, " m"], factors: Float[np.ndarray, " m"]) -> Sample:
        """Some of the events, with their weights times a factor each."""
        schema = self.events.schema
        columns = {name: self.events[name][rows] for name in schema.names}
        return Sample(Events(columns, schema, weights=self.weights[rows] * factors), self.is_signal[rows])


def joined(signal: Events, background: Events) -> Sample:
    """One sample of two classes with the same columns."""
    return Sample(merged([signal, background]), np.repeat([True, False], [len(signal), len(background)]))


def merged(parts: Sequence[Events]) -> Events:
    """Events one after the other, which have the same columns."""
    schema = parts[0].schema
    columns = {name: np.concatenate([part[name] for part in parts]) for name in schema.names}
    weights = [np.ones(len(part)) if part.weights is None else part.weights for part in parts]
    return Events(columns, schema, weights=np.concatenate(weights))


@dataclass(frozen=True)
class Parts:
    """The three parts of a sample; each stands for all expected events.

    Attributes:
        train: What networks are trained on.
        validation: What decides which epoch and which cuts are kept.
        test: What decides about nothing.
    """

    train: Sample
    validation: Sample
    test: Sample

    @classmethod
    def of(cls, sample: Sample, fractions: SplitConfig, seed: int) -> Parts:
        """Deal out the events of each class at random.

        Raises:
            DataError: If a part would have hardly any events of a class.
        """
        chosen: list[list[np.ndarray]] = [[], [], []]
        factors: list[list[np.ndarray]] = [[], [], []]
        for label in (False, True):
            rows = np.flatnonzero(sample.is_signal == label)
            order = stream(seed, "split", int(label)).permutation(rows)
            ends = np.round(len(rows) * np.cumsum([fractions.train, fractions.validation])).astype(int)
            for number, part in enumerate(np.split(order, ends)):
                if len(part) < FEWEST:
                    name, what = ("train", "validation", "test")[number], "signal" if label else "background"
                    raise DataError(
                        f"{len(part)} of {len(rows)} {what} events are left to {name}",
                        where="split",
                        expected=f"at least {FEWEST}",
                        hint="more events, or other fractions",
                    )
                chosen[number].append(part)
                factors[number].append(np.full(len(part), len(rows) / len(part)))
        return cls(*(sample.select(np.concatenate(rows), np.concatenate(factor))
                     for rows, factor in zip(chosen, factors, strict=True)))  # fmt: skip
