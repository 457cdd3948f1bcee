"""The one training loop: batches in, a trained model and its history out, resumable to the bit.

A batch is a function of the number of its step. Whether that function simulates fresh events or picks rows
of an array is the job's affair; because it depends on nothing else, a run that was interrupted and resumed
sees the same batches as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from neyman.core.errors import InputError, NumericsError
from neyman.core.progress import Advance, progress
from neyman.learning.checkpoints import (
    Checkpoint,
    load_checkpoint,
    optimiser_state,
    restore_optimiser,
    save_checkpoint,
)
from neyman.learning.config import TrainingConfig
from neyman.learning.schedule import one_cycle

Batch = tuple[Tensor, ...]
Assess = Callable[[nn.Module], Mapping[str, float]]
MakeOptimiser = Callable[[nn.Module, TrainingConfig], torch.optim.Optimizer]

LOSS = "loss"
"""The measure that decides which epoch is best, if the job measures for itself."""


def adamw(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW on all parameters."""
    return torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)


@dataclass
class History:
    """What happened, epoch by epoch.

    Attributes:
        step: Steps done at the end of each epoch.
        training: Mean training loss of the epoch.
        validation: Validation loss of the averaged weights.
        cpu_seconds: CPU time of this process so far, resumed runs added up.
        best: Index of the epoch that was kept.
        stopped_early: Whether patience ran out.
        measures: What the job measured at the end of each epoch, by name; empty if it measures nothing.
    """

    step: list[int] = field(default_factory=list)
    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    best: int = -1
    stopped_early: bool = False
    measures: dict[str, list[float]] = field(default_factory=dict)

    @property
    def finished(self) -> int:
        """Epochs that are done."""
        return len(self.step)


def choose_device(name: str) -> torch.device:
    """The device for `auto` (a GPU if there is one), `cpu` or `cuda`.

    Raises:
        InputError: If `cuda` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda' was asked for, and torch finds none", hint="device: auto, or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def train(
    model: nn.Module,
    config: TrainingConfig,
    *,
    batches: Callable[[int], Batch],
    validation: Sequence[Batch] | Assess,
    title: str,
    device: torch.device,
    checkpoint: Path | None = None,
    identity: str = "",
    on_epoch: Callable[[History, nn.Module], None] | None = None,
    optimiser: MakeOptimiser = adamw,
) -> History:
    """Train a model in place; it ends with the averaged weights of the best epoch.

    Args:
        model: The model, on the device; its method `loss(*batch)` gives a scalar.
        config: How long and how fast.
        batches: The batch of a step, on any device.
        validation: Batches whose mean loss decides which epoch is best; they are never trained on. Or a function
            that measures the averaged model for itself: its `loss` decides, the rest goes to the history.
        title: What the progress bar says.
        device: Where to compute.
        checkpoint: File to resume from and to keep the state in; None to keep none.
        identity: What the run depends on. A checkpoint with another identity is refused.
        on_epoch: Called after each epoch with the history and the averaged model.
        optimiser: Makes the optimiser; its state must be tensors that belong to parameters of the model. The schedule
            sets its learning rate, and only its parameters are clipped.

    Raises:
        NumericsError: If the loss is no longer finite.
        ArtefactError: If the checkpoint is damaged or belongs to another run.
    """
    state = _State.begin(model, config, optimiser)
    if checkpoint is not None:
        kept = load_checkpoint(checkpoint, identity=identity)
        if kept is not None:
            state.restore(kept)
    total = config.epochs * config.steps_per_epoch
    with progress(title, total=total, unit="steps", done=state.history.finished * config.steps_per_epoch) as advance:
        while state.history.finished < config.epochs and not state.history.stopped_early:
            _epoch(state, batches, validation, config, device=device, advance=advance)
            history = state.history
            over = history.stopped_early or history.finished == config.epochs
            if checkpoint is not None and (over or history.finished % config.checkpoint_every == 0):
                save_checkpoint(checkpoint, state.checkpoint(identity))
            if on_epoch is not None:
                on_epoch(history, state.average)
    state.model.load_state_dict(state.best)
    return state.history


@dataclass
class _State:
    """All that changes while training."""

    model: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    best: dict[str, Tensor]
    history: History

    @classmethod
    def begin(cls, model: nn.Module, config: TrainingConfig, optimiser: MakeOptimiser) -> _State:
        return cls(model, deepcopy(model), optimiser(model, config), _copy(model), History())

    def checkpoint(self, identity: str) -> Checkpoint:
        parts = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "optimiser": optimiser_state(self.optimiser, self.model),
        }
        tensors = {f"{part}/{name}": tensor for part, group in parts.items() for name, tensor in group.items()}
        return Checkpoint(tensors, {"identity": identity, "history": asdict(self.history)})

    def restore(self, kept: Checkpoint) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            start = f"{prefix}/"
            return {name.removeprefix(start): t for name, t in kept.tensors.items() if name.startswith(start)}

        self.model.load_state_dict(part("model"))
        self.average.load_state_dict(part("average"))
        self.best = part("best")
        restore_optimiser(self.optimiser, self.model, part("optimiser"))
        self.history = History(**kept.meta["history"])


def _epoch(
    state: _State,
    batches: Callable[[int], Batch],
    validation: Sequence[Batch] | Assess,
    config: TrainingConfig,
    *,
    device: torch.device,
    advance: Advance,
) -> None:
    began = time.process_time()
    history, steps = state.history, config.steps_per_epoch
    total, first = 0.0, history.finished * steps
    for step in range(first, first + steps):
        rate = one_cycle(step, config.epochs * steps, peak=config.learning_rate)
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        batch = tuple(part.to(device) for part in batches(step))
        loss: Tensor = state.model.loss(*batch)  # type: ignore[operator]
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for group in state.optimiser.param_groups for p in group["params"]], config.clip)
        state.optimiser.step()
        _move_average(state.average, state.model, decay=min(config.averaging, (1 + step) / (10 + step)))
        total += loss.item()
        advance(1, f"loss {loss.item():+.3f}")
        if not math.isfinite(total):
            raise NumericsError(
                f"the training loss is {loss.item()} at step {step}", hint="a lower learning_rate, or a smaller clip"
            )
    history.step.append(first + steps)
    history.training.append(total / steps)
    measured = (
        validation(state.average) if callable(validation) else {LOSS: _validate(state.average, validation, device)}
    )
    history.validation.append(measured[LOSS])
    for name, value in measured.items():
        if name != LOSS:
            history.measures.setdefault(name, []).append(value)
    if not math.isfinite(history.validation[-1]):
        raise NumericsError(
            f"the validation loss is {history.validation[-1]} after epoch {history.finished}",
            hint="a lower learning_rate, or a smaller clip",
        )
    spent = history.cpu_seconds[-1] if history.cpu_seconds else 0.0
    history.cpu_seconds.append(spent + time.process_time() - began)
    if history.best < 0 or history.validation[-1] < history.validation[history.best]:
        history.best, state.best = history.finished - 1, _copy(state.average)
    history.stopped_early = history.finished - 1 - history.best >= config.patience


@torch.no_grad()
def _validate(model: nn.Module, batches: Sequence[Batch], device: torch.device) -> float:
    losses: list[Tensor] = [model.loss(*(part.to(device) for part in batch)) for batch in batches]  # type: ignore[operator]
    return float(torch.stack(losses).mean())


@torch.no_grad()
def _move_average(average: nn.Module, model: nn.Module, *, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
