"""Collisions at 13 TeV with Pythia 8: what other jobs train on and are tested with.

| what | for | where |
|---|---|---|
| semi-visible jets, and what hides them | abcd | `generate` |
| muons of Z → μμ | calibration | `z_muons` |
| backgrounds and signals behind a detector | anomaly | `background_mixture`, `accepted_events`, `collider_events` |
"""

from neyman.simulation.pythia.collider import (
    accepted_events,
    background_mixture,
    collider_counts,
    collider_events,
    collider_slices,
)
from neyman.simulation.pythia.muons import z_muons
from neyman.simulation.pythia.processes import PROCESSES, Process, process_named, semi_visible_jets
from neyman.simulation.pythia.sample import Counts, counts, generate

__all__ = [
    "PROCESSES",
    "Counts",
    "Process",
    "accepted_events",
    "background_mixture",
    "collider_counts",
    "collider_events",
    "collider_slices",
    "counts",
    "generate",
    "process_named",
    "semi_visible_jets",
    "z_muons",
]
