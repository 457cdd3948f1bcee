"""Panels with one row per parameter: its name on the left, what belongs to it on the right."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from neyman.plots.text import short

ROW = 0.21  # inches
SMALL = 8.5  # points


def name_rows(axes: Axes, names: Sequence[str], notes: Sequence[str] = ()) -> None:
    """Rows from the top, each with a name and perhaps a note."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", which="both", length=0, labelsize=SMALL)
    for row, note in enumerate(notes):
        axes.text(1.015, row, note, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL)
