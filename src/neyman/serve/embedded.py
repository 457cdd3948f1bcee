"""A model in this process, computed by ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neyman.anomaly.runtime import Scorer
from neyman.serve.backend import Judge, Scored


@dataclass(frozen=True)
class EmbeddedBackend:
    """A scorer and what its scores mean.

    Attributes:
        scorer: The model.
        judge: From its scores to p-values and flags.
    """

    scorer: Scorer
    judge: Judge

    @classmethod
    def open(cls, path: Path, *, threads: int, fpr: float, delta: float) -> EmbeddedBackend:
        """Read an artefact.

        Args:
            path: Its folder.
            threads: Of one call.
            fpr: False-positive rate of flags.
            delta: Probability that the true rate is above it.

        Raises:
            ArtefactError: As `Scorer.open`.
        """
        scorer = Scorer.open(path, threads=threads)
        return cls(scorer, Judge(scorer.calibration, fpr, delta))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of an event, in order."""
        return self.scorer.names

    @property
    def digest(self) -> str:
        """Identity of the artefact."""
        return self.scorer.digest

    @property
    def score_name(self) -> str:
        """Which score it is."""
        return self.scorer.score_name

    def scores(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The score of each event, shape `(n,)`.

        Raises:
            DataError: As `Scorer.score`.
        """
        return np.asarray(self.scorer.score(x), dtype=np.float64)

    def score(self, x: Float[np.ndarray, "n d"]) -> Scored:
        """Scores with what they mean.

        Raises:
            DataError: As `Scorer.score`, and for scores that are not finite.
        """
        return self.judge(self.scores(x))

    def attribution(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """How far each column is from what the background has, in units of σ.

        Raises:
            DataError: As `Scorer.attribution`.
        """
        return self.scorer.attribution(x)

    def alive(self) -> bool:
        """Always: it is in this process."""
        return True
