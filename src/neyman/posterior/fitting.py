"""Training in two stages: a statistic of events on small sets, then a flow on summaries of sets of all sizes.

The first stage learns *which* statistic of an event to average, end to end, by neural posterior estimation on
small sets; the second learns what its mean says about θ at every N. Decision 3 explains why small sets teach
the statistic some thirty times more per event than large ones. Analytic scores skip the first stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from neyman.core.errors import DataError, InputError
from neyman.core.files import digest
from neyman.core.random import seed_from, stream
from neyman.learning.config import TrainingConfig
from neyman.learning.events import EventNetwork
from neyman.learning.flows import ConditionalFlow
from neyman.learning.training import History, choose_device, train
from neyman.posterior.bank import Plan, SummaryBank, fresh, stored
from neyman.posterior.config import EstimationConfig, StatisticTraining
from neyman.posterior.estimators import FlowEstimator
from neyman.posterior.inputs import Normaliser
from neyman.posterior.statistics import LearnedStatistic, ScoreStatistic, Statistic, tensors
from neyman.simulation.datasets import Dataset
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator

PILOT = 100_000  # events that fix the z-scores
_VALIDATION_STEPS = 20
_REGRESSION_SETS = 5000

SetSource = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
"""`draw(rng, sets, events)`: parameters and events of some sets."""

OnEpoch = Callable[[History, nn.Module], None]


@dataclass(frozen=True)
class Fitted:
    """What training leaves: the estimator and the history of each stage."""

    estimator: FlowEstimator
    histories: dict[str, History]


class SmallSets(nn.Module):
    """A set encoder with a location-scale head: what the first stage trains.

    Args:
        network: The statistic of an event.
        head: A flow without splines.
    """

    def __init__(self, network: EventNetwork, head: ConditionalFlow) -> None:
        super().__init__()
        self.network, self.head = network, head

    def loss(self, theta: Float[Tensor, "b d"], inputs: Float[Tensor, "b n i"]) -> Float[Tensor, ""]:
        """−log p(θ | mean of the statistic), averaged over the batch."""
        sizes = torch.full((len(theta),), float(inputs.shape[1]), device=theta.device)
        return self.head.loss(theta, self.network(inputs).mean(dim=1), sizes)


def fit(
    simulator: Simulator,
    prior: UniformPrior,
    config: EstimationConfig,
    *,
    data: Dataset | None = None,
    checkpoints: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train the estimator of a config.

    Args:
        simulator: Where events come from, and scores for the estimator `scores`.
        prior: The prior.
        config: What to learn and how.
        data: Train on these sets instead of fresh ones.
        checkpoints: A folder for the state of training; a rerun goes on from there.
        on_epoch: Called after each epoch with the stage's history and its averaged model.

    Raises:
        InputError: If the prior is of other parameters than the simulator's.
        DataError: If the data have fewer events per set than the config asks for, or too few sets.
        NumericsError: If training diverges.
    """
    if prior.parameters != simulator.parameters:
        raise InputError(
            f"a prior of {', '.join(prior.parameters)}", expected=f"a prior of {', '.join(simulator.parameters)}"
        )
    if data is not None and data.events < config.events[1]:
        raise DataError(
            f"sets of {data.events} events",
            where=str(data.path),
            expected=f"at least {config.events[1]}, the largest size in 'events' of the config",
            hint=f"events: [{min(config.events[0], data.events)}, {data.events}]",
        )
    device = choose_device(config.device)
    origin = {"simulator": simulator.config(), "prior": prior.config(), "data": data.digest if data else None}
    identity = digest({**config.model_dump(mode="json"), **origin})
    serve, seed = config.events, config.seed
    if data is None:
        plan, source = Plan.of_events(serve, config.training.flow.events), fresh(simulator, prior, seed)
    else:
        plan, source = Plan.of_sets(serve, data.sets), stored(data)
    histories: dict[str, History] = {}
    build = _Builder(config, prior, device)

    def run(model: nn.Module, stage: str, options: TrainingConfig, **batches: Any) -> None:  # noqa: ANN401
        histories[stage] = train(
            model,
            options,
            title=f"training the {stage}",
            device=device,
            checkpoint=None if checkpoints is None else checkpoints / f"{stage}.safetensors",
            identity=identity,
            on_epoch=on_epoch,
            **batches,
        )

    statistic: Statistic
    if config.estimator.kind == "scores":
        statistic = ScoreStatistic(simulator, prior, config.estimator.points)
    else:
        draw, draw_kept = _draw_fresh(simulator, prior) if data is None else _draw_stored(data, plan)
        longest = None if data is None else data.events
        normaliser = build.normaliser(simulator, draw, min(100, longest or 100))
        batch, kept = (
            _set_batches(one, normaliser, config.training.statistic, seed, longest=longest) for one in (draw, draw_kept)
        )
        small = build.small_sets(normaliser, batch)
        validation = [kept("statistic validation", step) for step in range(_VALIDATION_STEPS)]
        run(
            small,
            "statistic",
            config.training.statistic,
            batches=lambda step: batch("statistic", step),
            validation=validation,
        )
        statistic = LearnedStatistic(normaliser, small.network)

    bank = SummaryBank(statistic, source, plan, seed=seed)
    flow = build.flow(bank, statistic.length)
    size = config.training.flow.batch
    run(
        flow,
        "flow",
        config.training.flow,
        batches=lambda step: bank.batch(step, size),
        validation=bank.validation(),
    )
    return Fitted(FlowEstimator(statistic, flow.eval(), prior), histories)


