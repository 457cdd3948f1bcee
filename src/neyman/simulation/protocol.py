"""What a simulator is, and what one is whose density is known.

Use `Simulator.simulate` for one set of events at named parameters, and `simulate_sets` to train: many sets
at once, each at its own parameters, as one array.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.events.columns import Schema
from neyman.events.events import Events


@runtime_checkable
class Simulator(Protocol):
    """Draws events at given parameters.

    Attributes:
        parameters: Names of the parameters, in the order of the columns of arrays of θ.
        schema: The columns of the events.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        ...

    @property
    def schema(self) -> Schema:
        """The columns of the events, in order."""
        ...

    def simulate(self, theta: Mapping[str, float], n_events: int, rng: np.random.Generator | int) -> Events:
        """One set of events.

        Args:
            theta: A value for each parameter.
            n_events: How many events; at least one.
            rng: A generator, or a seed for one.

        Raises:
            DataError: If a parameter is missing, unknown or not finite, or `n_events` is below one.
        """
        ...

    def simulate_sets(
        self, theta: Float[np.ndarray, "b d"], n_events: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "b n c"]:
        """Many sets of equal size at once, each at its own row of θ; columns in the order of the schema.

        Raises:
            DataError: If θ has the wrong shape or is not finite, or `n_events` is below one.
        """
        ...

    def config(self) -> dict[str, Any]:
        """What `rebuild` makes an equal simulator from, as JSON can hold it: `kind` and all options."""
        ...


@runtime_checkable
class TractableSimulator(Simulator, Protocol):
    """A simulator whose density is known: the truth that learned inference is measured against."""

    def log_prob(self, theta: Mapping[str, float], events: Events) -> Float[np.ndarray, " n"]:
        """Natural logarithm of the normalised density of each event, in the units of the schema."""
        ...

    def score(self, theta: Mapping[str, float], events: Events) -> Float[np.ndarray, "n d"]:
        """The derivative of `log_prob` with respect to each parameter."""
        ...

    def score_grid(
        self, grid: Float[np.ndarray, "g d"], matrix: Float[np.ndarray, "n c"]
    ) -> Float[np.ndarray, "n g d"]:
        """The score of each event at many parameter points."""
        ...

    def fisher_matrix(self, theta: Mapping[str, float]) -> Float[np.ndarray, "d d"]:
        """Fisher's information of one event, the covariance of the score."""
        ...

    def log_likelihood_grid(
        self, grid: Float[np.ndarray, "g d"], matrix: Float[np.ndarray, "n c"]
    ) -> Float[np.ndarray, " g"]:
        """The log-likelihood of one set of events at many parameter points."""
        ...


def theta_row(theta: Mapping[str, float], parameters: tuple[str, ...]) -> Float[np.ndarray, "1 d"]:
    """The values of named parameters as an array, in order.

    Raises:
        DataError: If one is missing, unknown or not a finite number.

    Examples:
        >>> theta_row({"C9": 4}, ("C9",))
        array([[4.]])
    """
    for name in theta:
        if name not in parameters:
            near = difflib.get_close_matches(str(name), parameters, n=1, cutoff=0.4)
            raise DataError(
                f"unknown parameter '{name}'",
                where="theta",
                expected=f"a value for {', '.join(parameters)}",
                hint=f"did you mean '{near[0]}'?" if near else "",
            )
    missing = [name for name in parameters if name not in theta]
    if missing:
        raise DataError(
            f"no value for {', '.join(missing)}; found {', '.join(theta) or 'none'}",
            where="theta",
            expected=f"a value for {', '.join(parameters)}",
        )
    try:
        row = np.array([[float(theta[name]) for name in parameters]])
    except (TypeError, ValueError):
        shown = ", ".join(f"{name}={theta[name]!r}" for name in parameters)
        raise DataError(f"found {shown[:80]}", where="theta", expected="one number per parameter") from None
    return theta_rows(row, parameters)


def theta_rows(theta: Float[np.ndarray, ...], parameters: tuple[str, ...]) -> Float[np.ndarray, "b d"]:
    """An array of θ, one row per set, after it was checked.

    Raises:
        DataError: If the shape is not `(b, d)` or a value is not finite.
    """
    if theta.ndim != 2 or theta.shape[1] != len(parameters):
        raise DataError(
            f"θ has shape {theta.shape}",
            where="theta",
            expected=f"(sets, {len(parameters)}), columns {', '.join(parameters)}",
        )
    bad = ~np.isfinite(theta)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{parameters[column]} is {theta[row, column]}" + (f" in row {row}" if len(theta) > 1 else ""),
            where="theta",
            expected="a finite number",
        )
    return np.asarray(theta, dtype=np.float64)


def check_count(n_events: int) -> int:
    """The number of events, if it is a whole number above zero.

    Raises:
        DataError: If it is not.
    """
    if isinstance(n_events, bool) or not isinstance(n_events, int | np.integer) or n_events < 1:
        raise DataError(f"n_events is {n_events!r}", expected="a whole number of at least 1")
    return int(n_events)


def generator(rng: np.random.Generator | int) -> np.random.Generator:
    """The generator itself, or one that starts from a seed.

    Raises:
        DataError: If the seed is not a whole number of at least zero.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise DataError(f"the seed is {rng!r}", expected="a whole number of at least 0, or a numpy Generator")
    return np.random.default_rng(int(rng))
