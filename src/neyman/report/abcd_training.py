"""How the scores of an abcd run were trained: the loss, the constraints and their multipliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neyman.abcd.results import PhaseHistory, RunResult, TrainingResult
from neyman.plots.constraints import ConstraintCurve, plot_constraints
from neyman.plots.loss import plot_loss
from neyman.plots.style import Style
from neyman.report.numbers import number
from neyman.report.page import Section, Table

PHASES = {"classifiers": "cross-entropy", "cls": "CLs"}
OBJECTIVES = {
    "cls": r"expected $\mathrm{CL}_s$",
    "log_cls": r"ln of expected $\mathrm{CL}_s$",
    "q": r"$-\tilde{q}_\mu$ (Asimov)",
    "q0": r"$-q_0$ (Asimov)",
}
CONSTRAINTS = {
    "closure": "closure at the cuts",
    "random_closure": "closure at random cuts",
    "disco": "squared distance corr.",
    "least_yield": "shortfall of yields",
}
_NOTHING = 1e-9  # a multiplier that has decayed


def training_section(result: RunResult, style: Style) -> Section:
    """The phases of training: losses, constraints epoch by epoch, and where these stand at the epoch that was kept.

    Args:
        result: What the run found.
        style: Style of the figures.
    """
    training = result.training
    figures, tables = [], []
    for name, phase in training.phases.items():
        if phase.objective is None:
            caption = f"Phase “{PHASES.get(name, name)}”: the loss in training and on validation events."
            figures.append((_loss(phase, result, style), caption))
            continue
        limits = _targets(result.config)
        figures.append((_curves(phase, limits, result, style), _curves_caption(phase)))
        if phase.constraints:
            tables.append(_held(phase, limits))
    return Section("Training", _training_text(training), figures=figures, tables=tables)


def _training_text(training: TrainingResult) -> str:
    parts = [
        f"{PHASES.get(name, name)}: epoch {phase.best + 1} of {len(phase.step)} kept, {_seconds(phase)} CPU-s"
        + (", stopped early" * phase.stopped_early)
        for name, phase in training.phases.items()
    ]
    text = "; ".join(parts) + "."
    return "\n\n".join([text[:1].upper() + text[1:], *([f"Careful: {training.bias}."] if training.bias else [])])


def _seconds(phase: PhaseHistory) -> str:
    return f"{np.nanmax(phase.cpu_seconds, initial=0.0):,.0f}"


def _loss(phase: PhaseHistory, result: RunResult, style: Style) -> Figure:
    step = np.array(phase.step, float)
    method = result.config.get("method") or {}
    label = "cross-entropy + DisCo term" if method.get("disco") else "cross-entropy of both scores"
    return plot_loss(step, np.array(phase.training), step, np.array(phase.validation), y_label=label, style=style)


def _targets(config: Mapping[str, Any]) -> dict[str, float]:
    """The limit of each constraint; that of the shortfall of yields is zero."""
    found = (config.get("method") or {}).get("constraints") or {}
    return {
        name: 0.0 if name == "least_yield" else float(found[name])
        for name in CONSTRAINTS
        if found.get(name) is not None
    }


def _curves(phase: PhaseHistory, limits: Mapping[str, float], result: RunResult, style: Style) -> Figure:
    statistic = str((result.config.get("method") or {}).get("statistic", ""))
    objective = {"training, soft gates": phase.objective, "validation, hard gates": phase.objective_validation}
    return plot_constraints(
        np.array(phase.step, float),
        {name: np.array(values) for name, values in objective.items() if values is not None},
        {
            CONSTRAINTS.get(name, name): ConstraintCurve(
                np.array(found.value),
                limits.get(name),
                None if found.multiplier is None else np.array(found.multiplier),
                None if found.satisfied is None else np.array(found.satisfied),
            )
            for name, found in phase.constraints.items()
        },
        objective_label=OBJECTIVES.get(statistic, "objective"),
        kept=phase.step[phase.best],
        style=style,
    )


def _curves_caption(phase: PhaseHistory) -> str:
    text = "Phase “CLs”: the objective. The dotted line is the epoch that was kept."
    if phase.constraints:
        text += (
            " Below, what is constrained, with its limit, and its multiplier λ, which grows while the constraint is "
            "violated. Closure is |BC − AD|/(BC + AD) of the background, as root mean square over the bins or over "
            "random cuts; the shortfall is Σ max(0, 1 − yield/least)² over regions and bins."
        )
    return text


def _held(phase: PhaseHistory, limits: Mapping[str, float]) -> Table:
    """The constraints at the epoch that was kept."""
    rows = []
    for name, found in phase.constraints.items():
        held = "—" if found.satisfied is None else "yes" if found.satisfied[phase.best] else "no"
        multiplier = None if found.multiplier is None else found.multiplier[phase.best]
        if multiplier is not None and abs(multiplier) < _NOTHING:
            multiplier = 0.0
        rows.append(
            [
                CONSTRAINTS.get(name, name),
                number(found.value[phase.best], 3),
                number(limits.get(name), 3),
                held,
                number(multiplier, 3),
            ]
        )
    return Table(["constraint", "value", "at most", "holds", "multiplier"], rows, "At the epoch that was kept.")
