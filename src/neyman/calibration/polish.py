"""A polish of the tails, in latent space: where splines see too few events, a table of quantiles takes over.

A flow maps a variable to u, which is standard normal at every value of the conditions, so it is standard normal for
any mix of them: quantiles of u over all training events, weighted or not, must be those of a normal, whatever p(c) is.
Where they are not, beyond a threshold, a monotone and continuous table moves them there. It says nothing about
conditions, so that a correction of p(x|c) stays one. A quantile of few events is uncertain itself: a table believes it
by as much as it is off beyond its statistical error, and the flow, which learns from all events, for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from neyman.calibration.config import TailConfig
from neyman.calibration.sample import Which

_STEP = 0.5  # from one entry of a table to the next, half of the events are left


@dataclass(frozen=True)
class Table:
    """A monotone map of the line, linear between its entries and a shift beyond the outermost; empty: the identity.

    Attributes:
        u: Where the flow puts quantiles.
        normal: Where they belong.

    Examples:
        >>> Table(np.array([0.0, 1.0]), np.array([0.0, 2.0])).forward(np.array([-1.0, 0.5, 3.0]))
        array([-1.,  1.,  4.])
    """

    u: Float[np.ndarray, " m"]
    normal: Float[np.ndarray, " m"]

    def forward(self, u: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """From the flow's latent to one that is normal in the tails too."""
        return _interpolated(u, self.u, self.normal)

    def inverse(self, normal: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Back."""
        return _interpolated(normal, self.normal, self.u)

    def log_slope(self, u: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The logarithm of the derivative of `forward`."""
        if not len(self.u):
            return np.zeros(len(u))
        slopes = np.concatenate([[1.0], np.diff(self.normal) / np.diff(self.u), [1.0]])
        return np.asarray(np.log(slopes)[np.searchsorted(self.u, u)])


@dataclass(frozen=True)
class Polish:
    """Tables for each sample and variable.

    Attributes:
        tables: By sample, one for each variable.
    """

    tables: Mapping[Which, tuple[Table, ...]]

    @classmethod
    def none(cls, variables: int) -> Polish:
        """The identity."""
        empty = Table(np.empty(0), np.empty(0))
        return cls({"simulation": (empty,) * variables, "data": (empty,) * variables})

    @classmethod
    def fit(
        cls,
        latents: Mapping[Which, Float[np.ndarray, "_ d"]],
        weights: Mapping[Which, Float[np.ndarray, " _"]],
        options: TailConfig,
    ) -> Polish:
        """Tables of the training events.

        Args:
            latents: What the flow maps the variables of each sample to.
            weights: The weights of the events; they may be negative.
            options: Where the tails begin, and how many events the last entry needs.
        """
        return cls({which: tuple(tail_table(column, weights[which], options) for column in u.T)
                    for which, u in latents.items()})  # fmt: skip

    def forward(self, u: Float[np.ndarray, "n d"], which: Which) -> Float[np.ndarray, "n d"]:
        """From the latent of a sample's flow to one that is normal in the tails too."""
        return np.stack([table.forward(u[:, i]) for i, table in enumerate(self.tables[which])], axis=1)

    def inverse(self, normal: Float[np.ndarray, "n d"], which: Which) -> Float[np.ndarray, "n d"]:
        """Back to the latent of a sample's flow."""
        return np.stack([table.inverse(normal[:, i]) for i, table in enumerate(self.tables[which])], axis=1)

    def log_slope(self, u: Float[np.ndarray, "n d"], which: Which) -> Float[np.ndarray, " n"]:
        """The logarithm of the determinant of `forward`."""
        return np.asarray(np.sum([table.log_slope(u[:, i]) for i, table in enumerate(self.tables[which])], axis=0))

    def to_arrays(self) -> dict[str, Float[np.ndarray, "2 m"]]:
        """The tables by name, as an artefact keeps them."""
        return {f"{which}/{number}": np.stack([table.u, table.normal])
                for which, tables in self.tables.items() for number, table in enumerate(tables)}  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], variables: int) -> Polish:
        """The polish that `to_arrays` wrote."""
        samples: tuple[Which, ...] = ("simulation", "data")
        return cls({which: tuple(Table(*np.array(arrays[f"{which}/{number}"], dtype=np.float64))
                                 for number in range(variables)) for which in samples})  # fmt: skip


def tail_table(u: Float[np.ndarray, " n"], w: Float[np.ndarray, " n"], options: TailConfig) -> Table:
    """The table of one variable of one sample: the identity in the core, quantiles of the events beyond the thresholds.

    In between one goes over into the other. Were the first entry the identity, a fraction beyond the threshold that is
    off by a little would be made up for in the few events next to it.

    Args:
        u: Latent values.
        w: Weights of either sign.
        options: Where the tails begin, and how many events the last entry needs.
    """
    if options.above is None:
        return Table(np.empty(0), np.empty(0))
    above = _one_tail(u, w, options.above, options.least_events)
    below = -_one_tail(-u, w, options.above, options.least_events)[::-1]
    if above.size == 0 and below.size == 0:
        return Table(np.empty(0), np.empty(0))
    edge = _edge_of_the_core(options.above)
    middle = np.array([[-edge, -edge], [edge, edge]])[: 2 if edge > 0 else 1]
    return Table(*np.concatenate([below, middle, above]).T)


def _one_tail(
    u: Float[np.ndarray, " n"], w: Float[np.ndarray, " n"], level: float, least_events: int
) -> Float[np.ndarray, "m 2"]:
    """Entries (u, normal) of the upper tail beyond its threshold, both increasing."""
    order = np.argsort(u)[::-1]
    beyond = np.cumsum(w[order])
    squares = np.cumsum(w[order] ** 2)
    fraction = np.maximum.accumulate(beyond) / beyond[-1]  # negative weights make it fall now and then
    entries: list[tuple[float, float]] = []
    last_u = last_normal = _edge_of_the_core(level)
    probability = 1 - level
    while True:
        reached = int(np.searchsorted(fraction, probability))
        if reached == 0 or reached >= len(u) or beyond[reached] ** 2 < least_events * squares[reached]:
            return np.array(entries).reshape(-1, 2)
        normal = float(-ndtri(probability))
        error = float(np.sqrt(squares[reached]) / beyond[-1]) / _density(normal)
        quantile = normal + _believed(float(u[order[reached]]) - normal, error)
        if quantile - last_u > 0.1 * (normal - last_normal):  # else the flow is far off, and a table would fold it
            entries.append((quantile, normal))
            last_u, last_normal = quantile, normal
        probability *= _STEP


def _edge_of_the_core(level: float) -> float:
    """Where the identity ends: four times as many events are beyond as beyond the threshold, but half at most."""
    return max(0.0, float(ndtri(1 - 4 * (1 - level))) if level > 0.75 else 0.0)


def _believed(shift: float, error: float) -> float:
    """The positive-part rule of James and Stein (Berkeley Symp. 4.1 (1961) 361) for one number: 0 within its error."""
    return shift * max(0.0, 1 - (error / shift) ** 2) if shift else 0.0


def _density(normal: float) -> float:
    return math.exp(-0.5 * normal**2) / math.sqrt(2 * math.pi)


def _interpolated(
    x: Float[np.ndarray, " n"], knots: Float[np.ndarray, " m"], values: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    if not len(knots):
        return x
    inside = np.clip(x, knots[0], knots[-1])
    return np.asarray(np.interp(inside, knots, values) + (x - inside))
