"""The JSON of a workspace: pyhf's format 1.0.0, and what is neyman's own: `polynomial`, and channels without bins.

The models say what a document may look like; `checking` says whether it makes sense. What pyhf knows is exactly as it
is there. A channel is binned, unless its `type` is `unbinned`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StrictBool, StrictStr, Tag

from neyman.likelihood.workspace.modifiers import BinnedModifier
from neyman.likelihood.workspace.nodes import Name, Node, Number, Numbers, Sparse
from neyman.likelihood.workspace.unbinned import UnbinnedChannel, UnbinnedSample, kind


class BinnedSample(Node):
    """The expected yields of one process, and what changes them.

    Attributes:
        data: Expected events in each bin.
        modifiers: What changes them.
    """

    name: Name
    data: Numbers
    modifiers: tuple[BinnedModifier, ...]


class BinnedChannel(Node):
    """A histogram, as the sum of its samples."""

    name: Name
    samples: Annotated[tuple[BinnedSample, ...], Field(min_length=1)]
    type: Literal["binned"] = "binned"

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.samples[0].data)


Sample = BinnedSample | UnbinnedSample
Channel = BinnedChannel | UnbinnedChannel
AnyChannel = Annotated[
    Annotated[BinnedChannel, Tag("binned")] | Annotated[UnbinnedChannel, Tag("unbinned")], Discriminator(kind)
]


class Observation(Node):
    """The observed counts of the binned channel with the same name."""

    name: Name
    data: Numbers


class ParameterConfig(Sparse):
    """How a measurement treats a parameter; what is absent is as the modifier says.

    Attributes:
        inits: Where a fit begins.
        bounds: Lowest and highest values.
        auxdata: Centres of the constraints.
        factors: Rate factors of Poisson constraints.
        sigmas: Widths of normal constraints.
        fixed: Whether it is held where a fit begins.
    """

    name: Name
    inits: Numbers | None = None
    bounds: Annotated[tuple[tuple[Number, Number], ...], Field(min_length=1)] | None = None
    auxdata: Numbers | None = None
    factors: Numbers | None = None
    sigmas: Numbers | None = None
    fixed: StrictBool | None = None


class MeasurementConfig(Node):
    """The parameter of interest, `""` for none, and how parameters are treated."""

    poi: StrictStr
    parameters: tuple[ParameterConfig, ...]


class Measurement(Node):
    """One way to use the model: what is measured, and where parameters start and are constrained."""

    name: Name
    config: MeasurementConfig

    @property
    def poi(self) -> str | None:
        """The name of the parameter of interest, if there is one."""
        return self.config.poi or None


class Document(Node):
    """A workspace: channels, their samples and what changes them, observed counts, measurements.

    Attributes:
        channels: Regions of the analysis, binned or unbinned.
        measurements: Ways to use the model; the first is the default.
        observations: Counts of the binned channels. The data of an unbinned channel are its `observed`.
        version: Version of pyhf's format.
    """

    channels: Annotated[tuple[AnyChannel, ...], Field(min_length=1)]
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)]
    observations: tuple[Observation, ...]
    version: Literal["1.0.0"]

    @property
    def binned(self) -> list[tuple[str, BinnedChannel]]:
        """The binned channels, each with its JSON path."""
        return [(path, each) for path, each in self._paths() if isinstance(each, BinnedChannel)]

    @property
    def unbinned(self) -> list[tuple[str, UnbinnedChannel]]:
        """The unbinned channels, each with its JSON path."""
        return [(path, each) for path, each in self._paths() if isinstance(each, UnbinnedChannel)]

    def _paths(self) -> list[tuple[str, Channel]]:
        return [(f"$.channels[{c}]", channel) for c, channel in enumerate(self.channels)]
