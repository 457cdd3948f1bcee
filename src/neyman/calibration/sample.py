"""Events of one kind as the calibration sees them: variables to correct, conditions to leave alone, weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import DataError

Which = Literal["simulation", "data"]
"""The two samples of a calibration."""


@dataclass(frozen=True)
class Sample:
    """Simulated or recorded events.

    Attributes:
        x: The variables, in physical units, shape `(n, d)`.
        c: The conditions, which no correction touches, shape `(n, k)`.
        w: Weights, of either sign, shape `(n,)`.
        variables: Names of the columns of x.
        conditions: Names of the columns of c.

    Raises:
        DataError: If the shapes do not fit each other, or the names.

    Examples:
        >>> sample = Sample(np.ones((3, 1)), np.zeros((3, 2)), np.ones(3), ("ip",), ("pt", "eta"))
        >>> len(sample.select(np.array([0, 2])))
        2
    """

    x: Float[np.ndarray, "_ d"]  # lengths are checked below
    c: Float[np.ndarray, "_ k"]
    w: Float[np.ndarray, " _"]
    variables: tuple[str, ...]
    conditions: tuple[str, ...]

    def __post_init__(self) -> None:
        shapes = {"x": self.x.shape, "c": self.c.shape, "w": self.w.shape}
        events = len(self.w)
        expected = {"x": (events, len(self.variables)), "c": (events, len(self.conditions)), "w": (events,)}
        if shapes != expected:
            raise DataError(f"arrays of shapes {shapes}", expected=f"{expected}")

    def __len__(self) -> int:
        return len(self.w)

    def select(self, rows: Bool[np.ndarray, " n"] | Int[np.ndarray, " m"] | slice) -> Sample:
        """The events at the given rows."""
        return replace(self, x=self.x[rows], c=self.c[rows], w=self.w[rows])

    def with_x(self, x: Float[np.ndarray, "n d"]) -> Sample:
        """The same events with other values of the variables."""
        return replace(self, x=x)

    def with_w(self, w: Float[np.ndarray, " n"]) -> Sample:
        """The same events with other weights."""
        return replace(self, w=w)
