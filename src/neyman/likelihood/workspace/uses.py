"""Which parameters a document has, and through which modifiers.

Parameters have no list of their own: each exists because a modifier names it, and modifiers that name the same one
share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neyman.likelihood.workspace.document import BinnedSample, Channel, Document, Sample
from neyman.likelihood.workspace.modifiers import Modifier, Polynomial

SETTINGS = {
    "normfactor": (),
    "normsys": ("auxdata",),
    "histosys": ("auxdata",),
    "shapesys": ("auxdata", "factors"),
    "staterror": ("auxdata", "sigmas"),
    "shapefactor": (),
    "lumi": ("auxdata", "sigmas"),
    "polynomial": (),
    "normplusshape": ("auxdata",),
}
"""What a measurement may say of the constraint of each type; inits, bounds and fixed go with all."""

BINNED = ("shapesys", "staterror", "shapefactor")
"""Types with a parameter for each bin."""


@dataclass(frozen=True)
class Use:
    """One place where a parameter stands.

    Attributes:
        parameter: Its name: the modifier's, but for a polynomial, which names its parameters itself.
        channel: The channel.
        sample: The sample.
        modifier: The modifier.
        path: JSON path of the modifier.
    """

    parameter: str
    channel: Channel
    sample: Sample
    modifier: Modifier
    path: str


def uses(document: Document) -> Iterator[Use]:
    """All uses of all parameters, in the order of the document."""
    for c, channel in enumerate(document.channels):
        samples: tuple[Sample, ...] = channel.samples
        for s, sample in enumerate(samples):
            for m, modifier in enumerate(sample.modifiers):
                path = f"$.channels[{c}].samples[{s}].modifiers[{m}]"
                for parameter in parameters_of(modifier):
                    yield Use(parameter, channel, sample, modifier, path)


def parameters_of(modifier: Modifier) -> tuple[str, ...]:
    """The names of the parameters that a modifier depends on."""
    return modifier.data.parameters if isinstance(modifier, Polynomial) else (modifier.name,)


@dataclass(frozen=True)
class Parameter:
    """A name that a measurement can speak of: a single parameter, or one for each bin.

    Attributes:
        name: Its name.
        uses: Where it stands, in the order of the document.
    """

    name: str
    uses: tuple[Use, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The types of its modifiers, each once."""
        return tuple(dict.fromkeys(use.modifier.type for use in self.uses))

    @property
    def settings(self) -> tuple[str, ...]:
        """What a measurement may say of its constraint."""
        return SETTINGS[self.types[0]]

    @property
    def size(self) -> int:
        """How many numbers it is."""
        bins = {use.channel.name: len(use.sample.data) for use in self.uses if isinstance(use.sample, BinnedSample)}
        if self.types[0] == "staterror":  # the bins of its channels, one after the other
            return sum(bins.values())
        if self.types[0] in BINNED:  # channels share a shapefactor from their first bin on
            return max(bins.values())
        return 1


def parameters(document: Document) -> dict[str, Parameter]:
    """All parameters by name, in the order of their first use."""
    found: dict[str, list[Use]] = {}
    for use in uses(document):
        found.setdefault(use.parameter, []).append(use)
    return {name: Parameter(name, tuple(where)) for name, where in found.items()}
