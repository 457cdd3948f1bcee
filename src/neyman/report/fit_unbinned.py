"""What the page of a fit says of unbinned channels: whether to trust them, and how their events are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from neyman.fit.summary import FitSummary
from neyman.likelihood.outcomes import UnbinnedGoodness
from neyman.likelihood.results import BestFit, Number, UnbinnedCheck
from neyman.plots.log_ratio import plot_log_ratio
from neyman.plots.observed import Observed
from neyman.plots.style import Style
from neyman.plots.text import minus
from neyman.report.log_ratios import LogRatioRegion
from neyman.report.numbers import array, number
from neyman.report.page import Check, Section, Table

_MOST_NAMED = 5


def is_examined(best: BestFit) -> bool:
    """Whether the fit has unbinned channels: blinded ones leave no check, but Minuit was asked."""
    return bool(best.unbinned) or best.second_minimiser is not None


def trust(best: BestFit) -> list[Check]:
    """Whether anything speaks against the minimum; nothing to say without unbinned channels."""
    if not is_examined(best):
        return []
    others = f"; {len(best.warnings) - 1} more" if len(best.warnings) > 1 else ""
    detail = f"{best.warnings[0]}{others}" if best.warnings else "densities, reference and templates hold"
    return [Check("nothing speaks against the unbinned channels", not best.warnings, detail)]


def distribution_checks(found: Mapping[str, UnbinnedGoodness], *, limit: float) -> list[Check]:
    """Whether events are distributed as expected, by the histogram of the score; by pseudo-experiments if there are."""
    checks = []
    for name, each in found.items():
        toys = each.p_value is not None
        p = each.p_value if toys else each.p_value_asymptotic
        if p is not None:
            detail = f"χ² = {number(each.statistic)} for {each.degrees_of_freedom}, p = {p:.3g}"
            checks.append(
                Check(f"the model describes the events of {name}", p > limit, detail + ("" if toys else ", asymptotic"))
            )
    return checks


def validity(summary: FitSummary) -> list[Section]:
    """What to know of the minimum in unbinned channels, the warnings first; blinded ones are left out."""
    best = summary.best
    if not is_examined(best):
        return []
    seen = {name: check for name, check in best.unbinned.items() if name not in summary.hidden}
    text = "Whether the likelihood of the unbinned channels is one of densities at its minimum."
    if best.second_minimiser is not None:
        text += f" Minuit ends {number(best.second_minimiser, 2)} away in −2 ln L."
    if summary.hidden:
        text += " Blinded channels are left out."
    tables = [_channels(seen), _samples(seen)]
    head = "".join(f"Warning: {line}.\n\n" for line in best.warnings)
    return [Section("The unbinned channels", head + text, tables=[each for each in tables if each.rows])]


def _channels(checks: Mapping[str, UnbinnedCheck]) -> Table:
    header = ["channel", "densities", "events", "reference events", "lowest density", "beyond ±1", "negative yields"]
    rows = [
        [
            name,
            "normalised" if check.normalised else "NOT normalised",
            f"{check.events:,.6g}",
            f"{check.reference_events:,}" if check.reference_events else "none",
            number(check.lowest_density),
            _few([f"{each} = {minus(f'{value:.2f}')}" for each, value in check.extrapolated.items()]),
            _few(check.negative),
        ]
        for name, check in checks.items()
    ]
    return Table(
        header, rows, "The lowest density of an observed event, relative to the reference, must be above zero."
    )


def _samples(checks: Mapping[str, UnbinnedCheck]) -> Table:
    header = ["channel", "sample", "∫ at α = 0", "∫ without normalisation", "effective size at α = 0", "at the minimum"]
    rows = [
        [
            name,
            sample,
            number(integral, 5),
            number(check.drift.get(sample), 5),
            _whole(check.nominal_effective_size.get(sample)),
            _whole(check.effective_size.get(sample)),
        ]
        for name, check in checks.items()
        for sample, integral in check.nominal_integral.items()
    ]
    caption = (
        "Sums over the reference events: what densities integrate to, at α = 0 and, relative to that, at the minimum; "
        "and how many events of equal weight would tell it as well."
    )
    return Table(header, rows, caption)


def _whole(value: Number) -> str:
    return "—" if value is None else f"{value:,.0f}"


def _few(names: Sequence[str]) -> str:
    if not names:
        return "none"
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def plot_region(
    region: LogRatioRegion, signals: Sequence[str], *, hidden: bool, style: Style
) -> list[tuple[Figure, str]]:
    """The log-ratio of an unbinned channel before and after the fit, with captions; without data if they are hidden."""
    bins = len(region.edges) - 1
    hidden = hidden or region.data is None
    data = Observed(
        np.zeros(bins) if hidden or region.data is None else array(region.data),
        None if hidden or region.data_error is None else array(region.data_error),
        np.full(bins, hidden),
    )
    before = np.sum([array(each) for each in region.prefit.samples.values()], axis=0)
    figures = []
    for name, stage in (("before the fit", region.prefit), ("after the fit", region.postfit)):
        figure = plot_log_ratio(
            {sample: array(values) for sample, values in stage.samples.items()},
            array(stage.error),
            edges=np.array(region.edges),
            over=region.over,
            data=data,
            signals=tuple(sample for sample in stage.samples if sample in signals),
            lines={"before the fit": before} if stage is region.postfit else None,
            title=f"{region.name}, {name}",
            style=style,
        )
        figures.append((figure, f"{region.name}, {name}; the outer bins hold what is beyond, too."))
    return figures
