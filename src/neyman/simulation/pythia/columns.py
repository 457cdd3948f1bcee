"""The columns of an event with two jets and missing transverse momentum, and how each is computed.

Preselected are events with two jets of p_T > 100 GeV and |η| < 2.4 that are less than 1.5 apart in η, as CMS asks
(arXiv:2112.11125): else two jets of low p_T far apart, which are many and have large weights, would be most of the
background at a high transverse mass.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.events.columns import Column, Schema

RADIUS = 0.8
MIN_PT, MAX_ETA, MAX_DELTA_ETA = 100.0, 2.4, 1.5
MIN_MET_RATIO, MASS_RANGE = 0.05, (200.0, 2000.0)


def _jet(n: int) -> tuple[Column, ...]:
    """The columns of the n-th jet, in the order of `jet_columns`."""
    return (
        Column(name=f"jet{n}_pt", unit="GeV", low=MIN_PT, label=rf"$p_{{T,{n}}}$"),
        Column(name=f"jet{n}_eta", low=-MAX_ETA, high=MAX_ETA, label=rf"$\eta_{n}$"),
        Column(name=f"jet{n}_phi", unit="rad", low=-np.pi, high=np.pi, periodic=True, label=rf"$\phi_{n}$"),
        Column(name=f"jet{n}_mass", unit="GeV", low=0.0, label=rf"$m_{n}$"),
        Column(name=f"jet{n}_multiplicity", low=1.0, label=rf"$n_{n}$"),
        Column(name=f"jet{n}_girth", low=0.0, label=rf"$g_{n}$"),
        Column(name=f"jet{n}_dispersion", low=0.0, high=1.0, label=rf"$p_T^D{{}}_{n}$"),
        Column(name=f"jet{n}_minor_axis", low=0.0, label=rf"$\sigma_{{2,{n}}}$"),
        Column(name=f"jet{n}_c2", low=0.0, label=rf"$C_{{2,{n}}}$"),
    )


SCHEMA = Schema(
    (
        *_jet(1),
        *_jet(2),
        Column(name="delta_eta", low=0.0, high=MAX_DELTA_ETA, label=r"$|\Delta\eta_{jj}|$"),
        Column(name="delta_phi", unit="rad", low=0.0, high=np.pi, label=r"$|\Delta\phi_{jj}|$"),
        Column(name="delta_r", low=0.0, label=r"$\Delta R_{jj}$"),
        Column(name="min_delta_phi", unit="rad", low=0.0, high=np.pi, label=r"$\min\Delta\phi(j, E_T^{miss})$"),
        Column(name="met", unit="GeV", low=0.0, label=r"$E_T^{miss}$"),
        Column(name="dijet_mass", unit="GeV", low=0.0, label=r"$m_{jj}$"),
        Column(
            name="transverse_mass", unit="GeV", low=MASS_RANGE[0], high=MASS_RANGE[1], label=r"$M_T$", role="condition"
        ),
        Column(name="met_ratio", low=MIN_MET_RATIO, label=r"$E_T^{miss}/M_T$"),
    )
)


def jet_columns(constituents: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, 9]:
    r"""What is known of a jet from its constituents, in the order of the schema.

    With \(z_i = p_{T,i}/\sum p_T\) and distances \(R\) in rapidity and azimuth from the jet's axis: girth
    \(\sum z_i R_i\); dispersion \(\sqrt{\sum z_i^2}\); minor axis, the root of the smaller eigenvalue of the
    second moments weighted by \(z_i^2\) (CMS, PAS JME-13-002); and \(C_2 = e_3/e_2^2\) with β = 1 (A. Larkoski,
    G. Salam, J. Thaler, arXiv:1305.0007), which is 0 for a jet of fewer than three.

    Args:
        constituents: (px, py, pz, E) of each in GeV; at least one.
    """
    p = constituents.sum(axis=0)
    pt = np.hypot(constituents[:, 0], constituents[:, 1])
    total = float(np.hypot(p[0], p[1]))
    y, phi = _rapidity(constituents), np.arctan2(constituents[:, 1], constituents[:, 0])
    axis_phi = float(np.arctan2(p[1], p[0]))
    offsets = np.stack([y - _rapidity(p), wrapped(phi - axis_phi)], axis=1)
    z = pt / pt.sum()
    squares = z**2 / (z**2).sum()
    centred = offsets - squares @ offsets
    smallest = np.linalg.eigvalsh((centred * squares[:, None]).T @ centred)[0]
    distance = np.hypot(y[:, None] - y, wrapped(phi[:, None] - phi))
    weighted = z[:, None] * distance
    e2 = float(weighted.sum(axis=0) @ z) / 2
    e3 = float(np.einsum("ij,ji->", weighted @ weighted, weighted)) / 6
    return np.array(
        [
            total,
            np.arcsinh(p[2] / total),
            axis_phi,
            np.sqrt(max(0.0, p[3] ** 2 - p[:3] @ p[:3])),
            len(pt),
            z @ np.hypot(*offsets.T),
            np.sqrt((z**2).sum()),
            np.sqrt(max(0.0, smallest)),
            e3 / e2**2 if len(pt) > 2 and e2 > 0 else 0.0,
        ]
    )


def pair_columns(
    first: Float[np.ndarray, 4], second: Float[np.ndarray, 4], missing: Float[np.ndarray, 2]
) -> Float[np.ndarray, 8]:
    r"""What is known of two jets and the missing momentum together, in the order of the schema.

    The transverse mass is \(M_T^2 = m_{jj}^2 + 2(\sqrt{m_{jj}^2 + p_{T,jj}^2}\,E_T^{miss} - \vec p_{T,jj} \cdot
    \vec p_T^{\,miss})\) (T. Cohen, M. Lisanti, H. K. Lou, arXiv:1503.00009).

    Args:
        first: (px, py, pz, E) of the leading jet in GeV.
        second: That of the other.
        missing: (px, py) of what is missing, in GeV.
    """
    jets = np.stack([first, second])
    pair = first + second
    eta = np.arcsinh(jets[:, 2] / np.hypot(jets[:, 0], jets[:, 1]))
    phi = np.arctan2(jets[:, 1], jets[:, 0])
    delta_eta, delta_phi = abs(eta[0] - eta[1]), abs(wrapped(phi[0] - phi[1]))
    met = np.hypot(*missing)
    mass_squared = max(0.0, pair[3] ** 2 - pair[:3] @ pair[:3])
    energy = np.sqrt(mass_squared + pair[:2] @ pair[:2])
    transverse_mass = np.sqrt(max(0.0, mass_squared + 2 * (energy * met - pair[:2] @ missing)))
    return np.array(
        [
            delta_eta,
            delta_phi,
            np.hypot(delta_eta, delta_phi),
            np.abs(wrapped(phi - np.arctan2(missing[1], missing[0]))).min(),
            met,
            np.sqrt(mass_squared),
            transverse_mass,
            met / transverse_mass if transverse_mass > 0 else 0.0,
        ]
    )


def is_kept(pair: Float[np.ndarray, 8]) -> bool:
    """Whether an event with these `pair_columns` passes the preselection."""
    mass, ratio = pair[6], pair[7]
    return bool(pair[0] < MAX_DELTA_ETA and ratio > MIN_MET_RATIO and MASS_RANGE[0] <= mass <= MASS_RANGE[1])


def wrapped(angle: np.ndarray | float) -> np.ndarray:
    """The same angle in [−π, π].

    Examples:
        >>> round(float(wrapped(2 * np.pi - 0.1)), 6)
        -0.1
    """
    return np.asarray(np.remainder(angle + np.pi, 2 * np.pi) - np.pi)


def _rapidity(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.arctanh(p[..., 2] / p[..., 3]))
