"""Learning curves of a training under constraints: the objective, each constraint, and its multiplier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_shape
from neyman.plots.inputs import require_increasing, require_names, require_numbers
from neyman.plots.panels import new_figure
from neyman.plots.style import EXACT, LEARNED, LINES, PRIOR, TRUTH, Style, pin, styled
from neyman.plots.text import fitting_legend, minus, put_title, short

COLUMNS = 2  # of constraints beside one another
LOGARITHMIC = 30.0  # ratio of the largest to the smallest value from which an axis is logarithmic
SMALL = 9.5  # points
COLOURS = ("#5f6368", LEARNED, EXACT)
DASHES: tuple[Any, ...] = ("-", "-", "--")


@dataclass(frozen=True)
class ConstraintCurve:
    """How a constraint fared.

    Attributes:
        value: The number that is constrained, at each step that is drawn; NaN for none.
        target: What it is to be at most; None if it was only watched.
        multiplier: Its multiplier there; None if it has none.
        satisfied: Whether it held; None if that was not asked.
    """

    value: Float[np.ndarray, " n"]
    target: float | None = None
    multiplier: Float[np.ndarray, " n"] | None = None
    satisfied: Bool[np.ndarray, " n"] | None = None


def plot_constraints(
    step: Float[np.ndarray, " n"],
    objective: Mapping[str, Float[np.ndarray, " n"]],
    constraints: Mapping[str, ConstraintCurve],
    *,
    objective_label: str = "objective",
    kept: float | None = None,
    phases: Mapping[str, float] | None = None,
    title: str = "",
    style: Style = "plain",
) -> Figure:
    """The objective on top; below it each constraint with its limit, and below that its multiplier λ.

    Values at which a constraint is violated are open circles.

    Args:
        step: Increasing numbers of steps, one for each value.
        objective: What is minimised, by the events it was taken from; NaN for none.
        constraints: The constraints, by name.
        objective_label: What is minimised, as an axis writes it.
        kept: The step whose weights were kept.
        phases: Where each phase of training starts; one after the first is marked by a line.
        title: The training, and what else the reader must know.
        style: Look of the figure.

    Raises:
        DataError: If there are no steps or no objective, lengths differ, steps do not increase, or there is no finite
            value of the objective or of a constraint.
    """
    phases = {} if phases is None else phases
    _check(step, objective, constraints, kept, phases)
    with styled(style):
        rows = -(-len(constraints) // COLUMNS)
        figure = new_figure(height=2.7 + 2.75 * rows)
        grid = figure.add_gridspec(1 + 2 * rows, COLUMNS, height_ratios=[2.2, *([1.5, 0.95] * rows)])
        top = figure.add_subplot(grid[0, :])
        for (name, values), shade, dashes in zip(objective.items(), COLOURS, DASHES, strict=False):
            top.plot(step, values, color=shade, linestyle=dashes, label=name)
        _range(top, np.concatenate(list(objective.values())))
        top.set_ylabel(objective_label)
        panels, left = [top], [top]
        for index, (name, curve) in enumerate(constraints.items()):
            row, column = 1 + 2 * (index // COLUMNS), index % COLUMNS
            drawn = _constraint(figure, grid[row, column], grid[row + 1, column], step, curve)
            drawn[0].set_title(short(name, 26), loc="left", fontsize=SMALL + 0.5)
            panels += drawn
            if column == 0:
                drawn[0].set_ylabel("value")
                drawn[-1].set_ylabel("value" if len(drawn) == 1 else r"$\lambda$")
                left += drawn
            last = index + COLUMNS >= len(constraints)
            for axes in drawn:
                axes.tick_params(axis="x", which="both", labelbottom=last and axes is drawn[-1])
            drawn[-1].set_xlabel("step" if last else "")
        if not constraints:
            top.set_xlabel("step")
        for axes in panels:
            _steps(axes, step, kept, phases)
        for name, start in phases.items():
            if start > step[0]:
                top.text(start, 1.02, short(name, 20), transform=top.get_xaxis_transform(), ha="center", fontsize=SMALL)
        figure.align_ylabels(left)
        put_title(top, title)
        fitting_legend(figure, _key(objective, constraints, kept))
    return figure


def _check(
    step: np.ndarray,
    objective: Mapping[str, np.ndarray],
    constraints: Mapping[str, ConstraintCurve],
    kept: float | None,
    phases: Mapping[str, float],
) -> None:
    require_numbers("step", step, (None,))
    require_increasing("step", step)
    require_names(tuple(objective))
    if len(objective) > len(COLOURS):
        raise DataError(f"{len(objective)} curves of the objective", expected=f"at most {len(COLOURS)}")
    named = {f"objective '{name}'": values for name, values in objective.items()}
    for name, curve in constraints.items():
        named[f"constraint '{name}'"] = curve.value
        if curve.multiplier is not None:
            named[f"multiplier of '{name}'"] = curve.multiplier
        if curve.satisfied is not None:
            require_shape(f"satisfied of '{name}'", curve.satisfied, step.shape)
        if curve.target is not None:
            require_numbers(f"target of '{name}'", np.array([curve.target]), (1,))
    for name, values in named.items():
        require_shape(name, values, step.shape)
        if not np.isfinite(values).any():
            raise DataError(f"no finite value of {name}", expected="at least one")
    marks = [*phases.values(), *([] if kept is None else [kept])]
    if marks:
        require_numbers("marked steps", np.array(marks, float), (len(marks),))


def _constraint(
    figure: Figure, upper: SubplotSpec, lower: SubplotSpec, step: np.ndarray, curve: ConstraintCurve
) -> list[Axes]:
    """The value and, if there is one, the multiplier below it."""
    value = figure.add_subplot(upper)
    pin(value)
    value.plot(step, curve.value, color=LEARNED, linewidth=1.4)
    held = np.ones(len(step), np.bool_) if curve.satisfied is None else curve.satisfied
    look: dict[str, Any] = {"color": LEARNED, "markersize": 3.6, "markeredgewidth": 1.0}
    for which, face in ((held, LEARNED), (~held, "white")):
        value.plot(step[which], curve.value[which], "o", markerfacecolor=face, **look)
    if curve.target is None:
        _range(value, curve.value)
    else:
        value.axhline(curve.target, color=TRUTH, linestyle="--", linewidth=1.3)
        value.set_title(minus(rf"$\leq$ {curve.target:g}"), loc="right", fontsize=SMALL, color=TRUTH)
        _range(value, np.append(curve.value, curve.target))
    value.tick_params(labelsize=SMALL)
    if curve.multiplier is None:
        return [value]
    below = figure.add_subplot(lower, sharex=value)
    pin(below)
    below.plot(step, curve.multiplier, color=PRIOR, linewidth=1.6)
    _range(below, np.append(curve.multiplier, 0.0))
    below.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    below.tick_params(labelsize=SMALL)
    return [value, below]


def _range(axes: Axes, values: np.ndarray) -> None:
    """All values; logarithmic where they are above zero and differ by more than a factor of 30."""
    seen = values[np.isfinite(values)]
    low, high = float(seen.min()), float(seen.max())
    if low > 0 and high > LOGARITHMIC * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.6, high * 1.6)
        return
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))


def _steps(axes: Axes, step: np.ndarray, kept: float | None, phases: Mapping[str, float]) -> None:
    """The horizontal axis with its marks."""
    pin(axes)
    reach = 0.02 * (step[-1] - step[0]) or 0.5
    axes.set_xlim(step[0] - reach, step[-1] + reach)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    for start in phases.values():
        if start > step[0]:
            axes.axvline(start, color=EXACT, linewidth=1.0)
    if kept is not None:
        axes.axvline(kept, color=EXACT, linestyle=LINES[3], linewidth=1.2)


def _key(
    objective: Mapping[str, np.ndarray], constraints: Mapping[str, ConstraintCurve], kept: float | None
) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=shade, linestyle=dashes, label=short(name, 32))
        for name, shade, dashes in zip(objective, COLOURS, DASHES, strict=False)
    ]
    asked = [curve.satisfied for curve in constraints.values() if curve.satisfied is not None]
    look: dict[str, Any] = {"color": LEARNED, "marker": "o", "markersize": 4.2, "linewidth": 1.4}
    if any(held.any() for held in asked):
        handles.append(Line2D([], [], label="constraint holds", **look))
    if any(not held.all() for held in asked):
        handles.append(Line2D([], [], markerfacecolor="white", label="violated", **look))
    if any(curve.target is not None for curve in constraints.values()):
        handles.append(Line2D([], [], color=TRUTH, linestyle="--", linewidth=1.3, label="limit"))
    if kept is not None:
        handles.append(Line2D([], [], color=EXACT, linestyle=LINES[3], linewidth=1.2, label="kept"))
    return handles
