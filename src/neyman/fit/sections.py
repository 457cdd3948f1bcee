"""The sections of a fit config, each a list of entries."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from neyman.core.config import Config
from neyman.fit.settings import (
    GeneralConfig,
    MeasurementConfig,
    NormFactorConfig,
    RegionConfig,
    SampleConfig,
    covers,
)
from neyman.fit.variations import SystematicConfig


def _alone(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return (value,) if isinstance(value, dict | MeasurementConfig) else value


class Sections(Config):
    """A fit config whose entries are right by themselves; `FitConfig` also knows that they fit together.

    Attributes:
        General: What holds for all.
        Measurement: What to measure, if not in `General`: one measurement or a list.
        Regions: The channels.
        Samples: Data and simulation.
        NormFactors: Free factors of yields.
        Systematics: Systematic uncertainties.
        TrainingFeatures: What nsbi-common-utils trains with; accepted, not used.
        TrainingFeaturesToStandardize: The same.
    """

    General: GeneralConfig = GeneralConfig()
    Measurement: Annotated[
        tuple[MeasurementConfig, ...],
        BeforeValidator(_alone, json_schema_input_type=MeasurementConfig | list[MeasurementConfig]),
    ] = ()
    Regions: tuple[RegionConfig, ...] = Field(min_length=1)
    Samples: tuple[SampleConfig, ...] = Field(min_length=1)
    NormFactors: tuple[NormFactorConfig, ...] = ()
    Systematics: tuple[SystematicConfig, ...] = ()
    TrainingFeatures: tuple[str, ...] | None = None
    TrainingFeaturesToStandardize: tuple[str, ...] | None = None

    @field_validator("NormFactors", "Systematics", mode="before")
    @classmethod
    def _none_is_none(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return () if value is None else value  # a section of which all is commented out

    @property
    def measurements(self) -> tuple[MeasurementConfig, ...]:
        """What to measure, from either section."""
        general = self.General
        if general.Measurement is None:
            return self.Measurement
        own = general.Measurement
        return (own.model_copy(update={"POI": own.POI or general.POI, "Fixed": own.Fixed or general.Fixed}),)

    @property
    def data(self) -> SampleConfig | None:
        """The data; None if all is simulated."""
        return next((sample for sample in self.Samples if sample.Data), None)

    def simulated(self, region: RegionConfig) -> list[SampleConfig]:
        """The simulated samples of a region."""
        return [each for each in self.Samples if not each.Data and covers(each.Regions, region.Name)]

    @property
    def needs_data(self) -> bool:
        """Whether a sample of data must be there: an analysis by cabinetry has one, by nsbi-common-utils may not."""
        paths = [self.General.InputPath, *(sample.InputPath for sample in self.Samples)]
        return any(path is not None for path in paths) and not any(region.unbinned for region in self.Regions)
