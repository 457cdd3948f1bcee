"""The config of the anomaly job: which background, which features, which network, which error rate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field, field_validator, model_validator

from neyman.core.config import Config, load_config
from neyman.learning.config import TrainingConfig

NetworkScore = Literal["energy", "score_norm", "weighted_norm"]
"""The scores of the energy network alone."""

ArtefactScore = Literal["energy", "score_norm", "weighted_norm", "knn", "combined"]
"""The scores that an artefact can have; all others are there to compare with."""

Layout = Literal["forty_mhz", "dijet"]
TransformName = Literal["none", "log"]
SourceKind = Literal["files", "simulation"]


class FilesSource(Config):
    """Files of events, relative to the config; a tree of a ROOT file stands behind a colon.

    Attributes:
        kind: `files`.
        background: The events to learn from: Parquet, ROOT, HDF5, CSV or npz.
        signals: Files of signals by name; training never sees them.
        weights: Column of weights of the background, and of signals that have it; events are kept with a probability
            in proportion to it.
        rows: Read the first so many rows of each file; None for all.
    """

    kind: Literal["files"] = "files"
    background: str = Field(min_length=1)
    signals: dict[str, str] = Field(default={})
    weights: str | None = None
    rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _other_files(self) -> FilesSource:
        same = [name for name, path in self.signals.items() if path == self.background]
        if same:
            raise ValueError(f"another file than the background's for signal '{same[0]}'")
        return self


class SimulationSource(Config):
    """Events from Pythia.

    Attributes:
        kind: `simulation`.
        layout: `forty_mhz` (57 columns, at least one lepton) or `dijet` (64 columns).
        events: Accepted events of the mixture of backgrounds.
        signals: Processes beside it, for evaluation alone.
        signal_events: Accepted events of each.
    """

    kind: Literal["simulation"] = "simulation"
    layout: Layout = "forty_mhz"
    events: int = Field(default=20_000, ge=100)
    signals: tuple[str, ...] = ("a_4l", "leptoquark", "h0_tautau")
    signal_events: int = Field(default=2000, ge=10)


Source = Annotated[FilesSource | SimulationSource, Field(discriminator="kind")]


class FeatureConfig(Config):
    """Which columns are features, and how the network sees them.

    Attributes:
        columns: Their names; None for all columns of the file.
        most: Keep at most so many, chosen on the background alone; None for all.
        transforms: `auto` takes a logarithm where it makes a column look more like a normal; `none` never does; or
            `none` or `log` by column, and `auto` for the others.
        periods: After which a column repeats itself, as an angle does after 6.2832; where the file does not say so.
    """

    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    most: int | None = Field(default=64, ge=1)
    transforms: Literal["auto", "none"] | dict[str, TransformName] = "auto"
    periods: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})

    @model_validator(mode="after")
    def _each_once(self) -> FeatureConfig:
        columns = self.columns or ()
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise ValueError(f"each column once; '{twice[0]}' is there twice")
        return self


class NoiseConfig(Config):
    """The levels of noise, in standard deviations of the features: a geometric grid.

    Attributes:
        low: The lowest.
        high: The highest.
        levels: How many.
    """

    low: float = Field(default=0.05, gt=0)
    high: float = Field(default=2.0, gt=0)
    levels: int = Field(default=10, ge=1, le=100)

    @model_validator(mode="after")
    def _increasing(self) -> NoiseConfig:
        if self.levels > 1 and not self.low < self.high:
            raise ValueError(f"low below high, not {self.low:g} and {self.high:g}")
        return self

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The levels, the lowest first.

        Examples:
            >>> NoiseConfig(low=0.1, high=1.6, levels=5).sigmas
            (0.1, 0.2, 0.4, 0.8, 1.6)
        """
        return tuple(np.geomspace(self.low, self.high if self.levels > 1 else self.low, self.levels).round(12).tolist())


class EnergyConfig(Config):
    """The energy network and the terms of its loss.

    Attributes:
        width: Width of the residual blocks.
        blocks: How many.
        noise: The levels of noise that it is trained at.
        score_sigma: Level of noise at which events are scored: the nearest of the grid is taken.
        multi_scale: Weight λ₁ of the loss at all levels together, beside that of the level that scores.
        weight: Weight λ₂ of the squared weights.
    """

    width: int = Field(default=256, ge=1, le=8192)
    blocks: int = Field(default=3, ge=1, le=32)
    noise: NoiseConfig = NoiseConfig()
    score_sigma: float = Field(default=0.5, gt=0)
    multi_scale: float = Field(default=1.0, ge=0)
    weight: float = Field(default=1e-6, ge=0)

    @model_validator(mode="after")
    def _inside_the_grid(self) -> EnergyConfig:
        if not self.noise.low <= self.score_sigma <= self.noise.high:
            raise ValueError(f"score_sigma within {self.noise.low:g} to {self.noise.high:g}, not {self.score_sigma:g}")
        return self

    @property
    def score_level(self) -> int:
        """Index of the level of noise at which events are scored.

        Examples:
            >>> EnergyConfig(noise={"low": 0.1, "high": 1.6, "levels": 5}, score_sigma=0.5).score_level
            2
        """
        return int(np.argmin(np.abs(np.log(self.noise.sigmas) - np.log(self.score_sigma))))


