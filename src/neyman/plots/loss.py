"""The loss of a training: of each batch, and of events that the training does not see."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from neyman.core.errors import DataError
from neyman.plots.panels import legend_above, new_figure, one_panel
from neyman.plots.style import LEARNED, PRIOR, TRUTH, Style, styled

POINTS = 200  # medians that stand for the training loss; single batches are too noisy to read


def plot_loss(
    training_at: Float[np.ndarray, " t"],
    training: Float[np.ndarray, " t"],
    validation_at: Float[np.ndarray, " v"],
    validation: Float[np.ndarray, " v"],
    *,
    x_label: str = "step",
    y_label: str = r"loss: mean $-\log q(\theta\,|\,x)$ [nat]",
    log_x: bool = False,
    style: Style = "plain",
) -> Figure:
    """Training and validation loss, the best validation loss marked.

    Args:
        training_at: Where the training loss was taken: steps, or CPU-seconds.
        training: Training loss there, NaN allowed.
        validation_at: Where the validation loss was taken.
        validation: Validation loss there, NaN allowed.
        x_label: What the horizontal axis counts.
        y_label: What the loss is.
        log_x: Whether the horizontal axis is logarithmic; points at 0 are left out then.
        style: Look of the figure.

    Raises:
        DataError: If lengths differ, or no validation loss is finite.
    """
    if len(training_at) != len(training) or len(validation_at) != len(validation):
        raise DataError("losses and their positions differ in length", expected="one position per loss")
    if not np.isfinite(validation).any():
        raise DataError("no finite validation loss", expected="at least one")
    best = int(np.nanargmin(validation))
    with styled(style):
        figure = new_figure()
        axes = one_panel(figure)
        handles: list[Any] = []
        if len(training) > 2 * POINTS:
            axes.plot(training_at, training, color=PRIOR, alpha=0.25, linewidth=0.6, rasterized=True)
            centres, medians = _medians(training_at, training, log_x=log_x)
            handles += axes.plot(centres, medians, color="#5f6368", label="training, running median")
        else:
            handles += axes.plot(training_at, training, color="#5f6368", label="training")
        effects = [withStroke(linewidth=3.5, foreground="white")]
        handles += axes.plot(validation_at, validation, color=LEARNED, label="validation", path_effects=effects)
        handles += axes.plot(
            validation_at[best], validation[best], "*", color=TRUTH, markersize=13, markeredgecolor="white",
            label=f"best: {validation[best]:.3f} at {validation_at[best]:.4g}", zorder=5,
        )  # fmt: skip
        if log_x:
            axes.set_xscale("log")
        axes.set_ylim(*_limits(training, validation, start=log_x or len(training) <= 2 * POINTS))
        if not log_x and (validation_at == np.round(validation_at)).all():
            axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        legend_above(figure, handles)
    return figure


def _medians(
    x: Float[np.ndarray, " t"], y: Float[np.ndarray, " t"], *, log_x: bool
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Medians of the loss in neighbouring pieces that look equally long on the axis."""
    scale = np.log(np.maximum(x, x[x > 0].min())) if log_x else x
    piece = np.minimum(((scale - scale.min()) / np.ptp(scale) * POINTS).astype(np.int64), POINTS - 1)
    filled = [index for index in range(POINTS) if np.isfinite(y[piece == index]).any()]
    return (
        np.array([x[piece == index].mean() for index in filled]),
        np.array([np.nanmedian(y[piece == index]) for index in filled]),
    )


def _limits(
    training: Float[np.ndarray, " t"], validation: Float[np.ndarray, " v"], *, start: bool
) -> tuple[float, float]:
    """The range of both, less the spikes of single batches and, on a linear axis, the steep start."""
    finite = training[np.isfinite(training)]
    seen = validation[np.isfinite(validation)]
    if len(finite) == 0:
        finite = seen
    low = min(seen.min(), np.quantile(finite, 0.005))
    first = finite.max() if len(finite) <= 10 else np.median(finite[:10])
    high = max(seen.max(), first) if start else max(np.quantile(seen, 0.98), np.quantile(finite, 0.99))
    margin = 0.08 * (high - low) or 0.1
    return float(low - margin), float(high + margin)
