"""Systematic uncertainties in a fit config.

A side of one is what differs from the nominal histogram, as in cabinetry, or a list that names the file of each
sample, as in nsbi-common-utils.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from neyman.core.config import Config
from neyman.fit.spellings import Formula, Label, Names

Side = Literal["Up", "Down"]
SIDES: tuple[Side, Side] = ("Up", "Down")


class SampleSideConfig(Config):
    """One side of a systematic for one sample: the file of its varied events.

    Attributes:
        SampleName: The sample.
        Path: The file, from the folder of the config; `*` and `?` are wildcards.
        Tree: In place of the sample's.
        Weight: In place of the sample's.
        Variable: In place of the region's.
        Filter: In place of the sample's or the region's.
    """

    SampleName: Label
    Path: Label
    Tree: str | None = None
    Weight: Formula | None = None
    Variable: Formula | None = None
    Filter: Formula | None = None


class SideConfig(Config):
    """One side of a systematic: a normalisation, or what differs from the nominal histogram.

    Attributes:
        Normalization: Relative change of the yield, for `Type: Normalization`.
        Variable: In place of the region's.
        Weight: In place of the sample's.
        Filter: In place of the sample's or the region's.
        Tree: In place of the sample's.
        SamplePath: In place of the sample's.
        RegionPath: In place of the region's.
        VariationPath: In place of the general one.
        InputPath: In place of the sample's or the general one.
        PerSample: The file of each sample; a list in place of the whole side is the same.
        Symmetrize: Take the mirror image of the other side.
        OneSided: Take the nominal histogram: the systematic has one side only.
    """

    Normalization: float | None = Field(default=None, gt=-1)
    Variable: Formula | None = None
    Weight: Formula | None = None
    Filter: Formula | None = None
    Tree: str | None = None
    SamplePath: Names = None
    RegionPath: str | None = None
    VariationPath: str | None = None
    InputPath: str | None = None
    PerSample: Annotated[tuple[SampleSideConfig, ...], Field(min_length=1)] | None = None
    Symmetrize: bool = False
    OneSided: bool = False

    @property
    def derived(self) -> bool:
        """Whether it comes from the other side, and has no histogram of its own."""
        return self.Symmetrize or self.OneSided

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of what it replaces in the nominal histogram."""
        own = ("Normalization", "Symmetrize", "OneSided")
        return tuple(name for name in type(self).model_fields if name not in own and getattr(self, name) is not None)

    @property
    def samples(self) -> tuple[str, ...]:
        """The samples that it names; none if it is the same for all."""
        return tuple(each.SampleName for each in self.PerSample or ())

    @model_validator(mode="after")
    def _one_origin(self) -> SideConfig:
        origins = (*self.settings, *(("Normalization",) if self.Normalization is not None else ()))
        derived = [name for name in ("Symmetrize", "OneSided") if getattr(self, name)]
        if len(derived) == 2 or (derived and origins):
            raise ValueError(f"{derived[0]} alone, without {(*derived[1:], *origins)[0]}")
        if self.PerSample and len(origins) > 1:
            raise ValueError(f"a list of samples, or {next(name for name in origins if name != 'PerSample')}, not both")
        if twice := [name for name in self.samples if self.samples.count(name) > 1]:
            raise ValueError(f"each sample once, not '{twice[0]}' twice")
        return self


def _side(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"PerSample": value} if isinstance(value, list | tuple) else value


AnySide = Annotated[SideConfig, BeforeValidator(_side, json_schema_input_type=SideConfig | list[SampleSideConfig])]


class SmoothingConfig(Config):
    """How to smooth the ratio of a varied histogram to the nominal one.

    Attributes:
        Algorithm: `353QH, twice`: Tukey's running medians, blind to uncertainties. `running`: a straight line through
            five bins around each, weighted with their statistics. `monotone`: the nearest ratio that only rises or
            only falls.
        Regions: Where to smooth; default everywhere.
        Samples: Which samples to smooth; default all.
    """

    Algorithm: Literal["353QH, twice", "running", "monotone"]
    Regions: Names = None
    Samples: Names = None


class SystematicConfig(Config):
    """A systematic uncertainty.

    Attributes:
        Name: Its name.
        Type: `Normalization`: two numbers. `NormPlusShape`: two histograms.
        Up: The variation by +1σ.
        Down: The variation by −1σ.
        Dn: The same as `Down`, as nsbi-common-utils spells it.
        Nominal: Where its parameter starts; default 0.
        Samples: Samples that it changes; default those that its sides name, or all but data.
        Regions: Regions in which it does; default all.
        Smoothing: How to smooth its histograms; default not at all.
        Symmetrize: Replace up and down by nominal ± half of their difference.
        ModifierName: Label of the parameter, if not the systematic's: systematics that share it are one parameter.
    """

    Name: Label
    Type: Literal["Normalization", "NormPlusShape"]
    Up: AnySide
    Down: AnySide | None = None
    Dn: AnySide | None = None
    Nominal: float | None = None
    Samples: Names = None
    Regions: Names = None
    Smoothing: SmoothingConfig | None = None
    Symmetrize: bool = False
    ModifierName: Label | None = None

    @property
    def parameter(self) -> str:
        """The name of its parameter."""
        return self.ModifierName or self.Name

    def key(self, side: Side) -> str:
        """How the config spells a side."""
        return "Dn" if side == "Down" and self.Dn is not None else side

    def side(self, side: Side) -> SideConfig:
        """One of its sides."""
        found: SideConfig = getattr(self, self.key(side))
        return found

    @property
    def samples(self) -> tuple[str, ...] | None:
        """The samples that it changes; None for all."""
        return self.Samples or self.side("Up").samples or self.side("Down").samples or None

    @model_validator(mode="after")
    def _consistent(self) -> SystematicConfig:
        if (self.Down is None) == (self.Dn is None):
            raise ValueError("Down: the variation by −1σ, once; Dn is another spelling of it")
        up, down = self.side("Up"), self.side("Down")
        if up.derived and down.derived:
            raise ValueError("a side of its own: Up and Down cannot both come from the other one")
        if self.Symmetrize and (up.derived or down.derived):
            raise ValueError("Symmetrize for two sides of their own; one that is Symmetrize or OneSided is derived")
        for name in SIDES:
            side, key = self.side(name), self.key(name)
            if side.derived:
                continue
            if self.Type == "Normalization" and (side.Normalization is None or side.settings):
                raise ValueError(f"{key}: {{Normalization: 0.1}} and nothing else for Type Normalization")
            if self.Type == "NormPlusShape" and (side.Normalization is not None or not side.settings):
                raise ValueError(f"{key}: what differs from nominal (Weight, Variable, Tree, ...) for NormPlusShape")
        if self.Smoothing and self.Type == "Normalization":
            raise ValueError("Smoothing for NormPlusShape: a Normalization has no shape")
        return self

    @model_validator(mode="after")
    def _lists_agree(self) -> SystematicConfig:
        """A sample that a list leaves out would silently not vary."""
        sides = {self.key(name): self.side(name) for name in SIDES if not self.side(name).derived}
        if not any(side.samples for side in sides.values()):
            return self
        for key, side in sides.items():
            listed = side.samples
            if not listed:
                raise ValueError(f"{key}: a list of samples, as the other side has")
            missing = [sample for sample in self.samples or () if sample not in listed]
            if missing:
                raise ValueError(f"{key}: an entry for sample '{missing[0]}' too")
            more = [sample for sample in listed if sample not in (self.samples or ())]
            if more:
                raise ValueError(f"{key}: no entry for '{more[0]}', or that name in Samples too")
        return self
