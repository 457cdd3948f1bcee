"""`python -m neyman`, the same as `neyman`."""

from neyman.cli.main import run

run()
