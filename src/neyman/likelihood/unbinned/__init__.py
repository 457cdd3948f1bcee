"""Unbinned channels: events with a density that is learned."""
