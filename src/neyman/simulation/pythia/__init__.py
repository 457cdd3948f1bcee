"""Collisions at 13 TeV with Pythia 8: semi-visible jets and what hides them, and muons of Z → μμ."""

from neyman.simulation.pythia.muons import z_muons
from neyman.simulation.pythia.processes import PROCESSES, Process, process_named, semi_visible_jets
from neyman.simulation.pythia.sample import Counts, counts, generate

__all__ = ["PROCESSES", "Counts", "Process", "counts", "generate", "process_named", "semi_visible_jets", "z_muons"]
