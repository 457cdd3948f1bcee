"""Correlations of the fitted parameters, without those that are correlated with no other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from neyman.core.errors import DataError
from neyman.plots.inputs import require_names, require_numbers
from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import Style, pin, styled
from neyman.plots.text import minus, put_title, short

CELL = 0.2  # inches; cells with numbers in them are twice as large
NUMBERED = 20  # from this many parameters on there are no numbers
SMALL = 8.5  # points
LETTER = 0.075  # inches: a letter of that size
LABEL = 30  # characters of a name
ROUNDING = 1e-6  # by which a matrix may miss symmetry, a diagonal of one, and the range


def plot_correlation(
    names: tuple[str, ...],
    matrix: Float[np.ndarray, "n n"],
    *,
    threshold: float = 0.2,
    most: int = 60,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    r"""The parameters that have a correlation \(|\rho|\) of at least the threshold with any other.

    Cells carry numbers where there are fewer than 20 parameters. The figure says how many are left out.

    Args:
        names: The parameters.
        matrix: Their correlations.
        threshold: Correlation that a parameter must have with another to be shown.
        most: Parameters at most; those with the largest correlations stay.
        title: The fit, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no names, one stands twice, the shape differs, a number is not finite or outside −1..1,
            the matrix is not symmetric or its diagonal is not one, the threshold is not in 0..1, or `most` is below 2.
    """
    _check(names, matrix)
    if not 0 <= threshold <= 1 or most < 2:
        raise DataError(f"threshold {threshold:g}, most {most}", expected="a threshold from 0 to 1, and at least 2")
    strongest = np.abs(matrix - np.diag(np.diag(matrix))).max(axis=1)
    order = np.argsort(-strongest, kind="stable")[:most]
    kept = sorted(row for row in order.tolist() if strongest[row] >= threshold)
    with styled(style):
        if not kept:
            return _nothing(len(names), threshold, float(strongest.max()), title)
        shown = matrix[np.ix_(kept, kept)]
        labels = [short(names[row], LABEL) for row in kept]
        numbered = len(kept) < NUMBERED
        side = max((2 * CELL if numbered else CELL) * len(kept), 1.5)
        room = LETTER * max(len(label) for label in labels) + 0.4
        figure = new_figure(side + room + 1.0, side + room + 0.5)
        axes = one_panel(figure)
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_xticks(range(len(kept)), labels, rotation=90)
        axes.set_yticks(range(len(kept)), labels)
        axes.minorticks_off()
        axes.tick_params(length=0, labelsize=SMALL)
        if numbered:
            for (row, column), value in np.ndenumerate(shown):
                ink = "white" if abs(value) > 0.6 else "black"
                axes.text(column, row, minus(f"{value:.2f}"), ha="center", va="center", fontsize=7.5, color=ink)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=[-1, -0.5, 0, 0.5, 1])
        bar.set_label(r"correlation $\rho$", fontsize=SMALL, loc="center")
        pin(bar.ax)
        bar.ax.tick_params(axis="y", labelsize=SMALL)
        bar.ax.tick_params(axis="x", which="both", bottom=False, top=False)
        put_title(axes, title)
        if len(kept) < len(names):
            axes.set_xlabel(_left_out(np.delete(strongest, kept)), fontsize=SMALL)
    return figure


def _check(names: tuple[str, ...], matrix: np.ndarray) -> None:
    require_names(names)
    require_numbers("correlation", matrix, (len(names), len(names)), low=-1 - ROUNDING, high=1 + ROUNDING)
    off = np.abs(matrix - matrix.T)
    row, column = np.unravel_index(off.argmax(), off.shape)
    if off[row, column] > ROUNDING:
        raise DataError(
            f"'{names[row]}' and '{names[column]}' have {matrix[row, column]:g}, in turn {matrix[column, row]:g}",
            where="correlation",
            expected="a symmetric matrix",
        )
    worst = int(np.abs(np.diag(matrix) - 1).argmax())
    if abs(matrix[worst, worst] - 1) > ROUNDING:
        raise DataError(
            f"'{names[worst]}' has {matrix[worst, worst]:g} with itself",
            where="correlation",
            expected="one",
            hint="divide a covariance by the errors, and leave fixed parameters out",
        )


def _left_out(strongest: Float[np.ndarray, " m"]) -> str:
    return rf"{len(strongest)} not shown, with $|\rho|$ up to {strongest.max():.2g}"


def _nothing(n: int, threshold: float, largest: float, title: str) -> Figure:
    """A figure that says that there is nothing to see, so that a report need not treat this case."""
    figure = new_figure(height=1.2)
    text = rf"none of {n} parameters has a correlation $|\rho| \geq$ {threshold:g} with another; largest: {largest:.2g}"
    figure.text(0.5, 0.4, text, ha="center", va="center", fontsize=10)
    figure.text(0.02, 0.9, title, ha="left", va="center", fontsize=11)
    return figure
