r"""How a network sees features: of order one, and nearer to a normal than they come.

Each input k of the network is one row of a table:

    \(y_k = (f_k(x_{source_k} / unit_k) - centre_k) / scale_k\)

with f one of `none` (the value), `log` (sign(u) log(1 + |u|), which takes all numbers and the zeros of padding), `cos`
and `sin` (of a periodic column, which has one row of each). Centre and scale are mean and standard deviation, without
the few values that lie far from all others, if there are such: placeholders like 10⁶ would squeeze all events into a
point. An input ends at ±10⁴. That is all: an exported graph computes the same.

NumPy alone: the runtime prepares events with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Int

from neyman.anomaly.columns import (
    FAR,
    angle_period,
    far_off,
    is_count,
    log_is_better,
    log_unit,
    require_features,
    require_scales,
    signed_log,
    varies,
)
from neyman.core.errors import DataError, near

if TYPE_CHECKING:
    from neyman.anomaly.config import FeatureConfig

NONE, LOG, COS, SIN = range(4)
"""The codes of the transforms."""

TEXTS = ("names", "constant", "redundant", "outlying")
"""Fields of a preparation that are names of columns."""

END = 1e4
"""Where inputs end, in standard deviations: squares and sums of what lies within are numbers in single precision."""

_WITHIN = (-0.4, -0.2, 0.0, 0.2, 0.4)  # stands for the interval around a whole number


@dataclass(frozen=True)
class Preparation:
    """The table of inputs, and what became of the columns.

    Attributes:
        names: The columns that events have, in order.
        source: Which column each input is made of, shape `(k,)`.
        code: Its transform: `NONE`, `LOG`, `COS` or `SIN`, shape `(k,)`.
        unit: What the column is divided by before the transform, shape `(k,)`.
        centre: The mean after the transform, without values that are far off, shape `(k,)`.
        scale: The standard deviation after the transform, without values that are far off, shape `(k,)`.
        counts: Whether the input is made of whole numbers, shape `(k,)`.
        constant: Columns that are no inputs, since they never changed.
        redundant: Columns that are no inputs, since there are more than are wanted, and they say least of the others.
        outlying: Columns of which a few values are far off.
        held: The values that the constant columns had, shape `(c,)`.
    """

    names: tuple[str, ...]
    source: Int[np.ndarray, " k"]
    code: Int[np.ndarray, " k"]
    unit: Float[np.ndarray, " k"]
    centre: Float[np.ndarray, " k"]
    scale: Float[np.ndarray, " k"]
    counts: Int[np.ndarray, " k"]
    constant: tuple[str, ...] = ()
    redundant: tuple[str, ...] = ()
    outlying: tuple[str, ...] = ()
    held: Float[np.ndarray, " c"] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def fit(
        cls,
        x: Float[np.ndarray, "n d"],
        names: Sequence[str],
        config: FeatureConfig,
        periods: Mapping[str, float] | None = None,
    ) -> Preparation:
        """The preparation of training events, background all of them.

        Args:
            x: Features in their units, shape `(n, d)`.
            names: Of the columns of x.
            config: Transforms, periods, and how many features to keep.
            periods: Of columns that a file says are periodic; those of the config come first. Beyond both, an angle is
                known by a name that ends in `phi` and values that fill a turn.

        Raises:
            DataError: For values that are not finite or too large, a transform or period of a column that is not there,
                or if no column changes.
        """
        names = tuple(names)
        require_features(x, names)
        require_scales(x, names)
        _require_known(config, names)
        known = {**(periods or {}), **config.periods}
        wanted = config.transforms if isinstance(config.transforms, dict) else {}
        every = "none" if config.transforms == "none" else "auto"
        changing = np.array([varies(column) for column in x.T])
        if not changing.any():
            raise DataError(
                f"all {len(names)} columns are constant in {len(x)} events", expected="a feature that changes"
            )
        rows = [
            row
            for number in np.flatnonzero(changing).tolist()
            for row in _rows(
                x[:, number],
                number,
                known.get(names[number]) or angle_period(names[number], x[:, number]),
                wanted.get(names[number], every),
            )
        ]
        source, code, unit, centre, scale, far = (np.array(part) for part in zip(*rows, strict=True))
        counts = np.array([is_count(x[:, number]) for number in source], dtype=np.int64)
        whole = cls(names, source, code, unit, centre, scale, counts)
        chosen = np.arange(len(names)) if config.most is None else most_telling(whole.apply(x), source, config.most)
        kept = np.isin(source, chosen)
        left_out = np.setdiff1d(source, chosen)
        return replace(
            whole,
            source=source[kept],
            code=code[kept],
            unit=unit[kept],
            centre=centre[kept],
            scale=scale[kept],
            counts=counts[kept],
            constant=tuple(name for name, good in zip(names, changing, strict=True) if not good),
            redundant=tuple(names[number] for number in left_out),
            outlying=tuple(names[number] for number in np.unique(source[kept & far])),
            held=x[0, ~changing].astype(np.float64),
        )

    @property
    def width(self) -> int:
        """How many inputs the network has."""
        return len(self.source)

    @property
    def input_names(self) -> tuple[str, ...]:
        """What each input is, as in `jet1_pt` or `cos(jet1_phi)`."""
        words = ("{}", "log({})", "cos({})", "sin({})")
        return tuple(
            words[code].format(self.names[number]) for number, code in zip(self.source, self.code, strict=True)
        )

    def apply(self, x: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n k"]:
        """Events as the network sees them: the same for an event alone or among others.

        Raises:
            DataError: For another number of columns, no events, or values that are not finite.
        """
        require_features(x, self.names)
        return self._transformed(x[:, self.source].astype(np.float64, copy=False))

    def apply_in_training(self, x: Float[np.ndarray, "n d"], rng: np.random.Generator) -> Float32[np.ndarray, "n k"]:
        """As `apply`, with whole numbers spread over the interval of length one around them.

        The density of whole numbers is infinite where they are and zero elsewhere; spread, they have one that a network
        can learn (Theis, van den Oord and Bethge, ICLR 2016, sect. 3.1). Values that are far off come closer, since a
        few of them would be all that a loss sees. Scores are of events as they are.
        """
        require_features(x, self.names)
        values = x[:, self.source].astype(np.float64)
        columns, first = np.unique(self.source, return_inverse=True)  # cos and sin of a column move together
        spread = rng.random((len(x), len(columns)))[:, first] - 0.5
        y = self._transformed(values + spread * self.counts)
        far = np.isin(self.source, [self.names.index(name) for name in self.outlying])
        y[:, far] = y[:, far].clip(-FAR, FAR)
        return y

    @property
    def periods(self) -> dict[str, float]:
        """Periods of the columns that are taken for angles."""
        angles = self.code == COS
        return {
            self.names[number]: float(2 * np.pi * unit)
            for number, unit in zip(self.source[angles], self.unit[angles], strict=True)
        }

    def jacobian(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """The derivative of each input by the column that it is made of."""
        u = x[:, self.source].astype(np.float64, copy=False) / self.unit
        slope = np.select(
            [self.code == LOG, self.code == COS, self.code == SIN], [1 / (1 + np.abs(u)), -np.sin(u), np.cos(u)], 1.0
        )
        return np.asarray(slope / (self.unit * self.scale))

    def by_column(self, inputs: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n d"]:
        """Numbers of the inputs summed to the columns that they are made of; 0 for a column that is no input."""
        return np.asarray(inputs @ np.eye(len(self.names))[self.source])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays, for a file without pickles."""
        return {
            each.name: np.array(getattr(self, each.name), dtype=np.str_ if each.name in TEXTS else None)
            for each in fields(self)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Preparation:
        """The preparation that `to_arrays` wrote."""
        texts = {name: tuple(str(text) for text in arrays[name]) for name in TEXTS}
        numbers = {each.name: arrays[each.name] for each in fields(cls) if each.name not in TEXTS}
        return cls(**{**numbers, **texts})  # type: ignore[arg-type]

    def _transformed(self, values: Float[np.ndarray, "n k"]) -> Float32[np.ndarray, "n k"]:
        with np.errstate(over="ignore"):
            u = values / self.unit
        y = u.copy()
        for code, function in ((LOG, signed_log), (COS, np.cos), (SIN, np.sin)):
            these = self.code == code
            y[:, these] = function(u[:, these])
        with np.errstate(over="ignore"):
            return np.asarray(((y - self.centre) / self.scale).clip(-END, END), dtype=np.float32)


def most_telling(
    y: Float[np.ndarray, "n k"] | Float32[np.ndarray, "n k"], source: Int[np.ndarray, " k"], most: int
) -> Int[np.ndarray, " m"]:
    r"""The columns from which the others can be told best, by linear regression; no label is looked at.

    Greedy column subset selection (Farahat, Ghodsi and Kamel, ICDM 2011, eq. 9): with G the covariance that the chosen
    columns leave, the next is \(\arg\max_j \|G_{:j}\|^2 / G_{jj}\). A copy of a chosen column is never chosen, nor is
    noise before what many columns share.

    Args:
        y: Standardised inputs of the background, shape `(n, k)`.
        source: Which column each input is made of.
        most: How many columns to choose at most.

    Returns:
        The numbers of the columns, in order.
    """
    columns = np.unique(source)
    if len(columns) <= most:
        return columns
    G = np.cov(y.astype(np.float64), rowvar=False)
    floor = 1e-9 * float(G.diagonal().max())
    chosen: list[int] = []
    while len(chosen) < most:
        left = G.diagonal()
        gain = np.where(left > floor, (G**2).sum(axis=0) / np.maximum(left, floor), -1.0)
        gain[np.isin(source, chosen)] = -1.0
        best = int(np.argmax(gain))
        if gain[best] < 0:
            break
        chosen.append(int(source[best]))
        for row in np.flatnonzero(source == source[best]):  # cos and sin of a column come together
            if G[row, row] > floor:
                G = G - np.outer(G[:, row], G[row]) / G[row, row]
    return np.sort(np.array(chosen))


_Row = tuple[int, int, float, float, float, bool]


def _rows(column: Float[np.ndarray, " n"], number: int, period: float | None, wanted: str) -> list[_Row]:
    """The rows of the table for one column: two if it is periodic."""
    x = column.astype(np.float64)
    if is_count(x):
        x = (x[:, None] + np.array(_WITHIN)).ravel()  # the widths are those of `apply_in_training`
    if period is not None and wanted == "auto":
        unit = period / (2 * np.pi)
        return [_row(number, code, unit, function(x / unit)) for code, function in ((COS, np.cos), (SIN, np.sin))]
    unit = log_unit(x)
    if wanted == "log" or (wanted == "auto" and log_is_better(x[~far_off(x)], unit)):
        return [_row(number, LOG, unit, signed_log(x / unit))]
    return [_row(number, NONE, 1.0, x)]


def _row(number: int, code: int, unit: float, values: Float[np.ndarray, " n"]) -> _Row:
    far = far_off(values)
    return number, code, unit, float(values[~far].mean()), float(values[~far].std()), bool(far.any())


def _require_known(config: FeatureConfig, names: tuple[str, ...]) -> None:
    transforms = config.transforms if isinstance(config.transforms, dict) else {}
    for key, given in (("transforms", transforms), ("periods", config.periods)):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise DataError(
                f"features.{key} of '{unknown[0]}', which is no column",
                expected=f"one of {', '.join(names[:12])}",
                hint=near(unknown[0], names),
            )
