"""Reconstructed particles of many events, one after the other in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from neyman.core.errors import DataError
from neyman.events.features.kinematics import azimuth, pseudorapidity

ELECTRON, MUON, PHOTON, CHARGED_HADRON, NEUTRAL_HADRON = 11, 13, 22, 211, 130
"""What a particle was reconstructed as, by the PDG's number of its most common kind, without a sign."""
BOTTOM, CHARM = 5, 4
"""Of a hadron: its heaviest quark."""


@dataclass(frozen=True)
class Particles:
    """Particles of many events.

    Attributes:
        counts: How many each event has; their sum is the number of particles.
        momenta: (px, py, pz, E) of each in GeV, those of the first event first.
        kind: What each is: `ELECTRON`, `MUON`, `PHOTON`, `CHARGED_HADRON`, `NEUTRAL_HADRON`; for heavy hadrons
            before their decay, which are in a list of their own, `BOTTOM` or `CHARM`.

    Raises:
        DataError: If the lengths do not fit.
    """

    counts: Int[np.ndarray, " n"]
    momenta: Float[np.ndarray, "p 4"]
    kind: Int[np.ndarray, " p"]

    def __post_init__(self) -> None:
        total = int(self.counts.sum())
        if total != len(self.momenta) or total != len(self.kind):
            raise DataError(f"{total} particles by their counts, {len(self.momenta)} momenta, {len(self.kind)} kinds")

    @property
    def events(self) -> int:
        """How many events there are."""
        return len(self.counts)

    @property
    def event(self) -> Int[np.ndarray, " p"]:
        """The number of the event of each particle."""
        return np.repeat(np.arange(self.events), self.counts)

    @property
    def pt(self) -> Float[np.ndarray, " p"]:
        """Transverse momentum of each."""
        return np.asarray(np.hypot(self.momenta[:, 0], self.momenta[:, 1]))

    @property
    def eta(self) -> Float[np.ndarray, " p"]:
        """Pseudorapidity of each."""
        return pseudorapidity(*self.momenta.T[:3])

    @property
    def phi(self) -> Float[np.ndarray, " p"]:
        """Azimuth of each."""
        return azimuth(*self.momenta.T[:2])

    def select(self, kept: Bool[np.ndarray, " p"]) -> Particles:
        """The same events with some of their particles."""
        counts = np.bincount(self.event[kept], minlength=self.events)
        return Particles(counts, self.momenta[kept], self.kind[kept])

    def select_events(self, kept: Bool[np.ndarray, " n"]) -> Particles:
        """Some of the events with all of their particles."""
        of_kept = np.repeat(kept, self.counts)
        return Particles(self.counts[kept], self.momenta[of_kept], self.kind[of_kept])

    def missing(self) -> Float[np.ndarray, "n 2"]:
        """(px, py) of what is missing: minus the sum over all particles of each event."""
        sums = [np.bincount(self.event, self.momenta[:, axis], self.events) for axis in (0, 1)]
        return 0.0 - np.stack(sums, axis=1)  # not −0, of which the azimuth is −π


def leading(values: Float[np.ndarray, "p d"], event: Int[np.ndarray, " p"], events: int, most: int) -> np.ndarray:
    """A table of the leading objects of each event, padded with zeros.

    Args:
        values: Of each object; the first column decides who leads.
        event: The number of the event of each.
        events: How many events there are.
        most: Objects kept of each.

    Returns:
        Shape (events, most, d).

    Examples:
        >>> leading(np.array([[1.0], [3.0], [2.0]]), np.array([0, 0, 1]), 3, 2)[..., 0].tolist()
        [[3.0, 1.0], [2.0, 0.0], [0.0, 0.0]]
    """
    order = np.lexsort((-values[:, 0], event))
    sorted_event = event[order]
    place = np.arange(len(order)) - np.searchsorted(sorted_event, sorted_event)
    kept = place < most
    table = np.zeros((events, most, values.shape[1]))
    table[sorted_event[kept], place[kept]] = values[order][kept]
    return table


def pairs(
    event: Int[np.ndarray, " o"], counts: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " q"], Int[np.ndarray, " q"]]:
    """Each object with each particle of its event: (number of the object, number of the particle).

    Args:
        event: The event of each object.
        counts: How many particles each event has.

    Examples:
        >>> [part.tolist() for part in pairs(np.array([1, 1]), np.array([2, 3]))]
        [[0, 0, 0, 1, 1, 1], [2, 3, 4, 2, 3, 4]]
    """
    partners = counts[event]
    objects = np.repeat(np.arange(len(event)), partners)
    first = (np.cumsum(counts) - counts)[event]
    offset = np.arange(len(objects)) - np.repeat(np.cumsum(partners) - partners, partners)
    return objects, np.repeat(first, partners) + offset
