"""What the two scores are trained by: the methods of a config, and the constraints under which CLs falls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from neyman.core.config import Config
from neyman.learning.config import TrainingConfig

Quantile = Annotated[float, Field(gt=0, lt=1)]


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
MethodKind = Literal["cls", "double_disco", "bce", "cls_alone"]