@dataclass(frozen=True)
class _Builder:
    """Builds the networks of a config, with initial weights that depend on its seed alone."""

    config: EstimationConfig
    prior: UniformPrior
    device: torch.device

    def normaliser(self, simulator: Simulator, draw: SetSource, each: int) -> Normaliser:
        _, events = draw(stream(self.config.seed, "pilot"), PILOT // each, each)
        matrix = events.reshape(-1, events.shape[-1])
        return Normaliser.fit(simulator.schema, self.config.estimator.inputs, matrix)

    def small_sets(self, normaliser: Normaliser, batch: Callable[[str, int], tuple[Tensor, ...]]) -> SmallSets:
        options = self.config.estimator
        with self._seeded("statistic"):
            network = EventNetwork(len(normaliser), options.statistics, hidden=options.hidden)
            head = self._flow(options.statistics, transforms=0)
        examples = [batch("standardise", step) for step in range(4)]
        with torch.no_grad():
            summaries = torch.cat([network(inputs).mean(dim=1) for _, inputs in examples])
        sizes = torch.cat([torch.full((len(theta),), float(inputs.shape[1])) for theta, inputs in examples])
        head.standardise(summaries.double().numpy(), rotate=False)
        head.start_from_regression(torch.cat([theta for theta, _ in examples]), summaries, sizes)
        return SmallSets(network, head).to(self.device)

    def flow(self, bank: SummaryBank, summaries: int) -> ConditionalFlow:
        with self._seeded("flow"):
            flow = self._flow(summaries, transforms=self.config.estimator.transforms)
        flow.standardise(bank.all_summaries())
        flow.start_from_regression(*bank.batch(0, _REGRESSION_SETS))
        return flow.to(self.device)

    def _flow(self, summaries: int, *, transforms: int) -> ConditionalFlow:
        options = self.config.estimator
        return ConditionalFlow(
            self.prior.low.tolist(),
            self.prior.high.tolist(),
            summaries=summaries,
            transforms=transforms,
            bins=options.bins,
            hidden=options.flow_hidden,
        )

    def _seeded(self, name: str) -> _SeededTorch:
        return _SeededTorch(seed_from(stream(self.config.seed, "initial weights", name)))


class _SeededTorch:
    """torch draws initial weights from its global generator: seed that for a moment, then put it back."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.before = torch.get_rng_state()
        torch.default_generator.manual_seed(self.seed)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self.before)


def _draw_fresh(simulator: Simulator, prior: UniformPrior) -> tuple[SetSource, SetSource]:
    """Fresh sets, to train on and for validation: their random streams differ."""

    def draw(rng: np.random.Generator, sets: int, events: int) -> tuple[np.ndarray, np.ndarray]:
        theta = prior.sample(sets, rng)
        return theta, simulator.simulate_sets(theta, events, rng)

    return draw, draw


def _draw_stored(data: Dataset, plan: Plan) -> tuple[SetSource, SetSource]:
    """Stretches of the sets to train on, and of those that the plan keeps for validation."""
    # All sets at once in memory: random access to shards on disk would decode a whole shard per batch.
    everything = data.read(np.arange(data.sets))
    kept = plan.validation_sets()

    def source(numbers: np.ndarray) -> SetSource:
        def draw(rng: np.random.Generator, sets: int, events: int) -> tuple[np.ndarray, np.ndarray]:
            rows = rng.choice(numbers, size=sets)
            start = rng.integers(0, data.events - events + 1, size=sets)
            return data.theta[rows], everything[rows[:, None], start[:, None] + np.arange(events)]

        return draw

    return source(np.setdiff1d(np.arange(data.sets), kept)), source(kept)


def _set_batches(
    draw: SetSource, normaliser: Normaliser, options: StatisticTraining, seed: int, *, longest: int | None
) -> Callable[[str, int], tuple[Tensor, ...]]:
    """Batches of small sets: one size for a batch, log-uniform from batch to batch, the same number of events."""
    smallest, largest = (size if longest is None else min(size, longest) for size in options.events_per_set)

    def batch(purpose: str, step: int) -> tuple[Tensor, ...]:
        rng = stream(seed, purpose, step)
        events = int(np.exp(rng.uniform(np.log(smallest), np.log(largest + 1))))
        sets = max(1, options.events_per_step // events)
        theta, matrix = draw(rng, sets, events)
        inputs = normaliser(matrix.reshape(sets * events, -1)).reshape(sets, events, -1)
        return tensors(theta, inputs)

    return batch
