"""Collisions at 13 TeV with Pythia 8: semi-visible jets and the backgrounds they hide in."""

from neyman.simulation.pythia.processes import PROCESSES, Process, process_named, semi_visible_jets
from neyman.simulation.pythia.sample import Counts, counts, generate

__all__ = ["PROCESSES", "Counts", "Process", "counts", "generate", "process_named", "semi_visible_jets"]
