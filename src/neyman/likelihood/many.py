"""Many fits of one model at once: with parameters held at various values, from various places, to various data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from neyman.likelihood.data import Data
from neyman.likelihood.model import Model
from neyman.likelihood.newton import Problem, minimise_many


@dataclass(frozen=True)
class Fits:
    """Minima of N fits, parameters in pyhf's order.

    Attributes:
        theta: Parameters, shape (N, P).
        value: −ln L without constants, shape (N,).
        variance: Squared errors, shape (N, P).
        converged: Shape (N,).
    """

    theta: Float[np.ndarray, "n p"]
    value: Float[np.ndarray, " n"]
    variance: Float[np.ndarray, "n p"]
    converged: Bool[np.ndarray, " n"]


def fit_many(
    model: Model,
    data: Data | Sequence[Data],
    start: Float[np.ndarray, "n p"] | Float[np.ndarray, " p"],
    *,
    fixed: Bool[np.ndarray, "n p"] | Bool[np.ndarray, " p"] | None = None,
    bounds: Float[np.ndarray, "p 2"] | None = None,
) -> Fits:
    """Fit, as many times as there are data or starts.

    Args:
        model: The model.
        data: One set of data for all fits, or one for each.
        start: Where to begin, and where fixed parameters are held: shape (P,), or (N, P).
        fixed: Which parameters to hold, besides those that the workspace holds: shape (P,), or (N, P).
        bounds: Other bounds than the model's.
    """
    order = model.compiled.order
    each = [data] if isinstance(data, Data) else list(data)
    arranged = [model.arranged(one) for one in each]
    main, auxiliary = np.stack([one[0] for one in arranged]), np.stack([one[1] for one in arranged])
    theta = np.atleast_2d(start)
    held = np.atleast_2d(model.fixed if fixed is None else model.fixed | fixed)
    count = max(len(theta), len(held), len(main))
    low, high = (model.bounds if bounds is None else bounds)[order].T

    def repeated(array: Float[np.ndarray, ...] | Bool[np.ndarray, ...]) -> np.ndarray:
        return np.broadcast_to(array, (count, array.shape[-1]))

    problems = Problem(
        repeated(main),
        repeated(auxiliary),
        repeated(theta[:, order]),
        repeated(low[None]),
        repeated(high[None]),
        repeated(held[:, order]),
    )
    terms = [model.unbinned_terms(one) for one in each]
    unbinned = [term for term in terms if term is not None]
    found, variance = minimise_many(
        model.tables, model.compiled.layout, problems, unbinned * count if len(unbinned) == 1 else unbinned
    )
    return Fits(
        model.restored(np.asarray(found.theta)),
        np.asarray(found.value),
        model.restored(variance),
        np.asarray(found.converged),
    )
