"""The version, read by the build and by `neyman --version`."""

__version__ = "0.1.0"
