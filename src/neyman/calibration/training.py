"""Training a pair of flows, and others on bootstrapped events for the uncertainty."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from neyman.calibration.batches import Pair, TensorSample, batches, bootstrapped
from neyman.calibration.config import CalibrationConfig
from neyman.calibration.correction import Correction
from neyman.calibration.data import Loaded
from neyman.calibration.polish import Polish
from neyman.calibration.sample import Sample, Which
from neyman.calibration.scaling import Scaling
from neyman.core.errors import NumericsError
from neyman.core.files import digest
from neyman.core.random import seed_from, stream
from neyman.learning.paired_flows import PairedFlow
from neyman.learning.training import History, choose_device, train

NOMINAL = "nominal"

_RUNAWAY = 4.0
"""Nats a variable by which no flow beats a standardised normal unless it piles up density where weights are negative"""

OnEpoch = Callable[[History, nn.Module], None]


@dataclass(frozen=True)
class Fitted:
    """What training leaves.

    Attributes:
        nominal: The correction learned from all training events.
        members: Those learned from bootstrapped ones.
        histories: History of each training, by name: `nominal`, `member 0` and so on.
    """

    nominal: Correction
    members: tuple[Correction, ...]
    histories: dict[str, History]


def fit(
    config: CalibrationConfig, loaded: Loaded, *, checkpoints: Path | None = None, on_epoch: OnEpoch | None = None
) -> Fitted:
    """Train the flows of a config.

    Args:
        config: What to learn and how.
        loaded: The events.
        checkpoints: A folder for the state of training; a rerun goes on from there.
        on_epoch: Called after each epoch with the training's history and its averaged model.

    Raises:
        NumericsError: If training diverges.
    """
    trainer = _Trainer(config, loaded, checkpoints, on_epoch)
    nominal = trainer.correction(NOMINAL, None)
    members = tuple(
        trainer.correction(f"member {number}", stream(config.seed, "bootstrap", number))
        for number in range(config.members)
    )
    return Fitted(nominal, members, trainer.histories)


def new_flow(config: CalibrationConfig, scaling: Scaling) -> PairedFlow:
    """The pair of flows of a config, before training."""
    options = config.flow
    return PairedFlow(
        len(config.variables),
        scaling.inputs,
        bins=options.bins,
        hidden=options.hidden,
        transforms=options.transforms,
        spline=options.spline,
        shared=options.shared,
    )


class _Trainer:
    def __init__(
        self, config: CalibrationConfig, loaded: Loaded, checkpoints: Path | None, on_epoch: OnEpoch | None
    ) -> None:
        self.config, self.loaded, self.checkpoints, self.on_epoch = config, loaded, checkpoints, on_epoch
        self.device = choose_device(config.device)
        self.identity = digest({**config.model_dump(mode="json", exclude={"checks", "members"}),
                                "inputs": loaded.inputs})  # fmt: skip
        self.histories: dict[str, History] = {}
        simulation, data = loaded.simulation, loaded.data
        self.scaling = Scaling.fit(simulation.train, data.train, config, loaded.schema)
        self.train = self._pair(simulation.train, data.train)
        self.validation = self._pair(simulation.validation, data.validation).all

    def correction(self, name: str, bootstrap: np.random.Generator | None) -> Correction:
        """The correction that one training gives: of all events, or of bootstrapped ones."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_from(stream(self.config.seed, "initial weights", name)))
            flow = new_flow(self.config, self.scaling).to(self.device)
        rows = (
            bootstrapped(len(self.train.simulation), bootstrap),
            bootstrapped(len(self.train.data), bootstrap),
        )
        self._train(flow, name, rows)
        bare = Correction(self.scaling, in_double(flow), Polish.none(len(self.config.variables)))
        return self._polished(bare, rows)

    def _train(self, flow: PairedFlow, name: str, rows: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]]) -> None:
        options, larger = self.config.training, max(len(each) for each in rows)
        size = options.batch_of(larger)
        with torch.no_grad():
            start = float(flow.loss(*self.validation))
        lowest = start - _RUNAWAY * len(self.config.variables)

        def watch(history: History, model: nn.Module) -> None:
            _refuse_runaway(history.training[-1], lowest, name)
            if self.on_epoch is not None:
                self.on_epoch(history, model)

        history = train(
            flow,
            options.loop(larger),
            batches=batches(self.train, rows, size=size, seed=self.config.seed, name=name),
            validation=[self.validation],
            title=f"training the {name} flow" if name == NOMINAL else f"training {name}",
            device=self.device,
            checkpoint=None if self.checkpoints is None else self.checkpoints / f"{name.replace(' ', '_')}.safetensors",
            identity=self.identity,
            on_epoch=watch,
        )
        _refuse_failure(history, start, name)
        self.histories[name] = history

    def _polished(self, bare: Correction, rows: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]]) -> Correction:
        samples: dict[Which, Sample] = {
            "simulation": self.loaded.simulation.train.select(rows[0]),
            "data": self.loaded.data.train.select(rows[1]),
        }
        latents = {which: bare.to_latent(sample.x, sample.c, which) for which, sample in samples.items()}
        polish = Polish.fit(latents, {which: sample.w for which, sample in samples.items()}, self.config.tail)
        return Correction(self.scaling, bare.flow, polish)

    def _pair(self, simulation: Sample, data: Sample) -> Pair:
        return Pair(*(TensorSample.of(sample, self.scaling, self.device) for sample in (simulation, data)))


def in_double(flow: PairedFlow) -> PairedFlow:
    """A copy on the CPU, in double precision and to be used, not trained."""
    copied = copy.deepcopy(flow).cpu().double().eval()
    return copied.requires_grad_(requires_grad=False)


def _refuse_runaway(training: float, lowest: float, name: str) -> None:
    if training < lowest:
        raise NumericsError(
            f"{name}: the training loss runs away to {training:.3g}: density piles up where weights are negative",
            expected=f"above {lowest:.3g}",
            hint="a larger batch, a lower learning_rate, fewer bins; or weights that sum to more than zero everywhere",
        )


def _refuse_failure(history: History, start: float, name: str) -> None:
    best = history.validation[history.best]
    if best > start + 1e-3 * max(1.0, abs(start)):
        raise NumericsError(
            f"{name}: the validation loss is {best:.4g} at best, worse than {start:.4g} of no training at all",
            hint="a lower learning_rate, a larger batch, or fewer bins",
        )
