"""What every score is: fitted on background alone, and higher for what is more anomalous."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32

from neyman.core.errors import DataError, InputError

Prepared = Float[np.ndarray, "_ _"] | Float32[np.ndarray, "_ _"]
"""Prepared features, as of `Preparation.apply`, shape `(n, k)`."""

ScoreT = TypeVar("ScoreT", bound="Score")


@runtime_checkable
class Score(Protocol):
    """A score of prepared events. HIGHER IS MORE ANOMALOUS, whereas scikit-learn's `score_samples` are lower for it.

    The score of an event does not depend on the events beside it, nor on chance: scored alone or among others, today or
    tomorrow, it is the same.
    """

    def fit(self: ScoreT, x: Prepared, x_validation: Prepared | None = None) -> ScoreT:
        """Learn what background looks like.

        Args:
            x: Background events, prepared, shape `(n, k)`.
            x_validation: More of them, which decide when training ends or what p-values are; a fifth of x is set aside
                by those who need them if there are none.

        Returns:
            Itself.

        Raises:
            DataError: For fewer than two events, or values that are not finite.
        """
        ...

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """The score of each event, higher for the more anomalous, shape `(n,)`.

        Raises:
            DataError: For no events, another number of features, or values that are not finite.
            InputError: If it has not been fitted.
        """
        ...


def fitting_events(x: Prepared) -> Prepared:
    """The events, if a score can be fitted on them.

    Raises:
        DataError: For fewer than two events, or values that are not finite.
    """
    if x.ndim != 2 or len(x) < 2:
        raise DataError(
            f"an array of shape {x.shape} to fit a score on", expected="(events, features), two events at least"
        )
    return scoring_events(x, x.shape[1])


def scoring_events(x: Prepared, width: int | None) -> Prepared:
    """The events, if a score of this many features can be taken of them.

    Args:
        x: Prepared features, shape `(n, k)`.
        width: The number k that the score was fitted with; None if it has not been.

    Raises:
        DataError: For no events, another number of features, or values that are not finite.
        InputError: If the score has not been fitted.
    """
    if width is None:
        raise InputError(
            "this score has not been fitted", hint="score.fit(background) before score.score_samples(events)"
        )
    if x.ndim != 2 or x.shape[1] != width or len(x) == 0:
        raise DataError(f"an array of shape {x.shape}", expected=f"(events, {width}), one event at least")
    bad = ~np.isfinite(x)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise DataError(
            f"feature {column} is {x[row, column]} in row {row} ({int(bad.any(axis=1).sum())} of {len(x)} rows)",
            expected="finite numbers",
        )
    return x


def with_validation(x: Prepared, x_validation: Prepared | None, rng: np.random.Generator) -> tuple[Prepared, Prepared]:
    """Events to fit on and events to validate with: a fifth of x, drawn at random, if there are none."""
    fitting_events(x)
    if x_validation is not None:
        return x, scoring_events(x_validation, x.shape[1])
    rows = rng.permutation(len(x))
    held = max(1, len(x) // 5)
    return x[rows[held:]], x[rows[:held]]
