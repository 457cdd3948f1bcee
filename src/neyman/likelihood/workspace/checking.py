"""Whether a document makes sense: names that are unique, bins that match, values that are possible.

What pyhf refuses when it builds a model is refused here, for all measurements. So is what it lets pass and then answers
with NaN or a silent choice: duplicate modifiers, relative yields and widths that are not above zero, negative
uncertainties and counts, observations without a channel, names that are empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from neyman.core.errors import near
from neyman.likelihood.workspace.array_checking import check_arrays
from neyman.likelihood.workspace.document import BinnedSample, Channel, Document, Sample
from neyman.likelihood.workspace.modifiers import Modifier, PolynomialData
from neyman.likelihood.workspace.problems import Problem, check_unique, json_path, listed, shown
from neyman.likelihood.workspace.settings import check_measurements
from neyman.likelihood.workspace.unbinned import UnbinnedChannel
from neyman.likelihood.workspace.uses import Parameter, parameters

MAY_SHARE = {"normsys", "histosys", "normplusshape"}
"""Types whose modifiers may have one name, and so one parameter: all are moved by a standard normal number."""


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


def _check_channel(channel: Channel, c: int) -> Iterator[Problem]:
    path = f"$.channels[{c}].samples"
    samples: tuple[Sample, ...] = channel.samples
    first = samples[0]
    yield from check_unique((sample.name for sample in samples), path, "sample")
    for s, sample in enumerate(samples):
        bins = _bins(sample)
        if bins != _bins(first):
            yield _other_bins(f"{path}[{s}].data", bins, _bins(first), f"sample {shown(first.name)}")
        here = f"{path}[{s}].modifiers"
        yield from check_unique((f"{each.type} {each.name}" for each in sample.modifiers), here, "modifier")
        for m, modifier in enumerate(sample.modifiers):
            yield from _check_modifier(modifier, bins, f"{here}[{m}].data")
    if isinstance(channel, UnbinnedChannel):
        yield from check_arrays(channel, f"$.channels[{c}]")


def _bins(sample: Sample) -> int:
    """The number of bins; none of an unbinned sample, whose modifiers have none either."""
    return len(sample.data) if isinstance(sample, BinnedSample) else 0


def _check_modifier(modifier: Modifier, bins: int, path: str) -> Iterator[Problem]:
    if modifier.type in ("normsys", "normplusshape"):
        for key, value in (("lo", modifier.data.lo), ("hi", modifier.data.hi)):
            if value <= 0:
                hint = "1 is no change; 10 % less is 0.9"
                yield Problem(f"{path}.{key}", f"found {value}", "a relative yield above zero", hint)
    elif modifier.type == "histosys":
        for key, values in (("lo_data", modifier.data.lo_data), ("hi_data", modifier.data.hi_data)):
            if len(values) != bins:
                yield _other_bins(f"{path}.{key}", len(values), bins, "its sample")
    elif modifier.type in ("shapesys", "staterror"):
        if len(modifier.data) != bins:
            yield _other_bins(path, len(modifier.data), bins, "its sample")
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
    channels = {channel.name: channel for _, channel in document.binned}
    unbinned = {channel.name: path for path, channel in document.unbinned}
    observed = {each.name for each in document.observations}
    unused = [each.name for each in document.observations if each.name not in channels]
    for path, channel in document.binned:
        if channel.name not in observed:
            found, expected = (
                f"no observation for channel {shown(channel.name)}",
                "an entry in $.observations with its name",
            )
            yield Problem(path, found, expected, near(channel.name, unused))
    for o, observation in enumerate(document.observations):
        path = f"$.observations[{o}]"
        if observation.name in unbinned:
            found = f"channel {shown(observation.name)} is unbinned"
            hint = f"remove this entry: the data are {unbinned[observation.name]}.observed"
            yield Problem(path, found, "counts of binned channels alone", hint)
        elif observation.name not in channels:
            free = [name for name in channels if name not in observed]
            found = f"no channel {shown(observation.name)}"
            yield Problem(f"{path}.name", found, f"one of {listed(channels)}", near(observation.name, free))
        elif len(observation.data) != (channel := channels[observation.name]).bins:
            yield _other_bins(f"{path}.data", len(observation.data), channel.bins, "its channel")
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
            "one type for each name; normsys, histosys and normplusshape alone may share one",
            "another name for one of them",
        )
    elif types == {"shapesys"} and others:
        yield Problem(
            others[0].path,
            f"shapesys {name} stands in two places, first in {first.path}",
            "a name of its own for each shapesys",
            "the names of channel and sample in its name",
        )


def _other_bins(path: str, found: int, expected: int, other: str) -> Problem:
    return Problem(path, f"{found} bins", f"{expected}, as {other}")


def _negative(path: str, values: Sequence[float], expected: str) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value < 0:
            yield Problem(f"{path}[{index}]", f"found {value}", expected)
