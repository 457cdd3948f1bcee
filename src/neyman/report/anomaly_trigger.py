"""The rates of a trigger menu as a figure."""

from __future__ import annotations

from matplotlib.figure import Figure

from neyman.anomaly.outcomes import TriggerResult
from neyman.plots.style import Style
from neyman.plots.trigger_rates import Rates, plot_trigger_rates
from neyman.report.numbers import array


def rates_figure(result: TriggerResult, *, style: Style = "plain") -> Figure:
    """The rate of each path, and that of the menu so far."""
    paths = result.paths
    names = [path.name if path.prescale == 1 else f"{path.name} / {path.prescale}" for path in paths]
    columns = ([getattr(path, name) for path in paths] for name in ("rate", "rate_low", "rate_high", "cumulative"))
    exponent = f"{result.luminosity:.1e}".replace("e+", r"\times 10^{")
    return plot_trigger_rates(
        names,
        Rates(*(array(column) for column in columns)),
        crossings=result.crossings,
        target=result.target,
        title=rf"$L = {exponent}}}$ cm$^{{-2}}$ s$^{{-1}}$, no pile-up",
        style=style,
    )
