"""Estimators of p(θ | set of events), behind one protocol: exact, learned, and the prior itself.

| estimator | needs | is |
|---|---|---|
| `ExactGrid` | a known density, one parameter | the truth, on a grid |
| `FlowEstimator` | training | a flow on the mean of a statistic, analytic or learned |
| `PriorEstimator` | nothing | a baseline that has learned nothing: passes ranks and coverage, fails the rest |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from neyman.core.errors import DataError, InputError
from neyman.diagnostics.grids import cumulative, normalise
from neyman.learning.flows import ConditionalFlow
from neyman.posterior.statistics import Statistic, summarise, tensors
from neyman.simulation.prior import UniformPrior
from neyman.simulation.protocol import TractableSimulator

_AT_ONCE = 200_000  # densities

Sets = Sequence[Float[np.ndarray, "_ c"]]
"""Sets of events, as arrays with one row per event; they need not be of equal size."""


@runtime_checkable
class Estimator(Protocol):
    """A posterior for any set of events."""

    @property
    def prior(self) -> UniformPrior:
        """The prior, whose box the posterior lives in."""
        ...

    def log_prob(self, theta: Float[np.ndarray, "b g d"], sets: Sets) -> Float[np.ndarray, "b g"]:
        """Logarithm of each set's normalised posterior density at θ of its own; −∞ outside the prior."""
        ...

    def sample(self, sets: Sets, count: int, rng: np.random.Generator) -> Float[np.ndarray, "b n d"]:
        """Independent draws from the posterior of each set."""
        ...


class PriorEstimator:
    """The prior, whatever the events."""

    def __init__(self, prior: UniformPrior) -> None:
        self.prior = prior

    def log_prob(self, theta: Float[np.ndarray, "b g d"], sets: Sets) -> Float[np.ndarray, "b g"]:
        """See `Estimator`."""
        return self.prior.log_prob(theta.reshape(-1, theta.shape[-1])).reshape(theta.shape[:-1])

    def sample(self, sets: Sets, count: int, rng: np.random.Generator) -> Float[np.ndarray, "b n d"]:
        """See `Estimator`."""
        return self.prior.sample(len(sets) * count, rng).reshape(len(sets), count, -1)


class ExactGrid:
    """The exact posterior of one parameter, from the likelihood of every event on a grid.

    The grid refines itself: first over the whole prior, then over the part that holds all but 10⁻¹² of the
    posterior, so that sets of any size have hundreds of points within their width.

    Raises:
        InputError: If there is more than one parameter, or the prior is of another one than the simulator's.
    """

    def __init__(self, simulator: TractableSimulator, prior: UniformPrior, *, points: int = 401) -> None:
        if len(prior.parameters) != 1:
            raise InputError(
                f"an exact grid in {len(prior.parameters)} parameters", expected="one", hint="method: flow"
            )
        if prior.parameters != simulator.parameters:
            raise InputError(
                f"a prior of {', '.join(prior.parameters)}", expected=f"a prior of {', '.join(simulator.parameters)}"
            )
        self.simulator, self.prior, self.points = simulator, prior, points

    def log_prob(self, theta: Float[np.ndarray, "b g d"], sets: Sets) -> Float[np.ndarray, "b g"]:
        """See `Estimator`."""
        rows = []
        for at, matrix in zip(theta[:, :, 0], sets, strict=True):
            grid, log_density = self.density(matrix)
            values = np.interp(at, grid, log_density)
            outside = (at < self.prior.low[0]) | (at > self.prior.high[0])
            # Beyond the refined grid the density is below e⁻²⁷ of its maximum: the log-likelihood itself says how far.
            beyond = ~outside & ((at < grid[0]) | (at > grid[-1]))
            if beyond.any():
                peak = int(np.argmax(log_density))
                ends = self.simulator.log_likelihood_grid(np.append(at[beyond], grid[peak])[:, None], matrix)
                values[beyond] = log_density[peak] + ends[:-1] - ends[-1]
            rows.append(np.where(outside, -np.inf, values))
        return np.array(rows)

    def sample(self, sets: Sets, count: int, rng: np.random.Generator) -> Float[np.ndarray, "b n d"]:
        """See `Estimator`."""
        rows = []
        for matrix in sets:
            grid, log_density = self.density(matrix)
            rows.append(np.interp(rng.random(count), cumulative(grid, log_density), grid))
        return np.array(rows)[:, :, None]

    def density(self, matrix: Float[np.ndarray, "n c"]) -> tuple[Float[np.ndarray, " g"], Float[np.ndarray, " g"]]:
        """A grid that holds the posterior of one set, and the logarithm of the normalised density on it.

        Raises:
            DataError: If the set is empty.
        """
        if len(matrix) == 0:
            raise DataError("an empty set of events", expected="at least one event in each set")
        low, high = float(self.prior.low[0]), float(self.prior.high[0])
        for _ in range(3):
            grid = np.linspace(low, high, self.points)
            log_likelihood = self.simulator.log_likelihood_grid(grid[:, None], matrix)
            held = np.flatnonzero(log_likelihood > log_likelihood.max() - 27.6)
            first, last = max(held[0] - 1, 0), min(held[-1] + 1, self.points - 1)
            if last - first > 0.5 * self.points:
                break
            low, high = float(grid[first]), float(grid[last])
        return grid, normalise(grid, log_likelihood)


class FlowEstimator:
    """A conditional flow on the mean of a statistic and the number of events.

    Args:
        statistic: What is averaged over the set.
        flow: The trained flow.
        prior: The prior that it was trained with.
    """

    def __init__(self, statistic: Statistic, flow: ConditionalFlow, prior: UniformPrior) -> None:
        self.statistic, self.flow, self.prior = statistic, flow, prior

    def log_prob(self, theta: Float[np.ndarray, "b g d"], sets: Sets) -> Float[np.ndarray, "b g"]:
        """See `Estimator`."""
        context = self._context(sets)
        (at,) = self._place(*tensors(theta.swapaxes(0, 1)))
        rows = max(1, _AT_ONCE // len(at))
        return np.concatenate(
            [
                self._log_prob(at[:, k : k + rows], [part[k : k + rows] for part in context])
                for k in range(0, len(sets), rows)
            ]
        )

    @torch.no_grad()
    def sample(self, sets: Sets, count: int, rng: np.random.Generator) -> Float[np.ndarray, "b n d"]:
        """See `Estimator`."""
        noise = rng.standard_normal((len(sets), count, len(self.prior.parameters)))
        (z,) = self._place(*tensors(noise.swapaxes(0, 1)))
        draws = self.flow.sample(z, *self._context(sets)).swapaxes(0, 1).cpu().double().numpy()
        return np.asarray(np.clip(draws, self.prior.low, self.prior.high))  # float32 may round just outside

    @torch.no_grad()
    def _log_prob(self, at: torch.Tensor, context: Sequence[torch.Tensor]) -> Float[np.ndarray, "b g"]:
        return np.asarray(self.flow.log_prob(at, *context).T.cpu().double().numpy())

    def _context(self, sets: Sets) -> tuple[torch.Tensor, ...]:
        return self._place(*tensors(*summarise(self.statistic, sets)))

    def _place(self, *parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
        device = next(self.flow.parameters()).device
        return tuple(part.to(device) for part in parts)
