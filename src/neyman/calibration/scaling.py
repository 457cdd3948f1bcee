"""How the flow sees variables and conditions: of order one, and nearer to a normal than they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, ndtri

from neyman.calibration.config import CalibrationConfig
from neyman.calibration.sample import Sample
from neyman.events.columns import Column, Schema

Transform = Literal["none", "log", "logit"]
AskedTransform = Literal["auto", "none", "log", "logit"]

HARMONICS = 2
"""Of a periodic condition: structure in an angle is often narrower than half a turn, and a network learns it late."""

_LEVELS = np.concatenate([[0.0005, 0.002], np.linspace(0.005, 0.995, 199), [0.998, 0.9995]])
_NORMAL = ndtri(_LEVELS)
_WIDE = 5.0  # the splines reach to 6; nearly all events are to lie inside
_GAIN = 2e-3  # of correlation, for which a transform is worth its complication


@dataclass(frozen=True)
class VariableScale:
    """One variable: y = (transform(x) − centre) / scale.

    Attributes:
        name: Its column.
        transform: `none`, `log` or `logit`.
        centre: Its median after the transform.
        scale: Its width after the transform.
    """

    name: str
    transform: Transform
    centre: float
    scale: float

    def forward(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """What the flow sees."""
        return (transformed(x, self.transform) - self.centre) / self.scale

    def inverse(self, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """In physical units again."""
        t = self.centre + self.scale * y
        if self.transform == "log":
            return np.asarray(np.exp(t))
        if self.transform == "logit":
            return np.asarray(np.clip(expit(t), np.finfo(float).tiny, 1 - np.finfo(float).epsneg))  # never on the edge
        return t

    def log_slope(self, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """log|dy/dx|."""
        slope = np.full(len(x), -np.log(self.scale))
        if self.transform == "log":
            slope -= np.log(x)
        if self.transform == "logit":
            slope -= np.log(x) + np.log1p(-x)
        return slope


@dataclass(frozen=True)
class ConditionScale:
    """One condition: standardised, or cosine and sine of it and of twice of it if it is periodic.

    Attributes:
        name: Its column.
        transform: `none` or `log`.
        period: After which it repeats itself; None if it does not.
        centre: Its mean after the transform.
        scale: Its standard deviation after the transform.
        low: The least value that both samples reach down to.
        high: The largest value that both reach up to.
    """

    name: str
    transform: Literal["none", "log"]
    period: float | None
    centre: float
    scale: float
    low: float
    high: float

    @property
    def inputs(self) -> int:
        """How many inputs of a network it makes."""
        return 1 if self.period is None else 2 * HARMONICS

    def forward(self, c: Float[np.ndarray, " n"]) -> list[np.ndarray]:
        """What the network sees; outside the range of the training, the value at its edge."""
        if self.period is not None:
            angle = 2 * np.pi * c / self.period
            return [wave(k * angle) for k in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
        return [(transformed(np.clip(c, self.low, self.high), self.transform) - self.centre) / self.scale]

    def outside(self, c: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Which values the training did not reach: a period further is as good, many are another unit."""
        margin = self.period or 0.0
        return (c < self.low - margin) | (c > self.high + margin)


