"""The config of the abcd job: which events, which two scores, and under which constraints."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from neyman.abcd.methods import ClsMethod, Method, MethodKind
from neyman.core.config import Config, load_config

SvjProcess = Literal["semi_visible_jets", "qcd", "top_pairs", "vector_bosons"]
DataKind = Literal["toy", "semi_visible_jets", "files"]
_KINDS = {"method": get_args(MethodKind), "data": get_args(DataKind)}


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
        paths = (*self.signal, *self.background, *self.files)
        twice = [path for number, path in enumerate(paths) if path in paths[:number]]
        if twice:  # the copies of an event would be trained on and tested with
            raise ValueError(f"each file once; {twice[0]} stands twice")
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

    @field_validator("reference")
    @classmethod
    def _different(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        if value is not None and value[0] == value[1]:
            raise ValueError("two different columns")
        return value


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
        if not isinstance(value, Config) and not (isinstance(value, dict) and value.get("kind") in known):
            raise ValueError(f"kind: one of {', '.join(known)}")
        return value

    @field_validator("features")
    @classmethod
    def _each_once(cls, value: tuple[str, ...] | None, info: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - as above
        if value is not None and (len(set(value)) < len(value) or not value):
            raise ValueError("names of columns, each once")
        data = info.data.get("data")
        for key in ("label", "weight") if isinstance(data, FilesData) else ():
            if getattr(data, key) in (value or ()):
                raise ValueError(f"columns that data have too; '{getattr(data, key)}' is the {key}")
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
