"""The corrected histogram of a run: data, simulation, corrected simulation with its uncertainty, and the ratio to data.

neyman demo calibration
python examples/calibration.py neyman-demo/calibration/results.json calibration.png
"""

import sys
from pathlib import Path

import numpy as np

from neyman.calibration.results import RunResult
from neyman.plots import save_figure
from neyman.plots.corrected import Binned, plot_corrected


def main(results: Path, picture: Path) -> None:
    """Draw the impact parameter, and say what was found."""
    found = RunResult.load(results).check
    for name in ("uncorrected", "quantile_map", "cell_quantile_map", "corrected", "floor"):
        metrics = getattr(found, name)
        print(f"{name:18} χ²/bin {metrics.chi2_per_bin:6.2f}, in cells {metrics.chi2_per_bin_cells:6.2f}")

    histogram = found.histograms["ip"]
    data, simulation, corrected = (np.array(getattr(histogram, key)) for key in ("data", "simulation", "corrected"))
    error = np.array(histogram.simulation_error)
    figure = plot_corrected(
        np.array(histogram.edges),
        data=Binned(data, np.array(histogram.data_error)),
        simulation=Binned(simulation, error),
        corrected=Binned(corrected, np.sqrt(corrected * (error**2).sum() / simulation.sum())),
        variations=np.array([histogram.up, histogram.down]),
        label="impact parameter",
        unit="mm",
        log_x=histogram.logarithmic,
        log_y=True,
    )
    save_figure(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
