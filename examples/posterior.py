"""The posterior of one set of decays, learned and exact, as a picture.

neyman demo
python examples/posterior.py neyman-demo/posterior/artefact posterior.png
"""

import sys
from pathlib import Path

from neyman.plots import plot_posterior, save_figure
from neyman.posterior.grids import log_density_on, prior_grid
from neyman.posterior.inference import exact_estimator, infer
from neyman.posterior.trained import TrainedPosterior


def main(artefact: Path, picture: Path) -> None:
    """Simulate 1000 decays at the Standard Model, infer C9, draw."""
    trained = TrainedPosterior.load(artefact)
    truth = trained.simulator.standard_model
    events = trained.simulator.simulate(truth, 1000, rng=7)
    result = infer(trained, events)
    print(f"C9 = {result.parameters['C9'].mean:.3f} ± {result.parameters['C9'].sd:.3f}, simulated at {truth['C9']:.3f}")

    grid = prior_grid(trained.prior, points=801)
    figure = plot_posterior(
        grid,
        log_density_on(trained.estimator, grid, [events.matrix])[0],
        exact=log_density_on(exact_estimator(trained), grid, [events.matrix])[0],
        prior=trained.prior.log_prob(grid[:, None]),
        truth=truth["C9"],
        truth_label="Standard Model",
        label=r"$\mathrm{Re}\,C_9$",
    )
    save_figure(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
