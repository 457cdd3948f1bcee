"""What is legal in a workspace, and may still not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from neyman.core.errors import near
from neyman.likelihood.workspace.document import Document, Sample
from neyman.likelihood.workspace.modifiers import Polynomial
from neyman.likelihood.workspace.problems import json_path, listed, shown
from neyman.likelihood.workspace.unbinned import UnbinnedChannel, references
from neyman.likelihood.workspace.uses import Parameter, parameters, parameters_of, uses


def caveats(document: Document) -> list[str]:
    """A line for each, beginning with the JSON path."""
    found = parameters(document)
    lines = [*_negative_yields(document), *_bins_without_background(document)]
    lines += [*_of_unbinned(document), *_powerless(document)]
    lines += [*_uneven_staterrors(found), *_settings(document, found)]
    return list(dict.fromkeys(lines))


def _negative_yields(document: Document) -> Iterator[str]:
    for path, channel in document.binned:
        for s, sample in enumerate(channel.samples):
            for b, value in enumerate(sample.data):
                if value < 0:
                    yield f"{path}.samples[{s}].data[{b}]: sample {shown(sample.name)} has a negative yield, {value}"


def _bins_without_background(document: Document) -> Iterator[str]:
    """Where nothing is expected without a signal, one event excludes the background, whatever the uncertainties."""
    for poi in dict.fromkeys(measurement.poi for measurement in document.measurements):
        besides = f", besides what {shown(poi)} scales" if poi else ""
        for path, channel in document.binned:
            backgrounds = [sample for sample in channel.samples if poi is None or not _scales(poi, sample)]
            empty = [str(b) for b in range(channel.bins) if sum(sample.data[b] for sample in backgrounds) <= 0]
            if empty:
                bins = "bin" if len(empty) == 1 else "bins"
                yield f"{path}: no events are expected in {bins} {listed(empty)}{besides}"
        for path, unbinned in document.unbinned:
            if sum(each.nominal for each in unbinned.samples if poi is None or not _scales(poi, each)) <= 0:
                yield f"{path}: no events are expected{besides}"


def _scales(poi: str, sample: Sample) -> bool:
    return any(poi in parameters_of(each) for each in sample.modifiers if each.type in ("normfactor", "polynomial"))


def _of_unbinned(document: Document) -> Iterator[str]:
    for path, channel in document.unbinned:
        for s, sample in enumerate(channel.samples):
            if sample.nominal <= 0:
                size = "of zero" if sample.nominal == 0 else f"that is negative, {sample.nominal}"
                yield f"{path}.samples[{s}].yield: sample {shown(sample.name)} has a yield {size}"
        if not channel.normalise:
            yield f"{path}.normalise: varied densities are not normalised, and a fit may end far from the truth"
        if channel.reference is None:
            yield from _undecided(channel, path)
        unsure = [each.reference.path for each in references(channel, path) if each.reference.sha256 is None]
        if unsure:
            yield f"{path}: no sha256 of {listed(dict.fromkeys(unsure))}; nothing will tell if a file changes"


def _undecided(channel: UnbinnedChannel, path: str) -> Iterator[str]:
    """Shapes without reference events, of which nothing tells what they are relative to."""
    for s, sample in enumerate(channel.samples):
        for m, each in enumerate(sample.modifiers):
            if each.type == "normplusshape" and each.data.hi_log_ratio and not each.data.relative_to:
                here = f"{path}.samples[{s}].modifiers[{m}].data"
                yield f"{here}: no relative_to; without reference events it is read as relative to the nominal density"


def _powerless(document: Document) -> Iterator[str]:
    for use in uses(document):
        if isinstance(use.modifier, Polynomial) and not any(
            term.powers.get(use.parameter, 0) and term.coefficient for term in use.modifier.data.terms
        ):
            place = use.modifier.data.parameters.index(use.parameter)
            yield f"{use.path}.data.parameters[{place}]: parameter {shown(use.parameter)} changes nothing"


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
