"""The config of the posterior job: what to simulate, which posterior to learn, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from neyman.core.config import Config, load_config
from neyman.core.errors import ConfigError
from neyman.learning.config import TrainingConfig
from neyman.simulation.eos import BToKstarMuMu, BToKstarMuMuMarkovChain
from neyman.simulation.eos.window import check_options
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator

EstimatorKind = Literal["set_encoder", "scores"]

VALIDITY = {"BFS2004": (0.0, 9.0), "GvDV2020": (0.0, 9.0), "GP2004": (14.0, float("inf"))}
"""Where in q², GeV², the calculations mean something: below the J/ψ, or above the ψ(2S)."""


class MarkovChainConfig(Config):
    """Settings of EOS's Markov chain, for `method: mcmc`.

    Attributes:
        stride: Steps of the chain for one event.
        pre_N: Steps of a preliminary run.
        preruns: Preliminary runs, which fix the width of the steps.
        chains: Chains, one after the other.
    """

    stride: int = Field(default=10, ge=1)
    pre_N: int = Field(default=200, ge=1)  # noqa: N815 - EOS's own name
    preruns: int = Field(default=2, ge=1)
    chains: int = Field(default=1, ge=1)


class SimulatorConfig(Config):
    """B⁰→K*⁰ℓ⁺ℓ⁻ in a window of q².

    Attributes:
        q2: The window, GeV², as `[1, 8]`.
        tag: Amplitudes: BFS2004 or GvDV2020 (large recoil, q² below 8, at most 9), GP2004 (low recoil, q² above
            14), Naive.
        lepton: `mu` or `e`.
        flavour: `B0`, `B0bar`, or their CP average.
        method: The exact sampler, or EOS's own Markov chain as a cross-check.
        mcmc: Settings of that chain.
    """

    q2: tuple[float, float] = (1.0, 8.0)
    tag: Literal["BFS2004", "GP2004", "GvDV2020", "Naive"] = "BFS2004"
    lepton: Literal["mu", "e"] = "mu"
    flavour: Literal["B0", "B0bar", "average"] = "average"
    method: Literal["exact", "mcmc"] = "exact"
    mcmc: MarkovChainConfig = MarkovChainConfig()

    @model_validator(mode="after")
    def _one_flavour_for_a_chain(self) -> SimulatorConfig:
        if self.method == "mcmc" and self.flavour == "average":
            raise ValueError("flavour B0 or B0bar for method mcmc: EOS's density has no CP average")
        return self

    @model_validator(mode="after")
    def _where_the_tag_is_valid(self) -> SimulatorConfig:
        try:
            check_options(self.q2, tag=self.tag, lepton=self.lepton, flavour=self.flavour)
        except ConfigError as error:
            raise ValueError(f"q2 {error.expected}" + (f"; {error.hint}" if error.hint else "")) from None
        low, high = VALIDITY.get(self.tag, self.q2)
        if self.q2[0] < low or self.q2[1] > high:
            where = f"below {high:g}" if low < self.q2[0] else f"above {low:g}"
            raise ValueError(f"q2 {where} GeV² for tag {self.tag}; BFS2004 is for large recoil, GP2004 for low recoil")
        return self

    def build(self) -> Simulator:
        """The simulator."""
        options: dict[str, Any] = {"tag": self.tag, "lepton": self.lepton, "flavour": self.flavour}
        if self.method == "mcmc":
            return BToKstarMuMuMarkovChain(self.q2, **options, **dict(self.mcmc))
        return BToKstarMuMu(self.q2, **options)


class EstimatorConfig(Config):
    """What summarises a set of events, and the flow on top.

    Attributes:
        kind: `set_encoder`: a network of each event, averaged over the set. `scores`: the analytic score at
            some parameter points, averaged over the set; for simulators whose density is known.
        inputs: What the set encoder sees of an event: `angular`, the angular functions f_i and their products
            with q², or `plain`, the columns with periodic ones as cosine and sine.
        statistics: Number of statistics that the set encoder learns.
        hidden: Widths of its hidden layers.
        points: Number of parameter points at which scores are taken, along each parameter.
        transforms: Spline transforms of the flow.
        bins: Bins of each.
        flow_hidden: Widths of the hidden layers of the flow.
    """

    kind: EstimatorKind = "set_encoder"
    inputs: Literal["angular", "plain"] = "angular"
    statistics: int = Field(default=24, ge=1, le=1000)
    hidden: tuple[int, ...] = (64, 64)
    points: int = Field(default=5, ge=2, le=50)
    transforms: int = Field(default=1, ge=0, le=10)
    bins: int = Field(default=8, ge=2, le=64)
    flow_hidden: tuple[int, ...] = (32, 32)


class StatisticTraining(TrainingConfig):
    """How the set encoder's statistic is learned: end to end on small sets, see decision 3.

    Attributes:
        patience: As everywhere; by default it never stops, since fresh events cannot be learned by heart and most of
            the gain comes when the learning rate falls, at the end.
        events_per_set: Sizes of the sets.
        events_per_step: Events in a batch.
    """

    epochs: int = Field(default=60, ge=1)
    patience: int = Field(default=60, ge=1)
    events_per_set: tuple[int, int] = (20, 100)
    events_per_step: int = Field(default=12_000, ge=100)

    @field_validator("events_per_set")
    @classmethod
    def _ordered(cls, value: tuple[int, int]) -> tuple[int, int]:
        return _sizes(value)


class FlowTraining(TrainingConfig):
    """How the flow is learned on the summaries of sets of all sizes.

    Attributes:
        events: Number of events to simulate; they make sets of all sizes.
        batch: Sets in a batch.
    """

    epochs: int = Field(default=15, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    events: int = Field(default=80_000_000, ge=1000)
    batch: int = Field(default=500, ge=1)


class TrainingOptions(Config):
    """The two stages of training.

    Attributes:
        statistic: The first stage; left out for the estimator `scores`.
        flow: The second.
    """

    statistic: StatisticTraining = StatisticTraining()
    flow: FlowTraining = FlowTraining()


def _or_its_name(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"$ref": schema.pop("$ref")}, {"enum": list(get_args(EstimatorKind))}]


class EstimationConfig(Config):
    """What to learn of a posterior, whatever the simulator.

    Attributes:
        events: Sizes of sets that one network shall serve, smallest and largest.
        estimator: What to learn; a name stands for its defaults.
        training: How to learn it.
        device: Where to train: `auto`, `cpu` or `cuda`.
        seed: The seed of everything.
    """

    events: tuple[int, int] = (200, 10_000)
    estimator: EstimatorConfig = Field(default=EstimatorConfig(), json_schema_extra=_or_its_name)
    training: TrainingOptions = TrainingOptions()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = Field(default=1, ge=0)

    @field_validator("estimator", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return {"kind": value} if isinstance(value, str) else value

    @field_validator("events")
    @classmethod
    def _ordered(cls, value: tuple[int, int]) -> tuple[int, int]:
        return _sizes(value)


class PosteriorConfig(EstimationConfig):
    """The whole job: the posterior of Wilson coefficients from B→K*ℓℓ decays.

    Attributes:
        prior: Lowest and highest value of each parameter, as `{C9: [3, 5]}`; flat in between.
        simulator: What to simulate.
    """

    prior: dict[str, tuple[float, float]]
    simulator: SimulatorConfig = SimulatorConfig()

    @field_validator("prior")
    @classmethod
    def _bounds(cls, value: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        unknown = sorted(set(value) - set(BToKstarMuMu.parameters))
        if unknown or not value:
            raise ValueError(f"bounds for {', '.join(BToKstarMuMu.parameters)} and nothing else")
        try:
            UniformPrior(value)
        except ConfigError as error:
            raise ValueError(error.expected) from None
        return value

    @classmethod
    def load(cls, path: Path | str) -> PosteriorConfig:
        """Read a YAML config.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        return load_config(Path(path), cls)

    def build_simulator(self) -> Simulator:
        """The simulator."""
        return self.simulator.build()

    def build_prior(self) -> UniformPrior:
        """The prior."""
        return UniformPrior(self.prior)


def _sizes(value: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= value[0] <= value[1]:
        raise ValueError("[smallest, largest], both at least 1")
    return value
