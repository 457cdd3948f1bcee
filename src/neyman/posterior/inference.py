"""The posterior of one observed set of events."""

from __future__ import annotations

import numpy as np

from neyman.core.errors import DataError, InputError
from neyman.diagnostics.grids import normalise
from neyman.events.events import Events
from neyman.posterior.estimators import Estimator, ExactGrid
from neyman.posterior.grids import curve, log_density_on, prior_grid, summary
from neyman.posterior.results import Curve, InferenceResult
from neyman.posterior.trained import TrainedPosterior
from neyman.simulation.protocol import TractableSimulator

_AT_EDGE = 0.01  # of the highest density


def infer(
    trained: TrainedPosterior, events: Events, *, method: str = "flow", observed: str | None = None
) -> InferenceResult:
    """The posterior of one set of events.

    Args:
        trained: A trained posterior.
        events: The events, of the schema that it was trained on.
        method: `flow`, the learned posterior, or `exact`, from the likelihood of every event.
        observed: Hash of the file of events, to be named in the result.

    Raises:
        DataError: If there are no events, they carry weights, or there are fewer or more than trained for.
        InputError: If `exact` is asked for and the simulator's density is not known.
    """
    events = _usable(trained, events, method)
    sets, prior = [events.matrix], trained.prior
    (name,) = prior.parameters
    exact = exact_estimator(trained)
    if method == "exact" and exact is None:
        raise InputError("the density of this simulator is not known", hint="method: flow")
    truth: Curve | None = None
    if exact is not None:
        grid, log_density = exact.density(sets[0])
        truth = curve(prior, grid, log_density)
    if method == "flow":
        grid = prior_grid(prior)
        log_density = normalise(grid, log_density_on(trained.estimator, grid, sets)[0])
    return InferenceResult(
        parameters={name: summary(grid, log_density)},
        n_events=len(events),
        method=method,
        density={name: curve(prior, grid, log_density)},
        exact=None if truth is None else {name: truth},
        prior=prior.bounds,
        warnings=_warnings(trained, grid, log_density),
        artefact=trained.digest or None,
        observed=observed,
    )


def draw(
    trained: TrainedPosterior, events: Events, count: int, rng: np.random.Generator, *, method: str = "flow"
) -> np.ndarray:
    """Independent draws from the posterior of one set, shape `(count, d)`; errors as `infer`."""
    events = _usable(trained, events, method)
    estimator: Estimator | None = trained.estimator if method == "flow" else exact_estimator(trained)
    if estimator is None:
        raise InputError("the density of this simulator is not known", hint="method: flow")
    return np.asarray(estimator.sample([events.matrix], count, rng)[0])


def exact_estimator(trained: TrainedPosterior) -> ExactGrid | None:
    """The exact posterior, where there is one."""
    simulator = trained.simulator
    if isinstance(simulator, TractableSimulator) and len(trained.prior.parameters) == 1:
        return ExactGrid(simulator, trained.prior)
    return None


def _usable(trained: TrainedPosterior, events: Events, method: str) -> Events:
    if method not in ("flow", "exact"):
        raise InputError(f"method '{method}'", expected="flow or exact")
    # The events may come with a wider schema of their own: the ranges of the training decide.
    events = Events({name: events[name] for name in trained.schema.names}, trained.schema, weights=events.weights)
    if len(events) == 0:
        raise DataError("an empty set of events", expected="at least one event")
    if events.weights is not None and not (events.weights == 1).all():
        raise DataError(
            "events with weights",
            expected="unweighted events",
            hint="the posterior of weighted events is not built yet",
        )
    low, high = trained.config.events
    if method == "flow" and not low <= len(events) <= high:
        raise DataError(
            f"{len(events)} events",
            expected=f"{low} to {high}, the sizes that this posterior was trained for",
            hint="--method exact, or train with 'events' in the config widened",
        )
    return events


def _warnings(trained: TrainedPosterior, grid: np.ndarray, log_density: np.ndarray) -> tuple[str, ...]:
    (name,) = trained.prior.parameters
    low, high = trained.prior.bounds[name]
    near = 1e-6 * (high - low)
    density = np.exp(log_density - log_density.max())
    at_edge = {
        low: density[0] if grid[0] < low + near else 0.0,
        high: density[-1] if grid[-1] > high - near else 0.0,
    }
    return tuple(
        f"the posterior of {name} is cut off by the prior at {edge:g}: its numbers depend on where the prior ends"
        for edge, value in at_edge.items()
        if value > _AT_EDGE
    )
