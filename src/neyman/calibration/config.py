"""The config of the calibration job: which variables to correct, given what, and how the flow is trained."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from neyman.core.config import Config, load_config
from neyman.learning.config import TrainingConfig

ToyKind = Literal["impact_parameter", "shower_shapes"]
SourceKind = Literal["files", "impact_parameter", "shower_shapes"]

_TOYS: dict[str, dict[str, Any]] = {
    "impact_parameter": {
        "variables": [{"name": "ip", "transform": "log"}],
        "conditions": ["pt", "eta", {"name": "phi", "period": 2 * math.pi}, "npv"],
    },
    "shower_shapes": {
        "variables": [{"name": "r9", "transform": "logit"}, "sigma_ieta_ieta", "h_over_e", "isolation"],
        "conditions": ["pt", "eta"],
    },
}
_TOY_TAILS = {"impact_parameter": {"ip": [0.1, 0.2, 0.3]}}  # mm


class FilesSource(Config):
    """Two ROOT or Parquet files, relative to the config; a tree stands behind a colon, as in `data.root:DecayTree`.

    Attributes:
        kind: `files`.
        data: The file of data.
        simulation: The file of simulation.
        weights: Column of weights, as sWeights; a file that does not have it has weights of one. None: all are one.
        rows: Read the first so many rows of each file; None for all.
    """

    kind: Literal["files"] = "files"
    data: str
    simulation: str
    weights: str | None = None
    rows: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _two_files(self) -> FilesSource:
        if self.data == self.simulation:
            raise ValueError(f"two files, or two trees: both are '{self.data}'")
        return self


class ToySource(Config):
    """Events whose true correction is known.

    Attributes:
        kind: `impact_parameter` or `shower_shapes`.
        events: Events of data, and as many of simulation.
        kinematics: Of the impact parameter: muons from a closed form (`toy`), or from Pythia.
    """

    kind: ToyKind
    events: int = Field(default=100_000, ge=100)
    kinematics: Literal["toy", "pythia"] = "toy"


Source = Annotated[FilesSource | ToySource, Field(discriminator="kind")]


class _Named(Config):
    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:  # noqa: ANN401 - the file's
        return {"name": value} if isinstance(value, str) else value


class VariableConfig(_Named):
    """A variable to correct.

    Attributes:
        name: Its column.
        transform: How the flow sees it: `none`, `log`, or `logit` of a fraction; `auto` takes `log` where that looks
            more like a normal.
    """

    name: str = Field(min_length=1)
    transform: Literal["auto", "none", "log", "logit"] = "auto"


class ConditionConfig(_Named):
    """A condition, given which the variables are corrected; it is never changed itself.

    Attributes:
        name: Its column.
        transform: How the flow sees it: `none` or `log`; `auto` takes the one that looks more like a normal.
        period: After which it repeats itself, as an angle does after 360 degrees; None asks the schema in a Parquet
            file, and knows a turn in radians of a column whose name ends in `phi`.
    """

    name: str = Field(min_length=1)
    transform: Literal["auto", "none", "log"] = "auto"
    period: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _no_log_of_an_angle(self) -> ConditionConfig:
        if self.period is not None and self.transform == "log":
            raise ValueError("a transform of a period is none, or left out")
        return self


class FlowConfig(Config):
    """The pair of flows, one of simulation and one of data.

    Attributes:
        bins: Bins of each spline.
        hidden: Widths of the hidden layers.
        transforms: Splines one after the other; a second changes little, also of several variables.
        spline: `rational_quadratic` or `quadratic`.
        shared: Whether both flows are one network with two heads; else each has a network of its own.
    """

    bins: int = Field(default=16, ge=2, le=256)
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (128, 128)
    transforms: int = Field(default=1, ge=1, le=16)
    spline: Literal["rational_quadratic", "quadratic"] = "rational_quadratic"
    shared: bool = True


class PassesConfig(Config):
    """How long and how fast to train.

    Attributes:
        epochs: Passes through the training events of the larger sample.
        batch: Events of each sample in a batch, at most.
        least_steps: Steps in a pass, at least: of few events there are smaller batches.
        learning_rate: The peak of a one-cycle schedule.
        weight_decay: AdamW's.
        patience: Stop after so many epochs without a better validation loss; the best epoch is kept.
        averaging: Decay per step of the moving average of weights, which is what is kept; 0 for none.
        clip: Largest norm of the gradient.
    """

    epochs: int = Field(default=12, ge=1)
    batch: int = Field(default=4096, ge=16)
    least_steps: int = Field(default=40, ge=1)
    learning_rate: float = Field(default=5e-3, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    patience: int = Field(default=12, ge=1)
    averaging: float = Field(default=0.98, ge=0, lt=1)
    clip: float = Field(default=1.0, gt=0)

    def batch_of(self, events: int) -> int:
        """Events of each sample in a batch, if the larger has so many.

        Examples:
            >>> PassesConfig().batch_of(1_000_000), PassesConfig().batch_of(10_000)
            (4096, 250)
        """
        return max(16, min(self.batch, events // self.least_steps))

    def loop(self, events: int) -> TrainingConfig:
        """What the training loop reads: an epoch is a pass through so many events.

        Examples:
            >>> PassesConfig().loop(1_000_000).steps_per_epoch
            244
        """
        shared = {name: getattr(self, name) for name in type(self).model_fields if name in TrainingConfig.model_fields}
        return TrainingConfig(**shared, steps_per_epoch=max(1, events // self.batch_of(events)))


class TailConfig(Config):
    """The polish of the tails: beyond a quantile, tables take over where splines see too few events.

    Attributes:
        above: The quantile beyond which tables hold, and 1 minus it on the other side; None for no polish. They end as
            the identity where four times as many events are beyond.
        least_events: Effective events beyond the last entry of a table.
    """

    above: float | None = Field(default=0.95, gt=0.5, lt=1)
    least_events: int = Field(default=50, ge=10)


class SplitConfig(Config):
    """Fractions of the events to train on and to choose the epoch by; the rest is for the test.

    Attributes:
        train: Fraction to train on.
        validation: Fraction that decides which epoch is kept.
    """

    train: float = Field(default=0.6, gt=0, lt=1)
    validation: float = Field(default=0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _something_left(self) -> SplitConfig:
        if self.train + self.validation >= 1 - 1e-9:
            raise ValueError(f"fractions below 1 together, not {self.train + self.validation:g}: the test needs events")
        return self


class ChecksConfig(Config):
    """How a correction is judged.

    Attributes:
        cells: How many cells of the conditions, about; or edges by condition, where others are not cut.
        bins: Bins of equal population in each histogram.
        tail_thresholds: By variable, beyond which values events are counted.
        level: Confidence level of the verdicts.
    """

    cells: Annotated[int, Field(ge=1, le=1000)] | dict[str, tuple[float, ...]] = 12
    bins: int = Field(default=50, ge=2, le=1000)
    tail_thresholds: dict[str, tuple[float, ...]] = Field(default={})
    level: float = Field(default=0.99, gt=0.5, lt=1)

    @field_validator("cells")
    @classmethod
    def _increasing(cls, value: int | dict[str, tuple[float, ...]]) -> int | dict[str, tuple[float, ...]]:
        for name, edges in value.items() if isinstance(value, dict) else ():
            if not edges or any(not low < high for low, high in itertools.pairwise(edges)):
                raise ValueError(f"edges of '{name}' that increase")
        return value


class CalibrationConfig(Config):
    """A correction of simulated variables given conditions, learned from simulation and data.

    Attributes:
        data: The events: `files`, or a toy, `impact_parameter` or `shower_shapes`.
        variables: What to correct; a name stands for its defaults. A toy has its own.
        conditions: Given what; a name stands for its defaults. A toy has its own.
        flow: The pair of flows.
        training: How to train them.
        tail: The polish of the tails.
        members: Trainings on bootstrapped events, for the uncertainty; 0 for none.
        split: Which fraction of the events is for what.
        checks: How the correction is judged.
        device: Where to train: `auto`, `cpu` or `cuda`.
        seed: The seed of everything.
    """

    data: Source
    variables: tuple[VariableConfig, ...] = Field(min_length=1)
    conditions: tuple[ConditionConfig, ...] = Field(min_length=1)
    flow: FlowConfig = FlowConfig()
    training: PassesConfig = PassesConfig()
    tail: TailConfig = TailConfig()
    members: int = Field(default=5, ge=0, le=1000)
    split: SplitConfig = SplitConfig()
    checks: ChecksConfig = ChecksConfig()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(default=1, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _toys_know_their_columns(cls, value: Any) -> Any:  # noqa: ANN401 - the file's
        if not isinstance(value, dict):
            return value
        given = dict(value)
        if isinstance(given.get("data"), str):
            given["data"] = {"kind": given["data"]}  # a name stands for its defaults
        source = given.get("data")
        kind = source.get("kind") if isinstance(source, dict) else getattr(source, "kind", None)
        if kind in _TOYS:
            given = {**_TOYS[kind], **given}
            if kind in _TOY_TAILS and given.get("checks") is None:
                given["checks"] = {"tail_thresholds": _TOY_TAILS[kind]}
        return given

    @field_validator("data", mode="before")
    @classmethod
    def _known_kind(cls, value: Any) -> Any:  # noqa: ANN401 - as above
        known = get_args(SourceKind)
        if isinstance(value, dict) and value.get("kind") not in known:
            raise ValueError(f"kind: one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _each_once(self) -> CalibrationConfig:
        weights = (self.data.weights,) if isinstance(self.data, FilesSource) and self.data.weights else ()
        names = (*self.variable_names, *self.condition_names, *weights)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' once, as a variable or as a condition")
        unknown = sorted({*self.checks.tail_thresholds} - {*self.variable_names})
        if unknown:
            raise ValueError(f"tail_thresholds of variables; '{unknown[0]}' is none")
        if isinstance(self.checks.cells, dict):
            unknown = sorted({*self.checks.cells} - {*self.condition_names})
            if unknown:
                raise ValueError(f"cells of conditions; '{unknown[0]}' is none")
        return self

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The columns to correct."""
        return tuple(variable.name for variable in self.variables)

    @property
    def condition_names(self) -> tuple[str, ...]:
        """The columns given which."""
        return tuple(condition.name for condition in self.conditions)

    def quick(self) -> CalibrationConfig:
        """A trial of the same: at most 40 000 events of each sample, fewer epochs, three members."""
        data = self.data
        if isinstance(data, FilesSource):
            small: FilesSource | ToySource = data.model_copy(update={"rows": min(data.rows or _TRIAL, _TRIAL)})
        else:
            small = data.model_copy(update={"events": min(data.events, _TRIAL)})
        training = self.training.model_copy(update={"epochs": min(self.training.epochs, 8)})
        return self.model_copy(update={"data": small, "training": training, "members": min(self.members, 3)})

    @classmethod
    def load(cls, path: Path | str) -> CalibrationConfig:
        """Read a YAML config; paths of files in it become relative to the working directory.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        path = Path(path)
        config = load_config(path, cls)
        if not isinstance(config.data, FilesSource):
            return config
        beside = {name: str(path.parent / getattr(config.data, name)) for name in ("data", "simulation")}
        return config.model_copy(update={"data": config.data.model_copy(update=beside)})


_TRIAL = 40_000  # events
