"""Counts in the bins of a histogram with their error bars, and with bins that nobody may see yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_shape
from neyman.diagnostics.intervals import poisson_interval
from neyman.plots.inputs import require_numbers


@dataclass(frozen=True)
class Points:
    """Points with the ends of their error bars; NaN where nothing is drawn."""

    value: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]

    def over(self, divisor: Float[np.ndarray, " k"]) -> Points:
        """Each point divided by a positive number; NaN where the number is not positive."""
        safe = np.where(divisor > 0, divisor, np.nan)
        return Points(self.value / safe, self.low / safe, self.high / safe)


@dataclass(frozen=True)
class Observed:
    """The data of one region. What stands in a blinded bin is never looked at, and may be NaN.

    Attributes:
        counts: Events per bin, shape `(k,)`.
        error: Error of each count, for weighted data; by default the central 68 % interval of a Poisson mean
            (Garwood, Biometrika 28 (1936) 437).
        blinded: True for the bins in which the data must not be seen; by default none.

    Raises:
        DataError: If lengths differ, or in a bin that is seen a count is negative (without `error`) or not finite.

    Examples:
        >>> points = Observed(np.array([0.0, np.nan]), blinded=np.array([False, True])).points()
        >>> print(points.value, points.high)
        [ 0. nan] [1.84102165        nan]
    """

    counts: Float[np.ndarray, " k"]
    error: Float[np.ndarray, " k"] | None = None
    blinded: Bool[np.ndarray, " k"] | None = None

    def __post_init__(self) -> None:
        require_shape("data", self.counts, (None,))
        if self.blinded is not None:
            require_shape("blinded", self.blinded, self.counts.shape)
            if self.blinded.dtype != bool:
                raise DataError(f"blinded holds {self.blinded.dtype}", expected="True or False for each bin")
        poisson = self.error is None
        require_numbers("data", np.where(self.seen, self.counts, 0.0), (None,), low=0.0 if poisson else -np.inf)
        if self.error is not None:
            require_shape("data error", self.error, self.counts.shape)
            require_numbers("data error", np.where(self.seen, self.error, 0.0), (None,), low=0.0)

    @property
    def seen(self) -> Bool[np.ndarray, " k"]:
        """The bins that are not blinded."""
        return np.ones(len(self.counts), dtype=np.bool_) if self.blinded is None else ~self.blinded

    def points(self) -> Points:
        """Counts and the ends of their error bars, NaN where blinded."""
        counts = np.where(self.seen, self.counts, 0.0)
        low, high = poisson_interval(counts) if self.error is None else (counts - self.error, counts + self.error)
        return Points(*(np.where(self.seen, values, np.nan) for values in (counts, low, high)))
