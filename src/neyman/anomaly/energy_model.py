"""The energy network of the job: trained on prepared background, aligned, and asked with arrays."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from neyman.anomaly.config import AnomalyConfig, EnergyConfig
from neyman.anomaly.scores.protocol import Prepared
from neyman.core.errors import DataError
from neyman.core.files import digest
from neyman.core.random import seed_from, stream
from neyman.learning.alignment import align
from neyman.learning.energy import EnergyNetwork
from neyman.learning.langevin import annealed_langevin
from neyman.learning.score_matching import ScoreMatching
from neyman.learning.training import Batch, History, choose_device, train

OnEpoch = Callable[[History, nn.Module], None]

_VALIDATION = 4096  # noisy events whose loss decides which epoch is kept
_ALIGNMENT = 20_000  # noisy events that normalise the energy
_BLOCK = 4096  # events at a time


@dataclass(frozen=True)
class EnergyModel:
    """A trained energy of prepared events, E(x, σ) = −log p_σ(x) as far as it has been learned.

    Attributes:
        network: The network, on the CPU.
        score_level: Index of the noise level at which events are scored.
        history: What training did.
    """

    network: EnergyNetwork
    score_level: int
    history: History = field(default_factory=History)

    @classmethod
    def fit(
        cls,
        x_train: Prepared,
        x_validation: Prepared,
        config: AnomalyConfig,
        checkpoint: Path | None = None,
        *,
        on_epoch: OnEpoch | None = None,
    ) -> EnergyModel:
        """Train on prepared background events.

        Args:
            x_train: Standardised events to train on.
            x_validation: Standardised events that decide which epoch is kept.
            config: Network, training, device and seed.
            checkpoint: File for the state of training; a rerun goes on from there.
            on_epoch: Called after each epoch with the history and the averaged model.

        Raises:
            DataError: If there are no events, or not the same features.
            NumericsError: If training diverges.
        """
        _refuse_unusable(x_train, x_validation)
        device = choose_device(config.device)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_from(stream(config.seed, "energy", "initial weights")))
            network = new_network(x_train.shape[1], config.network)
        model = ScoreMatching(
            network,
            score_level=config.network.score_level,
            multi_scale=config.network.multi_scale,
            weight=config.network.weight,
        ).to(device)
        with matrix_products_in_bfloat16():
            history = train(
                model,
                config.training,
                batches=noisy_batches(x_train, model, size=config.training.batch, seed=config.seed, purpose="training"),
                validation=[
                    noisy_batches(x_validation, model, size=_VALIDATION, seed=config.seed, purpose="validation")(0)
                ],
                title="training the energy network",
                device=device,
                checkpoint=checkpoint,
                identity=_identity(x_train, x_validation, config),
                on_epoch=on_epoch,
            )
        network = copy.deepcopy(network).cpu().eval().requires_grad_(requires_grad=False)
        rng = stream(config.seed, "energy", "alignment")
        events = _tensor(x_train, torch.device("cpu"))[torch.from_numpy(rng.integers(len(x_train), size=_ALIGNMENT))]
        align(network, events, torch.Generator().manual_seed(seed_from(rng)))
        return cls(network, config.network.score_level, history)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The noise levels, the lowest first."""
        return tuple(self.network.sigmas.double().tolist())

    def energy(self, x: Prepared, level: int | None = None) -> Float[np.ndarray, " n"]:
        """E(x, σ) of prepared events.

        Args:
            x: Standardised events.
            level: Index of the noise level; None for the one that scores.
        """
        return self._both(x, level)[0]

    def scaled_score(self, x: Prepared, level: int | None = None) -> Float[np.ndarray, "n k"]:
        """−σ∇E(x, σ) of prepared events: which way the background is, in units of the noise.

        Args:
            x: Standardised events.
            level: Index of the noise level; None for the one that scores.
        """
        return self._both(x, level)[1]

    def score_norm(self, x: Prepared, level: int | None = None) -> Float[np.ndarray, " n"]:
        """‖σ∇E(x, σ)‖ of prepared events.

        Args:
            x: Standardised events.
            level: Index of the noise level; None for the one that scores.
        """
        return np.asarray(np.linalg.norm(self._both(x, level)[1], axis=1))

    def weighted_norm(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """Σ ‖σ∇E‖² over all levels: what is unusual at any scale.

        Args:
            x: Standardised events.
        """
        return np.asarray(sum(self.score_norm(x, level) ** 2 for level in range(self.network.levels)))

    def samples(self, n: int, seed: int, *, steps: int = 20) -> Float[np.ndarray, "n k"]:
        """Events of the learned background at the lowest noise level, by annealed Langevin dynamics.

        Args:
            n: How many.
            seed: Of the random numbers.
            steps: At each noise level.
        """
        generator = torch.Generator().manual_seed(seed_from(stream(seed, "langevin")))
        found: np.ndarray = annealed_langevin(self.network, n, generator, steps=steps).double().numpy()
        return found

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        return {name: tensor.numpy() for name, tensor in self.network.state_dict().items()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], config: EnergyConfig, history: History | None = None
    ) -> EnergyModel:
        """The model that `to_arrays` took apart."""
        with torch.random.fork_rng(devices=[]):  # a new network draws initial weights, which are then replaced
            network = new_network(arrays["inputs.weight"].shape[1], config)
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
        return cls(network.eval().requires_grad_(requires_grad=False), config.score_level, history or History())

    @torch.no_grad()
    def _both(self, x: Prepared, level: int | None) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n k"]]:
        at = self.score_level if level is None else level
        parts = [self.network.both(part, at) for part in torch.split(_tensor(x, torch.device("cpu")), _BLOCK)]
        energy, score = (torch.cat(each).double().numpy() for each in zip(*parts, strict=True))
        return energy, score


