"""The prior that parameters are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError
from neyman.simulation.protocol import check_count, theta_rows


class UniformPrior:
    """A flat prior in a box.

    Args:
        bounds: Lowest and highest value of each parameter; their order is the order of the parameters.

    Raises:
        ConfigError: If there is no parameter, or a bound is not finite, or low is not below high.

    Examples:
        >>> prior = UniformPrior({"C9": (3.0, 5.0)})
        >>> prior.log_prob(np.array([[4.0], [6.0]])).round(4)
        array([-0.6931,    -inf])
    """

    def __init__(self, bounds: Mapping[str, Sequence[float]]) -> None:
        if not bounds:
            raise ConfigError("a prior without parameters", expected="bounds for at least one, e.g. C9: [3, 5]")
        for name, pair in bounds.items():
            try:
                low, high = (float(value) for value in pair)
            except (TypeError, ValueError):
                raise ConfigError(f"found {pair!r}", where=f"prior.{name}", expected="[low, high]") from None
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise ConfigError(
                    f"found [{low:g}, {high:g}]", where=f"prior.{name}", expected="finite bounds with low below high"
                )
        self.parameters: tuple[str, ...] = tuple(bounds)
        self.low: Float[np.ndarray, " d"] = _frozen([pair[0] for pair in bounds.values()])
        self.high: Float[np.ndarray, " d"] = _frozen([pair[1] for pair in bounds.values()])

    def __repr__(self) -> str:
        return f"UniformPrior({self.bounds})"

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each parameter."""
        return dict(zip(self.parameters, zip(self.low.tolist(), self.high.tolist(), strict=True), strict=True))

    def sample(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Independent draws, one row each."""
        return rng.uniform(self.low, self.high, size=(check_count(n), len(self.parameters)))

    def log_prob(self, theta: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Logarithm of the density: one constant inside, −∞ outside.

        Raises:
            DataError: If θ has the wrong shape or is not finite.
        """
        rows = theta_rows(theta, self.parameters)
        inside = ((rows >= self.low) & (rows <= self.high)).all(axis=1)
        return np.where(inside, -np.log(self.high - self.low).sum(), -np.inf)

    def config(self) -> dict[str, Any]:
        """What an equal prior can be rebuilt from, as JSON can hold it."""
        return {"kind": "UniformPrior", "bounds": {name: list(pair) for name, pair in self.bounds.items()}}


def _frozen(values: list[float]) -> Float[np.ndarray, " d"]:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
