r"""The 57 columns of an event as a trigger at 40 MHz sees it: missing momentum, 4 electrons, 4 muons, 10 jets.

The layout of E. Govorkova et al., *LHC physics dataset for unsupervised New Physics detection at 40 MHz*,
arXiv:2107.02157: 19 objects, each with p_T, η and φ, in falling p_T within their kind, and zeros where there is none.
`met_eta`, which is no physics, is always 0, as in that dataset: leave it out of what is learned.

| object | columns | what counts |
|---|---|---|
| missing momentum | `met_pt`, `met_eta` = 0, `met_phi` | all reconstructed particles |
| electrons | `electron1_pt` … `electron4_phi` | p_T > 3 GeV, \|η\| < 3, isolation < 0.45 |
| muons | `muon1_pt` … `muon4_phi` | p_T > 3 GeV, \|η\| < 2.1, isolation < 0.45 |
| jets | `jet1_pt` … `jet10_phi` | anti-kT, R = 0.4, p_T > 15 GeV, \|η\| < 4, no isolated lepton with half of its p_T |

Isolation is the sum of p_T of other particles within ΔR < 0.3, over that of the lepton. An event is kept if it has
such an electron or muon with p_T > 23 GeV.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from neyman.events.columns import Column, Schema
from neyman.events.features.jets import anti_kt
from neyman.events.features.kinematics import azimuth, pseudorapidity, wrapped
from neyman.events.features.particles import ELECTRON, MUON, Particles, leading, pairs

RADIUS, JET_MIN_PT, JET_MAX_ETA = 0.4, 15.0, 4.0
LEPTON_MIN_PT, ELECTRON_MAX_ETA, MUON_MAX_ETA = 3.0, 3.0, 2.1
ISOLATION_RADIUS, MAX_ISOLATION = 0.3, 0.45
MIN_LEADING_LEPTON_PT = 23.0
MAX_ETA = 4.0
"""Of any object."""
OBJECTS = (("electron", 4), ("muon", 4), ("jet", 10))

_LABELS = {"met": r"\mathrm{miss}", "electron": "e", "muon": r"\mu", "jet": "j"}


def _object(kind: str, number: int | None) -> tuple[Column, ...]:
    name = kind if number is None else f"{kind}{number}"
    label = _LABELS[kind] + ("" if number is None else f"_{{{number}}}")
    return (
        Column(name=f"{name}_pt", unit="GeV", low=0.0, label=rf"$p_T({label})$"),
        Column(name=f"{name}_eta", low=-MAX_ETA, high=MAX_ETA, label=rf"$\eta({label})$"),
        Column(name=f"{name}_phi", unit="rad", low=-np.pi, high=np.pi, periodic=True, label=rf"$\phi({label})$"),
    )


SCHEMA = Schema(
    (
        *_object("met", None),
        *(column for kind, most in OBJECTS for n in range(most) for column in _object(kind, n + 1)),
    )
)


def features(
    particles: Particles, *, min_lepton_pt: float = MIN_LEADING_LEPTON_PT
) -> tuple[Float[np.ndarray, "m 57"], Bool[np.ndarray, " n"]]:
    """The rows of the events that are kept, and which are kept.

    Args:
        particles: Reconstructed particles of n events.
        min_lepton_pt: The least p_T of the leading isolated lepton; 0 keeps every event, with a lepton or without.

    Raises:
        MissingDependencyError: If FastJet or Awkward Array is not installed.
    """
    leptons = _isolated_leptons(particles)
    highest = np.zeros(particles.events)
    np.maximum.at(highest, leptons.event, leptons.pt)
    kept = highest >= min_lepton_pt
    particles, leptons = particles.select_events(kept), leptons.select_events(kept)
    missing = particles.missing()
    met = np.stack([np.hypot(*missing.T), np.zeros(len(missing)), azimuth(*missing.T)], axis=1)
    objects = {
        "electron": leptons.select(leptons.kind == ELECTRON),
        "muon": leptons.select(leptons.kind == MUON),
        "jet": _jets(particles, leptons),
    }
    tables = [
        leading(np.stack([found.pt, found.eta, found.phi], axis=1), found.event, particles.events, most)
        for found, most in ((objects[kind], most) for kind, most in OBJECTS)
    ]
    rows = [met, *(table.reshape(particles.events, 3 * table.shape[1]) for table in tables)]
    return np.concatenate(rows, axis=1), kept


def _isolated_leptons(particles: Particles) -> Particles:
    limit = np.where(particles.kind == ELECTRON, ELECTRON_MAX_ETA, MUON_MAX_ETA)
    is_lepton = (particles.kind == ELECTRON) | (particles.kind == MUON)
    good = is_lepton & (particles.pt > LEPTON_MIN_PT) & (np.abs(particles.eta) < limit)
    which = np.flatnonzero(good)
    lepton, other = pairs(particles.event[which], particles.counts)
    eta, phi, pt = particles.eta, particles.phi, particles.pt
    near = np.hypot(eta[which][lepton] - eta[other], wrapped(phi[which][lepton] - phi[other])) < ISOLATION_RADIUS
    around = np.bincount(lepton[near], weights=pt[other[near]], minlength=len(which)) - pt[which]
    good[which] = around < MAX_ISOLATION * pt[which]
    return particles.select(good)


def _jets(particles: Particles, leptons: Particles) -> Particles:
    """The jets that are not an isolated lepton found again."""
    found = anti_kt(particles, RADIUS, JET_MIN_PT)
    eta, phi = pseudorapidity(*found.momenta.T[:3]), azimuth(*found.momenta.T[:2])
    jet, lepton = pairs(found.event, leptons.counts)
    near = np.hypot(eta[jet] - leptons.eta[lepton], wrapped(phi[jet] - leptons.phi[lepton])) < RADIUS
    is_lepton = np.zeros(len(eta), dtype=bool)
    is_lepton[jet[near & (leptons.pt[lepton] > 0.5 * found.pt[jet])]] = True
    kind = np.zeros(len(eta), dtype=np.int64)
    return Particles(found.counts, found.momenta, kind).select(~is_lepton & (np.abs(eta) < JET_MAX_ETA))
