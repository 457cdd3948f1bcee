"""EOS changes matplotlib's settings when it is imported; a figure of the user must not notice."""

import subprocess
import sys

CODE = """
import matplotlib
before = dict(matplotlib.rcParams)
from neyman.simulation.eos.amplitudes import load_eos
load_eos()
after = dict(matplotlib.rcParams)
print([name for name in before if before[name] != after[name]])
"""


def test_loading_eos_leaves_matplotlib_alone():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
