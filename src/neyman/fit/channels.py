"""The channels of a workspace: samples with their yields and modifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neyman.core.errors import DataError
from neyman.fit.build_result import Change, Pruned
from neyman.fit.config import FitConfig
from neyman.fit.histograms import Histogram
from neyman.fit.references import staterror
from neyman.fit.settings import RegionConfig, SampleConfig, acts, covers
from neyman.fit.smoothing import smooth
from neyman.fit.systematics import (
    Effect,
    Variation,
    complete,
    effect,
    norm_size,
    normalisation,
    prune,
    shape_size,
    split,
)
from neyman.fit.templates import Key
from neyman.fit.variations import SIDES, Side, SystematicConfig


@dataclass(frozen=True)
class _Case:
    """A systematic of a sample in a region."""

    region: str
    sample: str
    systematic: SystematicConfig
    nominal: Histogram
    where: str

    @property
    def names(self) -> dict[str, str]:
        return {"systematic": self.systematic.Name, "region": self.region, "sample": self.sample}


@dataclass
class ChannelBuilder:
    """Puts channels together and keeps record of what it did."""

    config: FitConfig
    histograms: Mapping[Key, Histogram]
    smoothed: list[Change] = field(default_factory=list)
    symmetrised: list[Change] = field(default_factory=list)
    pruned: list[Pruned] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def channel(self, region: RegionConfig) -> dict[str, Any]:
        """The simulated samples of a region; those of an unbinned one have a single bin, which holds the yield."""
        samples = [self._sample(region, sample) for sample in self.config.simulated(region)]
        return {"name": region.Name, "samples": samples}

    def observation(self, region: RegionConfig) -> dict[str, Any]:
        """The data of a binned region; without any, what is expected: Asimov data."""
        shown = [self.config.data] if self.config.data else self.config.simulated(region)
        counts = np.sum([self.histograms[Key(region.Name, sample.Name)].values for sample in shown], axis=0)
        if np.min(counts) < 0:
            raise DataError(
                f"{np.min(counts):.4g} events are expected in bin {np.argmin(counts)} of '{region.Name}'",
                where=self.config.where(("Regions", self.config.Regions.index(region))),
                expected="no negative number, as the expectation stands for data",
                hint="wider bins, or NegativeBins: clip in General",
            )
        return {"name": region.Name, "data": counts.tolist()}

    def _sample(self, region: RegionConfig, sample: SampleConfig) -> dict[str, Any]:
        nominal = self.histograms[Key(region.Name, sample.Name)]
        modifiers: list[dict[str, Any]] = []
        if not (sample.DisableStaterror or region.unbinned):
            modifiers.append({"name": staterror(region.Name), "type": "staterror", "data": nominal.errors.tolist()})
        modifiers += [
            {"name": factor.Name, "type": "normfactor", "data": None}
            for factor in self.config.NormFactors
            if acts(factor, sample, region)
        ]
        for number, systematic in enumerate(self.config.Systematics):
            if acts(systematic, sample, region):
                where = self.config.where(("Systematics", number))
                case = _Case(region.Name, sample.Name, systematic, nominal, where)
                modifiers += self._effect(case).modifiers(systematic.parameter)
        return {"name": sample.Name, "data": nominal.values.tolist(), "modifiers": modifiers}

    def _effect(self, case: _Case) -> Effect:
        nominal = case.nominal.values
        if case.systematic.Type == "Normalization":
            found = normalisation(case.systematic, where=case.where)
        else:
            up, down = (self._side(case, side) for side in SIDES)
            found = effect(*complete(case.systematic, up, down, nominal, where=case.where))
        if how := _derivation(case.systematic):
            self.symmetrised.append(Change(**case.names, how=how))
        if found.shapes is not None and np.min(found.shapes) < min(0.0, np.min(nominal)):
            self.warnings.append(f"{Key(case.region, case.sample)}: {case.systematic.Name} makes a bin negative")
        kept = prune(found, nominal, self.config.General.Pruning)
        if found.norms is not None and kept.norms is None:
            self.pruned.append(Pruned(**case.names, part="norm", size=norm_size(found)))
        if found.shapes is not None and kept.shapes is None:
            self.pruned.append(Pruned(**case.names, part="shape", size=shape_size(found, nominal)))
        return kept

    def _side(self, case: _Case, side: Side) -> Variation | None:
        varied = self.histograms.get(Key(case.region, case.sample, case.systematic.Name, side))
        if varied is None:
            return None
        values, nominal, smoothing = varied.values, case.nominal, case.systematic.Smoothing
        if smoothing and covers(smoothing.Regions, case.region) and covers(smoothing.Samples, case.sample):
            values = smooth(values, nominal.values, nominal.variances, smoothing.Algorithm, where=case.where)
            change = Change(**case.names, how=smoothing.Algorithm)
            if change not in self.smoothed and len(values) > 1:  # else the other side came first
                self.smoothed.append(change)
        return split(values, nominal.values)


def _derivation(systematic: SystematicConfig) -> str:
    """How sides were made that the config does not give; empty if it gives both."""
    if systematic.Symmetrize:
        return "averaged"
    sides = [systematic.side(name) for name in SIDES]
    if any(side.Symmetrize for side in sides):
        return "mirrored"
    return "one-sided" if any(side.OneSided for side in sides) else ""
