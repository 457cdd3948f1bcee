"""What is legal in a workspace, and may still not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from neyman.core.errors import near
from neyman.likelihood.workspace.document import Channel, Document, Polynomial, Sample
from neyman.likelihood.workspace.problems import json_path, listed, shown
from neyman.likelihood.workspace.uses import Parameter, parameters, parameters_of


def caveats(document: Document) -> list[str]:
    """A line for each, beginning with the JSON path."""
    found = parameters(document)
    lines = [*_negative_yields(document), *_bins_without_background(document)]
    lines += [*_powerless(document), *_uneven_staterrors(found), *_settings(document, found)]
    return list(dict.fromkeys(lines))


def _negative_yields(document: Document) -> Iterator[str]:
    for c, channel in enumerate(document.channels):
        for s, sample in enumerate(channel.samples):
            for b, value in enumerate(sample.data):
                if value < 0:
                    path = json_path(["channels", c, "samples", s, "data", b])
                    yield f"{path}: sample {shown(sample.name)} has a negative yield, {value}"


def _bins_without_background(document: Document) -> Iterator[str]:
    """Where nothing is expected without a signal, one event excludes the background, whatever the uncertainties."""
    for poi in dict.fromkeys(measurement.poi for measurement in document.measurements):
        for c, channel in enumerate(document.channels):
            backgrounds = [sample for sample in channel.samples if poi is None or not _scales(poi, sample)]
            empty = [str(b) for b in range(_bins(channel)) if sum(sample.data[b] for sample in backgrounds) <= 0]
            if empty:
                besides = f", besides what {shown(poi)} scales" if poi else ""
                bins = "bin" if len(empty) == 1 else "bins"
                yield f"{json_path(['channels', c])}: no events are expected in {bins} {listed(empty)}{besides}"


def _scales(poi: str, sample: Sample) -> bool:
    return any(poi in parameters_of(each) for each in sample.modifiers if each.type in ("normfactor", "polynomial"))


def _bins(channel: Channel) -> int:
    return len(channel.samples[0].data)


def _powerless(document: Document) -> Iterator[str]:
    for c, channel in enumerate(document.channels):
        for s, sample in enumerate(channel.samples):
            for m, modifier in enumerate(sample.modifiers):
                for p, name in enumerate(parameters_of(modifier)):
                    if isinstance(modifier, Polynomial) and not any(
                        term.powers.get(name, 0) and term.coefficient for term in modifier.data.terms
                    ):
                        path = json_path(["channels", c, "samples", s, "modifiers", m, "data", "parameters", p])
                        yield f"{path}: parameter {shown(name)} changes nothing"


def _uneven_staterrors(found: dict[str, Parameter]) -> Iterator[str]:
    for parameter in found.values():
        channels: dict[str, list[str]] = {}
        for use in parameter.uses:
            channels.setdefault(use.sample.name, []).append(use.channel.name)
        if parameter.types == ("staterror",) and len(set(map(tuple, channels.values()))) > 1:
            name = shown(parameter.name)
            yield f"{parameter.uses[0].path}: not all samples of staterror {name} have it in the same channels"


def _settings(document: Document, found: dict[str, Parameter]) -> Iterator[str]:
    for m, measurement in enumerate(document.measurements):
        for p, config in enumerate(measurement.config.parameters):
            path = json_path(["measurements", m, "config", "parameters", p])
            if config.name not in found:
                hint = near(config.name, found)
                yield f"{path}: no modifier uses {shown(config.name)}" + (f"; {hint}" if hint else "")
            bounds = config.bounds or ()
            for b, ((low, high), init) in enumerate(zip(bounds, config.inits or (), strict=False)):
                if not low <= init <= high:
                    yield f"{path}.inits[{b}]: {init} is outside of the bounds [{low}, {high}]"
            for b, (low, high) in enumerate(bounds):
                if low == high and not config.fixed:
                    yield f'{path}.bounds[{b}]: low and high are both {low}; "fixed": true holds a parameter'