def new_network(features: int, config: EnergyConfig) -> EnergyNetwork:
    """The network of a config, before training."""
    return EnergyNetwork(features, config.noise.sigmas, width=config.width, blocks=config.blocks)


def noisy_batches(x: Prepared, model: ScoreMatching, *, size: int, seed: int, purpose: str) -> Callable[[int], Batch]:
    """Events, levels and noise of each step.

    Each event comes twice, with noise and with its opposite: the part of the gradient that is odd in the noise, nearly
    all of its variance at low levels, then cancels.

    Args:
        x: Standardised events.
        model: Knows the mixture of levels.
        size: Rows of a batch.
        seed: The seed of the run.
        purpose: Name of the stream of random numbers.
    """
    device = model.network.sigmas.device
    events = _tensor(x, device)
    half = max(1, size // 2)

    def batch(step: int) -> Batch:
        rng = stream(seed, "energy", purpose, step)
        rows = torch.from_numpy(rng.integers(len(events), size=half)).to(device)
        noise = torch.from_numpy(rng.standard_normal((half, events.shape[1]), dtype=np.float32)).to(device)
        level = model.levels(half, rng).to(device)
        return events[rows].repeat(2, 1), level.repeat(2), torch.cat([noise, -noise])

    return batch


@contextlib.contextmanager
def matrix_products_in_bfloat16() -> Iterator[None]:
    """Let a CPU that can multiply matrices in bfloat16 do so, with sums in single precision; others take no notice.

    The noise of a batch is a hundred times larger than the rounding.
    """
    settings: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = settings.fp32_precision
    settings.fp32_precision = "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


def _tensor(x: Prepared, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(device)


def _identity(x_train: Prepared, x_validation: Prepared, config: AnomalyConfig) -> str:
    """A checkpoint belongs to one config and to one set of events."""
    sums = [float(np.abs(x).sum(dtype=np.float64)) for x in (x_train, x_validation)]
    shapes = [list(x.shape) for x in (x_train, x_validation)]
    relevant = config.model_dump(mode="json", include={"network", "training", "seed"})
    return digest({**relevant, "events": [shapes, sums]})


def _refuse_unusable(x_train: Prepared, x_validation: Prepared) -> None:
    for name, x in (("training", x_train), ("validation", x_validation)):
        if len(x) == 0:
            raise DataError(f"no {name} events", expected="one at least")
        if not np.isfinite(x).all():
            raise DataError(f"{name} events with values that are not finite", expected="prepared events")
    if x_train.shape[1] != x_validation.shape[1]:
        raise DataError(
            f"training events of {x_train.shape[1]} features, validation events of {x_validation.shape[1]}",
            expected="the same features",
        )
