"""The config of `neyman fit build`.

Sections and keys are those of cabinetry (https://cabinetry.readthedocs.io/en/latest/config.html), and a config of its
that reads ntuples gives the same model here, but for two things: paths start from the folder of the config, and
arithmetic is in double precision. What neyman adds: Parquet, wildcards, `Measurement` as a section of its own,
one-sided systematics (`OneSided`), two sides made symmetric (`Symmetrize` of a systematic), two more ways of
smoothing, `Pruning`, `NegativeBins`, `Overflow`, `Underflow`, uniform binning, `Tree` in `General`, `InputPath` of a
sample or a side.

Unbinned regions, and all that belongs to density ratios, are spelt as nsbi-common-utils spells them
(https://github.com/iris-hep/NSBI-workflow-tutorial); a config of its is read as it is, but for `ReferenceWeights`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import PrivateAttr, model_validator

from neyman.core.config import load_config
from neyman.fit.places import Location, Places
from neyman.fit.references import check
from neyman.fit.sections import Sections


class FitConfig(Sections):
    """From files of events to a workspace."""

    _places: Places = PrivateAttr(default_factory=Places)

    @model_validator(mode="after")
    def _fits_together(self) -> FitConfig:
        check(self)
        return self

    @classmethod
    def load(cls, path: Path | str) -> FitConfig:
        """Read a YAML config.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        config = load_config(Path(path), cls)
        config._places = Places.read(Path(path))
        return config

    def where(self, location: Location) -> str:
        """Where a setting stands: file and line, if the config came from a file, and its key."""
        return self._places.where(location)
