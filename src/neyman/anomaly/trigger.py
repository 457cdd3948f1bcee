r"""Rates of a trigger menu: rule filters on tables of 57 columns, weighted by cross-section.

A sample of N collisions with cross-section σ, of which path p accepts k, has the rate \(R_p = L\,\sigma\,k/N\) at
instantaneous luminosity L. Samples are disjoint, as slices in p̂_T are, and their rates add. A path with prescale s
keeps one accepted event in s; the menu keeps an event with probability \(1 - \prod_p (1 - a_p/s_p)\) over the paths
that accept it, which is the expectation over independent prescales, without random numbers.

Each collision is looked at on its own: there is no pile-up, so that rates of sums over the detector, above all missing
momentum and H_T, are too low at luminosities where many collisions share a crossing. It is a model of a trigger
tier in front of an anomaly score, not of an experiment's menu.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field, field_validator, model_validator

from neyman.anomaly.outcomes import PathRate, SampleRate, TriggerResult
from neyman.core.config import Config, load_config
from neyman.core.errors import DataError
from neyman.diagnostics.intervals import ONE_SIGMA, binomial_interval

PB = 1e-36  # cm²
COUNTED = {"electrons": ("electron", 4), "muons": ("muon", 4), "jets": ("jet", 10)}


class ObjectsConfig(Config):
    """So many objects above a threshold.

    Attributes:
        count: At least so many.
        pt: Each above this p_T in GeV.
        eta: Each with |η| below this.
    """

    count: int = Field(default=1, ge=1, le=10)
    pt: float = Field(ge=0)
    eta: float = Field(default=5.0, gt=0)


class PathConfig(Config):
    """A path: it accepts an event that fulfils all of its conditions.

    Attributes:
        name: Its name.
        electrons: A condition on electrons.
        muons: A condition on muons.
        leptons: A condition on electrons and muons together.
        jets: A condition on jets.
        met: Missing transverse momentum above this, in GeV.
        ht: Scalar sum of the p_T of jets above 30 GeV with |η| < 2.5 above this, in GeV.
        prescale: Keep one accepted event in so many.
    """

    name: str = Field(min_length=1)
    electrons: ObjectsConfig | None = None
    muons: ObjectsConfig | None = None
    leptons: ObjectsConfig | None = None
    jets: ObjectsConfig | None = None
    met: float | None = Field(default=None, ge=0)
    ht: float | None = Field(default=None, ge=0)
    prescale: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _some_condition(self) -> PathConfig:
        if all(getattr(self, name) is None for name in (*COUNTED, "leptons", "met", "ht")):
            raise ValueError("a condition at least: electrons, muons, leptons, jets, met or ht")
        return self


class FileSample(Config):
    """A sample in a file with the 57 columns.

    Attributes:
        name: Its name, as `pthat 30 to 50`.
        file: Parquet, HDF5, CSV, npz or ROOT; relative to the menu.
        cross_section: In pb, before any selection.
        cross_section_error: Its statistical uncertainty, in pb.
        generated: Collisions that were generated, of which the file has those that were kept.
    """

    name: str = Field(min_length=1)
    file: str
    cross_section: float = Field(gt=0)
    cross_section_error: float = Field(default=0.0, ge=0)
    generated: int = Field(ge=1)


class SimulatedSamples(Config):
    """Slices in p̂_T of inclusive QCD, and W, Z and top pairs, from Pythia.

    Attributes:
        generated: Collisions of each.
        seed: Their seed.
    """

    generated: int = Field(default=2000, ge=10)
    seed: int = Field(default=0, ge=0)


Samples = tuple[FileSample, ...] | SimulatedSamples


class MenuConfig(Config):
    """A menu, and what it is asked about.

    Attributes:
        luminosity: Instantaneous luminosity in cm⁻² s⁻¹.
        crossings: Rate of bunch crossings in Hz, that the reduction is counted from.
        samples: Files, or `simulate`d slices.
        paths: The paths, in the order in which the cumulative rate is built.
        target: The rate in Hz that is aimed at.
    """

    luminosity: float = Field(default=2.0e34, gt=0)
    crossings: float = Field(default=40e6, gt=0)
    samples: Samples = SimulatedSamples()
    paths: tuple[PathConfig, ...] = Field(min_length=1)
    target: float = Field(default=1000.0, gt=0)

    @field_validator("paths")
    @classmethod
    def _names_once(cls, value: tuple[PathConfig, ...]) -> tuple[PathConfig, ...]:
        names = [path.name for path in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each name once; '{twice[0]}' stands twice")
        return value

    @field_validator("samples")
    @classmethod
    def _some_samples(
        cls, value: tuple[FileSample, ...] | SimulatedSamples
    ) -> tuple[FileSample, ...] | SimulatedSamples:
        if isinstance(value, tuple) and not value:
            raise ValueError("one sample at least, or `generated` of simulated ones")
        return value

    @classmethod
    def load(cls, path: Path | str) -> MenuConfig:
        """Read a menu; files in it become relative to the working directory.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        path = Path(path)
        menu = load_config(path, cls)
        if isinstance(menu.samples, SimulatedSamples):
            return menu
        beside = tuple(each.model_copy(update={"file": str(path.parent / each.file)}) for each in menu.samples)
        return menu.model_copy(update={"samples": beside})


