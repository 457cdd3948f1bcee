"""Fisher's information of the angular distribution, by quadrature."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import NumericsError
from neyman.simulation.eos.angles import RATE, angular_functions
from neyman.simulation.eos.tables import AngularTable

TOLERANCE = 1e-3
"""Largest relative change of the information, and so twice that of σ, by half as many nodes."""

_IN_Q2 = 24
_IN_ANGLES = (12, 24, 48, 80)  # in each cosine; twice as many in φ


def fisher_information(
    table: AngularTable, monomials: Float[np.ndarray, " m"], gradients: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "d d"]:
    """The covariance of the score of one event, ∫ (∂p − p ∂log Γ)(∂p − p ∂log Γ)ᵀ / p dx / Γ, p = dΓ.

    Gauss-Legendre in q² and the cosines and the rectangle rule in φ, with more nodes until the result stands.

    Raises:
        NumericsError: If it never does, because the density comes too close to zero.
    """
    low, high = table.knots[0], table.knots[-1]
    x, w = np.polynomial.legendre.leggauss(_IN_Q2)
    in_q2 = 0.5 * (high - low) * w
    forms = table(0.5 * (low + high) + 0.5 * (high - low) * x)  # (q², m, 12)
    values = np.einsum("qmi,m->qi", forms, monomials)
    rate = float(np.einsum("qi,i,q->", values, RATE, in_q2))
    changes = np.einsum("qmi,md->qdi", forms, gradients)
    # The shape changes much less than the rate: taking the rate out first keeps all digits.
    changes -= np.einsum("qdi,i,q->d", changes, RATE, in_q2)[:, None] / rate * values[:, None]

    found = np.zeros((gradients.shape[1],) * 2)
    for count in _IN_ANGLES:
        before, found = found, np.zeros_like(found)
        functions, weights = _angular_grid(count)
        for density, change, weight in zip(values @ functions.T, changes @ functions.T, in_q2, strict=True):
            found += change * (weight * weights / np.maximum(density, np.finfo(float).tiny)) @ change.T / rate
        if np.abs(found - before).max() < TOLERANCE * np.abs(found).max():
            return found
    raise NumericsError(
        "the integral of Fisher's information does not converge",
        where=f"q² from {low:g} to {high:g} GeV²",
        expected=f"a relative change below {TOLERANCE:g} with {count} nodes in each cosine",
        hint="estimate it as the covariance of score() over simulated events",
    )


def _angular_grid(count: int) -> tuple[Float[np.ndarray, "a 12"], Float[np.ndarray, " a"]]:
    cosine, in_cosine = np.polynomial.legendre.leggauss(count)
    phi = np.pi * (np.arange(2 * count) + 0.5) / count
    points = np.stack(np.meshgrid(cosine, cosine, phi, indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.multiply.outer(np.multiply.outer(in_cosine, in_cosine), np.full(len(phi), np.pi / count))
    return angular_functions(points[:, 0], points[:, 1], points[:, 2]), weights.ravel()
