"""What building a workspace did, beside the workspace: yields, what was changed or left out, where it came from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from neyman.core.results import Result


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Yield(_Record):
    """The nominal yield of a sample in a region.

    Attributes:
        region: The region.
        sample: The sample, simulated or data.
        total: Sum of weights.
        uncertainty: Its statistical uncertainty.
        entries: Number of events.
    """

    region: str
    sample: str
    total: float
    uncertainty: float
    entries: int


class Change(_Record):
    """How the histograms of a systematic were changed.

    Attributes:
        systematic: The systematic.
        region: The region.
        sample: The sample.
        how: The smoothing algorithm, or `mirrored`, `one-sided`, `averaged`.
    """

    systematic: str
    region: str
    sample: str
    how: str


class Pruned(_Record):
    """A part of a systematic that was left out.

    Attributes:
        systematic: The systematic.
        region: The region.
        sample: The sample.
        part: Its normalisation or its shape.
        size: Its largest relative effect.
    """

    systematic: str
    region: str
    sample: str
    part: Literal["norm", "shape"]
    size: float


class InputFile(_Record):
    """A file that was read.

    Attributes:
        path: Its path.
        sha256: The hash of its bytes.
    """

    path: str
    sha256: str


class BuildResult(Result):
    """The record of a build.

    Attributes:
        workspace: Digest of the workspace, `neyman.core.files.digest`.
        yields: Nominal yields, region by region.
        smoothed: What was smoothed.
        symmetrised: Sides that were derived, and sides that were averaged.
        pruned: What was left out.
        warnings: What a physicist should look at.
        files: The files that were read.
        config: The config, with all defaults.
        versions: Versions of the program and its libraries.
    """

    workspace: str
    yields: tuple[Yield, ...]
    smoothed: tuple[Change, ...]
    symmetrised: tuple[Change, ...]
    pruned: tuple[Pruned, ...]
    warnings: tuple[str, ...]
    files: tuple[InputFile, ...]
    config: dict[str, Any]
    versions: dict[str, str]
