"""The page of a calibration run: the corrected histogram, then how it compares with data and with other methods."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from neyman.calibration.results import CheckResult, Histogram, Metrics, RunResult, TailRatio
from neyman.plots.corrected import Binned, plot_corrected
from neyman.plots.displacement import plot_displacement
from neyman.plots.loss import plot_loss
from neyman.plots.style import Style
from neyman.report.calibration_comparison import (
    cells_section,
    column_of,
    methods_section,
    tail_error,
    tails_section,
    unit_of,
)
from neyman.report.footer import footer
from neyman.report.numbers import number, pm
from neyman.report.page import Check, Headline, Page, Section, Table

DATA = {"impact_parameter": "Impact-parameter toy", "shower_shapes": "Shower-shape toy", "files": "Events from files"}

BETTER = "better than "  # so begin the names of the verdicts that compare with baselines


def calibration_page(result: RunResult, *, style: Style = "plain") -> Page:
    """The page of a run.

    Args:
        result: What the run found.
        style: Style of the figures.
    """
    check = result.check
    sections = [
        _histograms(result, style),
        _displacements(result, style),
        methods_section(result),
        cells_section(check, style),
        *([tails_section(result, style)] if check.corrected.tails else []),
        _conditions(check),
        _training(result, style),
    ]
    return Page(
        title=f"Simulation corrected to data: {', '.join(check.histograms)}",
        subtitle=_subtitle(result),
        headlines=_headlines(result),
        checks=[Check(v.name, v.passed, _minus(v.detail)) for v in check.verdicts if v.passed is not None],
        sections=sections,
        provenance=footer(result.training.artefact, result.config, result.provenance),
    )


def _subtitle(result: RunResult) -> str:
    training = result.training
    given = ", ".join(str(each["name"]) for each in result.config.get("conditions", ()))
    events = f"{training.simulation_events:,} simulated events and {training.data_events:,} of data"
    return (
        f"{DATA.get(_kind(result), 'Events')}; given {given or 'nothing'}; trained on {events} "
        f"in {training.cpu_seconds:,.0f} CPU-s"
    )


def _kind(result: RunResult) -> str:
    return str((result.config.get("data") or {}).get("kind", ""))


def _minus(text: str) -> str:
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def _headlines(result: RunResult) -> list[Headline]:
    check = result.check
    after, before, floor = check.corrected, check.uncorrected, check.floor

    def beside(take: Callable[[Metrics], float]) -> str:
        return f"uncorrected {number(take(before), 3)}, floor {number(take(floor), 3)}"

    lines = [
        Headline("χ²/bin", number(after.chi2_per_bin, 3), beside(lambda each: each.chi2_per_bin)),
        Headline("χ²/bin in cells", number(after.chi2_per_bin_cells, 3), beside(lambda each: each.chi2_per_bin_cells)),
        Headline(
            "classifier's AUC",
            number(after.auc, 4),
            f"± {number(after.auc_error, 2)}; uncorrected {number(before.auc, 3)}, floor {number(floor.auc, 3)}",
        ),
        *_beside_baselines(check),
    ]
    for index, tail in _told_tails(after):
        column = column_of(result, tail.variable)
        name = f"{tail.variable} > {number(tail.threshold)} {unit_of(column)}".strip()
        value = number(before.tails[index].ratio, 2)
        lines.append(
            Headline(f"events with {name}", pm(tail.ratio, tail_error(tail)), f"over data; uncorrected {value}")
        )
    for name, cost in list(check.transport_cost["corrected"].items())[: 6 - len(lines)]:
        moved = f"{number(cost, 3)} {unit_of(column_of(result, name))}".strip()
        lines.append(Headline(f"{name} moves by", moved, "mean distance of an event"))
    return lines


def _beside_baselines(check: CheckResult) -> list[Headline]:
    found = [each for each in check.verdicts if each.name.startswith(BETTER)]
    if not found:
        return []
    rest = [each.name.removeprefix(BETTER) for each in found if not each.passed]
    note = f"not than {', '.join(rest)}" if rest else "in cells of the conditions, or for a classifier"
    return [Headline("better than", f"{len(found) - len(rest)} of {len(found)} baselines", note)]


def _told_tails(metrics: Metrics) -> list[tuple[int, TailRatio]]:
    """The two highest thresholds beyond which enough is known."""
    known = [(index, tail) for index, tail in enumerate(metrics.tails) if tail_error(tail) < 0.3]
    return known[-2:]


def _histograms(result: RunResult, style: Style) -> Section:
    figures = []
    for name, histogram in result.check.histograms.items():
        figures += [
            (_figure(result, name, histogram, log_y=False, style=style), _caption(name, histogram, "")),
            (_figure(result, name, histogram, log_y=True, style=style), _caption(name, histogram, ", for the tails")),
        ]
    return Section(
        "Corrected and data",
        "Test events, which trained nothing and decided about nothing. Simulation is scaled to the data. "
        "Each event keeps its conditions; only the variables move.",
        figures=figures,
    )


def _caption(name: str, histogram: Histogram, purpose: str) -> str:
    text = f"Distribution of {name}{purpose}, its ratio to data, and (corrected − data) over both statistical errors."
    if histogram.up is None:
        return text
    return f"{text} The blue band is how much trainings on bootstrapped events differ."


def _figure(result: RunResult, name: str, histogram: Histogram, *, log_y: bool, style: Style) -> Figure:
    column, check = column_of(result, name), result.check
    varied = None
    if histogram.up is not None and histogram.down is not None:
        varied = np.array([histogram.up, histogram.down], float)
    before, after, floor = (
        number(each.chi2_per_bin_by_variable[name], 3) for each in (check.uncorrected, check.corrected, check.floor)
    )
    return plot_corrected(
        np.array(histogram.edges, float),
        data=Binned(np.array(histogram.data, float), np.array(histogram.data_error, float)),
        simulation=Binned(np.array(histogram.simulation, float), np.array(histogram.simulation_error, float)),
        corrected=Binned(np.array(histogram.corrected, float), np.array(histogram.corrected_error, float)),
        variations=varied,
        label=column.label or name,
        unit=unit_of(column),
        title=f"χ²/bin {before} → {after}, floor {floor}",
        log_x=histogram.logarithmic,
        log_y=log_y,
        style=style,
    )


def _displacements(result: RunResult, style: Style) -> Section:
    figures = []
    for name, histogram in result.check.histograms.items():
        column, cost = column_of(result, name), result.check.transport_cost["corrected"][name]
        figure = plot_displacement(
            np.array(histogram.edges, float),
            np.array(histogram.displacement, float),
            label=column.label or name,
            unit=unit_of(column),
            title=f"mean distance {number(cost, 3)} {unit_of(column)}".strip(),
            log_x=histogram.logarithmic,
            style=style,
        )
        figures.append((figure, f"How far {name} is moved, for events that have the same {name} before."))
    return Section(
        "How far events are moved",
        "A correction should not move events further than it has to. A quantile map moves all events of the same value "
        "equally far; the width of the bands is what the correction owes to the conditions.",
        figures=figures,
    )


def _conditions(check: CheckResult) -> Section:
    found = check.conditions
    text = f"A classifier that sees the conditions alone has an AUC of {pm(found.auc, found.auc_error)}"
    if found.weighted:
        text += (
            f": data and simulation differ in p(conditions). To judge, simulation was weighted to the conditions of "
            f"data; then the AUC is {pm(found.auc_weighted, found.auc_weighted_error)}. A correction of variables does "
            "not do that: where it matters, weights are needed too."
        )
    else:
        text += ": simulation and data have the same conditions, as far as these events tell."
    if found.outside_training:
        text += f" {100 * found.outside_training:.2g} % of the simulated events are outside the range of the training."
    open_questions = [[each.name, _minus(each.detail)] for each in check.verdicts if each.passed is None]
    tables = []
    if open_questions:
        tables.append(Table(["not decided", "why"], open_questions, "What these events allow no claim about."))
    return Section("Conditions, and what is not decided", text, tables=tables)


def _training(result: RunResult, style: Style) -> Section:
    training = result.training
    nominal = training.histories["nominal"]
    step = np.array(nominal.step, float)
    figure = plot_loss(
        step,
        np.array(nominal.training, float),
        step,
        np.array(nominal.validation, float),
        y_label=r"loss: $-\log p$ of both samples [nat]",
        style=style,
    )
    rows = [
        [
            name,
            f"{each.best + 1} of {len(each.step)}" + " (stopped early)" * each.stopped_early,
            number(each.validation[each.best]),
            f"{np.nanmax(each.cpu_seconds, initial=0.0):,.0f}",
        ]
        for name, each in training.histories.items()
    ]
    header = ["training", "epoch kept", "validation loss", "CPU-s"]
    return Section(
        "Training",
        "The epoch with the best loss on validation events is kept. Members are trained on bootstrapped events of "
        "simulation and data; their spread is the uncertainty of the correction.",
        figures=[(figure, "Loss of the nominal training.")],
        tables=[Table(header, rows, "All trainings.")],
    )
