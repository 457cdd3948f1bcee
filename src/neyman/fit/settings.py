"""The entries of a fit config: regions, samples, norm factors. Keys are spelt as cabinetry spells them.

Those of unbinned regions, and `ParametersToFit`, `UseAsReference`, `UseAsBasis`, are spelt as nsbi-common-utils does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from neyman.core.config import Config
from neyman.fit.spellings import Edges, Formula, Label, Names
from neyman.fit.trained import ArrayFile, TrainedModelConfig
from neyman.fit.variations import SystematicConfig

DEFAULT_BOUNDS = (0.0, 10.0)
"""Bounds that pyhf gives a norm factor without any."""


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
        ParametersToFit: Norm factors and systematics that are free, beside the parameter of interest; all others are
            held at their nominal values. Default: all are free. Statistical uncertainties of simulation always are.
    """

    Name: Label
    POI: str = ""
    Fixed: tuple[FixedParameter, ...] = ()
    ParametersToFit: Names = None


def _named(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"Name": value} if isinstance(value, str) else value


class PruningConfig(Config):
    """Which effects of systematics are too small to keep; by default none is.

    Attributes:
        Norm: Drop a normalisation that changes the yield by less than this fraction, up and down.
        Shape: Drop a shape that changes no bin, or the density of no event, by more than this fraction, up and down.
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
        Measurement: Label of the measurement, or all of it, if there is no section `Measurement`.
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
    Measurement: Annotated[
        MeasurementConfig | None, BeforeValidator(_named, json_schema_input_type=str | MeasurementConfig | None)
    ] = None
    POI: str = ""
    Fixed: tuple[FixedParameter, ...] = ()
    HistogramFolder: str | None = None
    NegativeBins: Literal["error", "keep", "clip"] = "error"
    Pruning: PruningConfig = PruningConfig()


class RegionConfig(Config):
    """A region: one channel of the workspace.

    Attributes:
        Name: Its name.
        Type: `binned`: a histogram. `unbinned`: the density of each event, as ratios to a reference.
        Variable: What to histogram; none if unbinned.
        Binning: Edges, increasing, or `{Bins: 10, Range: [500, 1500]}`; none if unbinned. A bin holds its lower edge,
            not its upper.
        Filter: Which events it takes; default all.
        RegionPath: What `{RegionPath}` in `InputPath` is.
        Overflow: Add what lies above the last edge to the last bin; default: it is left out.
        Underflow: Add what lies below the first edge to the first bin; default: it is left out.
        AsimovWeights: Unbinned: weight of each observed event, which is simulation weighted to the expectation.
        ReferenceWeights: Unbinned: weight with which each of these events stands for the reference of the ratios.
        Normalise: Unbinned: whether densities under systematics are made to integrate to one, for which
            `ReferenceWeights` are needed.
        TrainedModels: Unbinned: the density ratios of each sample, for these events.
    """

    Name: Label
    Type: Literal["binned", "unbinned"] = "binned"
    Variable: Formula | None = None
    Binning: Edges | None = None
    Filter: Formula | None = None
    RegionPath: str | None = None
    Overflow: bool = False
    Underflow: bool = False
    AsimovWeights: ArrayFile | None = None
    ReferenceWeights: ArrayFile | None = None
    Normalise: bool = True
    TrainedModels: tuple[TrainedModelConfig, ...] = ()

    @property
    def unbinned(self) -> bool:
        """Whether it has densities in place of a histogram."""
        return self.Type == "unbinned"

    @model_validator(mode="after")
    def _of_one_type(self) -> RegionConfig:
        histogram = [name for name in ("Variable", "Binning", "Overflow", "Underflow") if getattr(self, name)]
        densities = [name for name in ("AsimovWeights", "ReferenceWeights", "TrainedModels") if getattr(self, name)]
        densities += [] if self.Normalise else ["Normalise"]
        needed = ("AsimovWeights", "TrainedModels") if self.unbinned else ("Variable", "Binning")
        if wrong := histogram if self.unbinned else densities:
            raise ValueError(f"no {wrong[0]}, as Type is {self.Type}")
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"{missing[0]}, as Type is {self.Type}")
        return self


class SampleConfig(Config):
    """A sample: the data, or the simulation of one process.

    Attributes:
        Name: Its name.
        Tree: Its tree in ROOT files.
        Filter: Which events it takes, in place of the region's filter.
        Weight: Weight of each event, also of data; default 1.
        SamplePath: What `{SamplePath}` in `InputPath` is, or without any `InputPath` the file itself; a list adds the
            files up.
        InputPath: Its own path, in place of the general one.
        Data: Whether it is the data.
        DisableStaterror: Whether to leave out the statistical uncertainty of the simulation.
        Regions: Regions that have it; default all.
        UseAsReference: What nsbi-common-utils trains with; accepted, not used.
        UseAsBasis: The same.
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
    UseAsReference: bool | None = None
    UseAsBasis: bool | None = None


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
    samples = modifier.samples if isinstance(modifier, SystematicConfig) else modifier.Samples
    return inside and not sample.Data and covers(samples, sample.Name)
