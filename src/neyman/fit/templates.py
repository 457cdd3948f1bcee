"""Which histograms a config asks for: each with its files, tree, variable, weight and filter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neyman.core.errors import ConfigError, near
from neyman.fit.config import FitConfig
from neyman.fit.places import Location
from neyman.fit.settings import RegionConfig, SampleConfig, acts, covers
from neyman.fit.variations import SIDES, Side, SystematicConfig

ONE_BIN = ("0", (-1.0, 1.0))
"""What an unbinned region histograms: a constant in one bin, which holds its yield."""

PLACEHOLDERS = ("SamplePath", "RegionPath", "VariationPath", "Sample", "Region")


@dataclass(frozen=True)
class Setting:
    """A value from the config, and where it stands."""

    value: str
    where: str


@dataclass(frozen=True)
class Key:
    """Which histogram: nominal if there is no systematic."""

    region: str
    sample: str
    systematic: str = ""
    side: Side | None = None

    def __str__(self) -> str:
        varied = f", {self.systematic} {self.side}" if self.side else ""
        return f"{self.sample} in {self.region}{varied}"


@dataclass(frozen=True)
class Template:
    """One histogram to fill.

    Attributes:
        key: Which.
        paths: Files, as patterns relative to the folder of the config.
        tree: The tree in ROOT files; None if the config names none.
        variable: What to histogram.
        weight: Weight of an event; None for 1.
        filter: Which events to take; None for all.
        edges: Edges of the bins.
        overflow: Whether the last bin takes what lies above it.
        underflow: Whether the first bin takes what lies below it.
        where: Where its sample or systematic stands in the config.
    """

    key: Key
    paths: tuple[Setting, ...]
    tree: Setting | None
    variable: Setting
    weight: Setting | None
    filter: Setting | None
    edges: tuple[float, ...]
    overflow: bool
    underflow: bool
    where: str


def plan(config: FitConfig) -> list[Template]:
    """All histograms that have to be filled: nominal ones, and the sides of systematics that are not derived.

    Raises:
        ConfigError: If the path of a file cannot be put together.
    """
    return list(_plan(config))


def _plan(config: FitConfig) -> Iterator[Template]:
    for r, region in enumerate(config.Regions):
        for s, sample in enumerate(config.Samples):
            if not covers(sample.Regions, region.Name) or (region.unbinned and sample.Data):
                continue
            general = [(sample, ("Samples", s)), (region, ("Regions", r)), (config.General, ("General",))]
            yield _template(config, Key(region.Name, sample.Name), region, sample, _Owners(config, general))
            for y, systematic in enumerate(config.Systematics):
                if not _has_histograms(systematic, sample, region):
                    continue
                for name in SIDES:
                    if not systematic.side(name).derived:
                        owners = _Owners(config, [_owner(systematic, y, name, sample), *general])
                        key = Key(region.Name, sample.Name, systematic.Name, name)
                        yield _template(config, key, region, sample, owners)


def _has_histograms(systematic: SystematicConfig, sample: SampleConfig, region: RegionConfig) -> bool:
    return systematic.Type == "NormPlusShape" and acts(systematic, sample, region)


def _owner(systematic: SystematicConfig, number: int, name: Side, sample: SampleConfig) -> tuple[Any, Location]:
    """The settings of one side for a sample: its entry in a list, or what is the same for all samples."""
    side, location = systematic.side(name), ("Systematics", number, systematic.key(name))
    for place, each in enumerate(side.PerSample or ()):
        if each.SampleName == sample.Name:
            return each, (*location, place)
    return side, location


class _Owners:
    """Sections that may hold a setting, the most particular first."""

    def __init__(self, config: FitConfig, owners: list[tuple[Any, Location]]) -> None:
        self.config, self.owners = config, owners

    @property
    def where(self) -> str:
        return self.config.where(self.owners[0][1])

    def rank(self, name: str) -> int | None:
        """The number of the first section that has a setting; None if none has it."""
        return next((n for n, (owner, _) in enumerate(self.owners) if getattr(owner, name, None) is not None), None)

    def find(self, name: str) -> tuple[Any, str] | None:
        """The setting and where it stands."""
        rank = self.rank(name)
        if rank is None:
            return None
        owner, location = self.owners[rank]
        return getattr(owner, name), self.config.where((*location, name))

    def setting(self, name: str) -> Setting | None:
        """As `find`, of a setting that is one text."""
        found = self.find(name)
        return Setting(*found) if found else None


def _template(config: FitConfig, key: Key, region: RegionConfig, sample: SampleConfig, owners: _Owners) -> Template:
    constant, one_bin = ONE_BIN
    variable = None if region.unbinned else owners.setting("Variable")
    return Template(
        key=key,
        paths=tuple(_paths(owners, region, sample)),
        tree=owners.setting("Tree"),
        variable=variable or Setting(constant, owners.where),
        weight=owners.setting("Weight"),
        filter=owners.setting("Filter"),
        edges=region.Binning or one_bin,
        overflow=region.Overflow,
        underflow=region.Underflow,
        where=owners.where,
    )


def _paths(owners: _Owners, region: RegionConfig, sample: SampleConfig) -> Iterator[Setting]:
    path = owners.setting("InputPath")
    plain = "Path" if owners.rank("Path") == 0 else "SamplePath" if path is None else None
    if plain is not None and (found := owners.find(plain)):
        yield from _plain(owners, *found)
        return
    if path is None:
        raise ConfigError(
            f"no InputPath for sample '{sample.Name}'",
            where=owners.where,
            expected="one in General or in the sample, or a SamplePath",
        )
    used = re.findall(r"\{(.*?)\}", path.value)
    for name in used:
        if name not in PLACEHOLDERS:
            raise ConfigError(
                f"unknown placeholder {{{name}}}",
                where=path.where,
                expected=f"one of {', '.join(PLACEHOLDERS)}",
                hint=near(name, PLACEHOLDERS),
            )
    _refuse_unused(owners, used)
    filled = {"Sample": (sample.Name,), "Region": (region.Name,)}
    for name in ("SamplePath", "RegionPath", "VariationPath"):
        found = owners.find(name)
        if found is None and name in used:
            missing_from = f"region '{region.Name}'" if name == "RegionPath" else f"sample '{sample.Name}'"
            raise ConfigError(
                f"{{{name}}} stands in the path, but {missing_from} has no {name}",
                where=path.where,
                expected=f"a {name}",
            )
        if found is not None:
            filled[name] = found[0] if isinstance(found[0], tuple) else (found[0],)
    samples = filled.pop("SamplePath", ("",)) if "SamplePath" in used else ("",)
    for each in samples:
        values = {"SamplePath": each} | {name: value[0] for name, value in filled.items()}
        yield Setting(re.sub(r"\{(.*?)\}", lambda match: values[match[1]], path.value), path.where)  # noqa: B023


def _plain(owners: _Owners, paths: str | tuple[str, ...], where: str) -> Iterator[Setting]:
    """Files that are named as they are, without an `InputPath` that puts their paths together."""
    if owners.rank("InputPath") is None:
        _refuse_unused(owners, ["SamplePath"])
    for each in (paths,) if isinstance(paths, str) else paths:
        yield Setting(each, where)


def _refuse_unused(owners: _Owners, used: list[str]) -> None:
    """A path that was set and goes nowhere would read other files than it says."""
    path_rank = owners.rank("InputPath")
    for name in ("SamplePath", "RegionPath", "VariationPath"):
        rank, found = owners.rank(name), owners.find(name)
        if rank is None or found is None or not found[0] or name in used:
            continue
        if path_rank is not None and rank > path_rank:
            continue
        raise ConfigError(
            f"{name} has no effect",
            where=found[1],
            expected=f"{{{name}}} in InputPath",
            hint="put it there, or remove it",
        )
