"""Machine-learned statistical inference for particle physics, checked against independent truth."""

from neyman._version import __version__

__all__ = ["__version__"]
