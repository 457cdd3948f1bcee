"""Cells of the conditions: where a correction is judged that may be right for all events together and wrong in each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neyman.calibration.sample import Sample
from neyman.calibration.weighted import Distribution
from neyman.core.errors import ConfigError, near

_FEW_VALUES = 1000
"""Distinct ones, below which they may be whole numbers or steps, between which no edge must lie."""


@dataclass(frozen=True)
class Cells:
    """All combinations of intervals of the conditions; an interval contains its upper end.

    Attributes:
        conditions: Names of the conditions.
        edges: Inner edges of each, increasing; none where a condition is not cut.

    Examples:
        >>> cells = Cells(("eta", "npv"), (np.array([2.8, 3.4]), np.array([2.0])))
        >>> len(cells), cells.label(1)
        (6, 'eta ≤ 2.8, npv > 2')
        >>> cells.index(np.array([[2.0, 1.0], [3.4, 2.0], [4.0, 3.0]]))
        array([0, 2, 5])
    """

    conditions: tuple[str, ...]
    edges: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, sample: Sample, wanted: int | Mapping[str, Sequence[float]]) -> Cells:
        """Cells of a sample's conditions.

        Args:
            sample: The events whose quantiles are the edges, if edges are not given.
            wanted: About how many cells; or edges by condition, where others are not cut.

        Raises:
            ConfigError: If there are edges of something that is no condition.
        """
        if isinstance(wanted, Mapping):
            return cls.at(sample.conditions, wanted)
        return cls.of_quantiles(sample, intervals(wanted, len(sample.conditions)))

    @classmethod
    def at(cls, conditions: tuple[str, ...], edges: Mapping[str, Sequence[float]]) -> Cells:
        """Cells at given edges.

        Raises:
            ConfigError: If there are edges of something that is no condition, or they do not increase.
        """
        for name, wanted in edges.items():
            if name not in conditions:
                hint = near(name, conditions)
                raise ConfigError(f"'{name}' is no condition", where="cells", expected=", ".join(conditions), hint=hint)
            if any(not low < high for low, high in itertools.pairwise([-np.inf, *wanted, np.inf])):
                raise ConfigError(f"edges {list(wanted)}", where=f"cells of '{name}'", expected="increasing numbers")
        return cls(conditions, tuple(np.array(edges.get(name, ()), dtype=np.float64) for name in conditions))

    @classmethod
    def of_quantiles(cls, sample: Sample, counts: Sequence[int]) -> Cells:
        """Cells with so many intervals of equal population along each condition; fewer where values repeat."""
        edges = []
        for column, count in zip(sample.c.T, counts, strict=True):
            found = Distribution.of(column, sample.w)
            # At values that occur: between those of whole numbers there would be cells without events.
            places = np.searchsorted(found.levels, np.arange(1, count) / count, side="right") - 1
            values = np.unique(_readable(found.values[np.maximum(places, 0)], found.values))
            edges.append(values[values < found.values[-1]])  # nothing is above the last
        return cls(sample.conditions, tuple(edges))

    def __len__(self) -> int:
        return int(np.prod([len(each) + 1 for each in self.edges]))

    def index(self, c: Float[np.ndarray, "n k"]) -> Int[np.ndarray, " n"]:
        """The cell of each event."""
        found = np.zeros(len(c), dtype=np.int64)
        for column, edges in zip(c.T, self.edges, strict=True):
            found = found * (len(edges) + 1) + np.searchsorted(edges, column, side="left")
        return found

    def bounds(self, cell: int) -> tuple[dict[str, float], dict[str, float]]:
        """Lower and upper ends of a cell; a condition that is not cut on that side is left out."""
        low, high = {}, {}
        places = np.unravel_index(cell, [len(each) + 1 for each in self.edges])
        for name, edges, place in zip(self.conditions, self.edges, places, strict=True):
            if place > 0:
                low[name] = float(edges[place - 1])
            if place < len(edges):
                high[name] = float(edges[place])
        return low, high

    def label(self, cell: int) -> str:
        """A cell in words."""
        low, high = self.bounds(cell)
        words = []
        for name in self.conditions:
            if name in low and name in high:
                words.append(f"{low[name]:.3g} < {name} ≤ {high[name]:.3g}")
            elif name in low:
                words.append(f"{name} > {low[name]:.3g}")
            elif name in high:
                words.append(f"{name} ≤ {high[name]:.3g}")
        return ", ".join(words) or "everywhere"


def _readable(edges: Float[np.ndarray, " e"], values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " e"]:
    """Edges to a hundredth of the spread of the values, but for values that are few: -4.95e-05 rad means 0."""
    spread = float(values.std())
    if len(values) < _FEW_VALUES or not spread:
        return edges
    return np.asarray(np.round(edges, 2 - math.floor(math.log10(spread)))) + 0.0  # no -0


def intervals(cells: int, conditions: int, *, odd: bool = False) -> tuple[int, ...]:
    """Into how many intervals to cut each condition, so that there are about so many cells.

    The first conditions are cut more finely where all cannot be alike.

    Args:
        cells: About how many cells there are to be.
        conditions: How many conditions there are.
        odd: Cut each into an odd number. Few edges are then the same as with another, even number.

    Examples:
        >>> intervals(12, 1), intervals(12, 2), intervals(12, 3), intervals(12, 4)
        ((12,), (4, 3), (3, 2, 2), (2, 2, 2, 2))
        >>> intervals(24, 2, odd=True), intervals(24, 4, odd=True)
        ((5, 5), (3, 3, 3, 1))
    """
    counts, step = [1] * conditions, 2 if odd else 1
    while conditions:
        finer = counts.copy()
        finer[int(np.argmin(counts))] += step
        # nearer in the logarithm
        if np.prod(finer) * np.prod(counts) > cells**2:
            break
        counts = finer
    return tuple(counts)
