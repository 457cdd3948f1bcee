"""Toys whose truth is known in closed form: for tests, and to learn the tools on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from neyman.core.errors import ConfigError, DataError
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import check_count, generator, theta_row, theta_rows


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal distribution cut off outside an interval: the posterior of a mean under a flat prior.

    Attributes:
        location: Mean of the normal before it was cut.
        scale: Standard deviation before it was cut.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    location: float
    scale: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean."""
        return float(self._frozen().mean())

    @property
    def sd(self) -> float:
        """The standard deviation."""
        return float(self._frozen().std())

    def log_prob(self, value: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Logarithm of the density; −∞ outside the interval."""
        return np.asarray(self._frozen().logpdf(value))

    def cdf(self, value: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Probability below each value."""
        return np.asarray(self._frozen().cdf(value))

    def quantile(self, probability: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The value below which lies each probability."""
        return np.asarray(self._frozen().ppf(probability))

    def sample(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
        """Independent draws, by the inverse of the distribution function."""
        return self.quantile(rng.random(n))

    def _frozen(self) -> Any:  # noqa: ANN401 - scipy has no types
        a, b = (self.low - self.location) / self.scale, (self.high - self.location) / self.scale
        return stats.truncnorm(a, b, loc=self.location, scale=self.scale)


class GaussianToy:
    r"""Events \(x \sim N(\mu, \sigma)\) with known σ: column `x`, parameter `mu`.

    The posterior of μ under a flat prior is the truncated normal \(N(\bar x, \sigma/\sqrt n)\)
    (Gelman et al., *Bayesian Data Analysis*, 3rd ed., eq. 2.11 with a flat prior).

    Args:
        sigma: Standard deviation of an event.

    Raises:
        ConfigError: If σ is not a finite number above zero.

    Examples:
        >>> toy = GaussianToy(sigma=2.0)
        >>> events = toy.simulate({"mu": 1.0}, 400, rng=1)
        >>> posterior = toy.posterior(events, UniformPrior({"mu": (-5.0, 5.0)}))
        >>> round(posterior.sd, 6)  # 2/√400: the bounds are 40 standard deviations away
        0.1
    """

    parameters: tuple[str, ...] = ("mu",)
    schema = Schema((Column(name="x", label="$x$"),))

    def __init__(self, sigma: float = 1.0) -> None:
        if not (np.isfinite(sigma) and sigma > 0):
            raise ConfigError(f"sigma is {sigma!r}", expected="a finite number above zero")
        self.sigma = float(sigma)

    def __repr__(self) -> str:
        return f"GaussianToy(sigma={self.sigma:g})"

    def simulate(self, theta: Mapping[str, float], n_events: int, rng: np.random.Generator | int) -> Events:
        """One set of events; see `Simulator.simulate`."""
        rows = theta_row(theta, self.parameters)
        return Events.from_matrix(self.simulate_sets(rows, n_events, generator(rng))[0], self.schema)

    def simulate_sets(
        self, theta: Float[np.ndarray, "b d"], n_events: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "b n c"]:
        """Many sets at once; see `Simulator.simulate_sets`."""
        rows = theta_rows(theta, self.parameters)
        return rows[:, :, None] + self.sigma * rng.standard_normal((len(rows), check_count(n_events), 1))

    def log_prob(self, theta: Mapping[str, float], events: Events) -> Float[np.ndarray, " n"]:
        """Logarithm of the normal density of each event."""
        mu = theta_row(theta, self.parameters)[0, 0]
        return np.asarray(-0.5 * ((events["x"] - mu) / self.sigma) ** 2 - np.log(self.sigma * np.sqrt(2 * np.pi)))

    def score(self, theta: Mapping[str, float], events: Events) -> Float[np.ndarray, "n d"]:
        """Derivative of `log_prob`, (x − μ)/σ², of each event."""
        mu = theta_row(theta, self.parameters)[0, 0]
        return np.asarray(((events["x"] - mu) / self.sigma**2)[:, None])

    def fisher_matrix(self, theta: Mapping[str, float]) -> Float[np.ndarray, "d d"]:
        """1/σ², whatever μ is."""
        theta_row(theta, self.parameters)
        return np.array([[1 / self.sigma**2]])

    def log_likelihood_grid(
        self, grid: Float[np.ndarray, "g d"], matrix: Float[np.ndarray, "n c"]
    ) -> Float[np.ndarray, " g"]:
        """The log-likelihood of one set at many μ."""
        x, mu = matrix[:, 0], theta_rows(grid, self.parameters)[:, 0]
        squares = ((x - x.mean()) ** 2).sum() + len(x) * (x.mean() - mu) ** 2
        return np.asarray(-0.5 * squares / self.sigma**2 - len(x) * np.log(self.sigma * np.sqrt(2 * np.pi)))

    def score_grid(
        self, grid: Float[np.ndarray, "g d"], matrix: Float[np.ndarray, "n c"]
    ) -> Float[np.ndarray, "n g d"]:
        """The score of each event at many μ."""
        mu = theta_rows(grid, self.parameters)[:, 0]
        return np.asarray((matrix[:, :1] - mu)[:, :, None] / self.sigma**2)

    def posterior(self, events: Events, prior: UniformPrior) -> TruncatedNormal:
        """The exact posterior of μ under a flat prior.

        Raises:
            DataError: If there are no events, or the prior is of other parameters.
        """
        if len(events) == 0:
            raise DataError("no events", expected="at least one")
        if prior.parameters != self.parameters:
            raise DataError(f"a prior of {', '.join(prior.parameters)}", expected="a prior of mu")
        low, high = prior.bounds["mu"]
        return TruncatedNormal(float(events["x"].mean()), self.sigma / len(events) ** 0.5, low, high)

    def config(self) -> dict[str, Any]:
        """What an equal toy can be rebuilt from."""
        return {"kind": "GaussianToy", "sigma": self.sigma}
