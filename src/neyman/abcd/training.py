"""Training the two scores of a config, phase by phase: cross-entropy first, then expected CLs under constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neyman.abcd.batches import Plan, TensorSample
from neyman.abcd.config import AbcdConfig
from neyman.abcd.data import Loaded
from neyman.abcd.gates import check_cuts, check_inputs, check_templates
from neyman.abcd.methods import ClsAloneMethod, ClsMethod, ConstraintsConfig, DoubleDiscoMethod, StepsConfig
from neyman.abcd.networks import Scores
from neyman.abcd.objectives import Classification, ConstrainedCls, Templates
from neyman.core.files import digest
from neyman.core.random import seed_from, stream
from neyman.learning.config import TrainingConfig
from neyman.learning.multipliers import optimiser as with_multipliers
from neyman.learning.training import LOSS, History, adamw, choose_device, train

CLASSIFIERS, CLS = "classifiers", "cls"
"""The phases."""

OBJECTIVE, VALIDATION, MULTIPLIER, SATISFIED = "objective", "validation", ".multiplier", ".satisfied"
"""What the history of the second phase holds: the objective in training and, with hard gates, in validation; and of
each constraint its value and these."""

_PENALTY = 1e3  # an epoch in which a constraint is violated is worse than any in which all hold
_TO_ASSESS = ConstraintsConfig(random_cuts=64, disco_events=10_000)

OnEpoch = Callable[[History, nn.Module], None]


@dataclass(frozen=True)
class Fitted:
    """What training leaves.

    Attributes:
        scores: The two networks.
        cuts: The cuts that were trained with them; None if the method has none.
        histories: History of each phase.
    """

    scores: Scores
    cuts: Float[Tensor, " 2"] | None
    histories: dict[str, History]


def fit(
    config: AbcdConfig, loaded: Loaded, *, checkpoints: Path | None = None, on_epoch: OnEpoch | None = None
) -> Fitted:
    """Train the scores of a config.

    Args:
        config: What to learn and how.
        loaded: The events.
        checkpoints: A folder for the state of training; a rerun goes on from there.
        on_epoch: Called after each epoch with the phase's history and its averaged model.

    Raises:
        DataError: If the events cannot be trained on.
        NumericsError: If training diverges.
    """
    return _Trainer(config, loaded, checkpoints, on_epoch).run()


class _Trainer:
    def __init__(self, config: AbcdConfig, loaded: Loaded, checkpoints: Path | None, on_epoch: OnEpoch | None) -> None:
        self.config, self.checkpoints, self.on_epoch = config, checkpoints, on_epoch
        self.device = choose_device(config.device)
        self.identity = digest({**config.model_dump(mode="json"), "inputs": loaded.inputs})
        self.histories: dict[str, History] = {}
        column, parts = config.discriminant.column, loaded.parts
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_from(stream(config.seed, "initial weights")))
            self.scores = Scores(len(loaded.features), config.networks.hidden)
        self.scores.standardise_with(parts.train.matrix(loaded.features))
        self.scores.to(self.device)
        self.train, self.validation = (
            TensorSample.of(part, self.scores, loaded.features, column) for part in (parts.train, parts.validation)
        )

    def run(self) -> Fitted:
        method = self.config.method
        if not isinstance(method, ClsMethod | ClsAloneMethod):
            disco = method.disco if isinstance(method, DoubleDiscoMethod) else 0.0
            self._classify(disco, method.training)
            return Fitted(self.scores.eval(), None, self.histories)
        self._check_start(method)
        self._classify(method.disco if isinstance(method, ClsMethod) else 0.0, method.warm_up)
        return Fitted(self.scores.eval(), self._constrain(method), self.histories)

    def _check_start(self, method: ClsMethod | ClsAloneMethod) -> None:
        """What would stop the second phase is said before the first has cost anything."""
        inputs, discriminant, weights, is_signal = self.train.tensors
        model = ConstrainedCls(self.scores, method, self.config.discriminant.edges).to(self.device)
        with torch.no_grad():
            scores = self.scores(inputs).double()
            check_inputs(scores, discriminant, weights, is_signal, edges=model.edges)
            model.cuts.follow(scores[~is_signal], weights[~is_signal])
            check_cuts(model.cuts(), scores[~is_signal])

    def _classify(self, disco: float, options: StepsConfig) -> None:
        plan = self._plan(CLASSIFIERS, options)
        inputs, _, weights, is_signal = self.validation.tensors
        self._train(
            Classification(self.scores, disco),
            options,
            CLASSIFIERS,
            batches=plan.classification,
            validation=[(inputs, weights, is_signal)],
        )

    def _constrain(self, method: ClsMethod | ClsAloneMethod) -> Float[Tensor, " 2"]:
        model = ConstrainedCls(self.scores, method, self.config.discriminant.edges).to(self.device)
        plan = self._plan(CLS, method.training, model.limits)
        *_, levels, some = self._plan("assessment", method.training, _TO_ASSESS).constrained(0)

        def assess(averaged: nn.Module) -> Mapping[str, float]:
            assert isinstance(averaged, ConstrainedCls)  # noqa: S101 - it is a copy of the model
            return _assess(averaged, self.train, self.validation, levels, some)

        def make(_: nn.Module, options: TrainingConfig) -> torch.optim.Optimizer:
            if model.multipliers is None or not isinstance(method, ClsMethod):
                return adamw(model, options)
            climbing = set(model.multipliers.parameters())
            optimiser = with_multipliers(
                [p for p in model.parameters() if p not in climbing and p.requires_grad],
                model.multipliers,
                learning_rate=options.learning_rate,
                ascent_rate=method.multiplier_rate,
            )
            for group in optimiser.param_groups:
                group["weight_decay"] = options.weight_decay
            return optimiser

        with torch.no_grad():
            check_templates(*self._templates(model)[:2])
        self._train(model, method.training, CLS, batches=plan.constrained, validation=assess, optimiser=make)
        with torch.no_grad():
            self._templates(model)  # the cuts follow the scores of the best epoch
            return cast("Tensor", model.cuts()).cpu()

    def _templates(self, model: ConstrainedCls) -> Templates:
        scores = model.scores(self.train.inputs).double()
        return model.templates(scores, *self.train.tensors[1:], steepness=model.options.steepness[0])

    def _plan(self, name: str, options: StepsConfig, numbers: ConstraintsConfig = _TO_ASSESS) -> Plan:
        steps = options.epochs * options.steps_per_epoch
        more = {"random_cuts": numbers.random_cuts, "disco_events": numbers.disco_events}
        return Plan(self.train, options.batch, steps, self.config.seed, name, **more)

    def _train(self, model: nn.Module, options: StepsConfig, phase: str, **arguments: Any) -> None:  # noqa: ANN401
        self.histories[phase] = train(
            model,
            options,
            title=f"training the {phase}",
            device=self.device,
            checkpoint=None if self.checkpoints is None else self.checkpoints / f"{phase}.safetensors",
            identity=self.identity,
            on_epoch=self.on_epoch,
            **arguments,
        )


@torch.no_grad()
def _assess(
    model: ConstrainedCls,
    train_sample: TensorSample,
    validation: TensorSample,
    levels: Float[Tensor, "m 2"],
    some: Int[Tensor, " k"],
) -> dict[str, float]:
    """What the history says of an epoch.

    Which epoch is best is decided by the objective with hard gates on validation events, and by how far constraints
    are violated where they are asked for, in training.
    """
    steepness = model.options.steepness[1]
    scores = model.scores(validation.inputs).double()
    loss = float(model.objective(model.templates(scores, *validation.tensors[1:], steepness=None)))
    scores, background = model.scores(train_sample.inputs).double(), ~train_sample.is_signal
    templates = model.templates(scores, *train_sample.tensors[1:], steepness=steepness)
    objective = model.objective(templates)
    values = model.values(
        templates, scores[background], train_sample.weights[background], levels, some, steepness=steepness
    )
    measured = {OBJECTIVE: float(objective), VALIDATION: loss, **{name: float(value) for name, value in values.items()}}
    if model.multipliers is not None:
        model.multipliers(objective, values)
        for name, state in model.multipliers.state().items():
            measured |= {name + MULTIPLIER: state.multiplier, name + SATISFIED: float(state.satisfied)}
            loss += 0.0 if state.satisfied else _PENALTY * state.violation
    return {LOSS: loss, **measured}
