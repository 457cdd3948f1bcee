"""What a fit config says of an unbinned region: files of density ratios, with one number for each event."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from neyman.core.config import Config
from neyman.fit.columns import PARQUET
from neyman.fit.spellings import Label


class ArrayConfig(Config):
    """One number for each event: a `.npy` file, or a column of a Parquet file.

    Attributes:
        Path: The file, from the folder of the config.
        Column: The column of a Parquet file.
    """

    Path: Label
    Column: Label | None = None

    @model_validator(mode="after")
    def _one_array(self) -> ArrayConfig:
        ending = PurePath(self.Path).suffix.lower()
        if ending in PARQUET and self.Column is None:
            raise ValueError("{Path: file.parquet, Column: name} for a Parquet file")
        if ending not in PARQUET and (ending != ".npy" or self.Column is not None):
            raise ValueError("a .npy file, or {Path: file.parquet, Column: name}")
        return self


def _path(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"Path": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return () if value is None else value  # all of it is commented out


ArrayFile = Annotated[ArrayConfig, BeforeValidator(_path, json_schema_input_type=str | ArrayConfig)]


class NominalRatiosConfig(Config):
    """The nominal density of a sample.

    Attributes:
        Ratios: Its ratio to the density of the reference, for each event; not the logarithm.
        Models: Where nsbi-common-utils keeps the networks; accepted, not used.
    """

    Ratios: ArrayFile
    Models: str | None = None


class VariedRatiosConfig(Config):
    """The densities of a sample under a systematic.

    Attributes:
        SystName: The systematic.
        RatiosUp: The ratio of the density at +1σ to the nominal one, for each event; not the logarithm.
        RatiosDn: The same at −1σ.
        ModelsUp: Where nsbi-common-utils keeps the networks; accepted, not used.
        ModelsDn: The same at −1σ.
    """

    SystName: Label
    RatiosUp: ArrayFile
    RatiosDn: ArrayFile
    ModelsUp: str | None = None
    ModelsDn: str | None = None


class TrainedModelConfig(Config):
    """The densities of a sample in an unbinned region.

    Attributes:
        SampleName: The sample.
        Nominal: Its nominal density.
        Systematics: Its densities under systematics; one that is not listed changes the yield alone.
    """

    SampleName: Label
    Nominal: NominalRatiosConfig
    Systematics: Annotated[
        tuple[VariedRatiosConfig, ...],
        BeforeValidator(_listed, json_schema_input_type=list[VariedRatiosConfig] | None),
    ] = ()
