"""Distribution functions of weighted events, of which some may have negative weights, as sWeights are.

A sum of weights then does not grow everywhere. Where an inverse is asked for, the running maximum is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError


def effective_events(weights: Float[np.ndarray, " n"]) -> float:
    """(Σw)²/Σw²: how many events of weight one would know their number as well. Kish, Survey Sampling (1965).

    Examples:
        >>> effective_events(np.array([1.0, 1.0, 1.0, -1.0]))
        1.0
        >>> effective_events(np.zeros(0))
        0.0
    """
    squares = float(weights @ weights)
    return float(weights.sum() ** 2 / squares) if squares > 0 else 0.0


def total_weight(weights: Float[np.ndarray, " n"], what: str) -> float:
    """The sum of weights.

    Raises:
        DataError: If it is not above zero, or not a number.
    """
    total = float(weights.sum())
    if not 0 < total < np.inf:
        raise DataError(
            f"weights of {len(weights)} events that sum to {total:g}", where=what, expected="a finite sum above zero"
        )
    return total


@dataclass(frozen=True)
class Distribution:
    """The distribution of one variable, as weighted events tell it.

    Each event's own weight is half below it; between events, cumulative probability is linear.

    Attributes:
        values: Different values, increasing.
        levels: Cumulative probability at each; does not decrease, from 0 to 1.

    Examples:
        >>> of_four = Distribution.of(np.array([3.0, 1.0, 2.0, 4.0]), np.ones(4))
        >>> of_four.cumulative(np.array([0.0, 2.5, 9.0]))
        array([0. , 0.5, 1. ])
        >>> of_four.quantile(np.array([0.5]))
        array([2.5])
    """

    values: Float[np.ndarray, " m"]
    levels: Float[np.ndarray, " m"]

    @classmethod
    def of(cls, values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> Distribution:
        """The distribution of some events.

        Raises:
            DataError: If there are none, or their weights do not sum to a positive number.
        """
        total = total_weight(weights, "a distribution")
        different, which = np.unique(values, return_inverse=True)
        share = np.bincount(which, weights=weights, minlength=len(different)) / total
        reached = np.maximum.accumulate(np.cumsum(share) - share / 2)
        return cls(different, np.clip(reached, 0, 1))

    def cumulative(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Cumulative probability at some values; 0 below all events and 1 above."""
        return np.asarray(np.interp(values, self.values, self.levels, left=0.0, right=1.0))

    def quantile(self, probabilities: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        """Its inverse; beyond the outermost events, their values."""
        return np.asarray(np.interp(probabilities, self.levels, self.values))


def wasserstein(
    first: Float[np.ndarray, " n"],
    first_weights: Float[np.ndarray, " n"],
    second: Float[np.ndarray, " m"],
    second_weights: Float[np.ndarray, " m"],
) -> float:
    """Wasserstein-1 distance of two weighted samples, ∫|F − G| dx, in the unit of the variable.

    Vallender, Theory Probab. Appl. 18 (1974) 784. The integral has a meaning for negative weights too, which a cost of
    transport does not.

    Raises:
        DataError: If the weights of either do not sum to a positive number.

    Examples:
        >>> wasserstein(np.array([0.0, 1.0]), np.ones(2), np.array([0.5, 1.5]), np.ones(2))
        0.5
    """
    values = np.concatenate([first, second])
    shares = np.concatenate(
        [
            first_weights / total_weight(first_weights, "the first sample"),
            -second_weights / total_weight(second_weights, "the second sample"),
        ]
    )
    order = np.argsort(values, kind="stable")
    difference = np.cumsum(shares[order])[:-1]
    return float(np.abs(difference) @ np.diff(values[order]))


@dataclass(frozen=True)
class Fraction:
    """A fraction of weighted events.

    Attributes:
        value: Σw of those chosen over Σw of all.
        error: Its standard deviation, the weights being random as well.
        effective_events: Those chosen.
    """

    value: float
    error: float
    effective_events: float


def fraction_above(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], threshold: float) -> Fraction:
    """The fraction of events above a threshold; its error is √(p(1−p)/n) where all weights are one.

    Raises:
        DataError: If the weights do not sum to a positive number.

    Examples:
        >>> found = fraction_above(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4), 3.5)
        >>> found.value, round(found.error, 4)
        (0.25, 0.2165)
    """
    total = total_weight(weights, "a fraction")
    chosen = values > threshold
    value = float(weights[chosen].sum()) / total
    residuals = weights * (chosen - value)
    return Fraction(value, float(np.sqrt(residuals @ residuals)) / total, effective_events(weights[chosen]))
