r"""A parametric detector: what becomes of the stable particles of a collision.

| reconstructed as | from | \|η\| below | momentum smeared by a factor of width | efficiency |
|---|---|---|---|---|
| electron | e | 2.5 | 10 %/√E ⊕ 0.7 % | 95 % |
| photon | γ | 4.0 | 10 %/√E ⊕ 0.7 % | 1 |
| muon | μ | 2.5 | 1 % ⊕ 10⁻⁴ p_T, at most 10 % | 95 % |
| charged hadron | all other charged | 2.5 | 1 % ⊕ 10⁻⁴ p_T, at most 10 % | 95 % |
| neutral hadron | the rest | 4.0 | 60 %/√E ⊕ 5 % | 1 |

Energies are in GeV. The factor is normal around 1, and 0.05 where it would be below; it scales the whole
four-momentum, so that directions are kept. What then has p_T < 0.5 GeV is lost. Neutrinos, and what else does not
interact, are not seen. There is no pile-up, no magnetic field, no misidentification and no merging of showers: it is
a stand-in for a detector, for the comparison of methods.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.events.features.particles import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON, Particles

MIN_PT, TRACKER_ETA, CALORIMETER_ETA = 0.5, 2.5, 4.0
TRACK_EFFICIENCY = 0.95
LEAST_FACTOR = 0.05
CHARGED_HADRONS = (211, 321, 2212, 3112, 3222, 3312, 3334)
INVISIBLE = (12, 14, 16)
FIRST_EXOTIC = 1_000_000
"""From here on the PDG numbers what is beyond the Standard Model: such a particle, if stable, is not seen."""


def reconstruct(
    counts: Int[np.ndarray, " n"],
    momenta: Float[np.ndarray, "p 4"],
    pdg: Int[np.ndarray, " p"],
    rng: np.random.Generator,
) -> Particles:
    """What a detector reports of stable particles.

    Args:
        counts: How many each of n events has.
        momenta: (px, py, pz, E) in GeV, those of the first event first.
        pdg: Their PDG numbers, of either sign.
        rng: Draws resolutions and efficiencies.
    """
    visible = is_visible(pdg)
    everything = Particles(counts, momenta, reconstructed_as(pdg)).select(visible)
    kind = everything.kind
    width = resolution(everything.momenta, kind)
    factor = np.maximum(1.0 + width * rng.standard_normal(len(width)), LEAST_FACTOR)
    smeared = Particles(everything.counts, everything.momenta * factor[:, None], kind)
    tracked = (kind != PHOTON) & (kind != NEUTRAL_HADRON)
    inside = np.abs(everything.eta) < np.where(tracked, TRACKER_ETA, CALORIMETER_ETA)
    found = rng.random(len(kind)) < np.where(tracked, TRACK_EFFICIENCY, 1.0)
    return smeared.select((smeared.pt > MIN_PT) & inside & found)


def is_visible(pdg: Int[np.ndarray, " p"]) -> Bool[np.ndarray, " p"]:
    """Whether a stable particle leaves a trace."""
    number = np.abs(pdg)
    return np.asarray(~np.isin(number, INVISIBLE) & (number < FIRST_EXOTIC))


def reconstructed_as(pdg: Int[np.ndarray, " p"]) -> Int[np.ndarray, " p"]:
    """The kind of each particle, as `Particles` has it.

    Examples:
        >>> reconstructed_as(np.array([-13, 22, -321, 2112])).tolist()
        [13, 22, 211, 130]
    """
    number = np.abs(pdg)
    kind = np.where(np.isin(number, CHARGED_HADRONS), CHARGED_HADRON, NEUTRAL_HADRON)
    for same in (ELECTRON, MUON, PHOTON):
        kind[number == same] = same
    return kind


def resolution(momenta: Float[np.ndarray, "p 4"], kind: Int[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """The relative width of the energy of each particle."""
    energy = np.maximum(momenta[:, 3], 1e-9)
    pt = np.hypot(momenta[:, 0], momenta[:, 1])
    electromagnetic = np.hypot(0.1 / np.sqrt(energy), 0.007)
    hadronic = np.hypot(0.6 / np.sqrt(energy), 0.05)
    track = np.minimum(np.hypot(0.01, 1e-4 * pt), 0.1)
    is_shower = (kind == ELECTRON) | (kind == PHOTON)
    return np.asarray(np.where(is_shower, electromagnetic, np.where(kind == NEUTRAL_HADRON, hadronic, track)))
