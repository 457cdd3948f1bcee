r"""The 64 columns of an event with two high jets: momenta of ten jets, the event's shape, and what is in the two.

Made for resonances of several TeV that decay to two wide jets, as in the R&D data of the LHC Olympics
(arXiv:2101.08320). An event is kept if it has two anti-kT jets with R = 1, the leading one with p_T > 1.2 TeV and
\|η\| < 2.5.

**The frame.** An event keeps its physics when it is turned about the beam or reflected, so each is brought to one
place: turned so that the leading small jet has φ = 0 (`jet1_py` is always 0: leave it out of what is learned),
reflected in y so that the second has py ≥ 0, and in z so that the leading has pz ≥ 0. Energies are never touched.

Small jets are anti-kT with R = 0.4 and p_T > 30 GeV, fat jets anti-kT with R = 1 and p_T > 200 GeV, leptons electrons
and muons of p_T > 20 GeV, isolated or not.

| columns | what |
|---|---|
| `jet1_e`, `jet1_px`, `jet1_py`, `jet1_pz` … `jet10_pz` | small jets in falling p_T; zeros where there is none |
| `met`, `met_cos_phi` | missing transverse momentum, and cos Δφ between it and the leading small jet |
| `ht`, `sphericity`, `aplanarity` | of all small jets |
| `n_jets`, `n_fat_jets`, `n_particles`, `n_leptons` | how many small and fat jets, particles and leptons |
| `lepton_pt` | of the leading lepton |
| `jet1_b_score`, `jet2_b_score`, `n_b_jets` | of the toy tagger below |
| `dijet_mass`, `fat1_mass`, `fat2_mass` | of the two leading fat jets |
| `fat1_tau21`, `fat2_tau21`, `fat1_tau32`, `fat2_tau32` | τ₂/τ₁ and τ₃/τ₂; 0 where there are too few constituents |
| `fat1_multiplicity`, `fat2_multiplicity` | how many constituents |
| `fat_delta_eta`, `fat_pt_ratio` | \|Δη\| between the two, and p_T of the second over that of the first |

**The tagger.** A small jet's score is the logistic function of a normal number of width 1.3 around 2 if a b hadron
lies within ΔR < 0.4, 0 if a c hadron does, −2 if neither. `n_b_jets` counts scores above 0.736: 77 % of b jets, 22 %
of c jets, 1 % of the others.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.events.columns import Column, Schema
from neyman.events.features.jets import Jets, anti_kt, subjettiness
from neyman.events.features.kinematics import (
    aplanarity,
    azimuth,
    collider,
    pseudorapidity,
    sphericity,
    sphericity_tensor,
    wrapped,
)
from neyman.events.features.particles import BOTTOM, CHARM, ELECTRON, MUON, Particles, leading, pairs

FAT_RADIUS, FAT_MIN_PT = 1.0, 200.0
MIN_LEADING_PT, MAX_LEADING_ETA = 1200.0, 2.5
RADIUS, MIN_PT, MOST_JETS = 0.4, 30.0, 10
LEPTON_MIN_PT = 20.0
TAG_MEAN, TAG_WIDTH, TAG_CUT = {BOTTOM: 2.0, CHARM: 0.0, 0: -2.0}, 1.3, 0.736


def _jet(n: int) -> tuple[Column, ...]:
    return (
        Column(name=f"jet{n}_e", unit="GeV", low=0.0, label=f"$E_{{{n}}}$"),
        *(Column(name=f"jet{n}_p{axis}", unit="GeV", label=f"$p_{{{axis},{n}}}$") for axis in "xyz"),
    )


def _count(name: str, label: str) -> Column:
    return Column(name=name, low=0.0, label=label)


def _both(name: str, label: str, unit: str = "1") -> tuple[Column, ...]:
    """A column of each of the two leading fat jets."""
    return tuple(Column(name=f"fat{n}_{name}", unit=unit, low=0.0, label=f"${label}^{{J{n}}}$") for n in (1, 2))


SCHEMA = Schema(
    (
        *(column for n in range(MOST_JETS) for column in _jet(n + 1)),
        Column(name="met", unit="GeV", low=0.0, label=r"$p_T^{miss}$"),
        Column(name="met_cos_phi", low=-1.0, high=1.0, label=r"$\cos\Delta\phi(p_T^{miss}, j_1)$"),
        Column(name="ht", unit="GeV", low=0.0, label="$H_T$"),
        Column(name="sphericity", low=0.0, high=1.0, label="$S$"),
        Column(name="aplanarity", low=0.0, high=0.5, label="$A$"),
        _count("n_jets", "$n_j$"),
        _count("n_fat_jets", "$n_J$"),
        _count("n_particles", "particles"),
        _count("n_leptons", r"$n_\ell$"),
        Column(name="lepton_pt", unit="GeV", low=0.0, label=r"$p_T(\ell)$"),
        Column(name="jet1_b_score", low=0.0, high=1.0, label="$b_1$"),
        Column(name="jet2_b_score", low=0.0, high=1.0, label="$b_2$"),
        _count("n_b_jets", "$n_b$"),
        Column(name="dijet_mass", unit="GeV", low=0.0, label="$m_{JJ}$"),
        *_both("mass", "m", "GeV"),
        *_both("tau21", r"\tau_{21}"),
        *_both("tau32", r"\tau_{32}"),
        *_both("multiplicity", "n"),
        Column(name="fat_delta_eta", low=0.0, label=r"$|\Delta\eta_{JJ}|$"),
        Column(name="fat_pt_ratio", low=0.0, high=1.0, label="$p_T^{J2}/p_T^{J1}$"),
    )
)


def features(
    particles: Particles, heavy: Particles, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "m 64"], Bool[np.ndarray, " n"]]:
    """The rows of the events that are kept, and which are kept.

    Args:
        particles: Reconstructed particles of n events.
        heavy: The true b and c hadrons of the same events, for the tagger.
        rng: Draws its scores.

    Raises:
        MissingDependencyError: If FastJet or Awkward Array is not installed.
    """
    fat = anti_kt(particles, FAT_RADIUS, FAT_MIN_PT)
    two = _leading_jets(fat, 2)
    p = _momenta(fat, two)
    eta = pseudorapidity(p[:, 0, 0], p[:, 0, 1], p[:, 0, 2])
    kept = (two[:, 1] >= 0) & (np.hypot(p[:, 0, 0], p[:, 0, 1]) > MIN_LEADING_PT) & (np.abs(eta) < MAX_LEADING_ETA)
    pair = _pair_columns(particles, fat, two[kept])
    n_fat = fat.counts[kept]
    particles, heavy = particles.select_events(kept), heavy.select_events(kept)
    return np.concatenate([_event_columns(particles, heavy, n_fat, rng), pair], axis=1), kept


def _event_columns(
    particles: Particles, heavy: Particles, n_fat: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Float[np.ndarray, "n 53"]:
    """All columns up to `n_b_jets`."""
    n = particles.events
    jets = anti_kt(particles, RADIUS, MIN_PT)
    score = _b_scores(jets, heavy, rng)
    table = leading(np.column_stack([jets.pt, jets.momenta, score]), jets.event, n, MOST_JETS)
    momenta, scores = table[..., 1:5], table[..., 5]
    turned, phi = _in_frame(momenta)
    missing = particles.missing()
    most = int(jets.counts.max(initial=0))
    tensor = sphericity_tensor(leading(np.column_stack([jets.pt, jets.momenta[:, :3]]), jets.event, n, most)[..., 1:])
    is_lepton = (particles.kind == ELECTRON) | (particles.kind == MUON)
    leptons = particles.select(is_lepton & (particles.pt > LEPTON_MIN_PT))
    return np.column_stack(
        [
            turned[..., [3, 0, 1, 2]].reshape(n, 4 * MOST_JETS),
            np.hypot(*missing.T),
            np.cos(azimuth(*missing.T) - phi),
            np.bincount(jets.event, weights=jets.pt, minlength=n),
            np.minimum(sphericity(tensor), 1.0),
            np.minimum(aplanarity(tensor), 0.5),
            jets.counts,
            n_fat,
            particles.counts,
            leptons.counts,
            leading(leptons.pt[:, None], leptons.event, n, 1)[:, 0, 0],
            scores[:, :2],
            np.bincount(jets.event[score > TAG_CUT], minlength=n),
        ]
    )


def _in_frame(momenta: Float[np.ndarray, "n k 4"]) -> tuple[Float[np.ndarray, "n k 4"], Float[np.ndarray, " n"]]:
    """Jets in falling p_T, brought to the frame of this page; and by which angle they were turned back."""
    px, py, pz, energy = np.moveaxis(momenta, -1, 0)
    phi = azimuth(px[:, 0], py[:, 0])
    cos, sin = np.cos(phi)[:, None], np.sin(phi)[:, None]
    x, y = cos * px + sin * py, cos * py - sin * px
    x[:, 0], y[:, 0] = np.hypot(px[:, 0], py[:, 0]), 0.0
    up, forward = np.where(y[:, 1] < 0, -1.0, 1.0), np.where(pz[:, 0] < 0, -1.0, 1.0)
    return np.stack([x, y * up[:, None], pz * forward[:, None], energy], axis=-1), phi


def _b_scores(jets: Jets, heavy: Particles, rng: np.random.Generator) -> Float[np.ndarray, " j"]:
    eta, phi = pseudorapidity(*jets.momenta.T[:3]), azimuth(*jets.momenta.T[:2])
    jet, hadron = pairs(jets.event, heavy.counts)
    near = np.hypot(eta[jet] - heavy.eta[hadron], wrapped(phi[jet] - heavy.phi[hadron])) < RADIUS
    mean = np.full(len(eta), TAG_MEAN[0])
    for flavour in (CHARM, BOTTOM):  # a jet with both is a b jet
        mean[jet[near & (heavy.kind[hadron] == flavour)]] = TAG_MEAN[flavour]
    return np.asarray(1.0 / (1.0 + np.exp(-rng.normal(mean, TAG_WIDTH))))


def _pair_columns(particles: Particles, fat: Jets, two: Int[np.ndarray, "m 2"]) -> Float[np.ndarray, "m 11"]:
    """The columns from `dijet_mass` on, of the two leading fat jets of each event that is kept."""
    p = _momenta(fat, two)
    pt, eta, _, mass = np.moveaxis(collider(p), -1, 0)
    which = two.ravel()
    start = np.cumsum(fat.sizes) - fat.sizes
    place = _ranges(start[which], fat.sizes[which])
    tau = subjettiness(particles.momenta[fat.members[place]], fat.sizes[which], 3, radius=FAT_RADIUS)
    ratios = np.divide(tau[:, 1:], tau[:, :-1], out=np.zeros((len(tau), 2)), where=tau[:, :-1] > 0)
    tau21, tau32 = np.moveaxis(ratios.reshape(len(two), 2, 2), -1, 0)
    return np.column_stack(
        [
            collider(p.sum(axis=1))[:, 3],
            mass,
            tau21,
            tau32,
            fat.sizes[two],
            np.abs(eta[:, 0] - eta[:, 1]),
            pt[:, 1] / pt[:, 0],
        ]
    )


def _leading_jets(jets: Jets, most: int) -> Int[np.ndarray, "n most"]:
    """The numbers of the leading jets of each event; −1 where there is none."""
    number = 1.0 + np.arange(len(jets.momenta))
    table = leading(np.column_stack([jets.pt, number]), jets.event, len(jets.counts), most)
    return np.asarray(table[..., 1].astype(np.int64) - 1)


def _momenta(jets: Jets, which: Int[np.ndarray, "n k"]) -> Float[np.ndarray, "n k 4"]:
    """Those of the numbered jets; zeros for −1."""
    padded = np.concatenate([jets.momenta, np.zeros((1, 4))])
    return np.asarray(padded[which])


def _ranges(start: Int[np.ndarray, " r"], sizes: Int[np.ndarray, " r"]) -> Int[np.ndarray, " c"]:
    """The indices of several ranges, one after the other."""
    offset = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray(np.repeat(start, sizes) + offset)
