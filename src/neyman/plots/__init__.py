"""Figures: arrays in, a matplotlib `Figure` out, which belongs to nobody's global state; one file a kind of figure."""

from neyman.plots.coverage import plot_coverage
from neyman.plots.events import Expectation, plot_events
from neyman.plots.loss import plot_loss
from neyman.plots.posterior import plot_posterior
from neyman.plots.ranks import plot_ranks
from neyman.plots.save import figure_bytes, save_figure
from neyman.plots.widths import plot_width_scaling, plot_widths

__all__ = [
    "Expectation",
    "figure_bytes",
    "plot_coverage",
    "plot_events",
    "plot_loss",
    "plot_posterior",
    "plot_ranks",
    "plot_width_scaling",
    "plot_widths",
    "save_figure",
]
