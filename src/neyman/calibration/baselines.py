"""What is done without a flow: the bar that one has to pass.

| baseline | corrects | does not |
|---|---|---|
| `InclusiveQuantileMap` | each variable, all events alike | what depends on conditions; correlations |
| `CellQuantileMap` | each variable in cells of the conditions | what varies within a cell; correlations |
| `BoostedReweighting` | everything, by weights | where simulation has no events; the loss of statistics |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neyman.calibration.cells import Cells, intervals
from neyman.calibration.classifier import LogOdds, fit_classifier, odds
from neyman.calibration.sample import Sample
from neyman.calibration.weighted import Distribution, effective_events

MAP_CELLS = 24
"""About how many cells a map has, if nothing is said."""

LEAST_IN_CELL = 100
"""Effective events of either sample in a cell with a map of its own."""


@dataclass(frozen=True)
class InclusiveQuantileMap:
    """F_data⁻¹ ∘ F_simulation of each variable; beyond the outermost events of data it ends.

    Attributes:
        simulation: The distribution of each variable in simulation.
        data: The same in data.
    """

    simulation: tuple[Distribution, ...]
    data: tuple[Distribution, ...]

    @classmethod
    def fit(cls, simulation: Sample, data: Sample) -> InclusiveQuantileMap:
        """The map of some events.

        Raises:
            DataError: If weights of either do not sum to a positive number.
        """
        return cls(*(tuple(Distribution.of(x, sample.w) for x in sample.x.T) for sample in (simulation, data)))

    def corrected(self, sample: Sample) -> Sample:
        """The same events with mapped variables."""
        columns = [
            to.quantile(of.cumulative(x)) for x, of, to in zip(sample.x.T, self.simulation, self.data, strict=True)
        ]
        return sample.with_x(np.stack(columns, axis=1))


@dataclass(frozen=True)
class CellQuantileMap:
    """A quantile map in each cell of the conditions.

    Attributes:
        cells: The cells.
        maps: The map of each; cells with hardly any events have that of all events.
    """

    cells: Cells
    maps: tuple[InclusiveQuantileMap, ...]

    @classmethod
    def fit(
        cls, simulation: Sample, data: Sample, cells: int | Mapping[str, Sequence[float]] = MAP_CELLS
    ) -> CellQuantileMap:
        """The maps of some events.

        Args:
            simulation: Simulated events.
            data: Events of data.
            cells: About how many cells at quantiles of the conditions of data; or edges by condition. Each condition is
                cut into an odd number of intervals, so that these are not the cells that it is judged in.

        Raises:
            DataError: If weights of either do not sum to a positive number.
            ConfigError: If there are edges of something that is no condition.
        """
        if isinstance(cells, Mapping):
            found = Cells.at(data.conditions, cells)
        else:
            found = Cells.of_quantiles(data, intervals(cells, len(data.conditions), odd=True))
        everywhere = InclusiveQuantileMap.fit(simulation, data)
        of_simulation, of_data = found.index(simulation.c), found.index(data.c)
        maps = []
        for cell in range(len(found)):
            here, there = simulation.select(of_simulation == cell), data.select(of_data == cell)
            enough = all(each.w.sum() > 0 and effective_events(each.w) >= LEAST_IN_CELL for each in (here, there))
            maps.append(InclusiveQuantileMap.fit(here, there) if enough else everywhere)
        return cls(found, tuple(maps))

    def corrected(self, sample: Sample) -> Sample:
        """The same events with mapped variables."""
        x, which = sample.x.copy(), self.cells.index(sample.c)
        for cell, each in enumerate(self.maps):
            x[which == cell] = each.corrected(sample.select(which == cell)).x
        return sample.with_x(x)


@dataclass(frozen=True)
class BoostedReweighting:
    """Weights p(data)/p(simulation) from boosted trees that see variables and conditions.

    Rogozhnikov, J. Phys. Conf. Ser. 762 (2016) 012036 boosts weights directly; here they are a classifier's odds.

    Attributes:
        log_odds: The logarithm of that, of variables and conditions side by side.
    """

    log_odds: LogOdds

    @classmethod
    def fit(cls, simulation: Sample, data: Sample, rng: np.random.Generator) -> BoostedReweighting:
        """The trees of some events.

        Raises:
            DataError: If there are too few events, or their weights do not sum to a positive number.
            MissingDependencyError: If scikit-learn is not installed.
        """
        return cls(fit_classifier(_features(data), data.w, _features(simulation), simulation.w, rng))

    def corrected(self, sample: Sample) -> Sample:
        """The same events with other weights of the same sum."""
        weights = sample.w * odds(self.log_odds(_features(sample)))
        return sample.with_w(weights * (sample.w.sum() / weights.sum()))


def _features(sample: Sample) -> np.ndarray:
    return np.hstack([sample.x, sample.c])
