"""From the sums over events to Σ w ln p, in the yields and α of a channel.

With the yields y_s, the coefficients of the mixture are c_s = y_s / Z_s(α), where

    Z_s(α) = I_s(α) / I_s(0),      I_s(α) = E_ref[r_s Π_k g_sk(α_k)] ,

so that the density of every sample integrates to what it does at α = 0, whatever α.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neyman.likelihood.unbinned.sums import Expectations, Mixture


class Normaliser(NamedTuple):
    """Z and its derivatives in α.

    Attributes:
        value: Z, shape (S,).
        first: ∂ ln Z / ∂α, shape (S, K).
        second: (∂²Z / ∂α∂α) / Z, shape (S, K, K).
    """

    value: Float[np.ndarray, " s"]
    first: Float[np.ndarray, "s k"]
    second: Float[np.ndarray, "s k k"]

    @classmethod
    def of(cls, found: Expectations, nominal: Float[np.ndarray, " s"]) -> Normaliser:
        """From I(α), and I(0)."""
        value = found.value
        first, second = found.gradient / value[:, None], found.hessian / value[:, None, None]
        return cls(value / nominal, first, second)

    @classmethod
    def none(cls, samples: int, parameters: int) -> Normaliser:
        """Z = 1: densities that are not normalised."""
        return cls(np.ones(samples), np.zeros((samples, parameters)), np.zeros((samples, parameters, parameters)))


class LogDensity(NamedTuple):
    """Σ w ln p with derivatives in (y_1 … y_S, α_1 … α_K).

    Attributes:
        value: The sum.
        gradient: Shape (S + K,).
        hessian: Shape (S + K, S + K).
    """

    value: float
    gradient: Float[np.ndarray, " n"]
    hessian: Float[np.ndarray, "n n"]


def normalised(
    found: Mixture, yields: Float[np.ndarray, " s"], z: Normaliser, *, exact: bool, curvature: bool
) -> LogDensity:
    """Change the variables of a mixture from its coefficients to yields, by the chain rule.

    Args:
        found: Sums over events, in (c, α).
        yields: y, shape (S,).
        z: The normaliser.
        exact: Whether the Hessian is exact, or −Σ w ∇ln p ∇ln pᵀ.
        curvature: Whether it is wanted at all; else it is zero.
    """
    s, k = z.first.shape
    c = yields / z.value
    change = np.eye(s + k)
    change[:s, :s] = np.diag(1 / z.value)
    change[:s, s:] = -c[:, None] * z.first
    if not curvature:
        return LogDensity(found.value, change.T @ found.gradient, np.zeros_like(change))
    hessian = change.T @ ((found.bend if exact else 0.0) - found.outer) @ change
    if exact:
        pull = found.gradient[:s]
        mixed = -(pull / z.value)[:, None] * z.first
        curved = 2 * z.first[:, :, None] * z.first[:, None, :] - z.second
        hessian[:s, s:] += mixed
        hessian[s:, :s] += mixed.T
        hessian[s:, s:] += np.einsum("s,skl->kl", pull * c, curved)
    return LogDensity(found.value, change.T @ found.gradient, hessian)
