"""Quadratic forms in Wilson coefficients.

Amplitudes are linear in the Wilson coefficients, so every angular coefficient is a polynomial of second
order in them: known everywhere once it is known at as many points as it has terms.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def monomials(offset: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b m"]:
    """The monomials 1, δ_i and δ_i δ_j (i ≤ j) of the offsets from the point of expansion.

    Examples:
        >>> monomials(np.array([[2.0, 3.0]]))
        array([[1., 2., 3., 4., 6., 9.]])
    """
    first, second = np.triu_indices(offset.shape[1])
    return np.concatenate([np.ones((len(offset), 1)), offset, offset[:, first] * offset[:, second]], axis=1)


def gradients(offset: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b m d"]:
    """The derivative of each monomial with respect to each offset."""
    d = offset.shape[1]
    first, second = np.triu_indices(d)
    unit = np.eye(d)
    products = offset[:, first, None] * unit[second] + offset[:, second, None] * unit[first]
    constant = np.zeros((len(offset), 1, d))
    return np.concatenate([constant, np.broadcast_to(unit, (len(offset), d, d)), products], axis=1)


def design(d: int, step: float) -> Float[np.ndarray, "m d"]:
    """Offsets at which a quadratic form has to be known: as many as `monomials` has columns."""
    unit = step * np.eye(d)
    pairs = [unit[i] + unit[j] for i in range(d) for j in range(i + 1, d)]
    return np.array([np.zeros(d), *unit, *(-unit), *pairs])


def fit(offsets: Float[np.ndarray, "m d"], values: Float[np.ndarray, "m ..."]) -> Float[np.ndarray, "m ..."]:
    """The factor of each monomial, from the values at the points of `design`."""
    flat = np.linalg.solve(monomials(offsets), values.reshape(len(values), -1))
    return flat.reshape(values.shape)
