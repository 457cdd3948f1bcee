"""Test events in the plane of two scores, and what the regions predict for the signal region.

neyman demo abcd
python examples/abcd.py neyman-demo/abcd/results.json abcd.png
"""

import sys
from pathlib import Path

import numpy as np

from neyman.abcd.results import RunResult
from neyman.plots import save_figure
from neyman.plots.plane import plot_plane


def main(results: Path, picture: Path) -> None:
    """Draw the plane, and say what was found."""
    found = RunResult.load(results).check
    limit, closure = found.test.mu_limit_exp[2], found.test.total_non_closure
    print(f"μ < {limit:.3f} expected, non-closure {closure:+.3f} ± {found.test.total_non_closure_error:.3f}")

    plane, test = found.plane, found.test
    yields = {
        name: np.array([sum(getattr(regions, region)) for region in "ABCD"])
        for name, regions in (("background", test.background), ("signal", test.signal))
    }
    figure = plot_plane(
        (np.array(plane.first), np.array(plane.second)),
        {"background": np.array(plane.background), "signal": np.array(plane.signal)},
        test.cuts,
        yields=yields,
    )
    save_figure(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
