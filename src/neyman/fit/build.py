"""From a config to a workspace in pyhf's JSON, which needs no input file any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import InputError
from neyman.core.files import digest, sha256
from neyman.core.provenance import versions
from neyman.fit.build_result import BuildResult, InputFile, Yield
from neyman.fit.channels import ChannelBuilder
from neyman.fit.checks import usable, warnings
from neyman.fit.config import FitConfig
from neyman.fit.densities import Densities, read_densities
from neyman.fit.histograms import Histogram, fill
from neyman.fit.settings import MeasurementConfig
from neyman.fit.templates import Key, plan
from neyman.fit.unbinned import ArrayFolder, UnbinnedBuilder
from neyman.fit.unbinned import warnings as density_warnings
from neyman.likelihood.workspace import Workspace

VERSION = "1.0.0"
"""Of pyhf's JSON."""


def build_file(config: Path | str, out: Path | str) -> BuildResult:
    """Build the workspace of a config file and write it, with a folder of arrays beside it if a region is unbinned.

    Args:
        config: A YAML file.
        out: The workspace to write.

    Raises:
        ConfigError: If the config does not fit, or a file, tree or column is not there.
        DataError: If what the files hold cannot be used.
    """
    document, result = build(FitConfig.load(config), base=Path(config).parent, out=out)
    Workspace.from_dict(document, where=str(out), folder=Path(out).parent).save(out)
    return result


def build(config: FitConfig, *, base: Path | str, out: Path | str | None = None) -> tuple[dict[str, Any], BuildResult]:
    """Build a workspace from files of events.

    Modifiers are named as cabinetry names them: a norm factor by its name; a systematic by its `ModifierName` or name,
    `normsys` and `histosys` alike; the statistical uncertainty `staterror_REGION`, with `-` for spaces. Its size is the
    root of the sum of squared weights; a bin without simulated events has expectation and uncertainty 0. Where
    `Fixed` names a systematic, its parameter is fixed (cabinetry overlooks `ModifierName` here).

    Args:
        config: What to build.
        base: Folder that relative paths start from, mostly that of the config.
        out: Where the workspace is going to be written; needed if a region is unbinned, as its arrays are written
            beside it, to the folder `ws_arrays` of `ws.json`.

    Returns:
        The workspace, of plain lists and floats, and the record of how it came to be.

    Raises:
        ConfigError: If a file, tree or column is not there.
        DataError: If a selection is empty, yields are negative or not finite, or ratios are not positive.
        InputError: If a region is unbinned and `out` is not given.
    """
    densities = read_densities(config, base=Path(base))
    if densities and out is None:
        raise InputError("an unbinned region, whose arrays are written beside the workspace", expected="out")
    templates = plan(config)
    filled = fill(templates, base=Path(base))
    histograms = usable(config, templates, filled.histograms)
    builder = ChannelBuilder(config, histograms)
    channels = [builder.channel(region) for region in config.Regions]
    observations = [builder.observation(region) for region in config.Regions if not region.unbinned]
    unbinned = UnbinnedBuilder(config, ArrayFolder(Path(out or "")))
    for place, region in enumerate(config.Regions):  # nothing is written before all else is known to be good
        if region.unbinned:
            channels[place] = unbinned.channel(region, channels[place], densities[region.Name])
    workspace = {
        "channels": channels,
        "observations": observations,
        "measurements": _measurements(config, _names(channels)),
        "version": VERSION,
    }
    result = BuildResult(
        workspace=digest(workspace),
        yields=tuple(_yield(key, histogram) for key, histogram in histograms.items() if key.side is None),
        smoothed=tuple(builder.smoothed),
        symmetrised=tuple(builder.symmetrised),
        pruned=(*builder.pruned, *unbinned.pruned),
        warnings=(*warnings(config, histograms), *builder.warnings, *_of_densities(config, histograms, densities)),
        files=tuple(InputFile(path=str(path), sha256=sha256(path)) for path in (*filled.files, *_files(densities))),
        config=config.model_dump(mode="json"),
        versions=versions(),
    )
    return workspace, result


def _of_densities(
    config: FitConfig, histograms: Mapping[Key, Histogram], densities: Mapping[str, Densities]
) -> Iterator[str]:
    for region in config.Regions:
        if region.unbinned:
            expected = sum(histograms[Key(region.Name, sample.Name)].total for sample in config.simulated(region))
            yield from density_warnings(region.Name, densities[region.Name], expected)


def _files(densities: Mapping[str, Densities]) -> list[Path]:
    return list(dict.fromkeys(array.path for each in densities.values() for array in each.arrays()))


def _yield(key: Key, histogram: Histogram) -> Yield:
    return Yield(
        region=key.region,
        sample=key.sample,
        total=histogram.total,
        uncertainty=float(np.sqrt(np.sum(histogram.variances))),
        entries=histogram.entries,
    )


def _names(channels: list[dict[str, Any]]) -> set[str]:
    """The parameters of a model."""
    samples = (sample for channel in channels for sample in channel["samples"])
    return {modifier["name"] for sample in samples for modifier in sample["modifiers"]}


def _measurements(config: FitConfig, present: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": measurement.Name,
            "config": {"poi": measurement.POI, "parameters": _parameters(config, _fixed(config, measurement), present)},
        }
        for measurement in config.measurements
    ]


def _fixed(config: FitConfig, measurement: MeasurementConfig) -> dict[str, float]:
    """The parameters that are held constant, by name or by not being among those to fit."""
    found = {fixed.Name: fixed.Value for fixed in measurement.Fixed}
    if measurement.ParametersToFit is None:
        return found
    free = {measurement.POI, *measurement.ParametersToFit}
    nominal = {each.Name: 1.0 if each.Nominal is None else each.Nominal for each in config.NormFactors}
    nominal |= {each.parameter: each.Nominal or 0.0 for each in config.Systematics if each.Name not in free}
    return {name: value for name, value in nominal.items() if name not in free} | found


def _parameters(config: FitConfig, fixed: dict[str, float], present: set[str]) -> list[dict[str, Any]]:
    """Settings of all norm factors, and of systematics that have any, unless they were pruned everywhere."""
    found: dict[str, dict[str, Any]] = {}
    for factor in config.NormFactors:
        parameter: dict[str, Any] = {"name": factor.Name}
        start = factor.Nominal if factor.Nominal is not None else fixed.get(factor.Name)
        if start is not None:
            parameter["inits"] = [start]
        if factor.Bounds is not None:
            parameter["bounds"] = [list(factor.Bounds)]
        if factor.Name in fixed:
            parameter["fixed"] = True
        found[factor.Name] = parameter
    for systematic in config.Systematics:
        value = fixed.get(systematic.Name, fixed.get(systematic.parameter))
        if systematic.parameter not in present:
            continue
        if value is not None:
            found[systematic.parameter] = {"name": systematic.parameter, "inits": [value], "fixed": True}
        elif systematic.Nominal:
            found[systematic.parameter] = {"name": systematic.parameter, "inits": [systematic.Nominal]}
    return list(found.values())
