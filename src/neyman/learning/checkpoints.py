"""The state of a training run on disk: tensors in safetensors, the rest in JSON, nothing pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from neyman.core.errors import ArtefactError
from neyman.core.files import replacing

_META = "neyman"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and everything else that JSON can hold."""

    tensors: Mapping[str, Tensor]
    meta: Mapping[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write one file atomically: it is the last whole checkpoint or the one before."""
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in checkpoint.tensors.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={_META: json.dumps(dict(checkpoint.meta))})


def load_checkpoint(path: Path, *, identity: str) -> Checkpoint | None:
    """The checkpoint of a run, or None if it has none yet.

    Raises:
        ArtefactError: If the file is damaged, or belongs to a run with another config.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            meta = dict(json.loads((file.metadata() or {})[_META]))
    except (SafetensorError, LookupError, TypeError, ValueError, OSError) as error:
        raise ArtefactError(
            "not a checkpoint that can be resumed", where=str(path), hint="remove it to start from the beginning"
        ) from error
    if meta.get("identity") != identity:
        raise ArtefactError(
            "a checkpoint of a run with another config or other events",
            where=str(path),
            expected="the config that began this training",
            hint="train into another folder, or remove the checkpoint",
        )
    return Checkpoint(tensors, meta)


def optimiser_state(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's tensors under the names of the model's parameters."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{names[parameter]}|{key}": value
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_state` took."""
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        parameter, _, key = name.rpartition("|")
        # AdamW keeps its step counter on the CPU wherever the parameters are.
        device = value.device if key == "step" else parameters[parameter].device
        optimiser.state[parameters[parameter]][key] = value.to(device)