@dataclass(frozen=True)
class Sample:
    """Collisions of one process.

    Attributes:
        name: Its name.
        columns: The columns by name, each of shape `(n,)`; only those of the conditions are read.
        cross_section: In pb, of all that were generated.
        cross_section_error: Its statistical uncertainty, in pb.
        generated: How many were generated; of those that are not in the columns none is accepted.

    Raises:
        DataError: If lengths differ, fewer were generated than are there, or a cross-section cannot be one.
    """

    name: str
    columns: Mapping[str, Float[np.ndarray, " n"]]
    cross_section: float
    cross_section_error: float
    generated: int

    def __post_init__(self) -> None:
        lengths = {len(values) for values in self.columns.values()}
        if len(lengths) != 1:
            raise DataError(f"columns of {len(lengths)} lengths", where=self.name, expected="columns of one length")
        if self.generated < max(1, *lengths):
            raise DataError(
                f"{self.generated} generated collisions, of which {max(lengths)} are there",
                where=self.name,
                expected="as many as were generated, before any selection",
            )
        known = np.isfinite([self.cross_section, self.cross_section_error]).all()
        if not known or self.cross_section <= 0 or self.cross_section_error < 0:
            raise DataError(
                f"cross-section {self.cross_section:g} ± {self.cross_section_error:g} pb",
                where=self.name,
                expected="a number above zero, with an error of at least zero",
            )


def menu_rates(menu: MenuConfig, samples: Sequence[Sample]) -> TriggerResult:
    """The rate of each path and of the menu.

    Intervals hold 68 %: of each sample the Clopper-Pearson interval of the accepted fraction, those of samples added
    in quadrature with the error of the cross-section. A sample of which no event is accepted says little of its rate:
    what it may add stands apart as `unseen`, 1.84 events of its weight if it is large, each kept as an event that all
    paths accept. Of soft collisions one event is a rate of megahertz, so that only the neighbouring slices tell whether
    it is plausible; an interval beside which something is unseen holds for the other samples alone.

    Args:
        menu: The paths and the luminosity.
        samples: Disjoint samples.

    Raises:
        DataError: If there are no samples, a column is missing, or has numbers that are not finite.
    """
    if not samples:
        raise DataError("no samples", expected="at least one")
    accepted = [
        np.stack([accepts(path, sample) for path in menu.paths], axis=1).astype(np.float64) for sample in samples
    ]
    prescales = np.array([path.prescale for path in menu.paths], dtype=np.float64)
    weights = [menu.luminosity * sample.cross_section * PB / sample.generated for sample in samples]
    kept = [1.0 - np.cumprod(1.0 - each / prescales, axis=1) for each in accepted]
    at_most = 1.0 - float(np.prod(1.0 - 1.0 / prescales))  # of an event that all paths accept
    paths = []
    for number, path in enumerate(menu.paths):
        found = _rate([each[:, number] for each in accepted], weights, samples, 1.0)
        rate, low, high, unseen = (value / path.prescale for value in found)
        cumulative, *_ = _rate([each[:, number] for each in kept], weights, samples, at_most)
        events = int(sum(each[:, number].sum() for each in accepted))
        paths.append(
            PathRate(name=path.name, prescale=path.prescale, events=events, rate=rate, rate_low=low, rate_high=high,
                     unseen=unseen, cumulative=cumulative)
        )  # fmt: skip
    total, low, high, unseen = _rate([each[:, -1] for each in kept], weights, samples, at_most)
    return TriggerResult(
        luminosity=menu.luminosity,
        crossings=menu.crossings,
        target=menu.target,
        paths=paths,
        samples=[
            SampleRate(
                name=sample.name,
                cross_section=sample.cross_section,
                generated=sample.generated,
                input_rate=menu.luminosity * sample.cross_section * PB,
                rate=weight * float(each[:, -1].sum()),
            )
            for sample, weight, each in zip(samples, weights, kept, strict=True)
        ],
        rate=total,
        rate_low=low,
        rate_high=high,
        unseen=unseen,
        reduction=menu.crossings / total if total > 0 else float("inf"),
    )


