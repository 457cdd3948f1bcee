r"""Momenta in two kinds of coordinates, and the shapes of events and jets, in NumPy.

| what | function |
|---|---|
| (p_T, η, φ, m) to (px, py, pz, E), and back | `cartesian`, `collider` |
| angles and distances | `wrapped`, `azimuth`, `pseudorapidity`, `rapidity` |
| how round, how flat an event is | `sphericity_tensor`, `sphericity`, `aplanarity` |
| how many prongs a jet has | `n_subjettiness` |

All energies are in GeV, with c = 1, and all angles in radians. What has no direction, a momentum of zero, has η = 0.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Array = Float[np.ndarray, "..."]


def cartesian(pt: Array, eta: Array, phi: Array, mass: Array) -> Float[np.ndarray, "... 4"]:
    r"""(px, py, pz, E) of particles.

    Args:
        pt: Transverse momentum, at least 0.
        eta: Pseudorapidity \(\eta = -\ln\tan(\theta/2)\).
        phi: Azimuth.
        mass: Mass, at least 0.

    Examples:
        >>> cartesian(np.array([3.0]), np.array([0.0]), np.array([0.0]), np.array([4.0])).tolist()
        [[3.0, 0.0, 0.0, 5.0]]
    """
    pz = pt * np.sinh(eta)
    energy = np.sqrt(pt**2 + pz**2 + mass**2)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pz, energy], axis=-1)


def collider(momenta: Float[np.ndarray, "... 4"]) -> Float[np.ndarray, "... 4"]:
    """(p_T, η, φ, m) of particles; a mass² that rounding made negative is 0.

    Args:
        momenta: (px, py, pz, E).

    Examples:
        >>> collider(np.array([[3.0, 0.0, 0.0, 5.0]])).tolist()
        [[3.0, 0.0, 0.0, 4.0]]
    """
    px, py, pz, energy = np.moveaxis(momenta, -1, 0)
    squared = energy**2 - px**2 - py**2 - pz**2
    parts = (np.hypot(px, py), pseudorapidity(px, py, pz), azimuth(px, py), np.sqrt(np.maximum(squared, 0.0)))
    return np.stack(parts, axis=-1)


def azimuth(px: Array, py: Array) -> Array:
    """φ in [−π, π]."""
    return np.asarray(np.arctan2(py, px))


def pseudorapidity(px: Array, py: Array, pz: Array) -> Array:
    """η; of a momentum along the beam it is large, but finite.

    Examples:
        >>> pseudorapidity(np.zeros(2), np.zeros(2), np.array([0.0, -5.0])).round(1).tolist()
        [0.0, -23.7]
    """
    return np.asarray(np.arcsinh(pz / np.maximum(np.hypot(px, py), 1e-10 * np.maximum(np.abs(pz), 1e-290))))


def rapidity(pz: Array, energy: Array) -> Array:
    r"""\(y = \tanh^{-1}(p_z/E)\); large, but finite, for a massless momentum along the beam."""
    ratio = pz / np.maximum(energy, 1e-290)
    return np.asarray(np.arctanh(np.clip(ratio, -1 + 1e-15, 1 - 1e-15)))


def wrapped(angle: Array) -> Array:
    """The same angle in [−π, π).

    Examples:
        >>> wrapped(np.array([2 * np.pi - 0.1])).round(6).tolist()
        [-0.1]
    """
    return np.asarray(np.remainder(angle + np.pi, 2 * np.pi) - np.pi)


def sphericity_tensor(momenta: Float[np.ndarray, "n k 3"]) -> Float[np.ndarray, "n 3 3"]:
    r"""\(S^{ab} = \sum_i p_i^a p_i^b / \sum_i |p_i|^2\) of each event.

    J. Bjorken, S. Brodsky, Phys. Rev. D 1 (1970) 1416.

    Args:
        momenta: Those of k particles or jets; those that are zero, as padding is, do not count.

    Returns:
        Of trace 1; zero for an event without momenta.
    """
    tensor = np.einsum("nka,nkb->nab", momenta, momenta)
    trace = np.trace(tensor, axis1=1, axis2=2)
    return np.asarray(tensor / np.where(trace > 0, trace, 1.0)[:, None, None])


def sphericity(tensor: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, " n"]:
    r"""\(\frac32(\lambda_2 + \lambda_3)\) of the tensor's falling eigenvalues.

    It is 0 for two jets back to back, and 1 for an isotropic event.

    Examples:
        >>> back_to_back = np.array([[[1.0, 2.0, 2.0], [-1.0, -2.0, -2.0]]])
        >>> abs(sphericity(sphericity_tensor(back_to_back))).round(9).tolist()
        [0.0]
    """
    return np.asarray(1.5 * _eigenvalues(tensor)[:, :2].sum(axis=1))


def aplanarity(tensor: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, " n"]:
    r"""\(\frac32\lambda_3\): 0 if all momenta lie in a plane, ½ if isotropic."""
    return np.asarray(1.5 * _eigenvalues(tensor)[:, 0])


def n_subjettiness(
    pt: Float[np.ndarray, " c"],
    distance: Float[np.ndarray, "c axes"],
    jet: np.ndarray,
    jets: int,
    *,
    radius: float,
) -> Float[np.ndarray, " jets"]:
    r"""\(\tau_N = \sum_i p_{T,i}\min_a\Delta R_{ia} / (R_0\sum_i p_{T,i})\) of each jet, with β = 1.

    J. Thaler, K. Van Tilburg, arXiv:1011.2268, eq. 2.1. The axes are given: those of exclusive kT jets here.

    Args:
        pt: Of the constituents of all jets.
        distance: ΔR between each constituent and each of the N axes of its jet.
        jet: To which jet, from 0 to `jets` − 1, each belongs.
        jets: How many there are.
        radius: R₀.

    Returns:
        0 for a jet without constituents.
    """
    weighted = np.bincount(jet, weights=pt * distance.min(axis=1), minlength=jets)
    total = np.bincount(jet, weights=pt, minlength=jets)
    return np.asarray(weighted / np.where(total > 0, radius * total, 1.0))


def _eigenvalues(tensor: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3"]:
    """Rising, and not below zero, where rounding may have put them."""
    return np.maximum(np.linalg.eigvalsh(tensor), 0.0)
