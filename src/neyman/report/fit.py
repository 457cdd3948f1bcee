"""The page of a fit: the answer, the data with the model, the nuisance parameters, the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from neyman.fit.summary import FitSummary
from neyman.likelihood.outcomes import Region
from neyman.likelihood.results import BestFit, Number
from neyman.plots.correlation import plot_correlation
from neyman.plots.limits import ClsScan, plot_cls
from neyman.plots.observed import Observed
from neyman.plots.pulls import Gammas, Pulls, plot_pulls
from neyman.plots.ranking import Impacts, plot_ranking
from neyman.plots.scan import Scan, plot_scan
from neyman.plots.stacks import plot_stack
from neyman.plots.style import Style
from neyman.report.fit_unbinned import distribution_checks, plot_region, trust, validity
from neyman.report.log_ratios import LogRatioRegion, LogRatios
from neyman.report.numbers import array, number, pm
from neyman.report.page import Check, Headline, Page, Section, Table

_MOST_REGIONS = 20
_WORST_P = 1e-3
_CLOSE = 1.0  # of −2 ln L: a second minimum there would be in the 68 % interval


def fit_page(
    summary: FitSummary, *, distributions: LogRatios | None = None, title: str = "", style: Style = "plain"
) -> Page:
    """The page of a fit.

    Args:
        summary: What the fit found.
        distributions: Log-ratios in unbinned channels; a channel without is shown as one bin.
        title: Its title.
        style: Style of the figures.
    """
    best = summary.best
    unbinned = {each.name: each for each in (distributions.regions if distributions else ())}
    sections = [
        *_answer(summary, style),
        *validity(summary),
        _regions(summary, unbinned, style),
        _nuisances(summary, style),
        *_limit(summary, style),
        _parameters(best),
    ]
    if summary.notes:
        sections.append(Section("Notes", "\n\n".join(summary.notes)))
    return Page(
        title=title or f"Fit of {best.measurement}",
        subtitle=_subtitle(summary, len({*best.unbinned, *summary.goodness.unbinned, *unbinned})),
        headlines=_headlines(summary),
        checks=_checks(summary),
        sections=sections,
        provenance={
            "workspace": f"sha256 {best.workspace}",
            **{name: str(value) for name, value in summary.provenance.items() if not isinstance(value, dict)},
            **{str(k): str(v) for k, v in summary.provenance.get("versions", {}).items()},
        },
    )


def _subtitle(summary: FitSummary, unbinned: int) -> str:
    bins = sum(len(each.data) for each in summary.postfit.regions) - unbinned
    channels = _count(len(summary.postfit.regions), "channel") + (f" ({unbinned} unbinned)" if unbinned else "")
    parts = [f"{channels}, {_count(bins, 'bin')}" if bins else channels]
    parts.append(_count(len(summary.best.parameters), "parameter"))
    if summary.best.blinded or summary.hidden:
        parts.append("BLINDED")
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _headlines(summary: FitSummary) -> list[Headline]:
    best, lines = summary.best, []
    if best.poi is not None:
        found = best.parameters[best.poi]
        note = "with a hidden offset" if best.blinded else "best value and error"
        lines.append(Headline(best.poi, pm(found.value, found.error), note))
    if summary.scan is not None and not best.blinded:
        interval = summary.scan.interval_68
        lines.append(Headline("68.3 % interval", f"{number(interval.lower)} to {number(interval.upper)}", "profile"))
    if summary.significance is not None:
        observed = summary.significance.observed
        text = "hidden" if observed is None else f"{observed:.2f} σ"
        lines.append(Headline("significance", text, f"expected {number(summary.significance.expected)} σ"))
    if summary.limit is not None:
        text = "hidden" if summary.limit.obs is None else f"< {number(summary.limit.obs)}"
        lines.append(Headline("95 % CL upper limit", text, f"expected {number(summary.limit.exp[2])}"))
    return lines


def _checks(summary: FitSummary) -> list[Check]:
    best, good = summary.best, summary.goodness
    checks = [Check("the fit converged", best.converged, best.message)]
    if good.p_value is not None:
        detail = f"χ² = {number(good.statistic)} for {good.degrees_of_freedom}, p = {good.p_value:.3g}"
        checks.append(Check("the model describes the data (saturated)", good.p_value > _WORST_P, detail))
    checks += distribution_checks(good.unbinned, limit=_WORST_P)
    held = ", ".join(best.at_bounds[:4]) + (" …" if len(best.at_bounds) > 4 else "")
    checks.append(Check("no parameter is at a bound", not best.at_bounds, held or "none"))
    others = ", ".join(f"+{value:.3g}" for value in best.other_minima)
    detail = f"2ΔNLL of others: {others}" if others else "no other seen"
    close = [value for value in best.other_minima if value < _CLOSE]
    checks.append(Check("no second minimum within 1 of −2 ln L", not close, detail))
    return [*checks, *trust(best)]


def _answer(summary: FitSummary, style: Style) -> list[Section]:
    found = summary.scan
    if found is None:
        return []
    interval = found.interval_68
    ends = (
        -np.inf if interval.lower is None else interval.lower,
        np.inf if interval.upper is None else interval.upper,
    )
    values = np.array(found.values)
    scans = {"all uncertainties": Scan(values, array(found.delta_twice_nll), best=found.best, interval=ends)}
    if found.stat_only is not None:
        scans["statistical only"] = Scan(values, array(found.stat_only), best=found.best)
    figure = plot_scan(scans, label=found.parameter, blinded=found.blinded, style=style)
    text = "How much worse the fit becomes with the parameter of interest held, all others fitted."
    return [Section("The parameter of interest", text, figures=[(figure, "Profile of −2 ln L above its minimum.")])]


def _regions(summary: FitSummary, unbinned: Mapping[str, LogRatioRegion], style: Style) -> Section:
    figures: list[tuple[Figure, str]] = []
    before = {each.name: each for each in summary.prefit.regions}
    shown = summary.postfit.regions[:_MOST_REGIONS]
    for region in shown:
        if region.name in unbinned:
            hidden = region.name in summary.hidden
            figures += plot_region(unbinned[region.name], summary.signals, hidden=hidden, style=style)
            continue
        for stage, each in (("before the fit", before[region.name]), ("after the fit", region)):
            figures.append((_stack(each, stage, summary, style=style), f"{region.name}, {stage}."))
    rest = len(summary.postfit.regions) - len(shown)
    text = "Data and model, with the uncertainty of the model before and after the fit."
    return Section(
        "The channels",
        text + (f" {rest} more channels are in the table only." if rest else ""),
        figures=figures,
        tables=[_yields(summary)],
    )


def _stack(region: Region, stage: str, summary: FitSummary, *, style: Style) -> Figure:
    hidden = region.name in summary.hidden
    label, edges = summary.variables.get(region.name, ("", None))
    counts = np.zeros(len(region.data)) if hidden else array(region.data)
    return plot_stack(
        {name: array(values) for name, values in region.samples.items()},
        array(region.error),
        data=Observed(counts, blinded=np.full(len(counts), hidden)),
        signals=tuple(name for name in region.samples if name in summary.signals),
        edges=None if edges is None else np.array(edges),
        label=label,
        title=f"{region.name}, {stage}",
        style=style,
    )


def _yields(summary: FitSummary) -> Table:
    rows = []
    for before, after in zip(summary.prefit.regions, summary.postfit.regions, strict=True):
        rows += [[after.name, name, _total(before.samples[name]), _total(each)] for name, each in after.samples.items()]
        rows.append(
            [
                after.name,
                "sum",
                pm(float(sum(array(v).sum() for v in before.samples.values())), before.total_error),
                pm(float(sum(array(v).sum() for v in after.samples.values())), after.total_error),
            ]
        )
        data = "blinded" if after.name in summary.hidden else f"{array(after.data).sum():,.6g}"
        rows.append([after.name, "data", data, data])
    return Table(["channel", "sample", "before the fit", "after the fit"], rows, "Events.")


def _total(values: Sequence[Number]) -> str:
    return f"{array(values).sum():,.4g}"


def _nuisances(summary: FitSummary, style: Style) -> Section:
    figures: list[tuple[Figure, str]] = []
    found = _pulls(summary)
    if found is not None:
        figure = plot_pulls(found[0], gammas=found[1], style=style)
        figures.append((figure, "Constrained parameters after the fit: pulls and widths."))
    impacts = summary.impacts
    if impacts is not None and impacts.impacts:
        rows = impacts.impacts
        ranking = Impacts(
            tuple(each.name for each in rows),
            np.array([array([each.postfit_down for each in rows]), array([each.postfit_up for each in rows])]),
            np.array([array([each.prefit_down for each in rows]), array([each.prefit_up for each in rows])]),
            array([each.pull for each in rows]),
            array([each.constraint for each in rows]),
        )
        figures.append(
            (
                plot_ranking(ranking, poi=impacts.parameter, style=style),
                f"What each nuisance parameter does to {impacts.parameter} when it is held one width away.",
            )
        )
    correlation = summary.best.correlation
    matrix = np.array([array(row) for row in correlation.matrix])
    if len(correlation.names) > 1 and np.isfinite(matrix).all():
        figures.append(
            (plot_correlation(tuple(correlation.names), matrix, style=style), "Correlations of parameters of the fit.")
        )
    return Section("The nuisance parameters", figures=figures)


def _pulls(summary: FitSummary) -> tuple[Pulls | None, Gammas | None] | None:
    wide: list[tuple[str, float, float, float, float]] = []
    narrow: list[tuple[str, float, float, float, float]] = []
    for name, (centre, width) in summary.constraints.items():
        found = summary.best.parameters[name]
        if found.value is None or found.error is None or not np.isfinite(found.error):
            continue
        (narrow if name.endswith("]") else wide).append((name, found.value, found.error, centre, width))
    pulls = gammas = None
    if wide:
        value, error, centres, widths = np.array([each[1:] for each in wide]).T
        pulls = Pulls(tuple(each[0] for each in wide), (value - centres) / widths, error / widths)
    if narrow:
        value, error, _, widths = np.array([each[1:] for each in narrow]).T
        gammas = Gammas(tuple(each[0] for each in narrow), value, error, widths)
    return None if pulls is None and gammas is None else (pulls, gammas)


def _limit(summary: FitSummary, style: Style) -> list[Section]:
    limit = summary.limit
    if limit is None:
        return []
    header = ["", "−2 σ", "−1 σ", "median", "+1 σ", "+2 σ", "observed"]
    row = ["95 % CL upper limit", *map(number, limit.exp), "hidden" if limit.obs is None else number(limit.obs)]
    figures = []
    if summary.tests:
        tests = summary.tests
        scan = ClsScan(
            np.array([test.poi_value for test in tests]),
            np.array([array(test.cls_exp) for test in tests]).T,
            observed=array([test.cls_obs for test in tests]) if limit.obs is not None else None,
            expected_limit=limit.exp[2],
            observed_limit=limit.obs,
        )
        figures.append((plot_cls(scan, label=limit.poi or "", style=style), "CLs by the asymptotic formulae, q̃."))
    return [Section("Upper limit", figures=figures, tables=[Table(header, [row], "Expected without a signal.")])]


def _parameters(best: BestFit) -> Section:
    rows = [[name, pm(found.value, found.error)] for name, found in best.parameters.items()]
    return Section("All parameters", tables=[Table(["parameter", "value ± error"], rows)])
