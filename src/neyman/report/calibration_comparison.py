"""How a correction compares with other methods: over all, in cells of the conditions, and in the tails."""

from __future__ import annotations

import re

import numpy as np

from neyman.calibration.results import CheckResult, Metrics, RunResult, TailRatio
from neyman.events.columns import Column
from neyman.plots.methods import Estimates, plot_methods
from neyman.plots.style import Style
from neyman.report.numbers import number, pm
from neyman.report.page import Section, Table
from neyman.simulation import impact_parameter, shower_shapes

METHODS = {
    "uncorrected": "uncorrected",
    "corrected": "flow",
    "quantile_map": "quantile map",
    "cell_quantile_map": "quantile map in cells",
    "reweighting": "boosted reweighting",
}
FLOOR = "floor: data against data"
SCHEMAS = {"impact_parameter": impact_parameter.SCHEMA, "shower_shapes": shower_shapes.SCHEMA}
LONGEST = 36  # letters of a label in one line
MOST_CELLS = 36  # rows of a figure that still can be read; beyond, the worst cells are shown


def column_of(result: RunResult, name: str) -> Column:
    """The variable with label and unit, where the simulation says them."""
    schema = SCHEMAS.get(str((result.config.get("data") or {}).get("kind")))
    return schema[name] if schema is not None and name in schema.names else Column(name=name)


def unit_of(column: Column) -> str:
    """Its unit; empty if there is none."""
    return "" if column.unit == "1" else column.unit


def tail_error(tail: TailRatio) -> float:
    """Of the events and of the training."""
    return float(np.hypot(tail.error, tail.training_error or 0.0))


def methods_section(result: RunResult) -> Section:
    """All methods in numbers: together, and for each variable."""
    check = result.check
    costs = {**check.transport_cost, "uncorrected": dict.fromkeys(check.histograms, 0.0)}
    header = ["", "χ²/bin", "χ²/bin in cells", "AUC", "effective events"]
    rows = [[name, *_numbers(getattr(check, key))] for key, name in METHODS.items()]
    tables = [Table(header, [*rows, [FLOOR, *_numbers(check.floor)]], "All methods, judged by the same half of data.")]
    for name in check.histograms:
        column = column_of(result, name)
        by_variable = [[words, *_of_variable(getattr(check, key), name), number(costs.get(key, {}).get(name), 3)]
                       for key, words in METHODS.items()]  # fmt: skip
        by_variable.append([FLOOR, *_of_variable(check.floor, name), "—"])
        moved = f"mean shift [{unit_of(column)}]" if unit_of(column) else "mean shift"
        columns = ["", "χ²/bin", "χ²/bin in cells", "W₁ [sd of data]", moved]
        tables.append(Table(columns, by_variable, f"The variable {name}."))
    fitted = "the events that the flow was trained on"
    if check.baselines_fitted_on == "check":
        fitted = "those test events that judge nothing"
    return Section(
        "Beside other methods",
        f"One half of the data judges ({check.judging_events:,} events). The floor is the other half: what a perfect "
        f"correction would have. Baselines were fitted on {fitted}. W₁ is the Wasserstein distance. "
        "Reweighting moves no event and pays with effective events.",
        tables=tables,
    )


def _numbers(metrics: Metrics) -> list[str]:
    return [
        number(metrics.chi2_per_bin, 3),
        number(metrics.chi2_per_bin_cells, 3),
        pm(metrics.auc, metrics.auc_error),
        f"{metrics.effective_events:,.0f}",
    ]


def _of_variable(metrics: Metrics, name: str) -> list[str]:
    return [
        number(metrics.chi2_per_bin_by_variable[name], 3),
        number(metrics.chi2_per_bin_cells_by_variable[name], 3),
        number(metrics.wasserstein[name], 2),
    ]


def cells_section(check: CheckResult, style: Style) -> Section:
    """χ² of each cell, by method."""
    values = {name: np.array(getattr(check, key).chi2_per_bin_by_cell, float) for key, name in METHODS.items()}
    floor = np.array(check.floor.chi2_per_bin_by_cell, float)
    shown = np.arange(len(check.cells))
    if len(shown) > MOST_CELLS:
        worst = np.argsort(-np.nan_to_num(values[METHODS["corrected"]], nan=-np.inf), kind="stable")
        shown = np.sort(worst[:MOST_CELLS])
    figure = plot_methods(
        [two_lines(check.cells[index].label or "all") for index in shown],
        {name: Estimates(value[shown]) for name, value in values.items()},
        floor=Estimates(floor[shown]),
        floor_label=FLOOR,
        label="χ²/bin",
        style=style,
    )
    caption = "χ²/bin of each cell of the conditions. What is right on the whole may be wrong in each cell."
    if len(shown) < len(check.cells):
        caption += f" Of {len(check.cells)} cells, the {len(shown)} in which the flow is worst."
    return Section(
        "In cells of the conditions",
        "Here a correction that knows the conditions differs from one that does not.",
        figures=[(figure, caption)],
    )


def two_lines(label: str) -> str:
    r"""A long label in two lines of similar length.

    Examples:
        >>> two_lines("20 < pt ≤ 34.9, eta ≤ 3.29, phi ≤ 0, npv ≤ 2")
        '20 < pt ≤ 34.9,\neta ≤ 3.29, phi ≤ 0, npv ≤ 2'
    """
    breaks = [match.end() for match in re.finditer(", ", label)]
    if len(label) <= LONGEST or not breaks:
        return label
    middle = min(breaks, key=lambda place: abs(2 * place - len(label)))
    return f"{label[: middle - 1]}\n{label[middle:]}"


def tails_section(result: RunResult, style: Style) -> Section:
    """Events above thresholds, by method."""
    check = result.check
    tails = {key: getattr(check, key).tails for key in (*METHODS, "floor")}

    def estimates(key: str) -> Estimates:
        return Estimates(np.array([t.ratio for t in tails[key]], float), np.array([tail_error(t) for t in tails[key]]))

    names = [f"{t.variable} > {number(t.threshold)} {unit_of(column_of(result, t.variable))}".strip()
             for t in check.corrected.tails]  # fmt: skip
    figure = plot_methods(
        names,
        {name: estimates(key) for key, name in METHODS.items()},
        floor=estimates("floor"),
        floor_label=FLOOR,
        perfect=1.0,
        label="fraction of events above the threshold, over that of data",
        style=style,
    )
    rows = [
        [name, f"{tail.effective_events_data:,.0f}", *(_ratio(tails[key][index]) for key in tails)]
        for index, (name, tail) in enumerate(zip(names, check.corrected.tails, strict=True))
    ]
    return Section(
        "Tails",
        "Neither χ² nor a classifier sees the tails: too few events are there. So they are counted. Errors are of the "
        "events of both samples and, for the flow, of trainings on bootstrapped events.",
        figures=[(figure, "Events above each threshold, over those of data. Open triangles are beyond the axis.")],
        tables=[Table(["", "events of data", *METHODS.values(), "floor"], rows, "Ratios to data.")],
    )


def _ratio(tail: TailRatio) -> str:
    return pm(tail.ratio, tail_error(tail))
