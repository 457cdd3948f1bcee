"""A signal region before and after the fit, and the profile of the signal strength, as one picture.

neyman demo fit
python examples/fit.py neyman-demo/fit/run/results.json fit.png
"""

import sys
from pathlib import Path

import numpy as np

from neyman.fit.summary import FitSummary
from neyman.plots import save_figure
from neyman.plots.observed import Observed
from neyman.plots.stacks import plot_stack


def main(results: Path, picture: Path) -> None:
    """Draw the last channel after the fit, and say what was found."""
    summary = FitSummary.load(results)
    best = summary.best.parameters[summary.best.poi]
    print(f"{summary.best.poi} = {best.value:.2f} ± {best.error:.2f}, {summary.significance.observed:.1f} σ")

    region = summary.postfit.regions[-1]
    label, edges = summary.variables[region.name]
    figure = plot_stack(
        {name: np.array(values) for name, values in region.samples.items()},
        np.array(region.error),
        data=Observed(np.array(region.data)),
        edges=np.array(edges),
        signals=tuple(summary.signals),
        title=f"{region.name}, after the fit",
        label=label,
        unit="GeV",
    )
    save_figure(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
