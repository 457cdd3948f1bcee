r"""The p_T, η and φ of muons from Z → μμ in the acceptance of LHCb: from Pythia, or drawn from closed forms near it.

The toy draws a Z in closed forms that were fitted to Pythia, and lets it decay as a Z does:

| of the Z | law |
|---|---|
| mass m | Breit-Wigner at 91.19 GeV with a width of 2.495 GeV, from 60 to 120 GeV |
| rapidity y | ∝ (1 − (\|y\|/4.7)⁵)² |
| p_T | 0.0064 GeV · Γ(10.57)^3.322 · (1 − (\|y\|/6.3)^2.5) |
| cos θ in the frame of Collins and Soper | ∝ 1 + cos² θ |
| azimuth in that frame, φ | uniform |

A massless muon of η⁰ in the frame where the Z has no rapidity has η = η⁰ + y. Of its energy photons take the fraction
\(U^{1/\beta}\), U uniform and \(\beta = \frac{\alpha}{\pi} (\ln \frac{m_Z^2}{m_\mu^2} - 1) = 0.029\): the spectrum of
soft photons, exponentiated. Quantiles of p_T and η, and of p_T in bins of η, are those of Pythia to 3 %, and to 6 %
of one muon in a hundred.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from neyman.core.errors import ConfigError, near
from neyman.simulation.pythia.muons import ETA_RANGE, MIN_PT, z_muons

SOURCES = ("toy", "pythia")

POOL_EVENTS, POOL_SEED = 400_000, 1
"""What Pythia generates, once and for all: 144,000 muons."""

MASS, WIDTH, MASS_RANGE = 91.19, 2.495, (60.0, 120.0)
LARGEST_RAPIDITY = 4.7
RADIATED = 0.029
MUONS_AT_ONCE = 65_536


def muon_kinematics(n: int, rng: np.random.Generator, source: str = "toy") -> dict[str, Float[np.ndarray, " n"]]:
    """Kinematics of independent muons with p_T > 20 GeV and 2 < η < 4.5.

    Args:
        n: How many.
        rng: The generator.
        source: `toy`, or `pythia`: from 400,000 generated Z → μμ, which are kept in the cache, muons are drawn with
            replacement and turned about the beam by a random angle.

    Returns:
        `pt` in GeV, `eta`, and `phi` in radians.

    Raises:
        ConfigError: If there is no such source.
        MissingDependencyError: If kinematics come from Pythia, and it is not installed.

    Examples:
        >>> muons = muon_kinematics(10_000, np.random.default_rng(1))
        >>> print(np.quantile(muons["pt"], [0.25, 0.5, 0.75]).round())
        [32. 39. 46.]
    """
    if source not in SOURCES:
        raise ConfigError(f"no kinematics '{source}'", expected="toy or pythia", hint=near(source, SOURCES))
    if source == "pythia":
        pool = z_muons(POOL_EVENTS, POOL_SEED)
        chosen = rng.integers(len(pool), size=n)
        pt, eta = pool["pt"][chosen], pool["eta"][chosen]
    else:
        pt, eta = _toy_muons(n, rng)
    return {"pt": pt, "eta": eta, "phi": rng.uniform(-np.pi, np.pi, n)}


def _toy_muons(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    found: list[np.ndarray] = []
    left = n
    while left > 0:
        muons = _decayed(rng)
        muons = muons[:, _accepted(*muons)][:, :left]
        found.append(muons)
        left -= muons.shape[1]
    pt, eta = np.concatenate(found, axis=1)
    return pt, eta


def _decayed(rng: np.random.Generator) -> Float[np.ndarray, "2 m"]:
    """p_T and |η| of a muon of each of many Z."""
    y = rng.uniform(-LARGEST_RAPIDITY, LARGEST_RAPIDITY, MUONS_AT_ONCE)
    y = y[rng.random(len(y)) < (1 - np.abs(y / LARGEST_RAPIDITY) ** 5) ** 2]
    n = len(y)
    low, high = (np.arctan(2 * (edge - MASS) / WIDTH) for edge in MASS_RANGE)
    m = MASS + 0.5 * WIDTH * np.tan(rng.uniform(low, high, n))
    boost = 0.0064 * rng.gamma(10.57, size=n) ** 3.322 * (1 - np.abs(y / 6.3) ** 2.5)
    cosine = 2 * np.sinh(np.arcsinh(rng.uniform(-2, 2, n)) / 3)  # c³ + 3c is uniform if c has the density 1 + c²
    azimuth = rng.uniform(-np.pi, np.pi, n)
    sine = np.sqrt(1 - cosine**2)
    along = 0.5 * (np.hypot(m, boost) * sine * np.cos(azimuth) + boost)  # boosted along the p_T of the Z
    pt = np.hypot(along, 0.5 * m * sine * np.sin(azimuth))
    eta = np.arcsinh(0.5 * m * cosine / pt) + y
    return np.stack([pt * (1 - rng.random(n) ** (1 / RADIATED)), np.abs(eta)])


def _accepted(pt: np.ndarray, eta: np.ndarray) -> Bool[np.ndarray, " m"]:
    return np.asarray((pt > MIN_PT) & (eta > ETA_RANGE[0]) & (eta < ETA_RANGE[1]))