class EnergyTrainingConfig(TrainingConfig):
    """How long and how fast to train: counted in steps, so that few events are trained on as long as many.

    Attributes:
        batch: Rows of a batch: half as many events, drawn anew, each with a noise and with its opposite.
    """

    batch: int = Field(default=512, ge=1)
    epochs: int = Field(default=40, ge=1)
    steps_per_epoch: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    patience: int = Field(default=40, ge=1)
    averaging: float = Field(default=0.995, ge=0, lt=1)


class SplitConfig(Config):
    """Which fraction of the background is for what; the rest is the test.

    Attributes:
        train: Fraction to train on.
        validation: Fraction that decides which epoch is kept.
        calibration: Fraction that error rates are calibrated on, and nothing else.
    """

    train: float = Field(default=0.6, gt=0, lt=1)
    validation: float = Field(default=0.1, gt=0, lt=1)
    calibration: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _something_left(self) -> SplitConfig:
        total = self.train + self.validation + self.calibration
        if total >= 1 - 1e-9:
            raise ValueError(f"fractions below 1 together, not {total:g}: the test needs events")
        return self


class ErrorRateConfig(Config):
    """What a flag promises: P(false-positive rate > fpr) ≤ delta.

    Attributes:
        fpr: The false-positive rate α.
        delta: Probability δ, over calibration samples, that the true rate is above it.
    """

    fpr: float = Field(default=1e-3, gt=0, lt=1)
    delta: float = Field(default=0.05, gt=0, lt=1)


class AnomalyConfig(Config):
    """A score of how little an event looks like the background, with its error rate.

    Attributes:
        data: The events: `files`, or `simulation`; a name stands for its defaults.
        features: Which columns, and how they are transformed.
        network: The energy network.
        training: How to train it.
        split: Which fraction of the background is for what.
        score: The default score: what `score` and the thresholds use.
        error_rate: What a flag promises.
        device: Where to train: `auto`, `cpu` or `cuda`.
        seed: The seed of everything.
    """

    data: Source
    features: FeatureConfig = FeatureConfig()
    network: EnergyConfig = EnergyConfig()
    training: EnergyTrainingConfig = EnergyTrainingConfig()
    split: SplitConfig = SplitConfig()
    score: ArtefactScore = "combined"
    error_rate: ErrorRateConfig = ErrorRateConfig()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(default=1, ge=0)

    @field_validator("data", mode="before")
    @classmethod
    def _known_kind(cls, value: Any) -> Any:  # noqa: ANN401 - the file's
        if isinstance(value, str):
            value = {"kind": value}  # a name stands for its defaults
        known = get_args(SourceKind)
        if isinstance(value, dict) and value.get("kind") not in known:
            raise ValueError(f"kind: one of {', '.join(known)}")
        return value

    def quick(self) -> AnomalyConfig:
        """A trial of the same: at most 6000 background events, a narrower network, fewer epochs."""
        data = self.data
        if isinstance(data, FilesSource):
            small: FilesSource | SimulationSource = data.model_copy(update={"rows": min(data.rows or _TRIAL, _TRIAL)})
        else:
            signal_events = min(data.signal_events, _TRIAL // 12)
            small = data.model_copy(update={"events": min(data.events, _TRIAL), "signal_events": signal_events})
        training = self.training.model_copy(update={"epochs": min(self.training.epochs, 8)})
        network = self.network.model_copy(update={"width": min(self.network.width, 128)})
        return self.model_copy(update={"data": small, "training": training, "network": network})

    @classmethod
    def load(cls, path: Path | str) -> AnomalyConfig:
        """Read a YAML config; paths of files in it become relative to the working directory.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        path = Path(path)
        config = load_config(path, cls)
        if not isinstance(config.data, FilesSource):
            return config
        beside = {
            "background": str(path.parent / config.data.background),
            "signals": {name: str(path.parent / file) for name, file in config.data.signals.items()},
        }
        return config.model_copy(update={"data": config.data.model_copy(update=beside)})


_TRIAL = 6000  # events
