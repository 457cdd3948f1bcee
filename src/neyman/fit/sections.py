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
    SystematicConfig,
)


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
        return (MeasurementConfig(Name=general.Measurement, POI=general.POI, Fixed=general.Fixed),)

    @property
    def data(self) -> SampleConfig:
        """The data."""
        return next(sample for sample in self.Samples if sample.Data)
