r"""Scores of different kinds, made comparable by calibrated p-values and added up.

A p-value below 1/(n + 1) cannot be had from n events, and all events in the tail would tie. Beyond the largest tenth of
the calibration scores, an exponential tail continues \(-\log p\); in between it is interpolated. What comes out is a
score, strictly increasing in each of its members, and gets its own error rate from `conformal`, whatever the tail is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neyman.anomaly.conformal import require_scores
from neyman.anomaly.scores.protocol import Prepared, Score, scoring_events, with_validation
from neyman.core.errors import DataError, InputError
from neyman.core.random import stream

_APART = 1e-4  # of a score: copies of an event differ by rounding, and a step between them would make it visible
_TAIL = 0.1  # fraction of the calibration scores that the tail is fitted to


@dataclass(frozen=True)
class Surprise:
    r"""\(-\log p\) of a score, interpolated between knots, and straight beyond the last.

    Attributes:
        knots: Values of the score, increasing, shape `(n,)`.
        values: \(-\log p\) there, increasing, shape `(n,)`.
        slope: Its slope beyond the last knot, above zero.
    """

    knots: Float[np.ndarray, " n"]
    values: Float[np.ndarray, " n"]
    slope: float

    @classmethod
    def of(cls, calibration: Float[np.ndarray, " n"]) -> Surprise:
        """Fitted to scores of background events that the score was not fitted on.

        Args:
            calibration: Scores. If all are the same, as distances to neighbours are among copies of a few events, they
                have no scale, and the tail's is one.

        Raises:
            DataError: If there are none, or they are not finite.
        """
        if not len(calibration):
            raise DataError("no scores of background to take p-values from", expected="one at least")
        require_scores("score", calibration)
        knots = _apart(np.unique(calibration))
        ordered = knots[np.searchsorted(knots, np.sort(calibration), side="right") - 1]
        n = len(ordered)
        above = 1 + n - np.searchsorted(ordered, knots, side="left")  # as `conformal.p_values` counts
        start = ordered[n - max(2, round(_TAIL * n))]
        # The mean excess is the maximum-likelihood estimate of the scale of an exponential tail.
        mean_excess = float((ordered[ordered >= start] - start).mean()) or float(knots[-1] - knots[0]) or 1.0
        body = knots <= start
        log_p = -np.log(above[body] / (n + 1.0))
        return cls(knots[body], log_p, 1.0 / mean_excess)

    def __call__(self, scores: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        r"""\(-\log p\), shape `(m,)`: strictly increasing from the first knot on."""
        beyond = np.maximum(scores - self.knots[-1], 0) * self.slope
        below = np.minimum(scores - self.knots[0], 0) * self.slope  # never anomalous, but still in their order
        return np.asarray(np.interp(scores, self.knots, self.values) + beyond + below)


def _apart(knots: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Increasing knots without those that rounding may have made: a step has a width."""
    least = _APART * np.abs(knots)
    kept = [0]
    while (following := np.searchsorted(knots, knots[kept[-1]] + least[kept[-1]], side="right")) < len(knots):
        kept.append(int(following))
    return knots[kept]


class Combined:
    r"""Fisher's sum \(-\sum \log p\) over scores (Statistical Methods for Research Workers, 1932, sect. 21.1).

    The scores are not independent, so that it does not follow a χ² distribution; as a score it need not.

    Args:
        members: The scores, not fitted yet.
        seed: Which events are held back for p-values, if none are given.

    Raises:
        InputError: If there are none.
    """

    def __init__(self, members: Sequence[Score], *, seed: int = 1) -> None:
        if not members:
            raise InputError("a combination of no scores", expected="one at least")
        self.members, self.seed = tuple(members), seed
        self.surprises: tuple[Surprise, ...] | None = None
        self._width: int | None = None

    def fit(self, x: Prepared, x_validation: Prepared | None = None) -> Combined:
        """Fit the members on x alone, and take their p-values from the validation events."""
        x, held = with_validation(x, x_validation, stream(self.seed, "combination"))
        self.members = tuple(member.fit(x) for member in self.members)
        self.surprises = tuple(Surprise.of(member.score_samples(held)) for member in self.members)
        self._width = x.shape[1]
        return self

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        r"""\(-\sum \log p\) of the members."""
        scoring_events(x, self._width)
        assert self.surprises is not None  # noqa: S101 - as above
        each = [one(member.score_samples(x)) for one, member in zip(self.surprises, self.members, strict=True)]
        return np.asarray(np.sum(each, axis=0))