def needed_columns(menu: MenuConfig) -> tuple[str, ...]:
    """The columns that the conditions of a menu read.

    Examples:
        >>> needed_columns(MenuConfig(paths=({"name": "met", "met": 100},)))
        ('met_pt',)
    """
    kinds = dict.fromkeys(
        kind
        for path in menu.paths
        for name, (kind, _) in COUNTED.items()
        if getattr(path, name) or (kind == "jet" and path.ht is not None) or (kind != "jet" and path.leptons)
    )
    objects = [f"{kind}{number}" for kind, most in COUNTED.values() if kind in kinds for number in range(1, most + 1)]
    met = ("met_pt",) if any(path.met is not None for path in menu.paths) else ()
    return (*met, *(f"{name}_{part}" for name in objects for part in ("pt", "eta")))


def accepts(path: PathConfig, sample: Sample) -> Bool[np.ndarray, " n"]:
    """Which events a path accepts, before its prescale.

    Raises:
        DataError: If a column that it needs is missing, or has numbers that are not finite.
    """
    passed = np.ones(len(next(iter(sample.columns.values()))), dtype=bool)
    for name, kinds in {**{key: (value,) for key, value in COUNTED.items()}, "leptons": _LEPTONS}.items():
        condition: ObjectsConfig | None = getattr(path, name)
        if condition is not None:
            passed &= sum(_above(sample, kind, most, condition) for kind, most in kinds) >= condition.count
    if path.met is not None:
        passed &= _column(sample, "met_pt") > path.met
    if path.ht is not None:
        kind, most = COUNTED["jets"]
        ht = np.zeros(len(passed))
        for number in range(1, most + 1):
            pt, eta = (_column(sample, f"{kind}{number}_{name}") for name in ("pt", "eta"))
            ht += np.where((pt > _HT_PT) & (np.abs(eta) < _HT_ETA), pt, 0.0)
        passed &= ht > path.ht
    return passed


_LEPTONS = (COUNTED["electrons"], COUNTED["muons"])
_HT_PT, _HT_ETA = 30.0, 2.5


def _above(sample: Sample, kind: str, most: int, condition: ObjectsConfig) -> np.ndarray:
    """How many objects of a kind pass."""
    count = np.zeros(len(next(iter(sample.columns.values()))), dtype=np.int64)
    for number in range(1, most + 1):
        pt, eta = (_column(sample, f"{kind}{number}_{name}") for name in ("pt", "eta"))
        count += (pt > max(condition.pt, 0.0)) & (np.abs(eta) < condition.eta)
    return count


def _column(sample: Sample, name: str) -> np.ndarray:
    if name not in sample.columns:
        raise DataError(
            f"no column '{name}'", where=sample.name, expected="the 57 columns of the layout forty_mhz",
            hint="neyman anomaly simulate forty_mhz",
        )  # fmt: skip
    values = np.asarray(sample.columns[name], dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        raise DataError(f"column '{name}' is {values[bad][0]} in row {int(np.argmax(bad))}", where=sample.name,
                        expected="finite numbers")  # fmt: skip
    return values


def _rate(
    kept: Sequence[np.ndarray], weights: Sequence[float], samples: Sequence[Sample], at_most: float
) -> tuple[float, float, float, float]:
    """A rate, the ends of its interval, and what samples without an event may add, of which `at_most` is kept."""
    rate = below = above = unseen = 0.0
    for probability, weight, sample in zip(kept, weights, samples, strict=True):
        total = float(probability.sum())
        if total == 0:
            unseen += weight * at_most * sample.generated * _fraction_interval(0.0, sample.generated)[1]
            continue
        one = float((probability**2).sum()) / total  # the weight of an effective event
        low, high = (end * sample.generated for end in _fraction_interval(total / one, sample.generated))
        error = weight * total * sample.cross_section_error / sample.cross_section
        rate += weight * total
        below += (weight * (total - low * one)) ** 2 + error**2
        above += (weight * (high * one - total)) ** 2 + error**2
    return rate, max(0.0, rate - below**0.5), rate + above**0.5, unseen


def _fraction_interval(events: float, generated: int) -> tuple[float, float]:
    low, high = binomial_interval(min(events, generated), generated, level=ONE_SIGMA)  # a sum of floats may be above
    return float(low), float(high)
