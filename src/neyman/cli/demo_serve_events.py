"""The events of `neyman demo serve`: two muons of a Z boson, or of something heavier, in closed form."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.random import stream

COLUMNS = ("mu1_pt", "mu1_eta", "mu1_phi", "mu2_pt", "mu2_eta", "mu2_phi", "met")
"""Transverse momenta in GeV, the harder muon first."""

_TRIGGER, _SECOND, _ETA = 26.0, 20.0, 2.4  # GeV, GeV, |η|
_RESOLUTION, _NOISE = 0.015, 9.0  # of p_T; of each component of missing momentum, in GeV


def dimuons(n: int, seed: int, *, mass: float = 91.1876, width: float = 2.4952) -> Float[np.ndarray, "n 7"]:
    """Events that a trigger would have, one row each, in the order of `COLUMNS`.

    A resonance with a Breit-Wigner mass, a soft transverse momentum and a normal rapidity decays isotropically; spin,
    radiation and backgrounds are left out.

    Args:
        n: How many.
        seed: Of the random numbers.
        mass: Of the resonance, in GeV.
        width: Of the resonance, in GeV.
    """
    rng = stream(seed, f"dimuons of {mass:g} GeV")
    found = np.empty((0, len(COLUMNS)))
    while len(found) < n:
        found = np.concatenate([found, _accepted(rng, 2 * n, mass, width)])
    return found[:n]


def _accepted(rng: np.random.Generator, n: int, mass: float, width: float) -> Float[np.ndarray, "m 7"]:
    m = mass + 0.5 * width * np.tan(np.pi * (rng.uniform(0.02, 0.98, n) - 0.5))  # a Cauchy without its far tails
    boson = _boson(rng, m)
    cosine, phi = rng.uniform(-1, 1, n), rng.uniform(-np.pi, np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    rest = 0.5 * m[:, None] * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
    muons = [_measured(rng, _boosted(sign * rest, 0.5 * m, m, boson)) for sign in (1, -1)]
    harder = muons[0][:, :1] > muons[1][:, :1]
    first, second = np.where(harder, np.stack(muons), np.stack(muons[::-1]))
    met = np.hypot(*rng.normal(0.0, _NOISE, (2, n)))
    events = np.concatenate([first, second, met[:, None]], axis=1)
    inside = np.maximum(np.abs(first[:, 1]), np.abs(second[:, 1])) < _ETA
    accepted = inside & (first[:, 0] > _TRIGGER) & (second[:, 0] > _SECOND)
    return np.asarray(events[accepted])


def _boson(rng: np.random.Generator, m: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 3"]:
    """Momenta of the resonance, in GeV."""
    n = len(m)
    pt, phi, rapidity = rng.gamma(1.6, 8.0, n), rng.uniform(-np.pi, np.pi, n), rng.normal(0.0, 1.2, n)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), np.hypot(m, pt) * np.sinh(rapidity)], axis=1)


def _boosted(
    p: Float[np.ndarray, "n 3"],
    energy: Float[np.ndarray, " n"],
    m: Float[np.ndarray, " n"],
    by: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3"]:
    """Momenta p of a rest frame, as seen from where that has mass m and momentum `by`."""
    total = np.sqrt(m**2 + (by**2).sum(axis=1))
    along = (p * by).sum(axis=1) / (m * (total + m)) + energy / m
    return np.asarray(p + along[:, None] * by)


def _measured(rng: np.random.Generator, p: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Transverse momentum, η and φ."""
    pt = np.hypot(p[:, 0], p[:, 1])
    seen = pt * (1 + _RESOLUTION * rng.normal(size=len(p)))
    return np.stack([seen, np.arcsinh(p[:, 2] / pt), np.arctan2(p[:, 1], p[:, 0])], axis=1)