@dataclass(frozen=True)
class Scaling:
    """How the flow sees events.

    Attributes:
        variables: The scale of each variable.
        conditions: The scale of each condition.
    """

    variables: tuple[VariableScale, ...]
    conditions: tuple[ConditionScale, ...]

    @classmethod
    def fit(cls, simulation: Sample, data: Sample, config: CalibrationConfig, schema: Schema) -> Scaling:
        """The scaling of both samples together; weights do not matter for a scale.

        Args:
            simulation: The training part of the simulation.
            data: That of data.
            config: Which transforms, and which conditions are periodic.
            schema: Says of more conditions that they are periodic.
        """
        variables = []
        for number, variable in enumerate(config.variables):
            pooled = np.concatenate([simulation.x[:, number], data.x[:, number]])
            chosen = nearest_to_normal(pooled, ("none", "log"), variable.transform)
            variables.append(_variable_scale(variable.name, pooled, chosen))
        conditions = []
        for number, condition in enumerate(config.conditions):
            both = simulation.c[:, number], data.c[:, number]
            period = condition.period or _period(schema[condition.name], np.concatenate(both))
            allowed: tuple[Transform, ...] = ("none",) if period else ("none", "log")
            chosen = nearest_to_normal(np.concatenate(both), allowed, condition.transform)
            conditions.append(_condition_scale(condition.name, *both, "log" if chosen == "log" else "none", period))
        return cls(tuple(variables), tuple(conditions))

    @property
    def inputs(self) -> int:
        """How many inputs the conditions make."""
        return sum(scale.inputs for scale in self.conditions)

    def standardise(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The variables as the flow sees them."""
        return np.stack([scale.forward(x[:, i]) for i, scale in enumerate(self.variables)], axis=1)

    def restore(self, y: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The variables in physical units: the inverse of `standardise`."""
        return np.stack([scale.inverse(y[:, i]) for i, scale in enumerate(self.variables)], axis=1)

    def log_slope(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The logarithm of the determinant of dy/dx."""
        return np.asarray(np.sum([scale.log_slope(x[:, i]) for i, scale in enumerate(self.variables)], axis=0))

    def network_inputs(self, c: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n i"]:
        """The conditions as the network sees them."""
        columns = [column for i, scale in enumerate(self.conditions) for column in scale.forward(c[:, i])]
        return np.stack(columns, axis=1)

    def outside(self, c: Float[np.ndarray, "n k"]) -> Bool[np.ndarray, " n"]:
        """Which events have a condition that the training did not reach."""
        return np.asarray(np.any([scale.outside(c[:, i]) for i, scale in enumerate(self.conditions)], axis=0))

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "variables": [asdict(scale) for scale in self.variables],
            "conditions": [asdict(scale) for scale in self.conditions],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Scaling:
        """The scaling that `to_json` wrote."""
        return cls(
            tuple(VariableScale(**scale) for scale in value["variables"]),
            tuple(ConditionScale(**scale) for scale in value["conditions"]),
        )


def transformed(x: Float[np.ndarray, " n"], transform: Transform) -> Float[np.ndarray, " n"]:
    """The transform of values that it can take.

    Examples:
        >>> transformed(np.array([0.5]), "logit")
        array([0.])
    """
    if transform == "log":
        return np.asarray(np.log(x))
    if transform == "logit":
        return np.asarray(np.log(x) - np.log1p(-x))
    return x


def takes(x: Float[np.ndarray, " n"], transform: Transform) -> Bool[np.ndarray, " n"]:
    """Which values a transform can take."""
    if transform == "none":
        return np.ones(len(x), dtype=bool)
    return (x > 0) & (x < 1) if transform == "logit" else x > 0


def nearest_to_normal(
    x: Float[np.ndarray, " n"], transforms: tuple[Transform, ...], asked: AskedTransform
) -> Transform:
    """The transform after which quantiles lie best on a line with those of a normal; the simplest if it hardly matters.

    The measure is the correlation of a probability plot (Filliben, Technometrics 17 (1975) 111, eq. 2).

    Args:
        x: Values.
        transforms: The candidates, the simplest first.
        asked: `auto`, or the one that is to be taken.

    Examples:
        >>> nearest_to_normal(np.exp(np.linspace(-2, 2, 1000)), ("none", "log"), "auto")
        'log'
    """
    if asked != "auto":
        return asked
    best, found = -1.0, transforms[0]
    for transform in transforms:
        if takes(x, transform).all():
            quantiles = np.quantile(transformed(x, transform), _LEVELS)
            correlation = float(np.corrcoef(quantiles, _NORMAL)[0, 1]) if quantiles[0] < quantiles[-1] else -1.0
            if correlation > best + _GAIN:
                best, found = correlation, transform
    return found


def _period(column: Column, values: Float[np.ndarray, " n"]) -> float | None:
    """That of the schema; and an angle is known by a name that ends in `phi` and values that fill a turn.

    ROOT files know no periods, and without one a network would take -π and π for far apart.
    """
    if column.periodic:
        return column.high - column.low
    named = column.name.lower().endswith("phi")
    turn = 2 * np.pi
    fills_a_turn = np.abs(values).max() <= turn and 0.98 * turn < np.ptp(values) <= turn
    return turn if named and fills_a_turn else None


def _variable_scale(name: str, pooled: Float[np.ndarray, " n"], transform: Transform) -> VariableScale:
    """The scale of the core, unless tails reach so far that the splines, which end at 6, would miss them."""
    lowest, low, centre, high, highest = np.quantile(
        transformed(pooled, transform), [0.0005, 0.16, 0.5, 0.84, 0.9995]
    ).tolist()
    scale = max((high - low) / 2, (highest - centre) / _WIDE, (centre - lowest) / _WIDE)
    return VariableScale(name, transform, centre, scale)


def _condition_scale(
    name: str,
    simulation: Float[np.ndarray, " n"],
    data: Float[np.ndarray, " m"],
    transform: Literal["none", "log"],
    period: float | None,
) -> ConditionScale:
    values = transformed(np.concatenate([simulation, data]), transform)
    low, high = max(simulation.min(), data.min()), min(simulation.max(), data.max())
    return ConditionScale(name, transform, period, float(values.mean()), float(values.std()), float(low), float(high))
