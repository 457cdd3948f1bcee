"""The config of the abcd job: which events, which two scores, and under which constraints."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from neyman.core.config import Config, load_config
from neyman.learning.config import TrainingConfig

MethodKind = Literal["cls", "double_disco", "bce", "cls_alone"]
SvjProcess = Literal["semi_visible_jets", "qcd", "top_pairs", "vector_bosons"]
DataKind = Literal["toy", "semi_visible_jets", "files"]
_KINDS = {"method": get_args(MethodKind), "data": get_args(DataKind)}
Quantile = Annotated[float, Field(gt=0, lt=1)]


class ToyData(Config):
    """Three Gaussians, whose best score is known: columns x0, x1, x2 and m.

    Attributes:
        kind: `toy`.
        background: Background events to simulate.
        signal: Signal events to simulate.
        background_yield: Background events expected in the data, at luminosity 1.
        signal_yield: Signal events expected in the data for a signal strength of 1, at luminosity 1.
    """

    kind: Literal["toy"] = "toy"
    background: int = Field(default=100_000, ge=100)
    signal: int = Field(default=50_000, ge=100)
    background_yield: float = Field(default=100_000.0, gt=0)
    signal_yield: float = Field(default=100.0, gt=0)


class SemiVisibleJetsData(Config):
    """Semi-visible jets from a Z' against multijets and others, from Pythia; generated events go to the cache.

    Attributes:
        kind: `semi_visible_jets`.
        generated: Events to generate of each process; the preselection keeps some of them.
        simulation_seed: Seed of the simulation; that of the job does not matter, so that others share the events.
    """

    kind: Literal["semi_visible_jets"]
    generated: dict[SvjProcess, Annotated[int, Field(ge=1)]] = Field(
        default={"semi_visible_jets": 40_000, "qcd": 200_000}
    )
    simulation_seed: int = Field(default=1, ge=0)

    @field_validator("generated")
    @classmethod
    def _both_classes(cls, value: dict[SvjProcess, int]) -> dict[SvjProcess, int]:
        if "semi_visible_jets" not in value or len(value) < 2:
            raise ValueError("semi_visible_jets and at least one background, as qcd")
        return value


class FilesData(Config):
    """Events in Parquet or ROOT files, paths relative to the config.

    Attributes:
        kind: `files`.
        signal: Files of signal; leave out if a column tells the classes apart.
        background: Files of background.
        files: Files with both.
        label: In `files`, the column that is 1 for signal and 0 for background.
        weight: Column of the cross-section of each event, times whatever; the luminosity multiplies it. None: 1 each.
        tree: Name of the tree in ROOT files.
    """

    kind: Literal["files"]
    signal: tuple[Path, ...] = ()
    background: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    label: str | None = None
    weight: str | None = None
    tree: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> FilesData:
        labelled = bool(self.files) and self.label is not None
        separate = bool(self.signal) and bool(self.background)
        mixed = bool(self.signal or self.background) and bool(self.files or self.label)
        if mixed or not (labelled or separate):
            raise ValueError("either signal and background, or files and label")
        return self


Data = Annotated[ToyData | SemiVisibleJetsData | FilesData, Field(discriminator="kind")]


class DiscriminantConfig(Config):
    """The final discriminant, in whose bins regions are counted.

    Attributes:
        column: Its column; no network sees it.
        edges: Edges of the bins, increasing; events outside belong to no bin.
    """

    column: str
    edges: tuple[float, ...] = Field(min_length=2)

    @field_validator("edges")
    @classmethod
    def _increasing(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        for low, high in itertools.pairwise(value):
            if not low < high:
                raise ValueError(f"edges that increase; {high:g} comes after {low:g}")
        return value


class NetworkConfig(Config):
    """The two networks; both have the same form and see the same features.

    Attributes:
        hidden: Widths of the hidden layers.
    """

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (64, 64)


class StepsConfig(TrainingConfig):
    """How long and how fast to train one phase.

    Attributes:
        batch: Events in a batch, both classes in proportion; None for all of them.
    """

    epochs: int = Field(default=20, ge=1)
    steps_per_epoch: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    patience: int = Field(default=1000, ge=1)
    averaging: float = Field(default=0.9, ge=0, lt=1)
    batch: int | None = Field(default=20_000, ge=100)


class ConstrainedSteps(StepsConfig):
    """The phase that trains on CLs: all events in each step, unless `batch` says how many."""

    epochs: int = Field(default=30, ge=1)
    steps_per_epoch: int = Field(default=10, ge=1)
    batch: int | None = Field(default=None, ge=100)


class BceMethod(Config):
    """Two classifiers by binary cross-entropy alone: they learn the same, so that closure fails.

    Attributes:
        kind: `bce`.
        training: How to train.
    """

    kind: Literal["bce"] = "bce"
    training: StepsConfig = StepsConfig()


class DoubleDiscoMethod(Config):
    """Double DisCo (arXiv:2007.14400, eq. 3.4): cross-entropy of both, and the scores decorrelated in background.

    Attributes:
        kind: `double_disco`.
        disco: Factor of the squared distance correlation.
        training: How to train.
    """

    kind: Literal["double_disco"] = "double_disco"
    disco: float = Field(default=10.0, ge=0)
    training: StepsConfig = StepsConfig()


class ConstraintsConfig(Config):
    """What must hold while CLs falls, by multipliers; a constraint that is null is left out.

    Attributes:
        closure: Largest |BC−AD|/(BC+AD) of a bin at the cuts, as root mean square over bins, beyond what the statistics
            of the simulation explain.
        random_closure: The same of all bins together, as root mean square over random cuts.
        disco: Largest squared distance correlation of the scores in background.
        least_yield: Least expected background in each region of each bin.
        least_simulated: Least number of simulated events there: of fewer, nobody knows how many are expected.
        random_cuts: How many random cuts in each step.
        disco_events: In how many background events, drawn anew in each step, distance correlation is computed.
    """

    closure: float | None = Field(default=0.03, gt=0, lt=1)
    random_closure: float | None = Field(default=0.03, gt=0, lt=1)
    disco: float | None = Field(default=0.005, gt=0, lt=1)
    least_yield: float | None = Field(default=2.0, gt=0)
    least_simulated: float = Field(default=5.0, gt=0)
    random_cuts: int = Field(default=8, ge=1)
    disco_events: int = Field(default=5000, ge=100)


class _ClsObjective(Config):
    """What is minimised.

    Attributes:
        statistic: `log_cls`, `cls`, `q` (minus q̃ of the Asimov data), or `q0` (minus that of a discovery).
        theta: A nuisance parameter of the non-closure in each bin, or one that bins share.
        mu: Signal strength to exclude.
        mc_statistics: Whether the statistics of the simulation enter the likelihood, against over-fitting.
        gates: `straight_through`: yields are those of hard gates and their gradients those of soft ones. `soft`: both
            are soft; events that leak through the gates then look like background with high statistics.
        steepness: Of the soft gates, per unit of score, at first and at last; grows geometrically.
        cuts: Where to cut each score at first, as quantiles of the background.
        train_cuts: Whether the quantiles are trained too.
    """

    statistic: Literal["log_cls", "cls", "q", "q0"] = "log_cls"
    theta: Literal["per_bin", "shared"] = "per_bin"
    mu: float = Field(default=1.0, gt=0)
    mc_statistics: bool = True
    gates: Literal["straight_through", "soft"] = "straight_through"
    steepness: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (5.0, 50.0)
    cuts: tuple[Quantile, Quantile] = (0.9, 0.9)
    train_cuts: bool = True


class ClsMethod(_ClsObjective):
    """Expected CLs under constraints, after a warm-up by Double DisCo.

    Attributes:
        kind: `cls`.
        warm_up: The first phase.
        disco: Factor of the squared distance correlation in the first phase.
        constraints: What must hold in the second.
        multiplier_rate: How much a violation by one target adds to a multiplier in a step.
        training: The second phase.
    """

    kind: Literal["cls"] = "cls"
    warm_up: StepsConfig = StepsConfig()
    disco: float = Field(default=10.0, ge=0)
    constraints: ConstraintsConfig = ConstraintsConfig()
    multiplier_rate: float = Field(default=0.05, gt=0)
    training: ConstrainedSteps = ConstrainedSteps()


class ClsAloneMethod(_ClsObjective):
    """Expected CLs without constraints: a warning, not a method. The scores become one, and closure is lost.

    Attributes:
        kind: `cls_alone`.
        warm_up: The first phase, by cross-entropy.
        training: The second phase.
    """

    kind: Literal["cls_alone"] = "cls_alone"
    mc_statistics: bool = False
    warm_up: StepsConfig = StepsConfig()
    training: ConstrainedSteps = ConstrainedSteps()


Method = Annotated[ClsMethod | DoubleDiscoMethod | BceMethod | ClsAloneMethod, Field(discriminator="kind")]


class EvaluationConfig(Config):
    """How cuts are chosen, with hard gates on validation events.

    Attributes:
        largest_non_closure: |δ| may be so large: of all bins with its error added, of each within its error.
        least_yield: Least expected background in each region of each bin.
        least_simulated: Least effective number (Σw)²/Σw² of simulated background events there.
        quantiles: How many cuts on each score are tried.
        tightest: Fraction of background above the tightest of them.
        reference: Two features that stand in for the scores, as a cut-and-count analysis would.
    """

    largest_non_closure: float = Field(default=0.1, gt=0, lt=1)
    least_yield: float = Field(default=1.0, gt=0)
    least_simulated: float = Field(default=5.0, gt=0)
    quantiles: int = Field(default=16, ge=2, le=100)
    tightest: float = Field(default=0.003, gt=0, lt=0.5)
    reference: tuple[str, str] | None = None


class SplitConfig(Config):
    """Fractions of the events to train on and to choose by; the rest is for the test.

    Attributes:
        train: Fraction to train on.
        validation: Fraction that decides which epoch and which cuts are kept.
    """

    train: float = Field(default=0.5, gt=0, lt=1)
    validation: float = Field(default=0.25, gt=0, lt=1)

    @model_validator(mode="after")
    def _something_left(self) -> SplitConfig:
        if self.train + self.validation >= 1 - 1e-9:
            raise ValueError(f"fractions below 1 together, not {self.train + self.validation:g}: the test needs events")
        return self


def _or_its_name(schema: dict[str, Any]) -> None:
    """An editor is to know that a name may stand in place of a mapping."""
    schema["anyOf"] = [
        {key: schema.pop(key) for key in ("oneOf", "discriminator") if key in schema},
        {"enum": list(get_args(MethodKind))},
    ]


class AbcdConfig(Config):
    """Two scores for a background that data in three regions predict in a fourth.

    Attributes:
        data: The events: `toy`, `semi_visible_jets` or `files`.
        features: What the networks see; left out for all that `toy` or `semi_visible_jets` has.
        discriminant: What is counted in bins.
        luminosity: Multiplies the weights, which are cross-sections, to give expected events.
        networks: The networks.
        method: What to minimise; a name stands for its defaults.
        evaluation: How cuts are chosen.
        split: Which fraction of the events is for what.
        device: Where to train: `auto`, `cpu` or `cuda`.
        seed: The seed of everything.
    """

    data: Data
    features: tuple[str, ...] | None = None
    discriminant: DiscriminantConfig
    luminosity: float = Field(default=1.0, gt=0)
    networks: NetworkConfig = NetworkConfig()
    method: Method = Field(default=ClsMethod(), json_schema_extra=_or_its_name)
    evaluation: EvaluationConfig = EvaluationConfig()
    split: SplitConfig = SplitConfig()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(default=1, ge=0)

    @field_validator("data", "method", mode="before")
    @classmethod
    def _known_kind(cls, value: Any, info: Any) -> Any:  # noqa: ANN401 - the file's; pydantic's, which beartype cannot check
        if isinstance(value, str):
            value = {"kind": value}  # a name stands for its defaults
        known = _KINDS[info.field_name or ""]
        if isinstance(value, dict) and value.get("kind") not in known:
            raise ValueError(f"kind: one of {', '.join(known)}")
        return value

    @field_validator("features")
    @classmethod
    def _each_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (len(set(value)) < len(value) or not value):
            raise ValueError("names of columns, each once")
        return value

    @field_validator("discriminant")
    @classmethod
    def _apart(cls, value: DiscriminantConfig, info: Any) -> DiscriminantConfig:  # noqa: ANN401 - as above
        if value.column in (info.data.get("features") or ()):
            raise ValueError(f"a column that is not one of the features: they contain '{value.column}'")
        return value

    @classmethod
    def load(cls, path: Path | str) -> AbcdConfig:
        """Read a YAML config; paths of files in it become relative to the working directory.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        path = Path(path)
        config = load_config(path, cls)
        if not isinstance(config.data, FilesData):
            return config
        beside = {name: [path.parent / file for file in getattr(config.data, name)]
                  for name in ("signal", "background", "files")}  # fmt: skip
        data = config.data.model_copy(update={name: tuple(files) for name, files in beside.items()})
        return config.model_copy(update={"data": data})
