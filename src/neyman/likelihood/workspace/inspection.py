"""What is in a workspace, for reading."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from neyman.core.results import Result
from neyman.likelihood.workspace.document import Channel, Measurement
from neyman.likelihood.workspace.uses import Use, parameters, uses
from neyman.likelihood.workspace.workspace import Workspace


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelSummary(_Part):
    """A channel.

    Attributes:
        name: Its name.
        bins: Number of bins.
        samples: Names of its samples.
        expected: Sum of the nominal yields.
        observed: Sum of the observed counts; null where they are blinded.
    """

    name: str
    bins: int
    samples: tuple[str, ...]
    expected: float
    observed: float | None


class ModifierSummary(_Part):
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


class Setting(_Part):
    """What a measurement says of a parameter; None where it says nothing."""

    name: str
    inits: tuple[float, ...] | None = None
    bounds: tuple[tuple[float, float], ...] | None = None
    auxdata: tuple[float, ...] | None = None
    factors: tuple[float, ...] | None = None
    sigmas: tuple[float, ...] | None = None
    fixed: bool | None = None


class MeasurementSummary(_Part):
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


def inspect(workspace: Workspace) -> Inspection:
    """Summarise a workspace."""
    document = workspace.document
    observed = {each.name: sum(each.data) for each in document.observations}
    size = sum(parameter.size for parameter in parameters(document).values())
    return Inspection(
        workspace=workspace.digest,
        channels=tuple(_channel(channel, observed[channel.name]) for channel in document.channels),
        modifiers=_modifiers(workspace),
        measurements=tuple(_measurement(each, size) for each in document.measurements),
        warnings=tuple(workspace.warnings()),
    )


def _channel(channel: Channel, observed: float) -> ChannelSummary:
    return ChannelSummary(
        name=channel.name,
        bins=len(channel.samples[0].data),
        samples=tuple(sample.name for sample in channel.samples),
        expected=sum(sum(sample.data) for sample in channel.samples),
        observed=observed,
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


def describe(inspection: Inspection) -> str:
    """The summary as tables for a terminal, with a line break at the end of each line."""
    channels = [
        (
            each.name,
            str(each.bins),
            f"{each.expected:.6g}",
            "blinded" if each.observed is None else f"{each.observed:.6g}",
            ", ".join(each.samples),
        )
        for each in inspection.channels
    ]
    modifiers = [
        (each.name, each.type, str(each.channels), str(each.samples), str(each.parameters))
        for each in inspection.modifiers
    ]
    measurements = [
        (each.name, each.poi or "none", str(each.parameters), "; ".join(map(_setting, each.settings)))
        for each in inspection.measurements
    ]
    blocks = [
        _table(("channel", "bins", "expected", "observed", "samples"), channels),
        _table(("modifier", "type", "channels", "samples", "parameters"), modifiers),
        _table(("measurement", "POI", "parameters", "settings"), measurements),
        "".join(f"warning: {line}\n" for line in inspection.warnings),
    ]
    return "\n".join(block for block in blocks if block)


def _setting(setting: Setting) -> str:
    parts = [
        f"{key} {value}" for key, value in setting.model_dump(mode="json", exclude={"name", "fixed"}).items() if value
    ]
    fixed = {True: ["fixed"], False: ["free"], None: []}[setting.fixed]
    return " ".join([setting.name, *fixed, *parts])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))
    return "".join(f"{line}\n" for line in lines)
