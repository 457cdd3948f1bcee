"""Decays of B mesons with the amplitudes of EOS."""

from neyman.simulation.eos.decay import BToKstarMuMu
from neyman.simulation.eos.markov_chain import BToKstarMuMuMarkovChain

__all__ = ["BToKstarMuMu", "BToKstarMuMuMarkovChain"]
