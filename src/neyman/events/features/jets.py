"""Jets by FastJet: the same algorithm for all events at once, in C++.

M. Cacciari, G. Salam, G. Soyez, arXiv:1111.6097; anti-kT: arXiv:0802.1189.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from neyman.core.errors import require
from neyman.events.features.kinematics import azimuth, n_subjettiness, rapidity, wrapped
from neyman.events.features.particles import Particles

JOB = "anomaly"


@dataclass(frozen=True)
class Jets:
    """Jets of many events, in no order within an event.

    Attributes:
        counts: How many each event has.
        momenta: (px, py, pz, E) of each in GeV.
        sizes: How many constituents each has.
        members: For each constituent, those of the first jet first: which particle it is.
    """

    counts: Int[np.ndarray, " n"]
    momenta: Float[np.ndarray, "j 4"]
    sizes: Int[np.ndarray, " j"]
    members: Int[np.ndarray, " c"]

    @property
    def event(self) -> Int[np.ndarray, " j"]:
        """The number of the event of each jet."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def pt(self) -> Float[np.ndarray, " j"]:
        """Transverse momentum of each."""
        return np.asarray(np.hypot(self.momenta[:, 0], self.momenta[:, 1]))


def anti_kt(particles: Particles, radius: float, min_pt: float) -> Jets:
    """Anti-kT jets of all particles.

    Args:
        particles: What they are made of.
        radius: R.
        min_pt: The least p_T in GeV.

    Raises:
        MissingDependencyError: If FastJet or Awkward Array is not installed.
    """
    fastjet, ak = _fastjet(), require("awkward", job=JOB)
    if not len(particles.momenta):
        nothing = np.zeros(0, dtype=np.int64)
        return Jets(np.zeros_like(particles.counts), np.zeros((0, 4)), nothing, nothing)
    sequence = fastjet.ClusterSequence(
        _records(particles.momenta, particles.counts), fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    )
    found, members = sequence.inclusive_jets(min_pt=min_pt), sequence.constituent_index(min_pt=min_pt)
    counts = ak.to_numpy(ak.num(found)).astype(np.int64)
    sizes = ak.to_numpy(ak.flatten(ak.num(members, axis=2))).astype(np.int64)
    within = ak.to_numpy(ak.flatten(members, axis=None)).astype(np.int64)
    first = np.cumsum(particles.counts) - particles.counts
    return Jets(counts, _flat(found), sizes, within + np.repeat(np.repeat(first, counts), sizes))


def subjettiness(
    constituents: Float[np.ndarray, "c 4"], sizes: Int[np.ndarray, " j"], most: int, *, radius: float
) -> Float[np.ndarray, "j most"]:
    """τ₁ to τ_most of jets, with the axes of exclusive kT jets (S. Catani et al., Nucl. Phys. B 406 (1993) 187).

    Args:
        constituents: (px, py, pz, E) of those of all jets, those of the first first.
        sizes: How many each jet has; τ_N is 0 for a jet of N or fewer.
        most: The largest N.
        radius: R of the kT algorithm, and R₀ of τ.

    Raises:
        MissingDependencyError: If FastJet or Awkward Array is not installed.
    """
    fastjet = _fastjet()
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, radius)
    result = np.zeros((len(sizes), most))
    for n in range(1, most + 1):
        enough = sizes > n
        if not enough.any():
            break
        inside = constituents[np.repeat(enough, sizes)]
        with warnings.catch_warnings():  # FastJet's Python doubts all exclusive jets, also those of kT
            warnings.simplefilter("ignore", UserWarning)
            found = fastjet.ClusterSequence(_records(inside, sizes[enough]), definition).exclusive_jets(n_jets=n)
        axes = _flat(found).reshape(-1, n, 4)
        jet = np.repeat(np.arange(len(axes)), sizes[enough])
        distance = np.hypot(
            rapidity(inside[:, 2], inside[:, 3])[:, None] - rapidity(axes[..., 2], axes[..., 3])[jet],
            wrapped(azimuth(inside[:, 0], inside[:, 1])[:, None] - azimuth(axes[..., 0], axes[..., 1])[jet]),
        )
        pt = np.hypot(inside[:, 0], inside[:, 1])
        result[enough, n - 1] = n_subjettiness(pt, distance, jet, len(axes), radius=radius)
    return result


@functools.cache
def _fastjet() -> Any:  # noqa: ANN401 - FastJet has no types
    fastjet = require("fastjet", job=JOB)
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)  # stdout belongs to results
    return fastjet


def _records(momenta: Float[np.ndarray, "p 4"], counts: Int[np.ndarray, " n"]) -> Any:  # noqa: ANN401 - an awkward array
    ak = require("awkward", job=JOB)
    columns = dict(zip(("px", "py", "pz", "E"), momenta.T, strict=True))
    return ak.unflatten(ak.zip(columns, with_name="Momentum4D"), counts)


def _flat(jets: Any) -> Float[np.ndarray, "j 4"]:  # noqa: ANN401 - an awkward array
    ak = require("awkward", job=JOB)
    flat = ak.flatten(jets)
    return np.stack([ak.to_numpy(flat[name]) for name in ("px", "py", "pz", "E")], axis=1).astype(np.float64)
