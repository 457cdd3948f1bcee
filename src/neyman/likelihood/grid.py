"""Where channels, samples and bins stand in the arrays of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Grid:
    """Places of channels, samples and bins.

    Attributes:
        starts: Where the bins of each channel begin; the last entry is the number of all bins.
        names: Names of the channels.
        rows: Row of each sample, by names of channel and sample.
        samples: The largest number of samples in a channel.
    """

    starts: tuple[int, ...]
    names: tuple[str, ...]
    rows: Mapping[tuple[str, str], int]
    samples: int

    @classmethod
    def of(cls, channels: Sequence[Mapping[str, Any]]) -> Grid:
        """The grid of channels in the order in which they are given."""
        widths = [len(channel["samples"][0]["data"]) for channel in channels]
        return cls(
            starts=tuple(np.cumsum([0, *widths]).tolist()),
            names=tuple(channel["name"] for channel in channels),
            rows={(c["name"], s["name"]): row for c in channels for row, s in enumerate(c["samples"])},
            samples=max(len(channel["samples"]) for channel in channels),
        )

    @property
    def channels(self) -> int:
        """How many channels."""
        return len(self.names)

    @property
    def bins(self) -> int:
        """How many bins, of all channels."""
        return self.starts[-1]

    @property
    def channel_of_bin(self) -> Int[np.ndarray, " b"]:
        """The channel of each bin."""
        return np.repeat(np.arange(self.channels), np.diff(self.starts))

    def number(self, channel: Mapping[str, Any]) -> int:
        """The number of a channel."""
        return self.names.index(channel["name"])

    def slice(self, channel: Mapping[str, Any]) -> slice:
        """The bins of a channel."""
        number = self.number(channel)
        return slice(self.starts[number], self.starts[number + 1])

    def row(self, channel: Mapping[str, Any], sample: Mapping[str, Any]) -> int:
        """The row of a sample."""
        return self.rows[channel["name"], sample["name"]]
