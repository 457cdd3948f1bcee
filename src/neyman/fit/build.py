"""From a config to a workspace in pyhf's JSON, which needs no input file any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.files import digest, sha256
from neyman.core.provenance import versions
from neyman.fit.build_result import BuildResult, InputFile, Yield
from neyman.fit.channels import ChannelBuilder
from neyman.fit.checks import usable, warnings
from neyman.fit.config import FitConfig
from neyman.fit.histograms import Histogram, fill
from neyman.fit.templates import Key, plan

VERSION = "1.0.0"
"""Of pyhf's JSON."""


def build(config: FitConfig, *, base: Path | str) -> tuple[dict[str, Any], BuildResult]:
    """Build a workspace from files of events.

    Modifiers are named as cabinetry names them: a norm factor by its name; a systematic by its `ModifierName` or name,
    `normsys` and `histosys` alike; the statistical uncertainty `staterror_REGION`, with `-` for spaces. Its size is the
    root of the sum of squared weights; a bin without simulated events has expectation and uncertainty 0. Where
    `Fixed` names a systematic, its parameter is fixed (cabinetry overlooks `ModifierName` here).

    Args:
        config: What to build.
        base: Folder that relative paths start from, mostly that of the config.

    Returns:
        The workspace, of plain lists and floats, and the record of how it came to be.

    Raises:
        ConfigError: If a file, tree or column is not there.
        DataError: If a selection is empty, or yields are negative or not finite.
    """
    templates = plan(config)
    filled = fill(templates, base=Path(base))
    histograms = usable(config, templates, filled.histograms)
    builder = ChannelBuilder(config, histograms)
    channels = [builder.channel(region) for region in config.Regions]
    workspace = {
        "channels": channels,
        "observations": [builder.observation(region) for region in config.Regions],
        "measurements": _measurements(config, _names(channels)),
        "version": VERSION,
    }
    result = BuildResult(
        workspace=digest(workspace),
        yields=tuple(_yield(key, histogram) for key, histogram in histograms.items() if key.side is None),
        smoothed=tuple(builder.smoothed),
        symmetrised=tuple(builder.symmetrised),
        pruned=tuple(builder.pruned),
        warnings=(*warnings(config, histograms), *builder.warnings),
        files=tuple(InputFile(path=str(path), sha256=sha256(path)) for path in filled.files),
        config=config.model_dump(mode="json"),
        versions=versions(),
    )
    return workspace, result


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
            "config": {
                "poi": measurement.POI,
                "parameters": _parameters(config, {fixed.Name: fixed.Value for fixed in measurement.Fixed}, present),
            },
        }
        for measurement in config.measurements
    ]


def _parameters(config: FitConfig, fixed: dict[str, float], present: set[str]) -> list[dict[str, Any]]:
    """Settings of all norm factors, and of systematics that are held constant, unless they were pruned everywhere."""
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
        if value is not None and systematic.parameter in present:
            found[systematic.parameter] = {"name": systematic.parameter, "inits": [value], "fixed": True}
    return list(found.values())
