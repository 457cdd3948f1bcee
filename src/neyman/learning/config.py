"""How long and how fast to train: the part of every job's config that the loop reads."""

from __future__ import annotations

from pydantic import Field

from neyman.core.config import Config


class TrainingConfig(Config):
    """How long and how fast to train.

    Attributes:
        epochs: Epochs at most.
        steps_per_epoch: Steps between two looks at the validation loss.
        learning_rate: The peak of a one-cycle schedule over all epochs.
        weight_decay: AdamW's.
        patience: Stop after so many epochs without a better validation loss; the best epoch is kept.
        checkpoint_every: Epochs between checkpoints.
        averaging: Decay per step of the moving average of weights, which is what is kept; 0 for none.
        clip: Largest norm of the gradient.
    """

    epochs: int = Field(default=40, ge=1)
    steps_per_epoch: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=1e-2, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    patience: int = Field(default=20, ge=1)
    checkpoint_every: int = Field(default=1, ge=1)
    averaging: float = Field(default=0.99, ge=0, lt=1)
    clip: float = Field(default=5.0, gt=0)
