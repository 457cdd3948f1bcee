"""The JSON of an unbinned channel: events, and the density of each sample as a ratio to one reference density."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StrictBool

from neyman.likelihood.workspace.event_arrays import ArrayReference, EventArrays
from neyman.likelihood.workspace.modifiers import UnbinnedModifier
from neyman.likelihood.workspace.nodes import Name, Node, Number, Sparse


class Observed(Sparse):
    """The observed events; how many there are is told by the arrays of the samples.

    Attributes:
        weights: Their weights; 1 if absent, as for data. Simulation that stands for data has weights.
    """

    weights: ArrayReference | None = None


class Reference(Node):
    """Events of the reference density, to which all ratios are: the densities are normalised with them.

    Attributes:
        weights: Their weights.
    """

    weights: ArrayReference


class UnbinnedSample(Node):
    """The expected yield of one process, its density, and what changes them.

    Attributes:
        log_ratio: ln p(x)/p_ref(x) of each event, p being the density of this sample.
        modifiers: What changes the yield and the density.
    """

    name: Name
    nominal: Number = Field(alias="yield", description="Expected events; negative for an interference.")
    log_ratio: EventArrays
    modifiers: tuple[UnbinnedModifier, ...]


class UnbinnedChannel(Sparse):
    """Events, whose density is the sum of those of its samples. This is neyman's own.

    Attributes:
        observed: The observed events.
        reference: The reference events.
        normalise: Whether varied densities are normalised with the reference events. Without that, the likelihood is
            not one, and its maximum may be far from the truth.
    """

    name: Name
    type: Literal["unbinned"]
    observed: Observed
    reference: Reference | None = None
    normalise: StrictBool = True
    samples: Annotated[tuple[UnbinnedSample, ...], Field(min_length=1)]


class Named(NamedTuple):
    """An array that a channel names.

    Attributes:
        path: JSON path.
        events: The events that it has a number for.
        reference: File and column.
    """

    path: str
    events: Literal["observed", "reference"]
    reference: ArrayReference


def references(channel: UnbinnedChannel, path: str) -> Iterator[Named]:
    """All arrays of a channel, weights first; `path` is that of the channel."""
    if channel.observed.weights:
        yield Named(f"{path}.observed.weights", "observed", channel.observed.weights)
    if channel.reference:
        yield Named(f"{path}.reference.weights", "reference", channel.reference.weights)
    for here, both in event_arrays(channel, path):
        yield Named(f"{here}.observed", "observed", both.observed)
        if both.reference:
            yield Named(f"{here}.reference", "reference", both.reference)


def event_arrays(channel: UnbinnedChannel, path: str) -> Iterator[tuple[str, EventArrays]]:
    """All log ratios of a channel, with their JSON paths; `path` is that of the channel."""
    for s, sample in enumerate(channel.samples):
        yield f"{path}.samples[{s}].log_ratio", sample.log_ratio
        for m, modifier in enumerate(sample.modifiers):
            if modifier.type == "normplusshape":
                for key in ("hi_log_ratio", "lo_log_ratio"):
                    both: EventArrays | None = getattr(modifier.data, key)
                    if both:
                        yield f"{path}.samples[{s}].modifiers[{m}].data.{key}", both


def kind(channel: Any) -> str:  # noqa: ANN401 - whatever stands in the document, or a channel made from it
    """The type of a channel; one that does not say is binned, as all are in pyhf."""
    found = channel.get("type", "binned") if isinstance(channel, dict) else getattr(channel, "type", "binned")
    return found if isinstance(found, str) else "neither"
