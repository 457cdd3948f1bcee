"""An autoencoder D-128-64-8-64-128-D: how badly an event comes back from eight numbers. To compare with."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from neyman.anomaly.scores.protocol import Prepared, scoring_events, with_validation
from neyman.core.random import seed_from, stream
from neyman.learning.config import TrainingConfig
from neyman.learning.training import choose_device, train

_BLOCK = 8192  # events in memory at a time


class Autoencoder:
    """The mean squared error of the reconstruction of an event.

    Args:
        layers: Widths of the encoder, down to the bottleneck; the decoder is its mirror image.
        batch: Events in a batch, at most.
        training: How long and how fast to train.
        device: `auto`, `cpu` or `cuda`.
        seed: Of weights and batches.
    """

    def __init__(
        self,
        *,
        layers: tuple[int, ...] = (128, 64, 8),
        batch: int = 256,
        training: TrainingConfig | None = None,
        device: str = "cpu",
        seed: int = 1,
    ) -> None:
        self.layers, self.batch, self.device, self.seed = layers, batch, device, seed
        self.training = training or TrainingConfig(epochs=20, learning_rate=2e-3, weight_decay=1e-5, patience=5)
        self._network: _Reconstruction | None = None

    def fit(self, x: Prepared, x_validation: Prepared | None = None) -> Autoencoder:
        """Train the network; the validation events decide which epoch is kept."""
        x, x_validation = with_validation(x, x_validation, stream(self.seed, "autoencoder", "validation"))
        device = choose_device(self.device)
        events = torch.as_tensor(x, dtype=torch.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_from(stream(self.seed, "autoencoder", "weights")))
            network = _Reconstruction(x.shape[1], self.layers).to(device)

        def batch(step: int) -> tuple[Tensor, ...]:
            rows = stream(self.seed, "autoencoder", step).integers(len(events), size=min(self.batch, len(events)))
            return (events[torch.as_tensor(rows)],)

        validation = [(torch.as_tensor(x_validation, dtype=torch.float32, device=device),)]
        train(network, self.training, batches=batch, validation=validation, title="autoencoder", device=device)
        self._network = network.to("cpu").eval()
        return self

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """The mean squared error, which is 1 for an event that comes back as the mean of all."""
        scoring_events(x, None if self._network is None else self._network.width)
        assert self._network is not None  # noqa: S101 - as above
        with torch.no_grad():
            parts = [self._network.errors(torch.as_tensor(part, dtype=torch.float32)).numpy() for part in _blocks(x)]
        return np.concatenate(parts).astype(np.float64)


class _Reconstruction(nn.Module):
    """Encoder and decoder."""

    def __init__(self, width: int, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.width = width
        sizes = (width, *layers, *layers[-2::-1], width)
        parts: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            parts += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*parts[:-1])

    def errors(self, x: Tensor) -> Tensor:
        """The mean squared error of each event, shape `(n,)`."""
        found: Tensor = (self.layers(x) - x).square().mean(dim=1)
        return found

    def loss(self, x: Tensor) -> Tensor:
        """Their mean."""
        return self.errors(x).mean()


def _blocks(x: Prepared) -> list[Float32[np.ndarray, "b k"] | Float[np.ndarray, "b k"]]:
    return [x[start : start + _BLOCK] for start in range(0, len(x), _BLOCK)]
