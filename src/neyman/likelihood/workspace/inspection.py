"""What is in a workspace, for reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neyman.core.results import Part, Result
from neyman.likelihood.workspace.array_files import open_array, require_file
from neyman.likelihood.workspace.arrays import read_array
from neyman.likelihood.workspace.document import BinnedChannel, Measurement
from neyman.likelihood.workspace.unbinned import UnbinnedChannel, UnbinnedSample, references
from neyman.likelihood.workspace.uses import Use, parameters, parameters_of, uses
from neyman.likelihood.workspace.workspace import Workspace


class SampleSummary(Part):
    """A sample of an unbinned channel.

    Attributes:
        name: Its name.
        nominal: Its nominal yield.
        parameters: Parameters that change it.
        shapes: Those of them that change its density.
    """

    name: str
    nominal: float
    parameters: tuple[str, ...]
    shapes: tuple[str, ...]


class EventsSummary(Part):
    """The events of an unbinned channel.

    Attributes:
        observed: Number of observed events, whatever their weights; null where they are blinded.
        reference: Number of reference events; null if there are none.
        normalised: Whether varied densities are normalised.
        samples: Its samples.
        files: Number of files with its arrays.
        bytes: Their size; null where they are blinded, as it tells how many events there are.
    """

    observed: int | None
    reference: int | None
    normalised: bool
    samples: tuple[SampleSummary, ...]
    files: int
    bytes: int | None


class ChannelSummary(Part):
    """A channel.

    Attributes:
        name: Its name.
        bins: Number of bins; null if it is unbinned.
        samples: Names of its samples.
        expected: Sum of the nominal yields.
        observed: Sum of the observed counts, or of the weights of observed events; null where they are blinded.
        events: What an unbinned channel has in place of bins; null if it is binned.
    """

    name: str
    bins: int | None
    samples: tuple[str, ...]
    expected: float
    observed: float | None
    events: EventsSummary | None = None


class ModifierSummary(Part):
    """All modifiers of one name and type.

    Attributes:
        name: Their name.
        type: Their type.
        channels: Number of channels that have one.
        samples: Number of samples that have one; samples of one name in several channels are one.
        parameters: Number of parameters behind the name.
    """

    name: str
    type: str
    channels: int
    samples: int
    parameters: int


class Setting(Part):
    """What a measurement says of a parameter; None where it says nothing."""

    name: str
    inits: tuple[float, ...] | None = None
    bounds: tuple[tuple[float, float], ...] | None = None
    auxdata: tuple[float, ...] | None = None
    factors: tuple[float, ...] | None = None
    sigmas: tuple[float, ...] | None = None
    fixed: bool | None = None


class MeasurementSummary(Part):
    """A measurement.

    Attributes:
        name: Its name.
        poi: The parameter of interest, if there is one.
        parameters: Number of parameters of the model.
        settings: What it says of them.
    """

    name: str
    poi: str | None
    parameters: int
    settings: tuple[Setting, ...]


class Inspection(Result):
    """What is in a workspace.

    Attributes:
        workspace: Its digest.
        channels: Its channels.
        modifiers: Its modifiers, by type and name.
        measurements: Its measurements.
        warnings: What is legal, and may still not be meant.
    """

    workspace: str
    channels: tuple[ChannelSummary, ...]
    modifiers: tuple[ModifierSummary, ...]
    measurements: tuple[MeasurementSummary, ...]
    warnings: tuple[str, ...]

    def blinded(self) -> Inspection:
        """The same, and where `observed` of a channel is left out, nothing else tells how many events there are."""
        return self.model_copy(update={"channels": tuple(map(_blinded, self.channels))})


def _blinded(channel: ChannelSummary) -> ChannelSummary:
    if channel.observed is not None or channel.events is None:
        return channel
    return channel.model_copy(update={"events": channel.events.model_copy(update={"observed": None, "bytes": None})})


def inspect(workspace: Workspace) -> Inspection:
    """Summarise a workspace; of unbinned channels, files are opened, and weights of observed events read.

    Raises:
        DataError: If such a file cannot be used.
    """
    document = workspace.document
    observed = {each.name: sum(each.data) for each in document.observations}
    size = sum(parameter.size for parameter in parameters(document).values())
    return Inspection(
        workspace=workspace.digest,
        channels=tuple(
            _binned(channel, observed[channel.name])
            if isinstance(channel, BinnedChannel)
            else _unbinned(channel, workspace.folder, f"$.channels[{c}]")
            for c, channel in enumerate(document.channels)
        ),
        modifiers=_modifiers(workspace),
        measurements=tuple(_measurement(each, size) for each in document.measurements),
        warnings=tuple(workspace.warnings()),
    )


def _binned(channel: BinnedChannel, observed: float) -> ChannelSummary:
    return ChannelSummary(
        name=channel.name,
        bins=channel.bins,
        samples=tuple(sample.name for sample in channel.samples),
        expected=sum(sum(sample.data) for sample in channel.samples),
        observed=observed,
    )


def _unbinned(channel: UnbinnedChannel, folder: Path, path: str) -> ChannelSummary:
    named = list(references(channel, path))
    for each in named:
        require_file(folder / each.reference.path, where=each.path)
    first = {each.events: each for each in reversed(named)}
    lengths = {events: len(open_array(each.reference, folder, where=each.path)) for events, each in first.items()}
    weights = channel.observed.weights
    observed = float(lengths["observed"])
    if weights:
        values = read_array(weights, folder, where=f"{path}.observed.weights", may_be_empty=True)
        observed = float(values.sum(dtype=np.float64))
    files = {folder / each.reference.path for each in named}
    return ChannelSummary(
        name=channel.name,
        bins=None,
        samples=tuple(sample.name for sample in channel.samples),
        expected=sum(sample.nominal for sample in channel.samples),
        observed=observed,
        events=EventsSummary(
            observed=lengths["observed"],
            reference=lengths.get("reference"),
            normalised=channel.normalise,
            samples=tuple(map(_sample, channel.samples)),
            files=len(files),
            bytes=sum(file.stat().st_size for file in files),
        ),
    )


def _sample(sample: UnbinnedSample) -> SampleSummary:
    shapes = [each.name for each in sample.modifiers if each.type == "normplusshape" and each.data.hi_log_ratio]
    return SampleSummary(
        name=sample.name,
        nominal=sample.nominal,
        parameters=tuple(dict.fromkeys(name for each in sample.modifiers for name in parameters_of(each))),
        shapes=tuple(shapes),
    )


def _modifiers(workspace: Workspace) -> tuple[ModifierSummary, ...]:
    sizes = {name: parameter.size for name, parameter in parameters(workspace.document).items()}
    found: dict[tuple[str, str], list[Use]] = {}
    for use in uses(workspace.document):
        found.setdefault((use.modifier.type, use.modifier.name), []).append(use)
    return tuple(
        ModifierSummary(
            name=name,
            type=kind,
            channels=len({use.channel.name for use in where}),
            samples=len({use.sample.name for use in where}),
            parameters=sum(sizes[parameter] for parameter in {use.parameter for use in where}),
        )
        for (kind, name), where in sorted(found.items())
    )


def _measurement(measurement: Measurement, size: int) -> MeasurementSummary:
    settings = tuple(Setting.model_validate(config.model_dump()) for config in measurement.config.parameters)
    return MeasurementSummary(name=measurement.name, poi=measurement.poi, parameters=size, settings=settings)
