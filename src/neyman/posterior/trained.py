"""A trained posterior: estimator, prior and config in one object that goes to disk and comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from neyman.core.artefacts import Artefact, load_artefact, save_artefact
from neyman.core.errors import InputError
from neyman.core.random import stream
from neyman.core.restoring import fitting, inputs_of, require_same, with_config
from neyman.events.columns import Schema
from neyman.learning.events import EventNetwork
from neyman.learning.flows import ConditionalFlow
from neyman.learning.training import History
from neyman.posterior.card import model_card
from neyman.posterior.config import EstimationConfig, PosteriorConfig
from neyman.posterior.estimators import FlowEstimator
from neyman.posterior.fitting import OnEpoch, fit
from neyman.posterior.inputs import Normaliser
from neyman.posterior.statistics import LearnedStatistic, ScoreStatistic, Statistic
from neyman.simulation.datasets import Dataset
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import Simulator
from neyman.simulation.rebuild import rebuild

KIND = "posterior"
_TOLERANCE = 1e-3  # of a log-density: float32 on another machine stays far below


@dataclass(frozen=True)
class TrainedPosterior:
    """A posterior for any set of events, and what is needed to use and to check it.

    Attributes:
        config: What was learned and how.
        schema: The columns of the events.
        prior: The prior.
        estimator: The learned posterior.
        simulator_config: What the simulator is rebuilt from.
        histories: What training did, stage by stage.
        cpu_seconds: CPU time of training, simulation included.
        inputs: Digests of what it was trained on, by name; empty for fresh events.
        digest: Identity of the artefact on disk; empty before it is saved.
    """

    config: EstimationConfig
    schema: Schema
    prior: UniformPrior
    estimator: FlowEstimator
    simulator_config: Mapping[str, Any]
    histories: Mapping[str, History]
    cpu_seconds: float = 0.0
    inputs: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @cached_property
    def simulator(self) -> Simulator:
        """The simulator that it was trained on."""
        return rebuild(self.simulator_config)

    def save(self, path: Path | str) -> TrainedPosterior:
        """Write the artefact; the same posterior comes back, with the digest of what was written."""
        config = {
            "estimation": EstimationConfig.model_validate(
                self.config.model_dump(include=set(EstimationConfig.model_fields))
            ).model_dump(mode="json"),
            "simulator": dict(self.simulator_config),
            "prior": self.prior.config(),
        }
        events = self.schema.to_json()
        save_artefact(
            Path(path),
            kind=KIND,
            config=config,
            events=events,
            parameters=self.prior.parameters,
            weights=_weights(self.estimator),
            validation=self._validation(),
            card=model_card(self.config, self.simulator_config, self.prior, self.schema),
            seeds={"training": self.config.seed},
            inputs=with_config(self.inputs, config, events),
            metrics={
                "cpu_seconds": self.cpu_seconds,
                "histories": {stage: asdict(history) for stage, history in self.histories.items()},
            },
        )
        return TrainedPosterior.load(path)

    @classmethod
    def load(cls, path: Path | str) -> TrainedPosterior:
        """Read an artefact, and make sure that it still says what it said when it was written.

        Raises:
            ArtefactError: If a file is missing, changed or foreign, or the network answers differently.
        """
        artefact = load_artefact(Path(path), kind=KIND)
        inputs = inputs_of(artefact)
        with fitting(artefact):
            config = EstimationConfig.model_validate(artefact.config["estimation"])
            schema = Schema.from_json(artefact.events)
            prior = UniformPrior(artefact.config["prior"]["bounds"])
            simulator_config = artefact.config["simulator"]
            with torch.random.fork_rng(devices=[]):  # new networks draw initial weights, which are then replaced
                estimator = _estimator(config, schema, prior, simulator_config, artefact)
            trained = cls(
                config,
                schema,
                prior,
                estimator,
                simulator_config,
                {stage: History(**kept) for stage, kept in artefact.metrics["histories"].items()},
                float(artefact.metrics["cpu_seconds"]),
                inputs,
                artefact.digest,
            )
            worst = trained._difference(artefact)
        found = f"the log-densities of its own validation events differ by {worst:.2g}"
        require_same(artefact, found, worst, below=_TOLERANCE)
        return trained

    def _validation(self) -> dict[str, np.ndarray]:
        rng = stream(self.config.seed, "artefact validation")
        events = self.simulator.simulate_sets(self.prior.sample(3, rng), self.config.events[0], rng)
        theta = self.prior.sample(3 * 5, rng).reshape(3, 5, -1)
        return {"theta": theta, "events": events, "log_prob": self.estimator.log_prob(theta, list(events))}

    def _difference(self, artefact: Artefact) -> float:
        kept = artefact.validation
        now = self.estimator.log_prob(kept["theta"], list(kept["events"]))
        return float(np.abs(now - kept["log_prob"]).max())


def train_posterior(
    config: PosteriorConfig,
    *,
    data: Dataset | None = None,
    checkpoints: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> TrainedPosterior:
    """Train the posterior of a config.

    Raises:
        InputError: If the data were simulated from another simulator or prior.
        NumericsError: If training diverges.
    """
    simulator, prior = config.build_simulator(), config.build_prior()
    return train_on(simulator, prior, config, data=data, checkpoints=checkpoints, on_epoch=on_epoch)


def train_on(
    simulator: Simulator,
    prior: UniformPrior,
    config: EstimationConfig,
    *,
    data: Dataset | None = None,
    checkpoints: Path | None = None,
    on_epoch: OnEpoch | None = None,
) -> TrainedPosterior:
    """Train the posterior of any simulator; see `train_posterior`."""
    if data is not None:
        for what, kept, wanted in (
            ("simulator", data.simulator_config, simulator.config()),
            ("prior", data.prior_config, prior.config()),
        ):
            if kept != wanted:
                different = [key for key in wanted if kept.get(key) != wanted[key]]
                raise InputError(
                    f"data of another {what}: {', '.join(f'{key} {kept.get(key)}' for key in different)}",
                    where=str(data.path),
                    expected=", ".join(f"{key} {wanted[key]}" for key in different) + ", as in the config",
                )
    began = time.process_time()
    fitted = fit(simulator, prior, config, data=data, checkpoints=checkpoints, on_epoch=on_epoch)
    return TrainedPosterior(
        config,
        simulator.schema,
        prior,
        fitted.estimator,
        simulator.config(),
        fitted.histories,
        time.process_time() - began,
        {} if data is None else {"data": data.digest},
    )


def _weights(estimator: FlowEstimator) -> dict[str, np.ndarray]:
    parts: dict[str, np.ndarray] = _arrays(estimator.flow, "flow")
    if isinstance(estimator.statistic, LearnedStatistic):
        parts |= _arrays(estimator.statistic.network, "network")
        parts |= {f"normaliser/{name}": array for name, array in estimator.statistic.normaliser.arrays().items()}
    return parts


def _arrays(module: nn.Module, prefix: str) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}


def _estimator(
    config: EstimationConfig,
    schema: Schema,
    prior: UniformPrior,
    simulator_config: Mapping[str, Any],
    artefact: Artefact,
) -> FlowEstimator:
    options, kept = config.estimator, artefact.weights
    statistic: Statistic
    if options.kind == "scores":
        statistic = ScoreStatistic(rebuild(simulator_config), prior, options.points)
    else:
        normaliser = Normaliser.restore(schema, options.inputs, _part(kept, "normaliser"))
        network = EventNetwork(len(normaliser), options.statistics, hidden=options.hidden)
        _fill(network, _part(kept, "network"))
        statistic = LearnedStatistic(normaliser, network)
    flow = ConditionalFlow(
        prior.low.tolist(),
        prior.high.tolist(),
        summaries=statistic.length,
        transforms=options.transforms,
        bins=options.bins,
        hidden=options.flow_hidden,
    )
    _fill(flow, _part(kept, "flow"))
    return FlowEstimator(statistic, flow, prior)


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _fill(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    module.eval()
