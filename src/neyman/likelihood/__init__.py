"""Likelihoods [JAX]."""
