"""The density ratios of unbinned regions, as their files hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError, DataError
from neyman.fit.config import FitConfig
from neyman.fit.places import Location
from neyman.fit.settings import RegionConfig
from neyman.fit.trained import ArrayConfig
from neyman.likelihood.workspace.arrays import read_array
from neyman.likelihood.workspace.event_arrays import ArrayReference

Values = Float[np.ndarray, " events"]


@dataclass(frozen=True, eq=False)
class EventArray:
    """One number for each event, and the file that it came from; a `.npy` file stays on disk."""

    values: Values
    path: Path
    where: str


@dataclass(frozen=True, eq=False)
class Densities:
    """What an unbinned region knows of its N events, each array of shape (N,).

    Attributes:
        weights: Weights of the observed events.
        reference: Weights with which they stand for the reference; None if nothing is normalised.
        nominal: p(x)/p_ref(x) of each sample.
        varied: p(x|+1σ)/p(x|0) and p(x|−1σ)/p(x|0) of a sample and a systematic.
    """

    weights: EventArray
    reference: EventArray | None
    nominal: Mapping[str, EventArray]
    varied: Mapping[tuple[str, str], tuple[EventArray, EventArray]]

    def arrays(self) -> Iterator[EventArray]:
        """All of them."""
        yield self.weights
        if self.reference is not None:
            yield self.reference
        yield from self.nominal.values()
        for both in self.varied.values():
            yield from both


def read_densities(config: FitConfig, *, base: Path) -> dict[str, Densities]:
    """Read and check the arrays of all unbinned regions.

    Args:
        config: The config.
        base: Folder that relative paths start from.

    Raises:
        ConfigError: If a region cannot be normalised and does not say that it need not be.
        DataError: If a file is absent or damaged, a ratio is not positive, or arrays have different lengths.
    """
    regions = [(number, region) for number, region in enumerate(config.Regions) if region.unbinned]
    for number, region in regions:
        _refuse_unnormalised(region, config.where(("Regions", number)))
    return {region.Name: _Reader(config, base, ("Regions", number)).densities(region) for number, region in regions}


def _refuse_unnormalised(region: RegionConfig, where: str) -> None:
    if region.Normalise and region.ReferenceWeights is None:
        raise ConfigError(
            f"no ReferenceWeights in the unbinned region '{region.Name}'",
            where=where,
            expected="for each event of AsimovWeights, its weight in the reference of the ratios",
            hint="without it varied densities do not integrate to one, and fits can end in a wrong minimum; "
            "`Normalise: false` takes that risk",
        )


@dataclass(frozen=True)
class _Reader:
    config: FitConfig
    base: Path
    region: Location

    def densities(self, region: RegionConfig) -> Densities:
        assert region.AsimovWeights is not None  # noqa: S101 - an unbinned region has them
        weights = self._weights(region.AsimovWeights, "AsimovWeights")
        reference = self._weights(region.ReferenceWeights, "ReferenceWeights") if region.ReferenceWeights else None
        nominal, varied = {}, {}
        for m, model in enumerate(region.TrainedModels):
            here: Location = ("TrainedModels", m)
            nominal[model.SampleName] = self._ratio(model.Nominal.Ratios, (*here, "Nominal", "Ratios"))
            for s, each in enumerate(model.Systematics):
                up = self._ratio(each.RatiosUp, (*here, "Systematics", s, "RatiosUp"))
                varied[model.SampleName, each.SystName] = (
                    up,
                    self._ratio(each.RatiosDn, (*here, "Systematics", s, "RatiosDn")),
                )
        found = Densities(weights, reference, nominal, varied)
        for array in found.arrays():
            if len(array.values) != len(weights.values):
                raise DataError(
                    f"{len(array.values)} events in {array.path}, but {len(weights.values)} in {weights.path}",
                    where=array.where,
                    expected="a number for each event of AsimovWeights, in the same order",
                )
        return found

    def _weights(self, array: ArrayConfig, key: str) -> EventArray:
        found = self._read(array, (key,))
        if not (total := float(np.sum(found.values, dtype=np.float64))) > 0:
            raise DataError(
                f"the weights in {found.path} sum to {total:.4g}", where=found.where, expected="a positive sum"
            )
        return found

    def _ratio(self, array: ArrayConfig, location: Location) -> EventArray:
        found = self._read(array, location)
        wrong = np.flatnonzero(found.values <= 0)
        if len(wrong):
            raise DataError(
                f"event {wrong[0]} in {found.path} has ratio {found.values[wrong[0]]:.4g} (such events: {len(wrong)})",
                where=found.where,
                expected="positive ratios of densities, not their logarithms",
            )
        return found

    def _read(self, array: ArrayConfig, location: Location) -> EventArray:
        where = self.config.where((*self.region, *location))
        column = {} if array.Column is None else {"column": array.Column}
        values = read_array(ArrayReference(path=array.Path, **column), self.base, where=where)
        return EventArray(values, self.base / array.Path, where)
