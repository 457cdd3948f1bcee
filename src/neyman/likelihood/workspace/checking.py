"""Whether a document makes sense: names that are unique, bins that match, values that are possible.

What pyhf refuses when it builds a model is refused here, for all measurements. So is what it lets pass and then answers
with NaN or a silent choice: duplicate modifiers, relative yields and widths that are not above zero, negative
uncertainties and counts, observations without a channel, names that are empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from neyman.core.errors import near
from neyman.likelihood.workspace.document import Channel, Document, Modifier, PolynomialData
from neyman.likelihood.workspace.problems import Problem, json_path, listed, shown
from neyman.likelihood.workspace.settings import check_measurements
from neyman.likelihood.workspace.uses import Parameter, parameters

MAY_SHARE = {"normsys", "histosys"}
"""Types whose modifiers may have one name, and so one parameter: both are moved by a standard normal number."""


def check(document: Document) -> list[Problem]:
    """All that is wrong with a document of the right form, the most basic first."""
    found = parameters(document)
    return [
        *check_unique((channel.name for channel in document.channels), "$.channels", "channel"),
        *check_unique((each.name for each in document.observations), "$.observations", "observation"),
        *(problem for c, channel in enumerate(document.channels) for problem in _check_channel(channel, c)),
        *_check_observations(document),
        *(problem for parameter in found.values() for problem in _check_sharing(parameter)),
        *check_unique((each.name for each in document.measurements), "$.measurements", "measurement"),
        *check_measurements(document, found),
    ]


def check_unique(names: Iterable[str], path: str, what: str) -> Iterator[Problem]:
    """Names that stand twice in a list."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            found = f"{what} {shown(name)} stands twice, first in {path}[{first[name]}]"
            yield Problem(f"{path}[{index}]", found, "each name once")
        first.setdefault(name, index)


def _check_channel(channel: Channel, c: int) -> Iterator[Problem]:
    path = f"$.channels[{c}].samples"
    first = channel.samples[0]
    yield from check_unique((sample.name for sample in channel.samples), path, "sample")
    for s, sample in enumerate(channel.samples):
        if len(sample.data) != len(first.data):
            yield _bins(f"{path}[{s}].data", sample.data, len(first.data), f"sample {shown(first.name)}")
        here = f"{path}[{s}].modifiers"
        yield from check_unique((f"{each.type} {each.name}" for each in sample.modifiers), here, "modifier")
        for m, modifier in enumerate(sample.modifiers):
            yield from _check_modifier(modifier, len(sample.data), f"{here}[{m}].data")


def _check_modifier(modifier: Modifier, bins: int, path: str) -> Iterator[Problem]:
    if modifier.type == "normsys":
        for key, value in (("lo", modifier.data.lo), ("hi", modifier.data.hi)):
            if value <= 0:
                hint = "1 is no change; 10 % less is 0.9"
                yield Problem(f"{path}.{key}", f"found {value}", "a relative yield above zero", hint)
    elif modifier.type == "histosys":
        for key, values in (("lo_data", modifier.data.lo_data), ("hi_data", modifier.data.hi_data)):
            if len(values) != bins:
                yield _bins(f"{path}.{key}", values, bins, "its sample")
    elif modifier.type in ("shapesys", "staterror"):
        if len(modifier.data) != bins:
            yield _bins(path, modifier.data, bins, "its sample")
        yield from _negative(path, modifier.data, "an uncertainty, zero or above")
    elif modifier.type == "polynomial":
        yield from _check_polynomial(modifier.data, path)


def _check_polynomial(data: PolynomialData, path: str) -> Iterator[Problem]:
    yield from check_unique(data.parameters, f"{path}.parameters", "parameter")
    used = {name for term in data.terms for name in term.powers}
    for t, term in enumerate(data.terms):
        for name in term.powers:
            if name not in data.parameters:
                where = path + json_path(["terms", t, "powers", name]).removeprefix("$")
                expected = f"one of {listed(data.parameters)}"
                yield Problem(where, f"no parameter {shown(name)}", expected, near(name, data.parameters))
    for index, name in enumerate(data.parameters):
        if name not in used:
            found = f"parameter {shown(name)} stands in no term"
            yield Problem(f"{path}.parameters[{index}]", found, "a power of it in one term at least")


def _check_observations(document: Document) -> Iterator[Problem]:
    channels = {channel.name: channel for channel in document.channels}
    observed = {each.name for each in document.observations}
    unused = [each.name for each in document.observations if each.name not in channels]
    for c, name in enumerate(channel.name for channel in document.channels):
        if name not in observed:
            found = f"no observation for channel {shown(name)}"
            yield Problem(f"$.channels[{c}]", found, "an entry in $.observations with its name", near(name, unused))
    for o, observation in enumerate(document.observations):
        path = f"$.observations[{o}]"
        channel = channels.get(observation.name)
        if channel is None:
            free = [name for name in channels if name not in observed]
            found = f"no channel {shown(observation.name)}"
            yield Problem(f"{path}.name", found, f"one of {listed(channels)}", near(observation.name, free))
        elif len(observation.data) != len(channel.samples[0].data):
            yield _bins(f"{path}.data", observation.data, len(channel.samples[0].data), "its channel")
        yield from _negative(f"{path}.data", observation.data, "counts, zero or above")


def _check_sharing(parameter: Parameter) -> Iterator[Problem]:
    first, *others = parameter.uses
    name, types = shown(parameter.name), set(parameter.types)
    if len(types) > 1 and not types <= MAY_SHARE:
        fits = MAY_SHARE if first.modifier.type in MAY_SHARE else {first.modifier.type}
        other = next(use for use in others if use.modifier.type not in fits)
        yield Problem(
            other.path,
            f"{name} is of type {other.modifier.type} here, of type {first.modifier.type} in {first.path}",
            "one type for each name; normsys and histosys alone may share one",
            "another name for one of them",
        )
    elif types == {"shapesys"} and others:
        yield Problem(
            others[0].path,
            f"shapesys {name} stands in two places, first in {first.path}",
            "a name of its own for each shapesys",
            "the names of channel and sample in its name",
        )


def _bins(path: str, values: Sequence[object], expected: int, other: str) -> Problem:
    return Problem(path, f"{len(values)} bins", f"{expected}, as {other}")


def _negative(path: str, values: Sequence[float], expected: str) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value < 0:
            yield Problem(f"{path}[{index}]", f"found {value}", expected)
