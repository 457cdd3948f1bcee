"""The picture of a Neyman construction."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from neyman.likelihood.outcomes import ConstructedInterval, NeymanConstruction
from neyman.plots.construction import Construction, plot_construction
from neyman.plots.style import Style
from neyman.report.numbers import array

STATISTICS = {"t": r"$t_\mu$", "qtilde": r"$\tilde{q}_\mu$"}


def construction_figure(result: NeymanConstruction, *, style: Style = "plain") -> Figure:
    """The statistic of the data, its critical values, and the intervals that follow.

    Args:
        result: The construction.
        style: Look of the figure.

    Raises:
        DataError: If a number is missing, because fits did not converge.
    """
    errors = np.nan_to_num(np.stack([array(result.critical_68_error), array(result.critical_95_error)]))
    return plot_construction(
        Construction(
            poi=np.array(result.values),
            observed=array(result.observed),
            critical=np.stack([array(result.critical_68), array(result.critical_95)]),
            error=errors,
            asymptotic=result.asymptotic_critical,
            best=float("nan") if result.best is None else result.best,
            intervals=(_ends(result.interval_68), _ends(result.interval_95)),
            asymptotic_intervals=(_ends(result.asymptotic_68), _ends(result.asymptotic_95)),
        ),
        label=result.parameter,
        statistic=STATISTICS[result.statistic],
        title=f"{result.toys} pseudo-experiments at each value",
        style=style,
    )


def _ends(interval: ConstructedInterval) -> tuple[float, float]:
    """Both ends; one that lies beyond the values that were looked at is infinite."""
    low, high = interval.lower, interval.upper
    return (-np.inf if low is None else low, np.inf if high is None else high)
