"""What computes scores: a model in this process, or on another server.

What a score means for physics, its p-value and its flag, is the same wherever it was computed: `Judge` says it from the
artefact's calibration sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from neyman.anomaly.conformal import order_statistic, require_scores, threshold

if TYPE_CHECKING:
    from neyman.serve.settings import Settings


@dataclass(frozen=True)
class Scored:
    """What is said of n events.

    Attributes:
        scores: Higher is more anomalous, shape `(n,)`.
        p_values: The fraction of background that scores as high, shape `(n,)`.
        flags: Which are above the threshold, shape `(n,)`; None if there are too few calibration events for one.
    """

    scores: Float[np.ndarray, " n"]
    p_values: Float[np.ndarray, " n"]
    flags: Bool[np.ndarray, " n"] | None


class BackendError(Exception):
    """The model is out of reach; the same request may succeed later. Not for users: the service answers 503."""


@runtime_checkable
class Backend(Protocol):
    """A model that scores raw events, one row an event, in the order of `names`; used by many threads at once."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of an event, in order."""

    @property
    def digest(self) -> str:
        """Identity of the artefact."""

    @property
    def score_name(self) -> str:
        """Which score it is."""

    @property
    def judge(self) -> Judge:
        """From scores to p-values and flags."""

    def scores(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The score of each event; higher is more anomalous. It may be infinite for values that are far out.

        Raises:
            DataError: For another width, no events, or values that are not finite.
            BackendError: If the model is out of reach.
        """

    def score(self, x: Float[np.ndarray, "n d"]) -> Scored:
        """Scores with what they mean: `judge(scores(x))`.

        Raises:
            DataError: As `scores`, and for scores that are not finite.
            BackendError: As `scores`.
        """

    def attribution(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """How far each column is above or below what the background has for such events, in units of σ.

        Raises:
            DataError: As `scores`.
            BackendError: As `scores`.
        """

    def alive(self) -> bool:
        """Whether it would answer now."""


@dataclass(frozen=True)
class Judge:
    r"""From scores to p-values and flags.

    The p-value is that of `neyman.anomaly.conformal.p_values`, \(p = (1 + \#\{X_i \ge s\})/(n + 1)\), of a calibration
    sample that is sorted once instead of with every request.

    Attributes:
        calibration: Scores of background that nothing was trained on, in any order, shape `(c,)`; kept in ascending.
        fpr: False-positive rate that flags promise.
        delta: Probability, over calibration samples, that the true rate is above it.
        threshold: Above it, events are flagged; None if there are too few calibration events for the promise.

    Examples:
        >>> judge = Judge(np.array([3.0, 1.0, 2.0]), fpr=0.001, delta=0.05)
        >>> judge(np.array([0.0, 2.5, 9.0])).p_values
        array([1.  , 0.5 , 0.25])
    """

    calibration: Float[np.ndarray, " c"]
    fpr: float
    delta: float
    threshold: float | None = field(init=False)
    _p_values: Float[np.ndarray, " c+1"] = field(init=False, repr=False)  # by how many calibration scores are lower

    def __post_init__(self) -> None:
        n = len(self.calibration)
        promised = order_statistic(n, self.fpr, self.delta) is not None
        cut = float(threshold(self.calibration, self.fpr, self.delta)) if promised else None
        object.__setattr__(self, "threshold", cut)
        object.__setattr__(self, "calibration", np.sort(self.calibration))
        object.__setattr__(self, "_p_values", np.arange(n + 1, 0, -1) / (n + 1))

    def __call__(self, scores: Float[np.ndarray, " n"]) -> Scored:
        """What scores mean.

        Raises:
            DataError: If a score is not finite, with its row.
        """
        if not np.isfinite(scores).all():
            require_scores("score", scores)
        p_values = self._p_values[np.searchsorted(self.calibration, scores, side="left")]
        return Scored(scores, p_values, None if self.threshold is None else scores > self.threshold)


def backends(settings: Settings) -> dict[str, Backend]:
    """The model of each name in the settings, read and checked.

    Raises:
        ArtefactError: If an artefact cannot be trusted, or scores its own validation events differently.
    """
    fpr, delta = settings.flags.fpr, settings.flags.delta
    if settings.backend.kind == "triton":
        from neyman.serve.kserve import ModelServer
        from neyman.serve.triton import TritonBackend

        server = ModelServer(settings.backend.url, timeout=settings.backend.timeout_seconds)
        return {
            name: TritonBackend.open(name, path, server, fpr=fpr, delta=delta) for name, path in settings.models.items()
        }
    from neyman.serve.embedded import EmbeddedBackend

    threads = settings.backend.threads
    return {
        name: EmbeddedBackend.open(path, threads=threads, fpr=fpr, delta=delta)
        for name, path in settings.models.items()
    }
