"""A model that a Triton server computes; what its scores mean is said here.

The server has the graph of an artefact and nothing else: events are checked before they are sent, since a NaN passes
through Triton, and p-values, flags and attributions are computed from the artefact on this side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neyman.anomaly.runtime import Run, Scorer
from neyman.serve.backend import BackendError, Judge, Scored
from neyman.serve.kserve import ModelServer
from neyman.serve.triton_repository import triton_name


@dataclass(frozen=True)
class TritonBackend:
    """A `Backend` whose graph runs on a Triton server.

    Attributes:
        judge: From scores to p-values and flags.
    """

    judge: Judge
    _scorer: Scorer
    _server: ModelServer
    _model: str

    @classmethod
    def open(cls, name: str, path: Path, server: ModelServer, *, fpr: float, delta: float) -> TritonBackend:
        """Read an artefact, and check it here; the server need not be there yet.

        Args:
            name: Of the model, in the settings.
            path: The folder of the artefact.
            server: What has the repository that `write_repository` wrote.
            fpr: False-positive rate of flags.
            delta: Probability that the true rate is above it.

        Raises:
            ArtefactError: If the artefact cannot be trusted.
        """
        here = Scorer.open(path)
        model = triton_name(name, here.digest)
        there = _run_on(server, model)
        judge = Judge(here.calibration, fpr, delta)
        return cls(judge, here.computed_by(there, there), server, model)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of an event, in order."""
        return self._scorer.names

    @property
    def digest(self) -> str:
        """Identity of the artefact."""
        return self._scorer.digest

    @property
    def score_name(self) -> str:
        """Which score it is."""
        return self._scorer.score_name

    def scores(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The score of each event; higher is more anomalous.

        Raises:
            DataError: For another width, no events, or values that are not finite.
            BackendError: If the server is out of reach.
        """
        return self._scorer.score(x)

    def score(self, x: Float[np.ndarray, "n d"]) -> Scored:
        """Scores with what they mean.

        Raises:
            DataError: As `scores`.
            BackendError: As `scores`.
        """
        return self.judge(self.scores(x))

    def attribution(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """How far each column is above or below what the background has for such events, in units of σ.

        Raises:
            DataError: As `scores`.
            BackendError: As `scores`.
        """
        return self._scorer.attribution(x)

    def alive(self) -> bool:
        """Whether the server has the model, loaded."""
        return self._server.ready(self._model)


def _run_on(server: ModelServer, model: str) -> Run:
    """What ONNX Runtime would do here, there."""

    def run(outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        rows = {len(array) for array in inputs.values()}
        found = server.infer(model, inputs, outputs)
        if {len(array) for array in found} != rows:
            raise BackendError(f"the model server answered with other rows than the {min(rows)} that it was asked for")
        # Triton has no vectors of a batch: a number an event is a row of one
        return [array[:, 0] if name == "score" else array for name, array in zip(outputs, found, strict=True)]

    return run
