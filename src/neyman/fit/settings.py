"""The entries of a fit config: regions, samples, norm factors, systematics. Keys are spelt as cabinetry spells them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from neyman.core.config import Config
from neyman.core.errors import ConfigError
from neyman.fit.expressions import parse

Side = Literal["Up", "Down"]
SIDES: tuple[Side, Side] = ("Up", "Down")
DEFAULT_BOUNDS = (0.0, 10.0)
"""Bounds that pyhf gives a norm factor without any."""


def _listed(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """One name stands for a list of one; a list without names would silently mean nothing."""
    if value is None or isinstance(value, str):
        return value if value is None else (value,)
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("at least one name; leave the key out for all")
        if twice := [name for name in value if value.count(name) > 1]:
            raise ValueError(f"each name once, not '{twice[0]}' twice")
    return value


def _text(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not math.isfinite(value):
        raise ValueError("a finite number")
    return repr(value)


def _understood(text: str) -> str:
    try:
        parse(text)
    except ConfigError as error:
        details = f" ({error.expected})" if error.expected else ""
        raise ValueError(f"an expression that can be read: {error.found}{details}") from None
    return text


class UniformBinning(Config):
    """Bins of one width, as `{Bins: 10, Range: [500, 1500]}`.

    Attributes:
        Bins: Their number.
        Range: The lowest and the highest edge.
    """

    Bins: int = Field(ge=1, le=100_000)
    Range: tuple[float, float]


def _edges(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if not isinstance(value, dict):
        return value
    uniform = UniformBinning.model_validate(value)
    return np.linspace(*uniform.Range, uniform.Bins + 1).tolist()


def _increasing(edges: tuple[float, ...]) -> tuple[float, ...]:
    if len(edges) < 2 or not all(low < high for low, high in pairwise(edges)):
        raise ValueError("at least two edges, each above the one before")
    return edges


Names = Annotated[tuple[str, ...] | None, BeforeValidator(_listed, json_schema_input_type=str | list[str] | None)]
Formula = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | float), AfterValidator(_understood)]
Edges = Annotated[
    tuple[float, ...],
    BeforeValidator(_edges, json_schema_input_type=list[float] | UniformBinning),
    AfterValidator(_increasing),
]
Label = Annotated[str, Field(min_length=1)]


class FixedParameter(Config):
    """A parameter that fits hold constant.

    Attributes:
        Name: A norm factor or a systematic.
        Value: Its value.
    """

    Name: Label
    Value: float


class MeasurementConfig(Config):
    """What to measure.

    Attributes:
        Name: Label of the measurement.
        POI: Parameter of interest, a norm factor; empty for none.
        Fixed: Parameters that are held constant.
    """

    Name: Label
    POI: str = ""
    Fixed: tuple[FixedParameter, ...] = ()


class PruningConfig(Config):
    """Which effects of systematics are too small to keep; by default none is.

    Attributes:
        Norm: Drop a normalisation that changes the yield by less than this fraction, up and down.
        Shape: Drop a shape that changes no bin by more than this fraction, up and down.
    """

    Norm: float = Field(default=0.0, ge=0, lt=1)
    Shape: float = Field(default=0.0, ge=0, lt=1)


class GeneralConfig(Config):
    """What holds for all.

    Attributes:
        InputPath: Path of the input files, from the folder of the config. `{SamplePath}`, `{RegionPath}` and
            `{VariationPath}` stand for those settings, `{Sample}` and `{Region}` for names; `*` and `?` are wildcards.
        Tree: Tree of all ROOT files whose sample names none; Parquet needs none.
        VariationPath: What `{VariationPath}` is, unless a side of a systematic has its own.
        Measurement: Label of the measurement, if there is no section `Measurement`.
        POI: Its parameter of interest, a norm factor; empty for none.
        Fixed: Its parameters that are held constant.
        HistogramFolder: Where cabinetry keeps histograms; accepted, not used: nothing is kept between runs.
        NegativeBins: What to do when weights leave a bin of simulation negative: `error`; `keep` it; `clip` it to zero,
            keeping its statistical uncertainty.
        Pruning: Which effects of systematics are too small to keep.
    """

    InputPath: str | None = None
    Tree: str | None = None
    VariationPath: str = ""
    Measurement: Label | None = None
    POI: str = ""
    Fixed: tuple[FixedParameter, ...] = ()
    HistogramFolder: str | None = None
    NegativeBins: Literal["error", "keep", "clip"] = "error"
    Pruning: PruningConfig = PruningConfig()


class RegionConfig(Config):
    """A region: one channel of the workspace.

    Attributes:
        Name: Its name.
        Variable: What to histogram.
        Binning: Edges, increasing, or `{Bins: 10, Range: [500, 1500]}`. A bin holds its lower edge, not its upper.
        Filter: Which events it takes; default all.
        RegionPath: What `{RegionPath}` in `InputPath` is.
        Overflow: Add what lies above the last edge to the last bin; default: it is left out.
        Underflow: Add what lies below the first edge to the first bin; default: it is left out.
    """

    Name: Label
    Variable: Formula
    Binning: Edges
    Filter: Formula | None = None
    RegionPath: str | None = None
    Overflow: bool = False
    Underflow: bool = False


class SampleConfig(Config):
    """A sample: the data, or the simulation of one process.

    Attributes:
        Name: Its name.
        Tree: Its tree in ROOT files.
        Filter: Which events it takes, in place of the region's filter.
        Weight: Weight of each event, also of data; default 1.
        SamplePath: What `{SamplePath}` in `InputPath` is; a list adds the files up.
        InputPath: Its own path, in place of the general one.
        Data: Whether it is the data.
        DisableStaterror: Whether to leave out the statistical uncertainty of the simulation.
        Regions: Regions that have it; default all.
    """

    Name: Label
    Tree: str | None = None
    Filter: Formula | None = None
    Weight: Formula | None = None
    SamplePath: Names = None
    InputPath: str | None = None
    Data: bool = False
    DisableStaterror: bool = False
    Regions: Names = None


class NormFactorConfig(Config):
    """A free factor of the yields of samples.

    Attributes:
        Name: Label of the parameter.
        Samples: Samples that it scales; default all but data.
        Regions: Regions in which it does; default all.
        Nominal: Its value before the fit.
        Bounds: Its lowest and highest value.
    """

    Name: Label
    Samples: Names = None
    Regions: Names = None
    Nominal: float | None = None
    Bounds: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _inside(self) -> NormFactorConfig:
        low, high = self.Bounds or DEFAULT_BOUNDS
        if low >= high:
            raise ValueError("Bounds as [low, high], low below high")
        if self.Nominal is not None and not low <= self.Nominal <= high:
            raise ValueError(f"Nominal within the Bounds, {low:g} to {high:g}")
        return self


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

    @model_validator(mode="after")
    def _one_origin(self) -> SideConfig:
        origins = (*self.settings, *(("Normalization",) if self.Normalization is not None else ()))
        derived = [name for name in ("Symmetrize", "OneSided") if getattr(self, name)]
        if len(derived) == 2 or (derived and origins):
            raise ValueError(f"{derived[0]} alone, without {(*derived[1:], *origins)[0]}")
        return self


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
        Samples: Samples that it changes; default all but data.
        Regions: Regions in which it does; default all.
        Smoothing: How to smooth its histograms; default not at all.
        Symmetrize: Replace up and down by nominal ± half of their difference.
        ModifierName: Label of the parameter, if not the systematic's: systematics that share it are one parameter.
    """

    Name: Label
    Type: Literal["Normalization", "NormPlusShape"]
    Up: SideConfig
    Down: SideConfig
    Samples: Names = None
    Regions: Names = None
    Smoothing: SmoothingConfig | None = None
    Symmetrize: bool = False
    ModifierName: Label | None = None

    @property
    def parameter(self) -> str:
        """The name of its parameter."""
        return self.ModifierName or self.Name

    @model_validator(mode="after")
    def _consistent(self) -> SystematicConfig:
        if self.Up.derived and self.Down.derived:
            raise ValueError("a side of its own: Up and Down cannot both come from the other one")
        if self.Symmetrize and (self.Up.derived or self.Down.derived):
            raise ValueError("Symmetrize for two sides of their own; one that is Symmetrize or OneSided is derived")
        for name in SIDES:
            side: SideConfig = getattr(self, name)
            if side.derived:
                continue
            if self.Type == "Normalization" and (side.Normalization is None or side.settings):
                raise ValueError(f"{name}: {{Normalization: 0.1}} and nothing else for Type Normalization")
            if self.Type == "NormPlusShape" and (side.Normalization is not None or not side.settings):
                raise ValueError(f"{name}: what differs from nominal (Weight, Variable, Tree, ...) for NormPlusShape")
        if self.Smoothing and self.Type == "Normalization":
            raise ValueError("Smoothing for NormPlusShape: a Normalization has no shape")
        return self


def covers(names: tuple[str, ...] | None, name: str) -> bool:
    """Whether a list of names takes one in; None takes in all.

    Examples:
        >>> covers(None, "SR"), covers(("CR",), "SR")
        (True, False)
    """
    return names is None or name in names


def acts(modifier: NormFactorConfig | SystematicConfig, sample: SampleConfig, region: RegionConfig) -> bool:
    """Whether a norm factor or a systematic changes a sample in a region; it never changes data."""
    inside = covers(sample.Regions, region.Name) and covers(modifier.Regions, region.Name)
    return inside and not sample.Data and covers(modifier.Samples, sample.Name)
