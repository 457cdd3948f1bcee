"""One-dimensional posteriors on grids: noise-free numbers where a grid can do it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.diagnostics.grids import moments, quantiles
from neyman.posterior.estimators import Estimator, Sets
from neyman.posterior.results import Curve, ParameterSummary
from neyman.simulation.prior import UniformPrior

POINTS = 2001
_CURVE_POINTS = 801
_VANISHED = 700.0  # e⁻⁷⁰⁰ is still a float, and already nothing


def prior_grid(prior: UniformPrior, *, points: int = POINTS) -> Float[np.ndarray, " g"]:
    """A grid over the whole prior of one parameter."""
    return np.linspace(prior.low[0], prior.high[0], points)


def log_density_on(estimator: Estimator, grid: Float[np.ndarray, " g"], sets: Sets) -> Float[np.ndarray, "b g"]:
    """The log-density of each set's posterior on one grid for all."""
    theta = np.broadcast_to(grid[:, None], (len(sets), len(grid), 1))
    return estimator.log_prob(np.ascontiguousarray(theta), sets)


def summary(grid: Float[np.ndarray, " g"], log_density: Float[np.ndarray, " g"]) -> ParameterSummary:
    """Mean, standard deviation and quantiles of a density on a grid."""
    mean, sd = moments(grid, log_density)
    q16, q50, q84 = quantiles(grid, log_density, np.array([0.16, 0.50, 0.84])).tolist()
    return ParameterSummary(mean=float(mean), sd=float(sd), q16=q16, q50=q50, q84=q84)


def curve(prior: UniformPrior, grid: Float[np.ndarray, " g"], log_density: Float[np.ndarray, " g"]) -> Curve:
    """The density over the whole prior, for a figure; null where it vanishes."""
    whole = prior_grid(prior, points=_CURVE_POINTS)
    values = np.interp(whole, grid, np.maximum(log_density, -_VANISHED), left=-_VANISHED, right=-_VANISHED)
    return Curve(grid=whole.tolist(), log_density=[value if value > -_VANISHED else None for value in values.tolist()])
