"""Whether what the measurements say fits the parameters that the model has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neyman.core.errors import near
from neyman.likelihood.workspace.document import Document, Measurement, ParameterConfig
from neyman.likelihood.workspace.problems import Problem, listed, shown
from neyman.likelihood.workspace.uses import Parameter

LUMI = ("auxdata", "bounds", "inits", "sigmas")
"""What a luminosity must be told: the modifier has no numbers of its own."""


def check_measurements(document: Document, parameters: Mapping[str, Parameter]) -> Iterator[Problem]:
    """What is wrong with the measurements, one after the other."""
    for index, measurement in enumerate(document.measurements):
        path = f"$.measurements[{index}].config"
        yield from _check_poi(measurement, parameters, f"{path}.poi")
        first: dict[str, int] = {}
        for p, config in enumerate(measurement.config.parameters):
            here = f"{path}.parameters[{p}]"
            if config.name in first:
                found = f"parameter {shown(config.name)} stands twice, first in {path}.parameters[{first[config.name]}]"
                yield Problem(here, found, "each name once")
            first.setdefault(config.name, p)
            if config.name in parameters:
                yield from _check_config(config, parameters[config.name], here)
        if any(parameter.types == ("lumi",) for parameter in parameters.values()):
            yield from _check_lumi(measurement, f"{path}.parameters")


def _check_poi(measurement: Measurement, parameters: Mapping[str, Parameter], path: str) -> Iterator[Problem]:
    poi = measurement.poi
    if poi is None:
        return
    if poi not in parameters:
        hint = near(poi, parameters) or 'load a background-only workspace with its patch, or set "poi" to ""'
        yield Problem(path, f"no parameter {shown(poi)}", f"one of {listed(parameters)}" if parameters else "", hint)
    elif parameters[poi].size > 1:
        yield Problem(
            path, f"{shown(poi)} is {parameters[poi].size} parameters, one for each bin", "a single parameter"
        )


def _check_config(config: ParameterConfig, parameter: Parameter, path: str) -> Iterator[Problem]:
    given: dict[str, Any] = {
        key: value for key, value in config if key not in ("name", "fixed") and key in config.model_fields_set
    }
    allowed = ("inits", "bounds", *parameter.settings)
    for key, values in given.items():
        if key not in allowed:
            kind = " and ".join(parameter.types)
            yield Problem(f"{path}.{key}", f"{kind} {shown(parameter.name)} has no {key}", listed((*allowed, "fixed")))
        elif len(values) != parameter.size:
            expected = f"{parameter.size}, one for each bin" if parameter.size > 1 else "1, a single parameter"
            yield Problem(f"{path}.{key}", f"{len(values)} values", expected)
    for index, (low, high) in enumerate(config.bounds or ()):
        if low > high:
            yield Problem(f"{path}.bounds[{index}]", f"found [{low}, {high}]", "[low, high]")
    for key in ("sigmas", "factors"):
        for index, value in enumerate(given.get(key, ())):
            if value <= 0:
                hint = "'fixed': true holds a parameter" if key == "sigmas" else ""
                yield Problem(f"{path}.{key}[{index}]", f"found {value}", "a number above zero", hint)


def _check_lumi(measurement: Measurement, path: str) -> Iterator[Problem]:
    for index, config in enumerate(measurement.config.parameters):
        if config.name == "lumi":
            missing = [key for key in LUMI if key not in config.model_fields_set]
            if missing:
                yield Problem(f"{path}[{index}]", f"no {listed(missing)} for 'lumi'", f"keys name, {listed(LUMI)}")
            return
    yield Problem(path, "no entry for 'lumi', which a modifier uses", f"an entry with keys name, {listed(LUMI)}")
