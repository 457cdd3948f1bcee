"""What the job answers, as JSON can hold it. The fields are a contract, kept by golden files."""

from __future__ import annotations

from typing import Any, Literal

from neyman.core.results import Number, Part, Result


class TailRatio(Part):
    """The fraction of events beyond a threshold, over that of data.

    Attributes:
        variable: The variable.
        threshold: Events above it are counted.
        ratio: Fraction of the candidate over fraction of data; null if data have none.
        error: Its standard deviation from the events of both.
        training_error: Its standard deviation over trainings on bootstrapped events; null where nothing was trained,
            or once only.
        effective_events: (Σw)²/Σw² of the candidate's events above the threshold.
        effective_events_data: The same of data.
    """

    variable: str
    threshold: Number
    ratio: Number
    error: Number
    training_error: float | None = None
    effective_events: Number
    effective_events_data: Number


class Metrics(Part):
    """How far one sample is from data. None of the numbers is zero for a second sample of data: compare with `floor`.

    Attributes:
        events: Events of the candidate.
        effective_events: Their (Σw)²/Σw².
        dof: Degrees of freedom of the χ² of one variable; in the mean, if they differ.
        dof_cells: The same, of all cells.
        chi2_per_bin: χ² per degree of freedom of histograms of equal population, mean over the variables.
        chi2_per_bin_by_variable: The same, for each variable.
        chi2_per_bin_cells: χ² per degree of freedom of such histograms in all cells of the conditions, mean over the
            variables.
        chi2_per_bin_cells_by_variable: The same, for each variable.
        chi2_per_bin_by_cell: The same, for each cell, mean over the variables; null where there are too few events.
        wasserstein: Wasserstein-1 distance in units of data's standard deviation, for each variable.
        auc: Area under the ROC curve of a classifier that sees variables and conditions; 0.5: it cannot tell.
        auc_error: Its standard deviation.
        tails: Ratios beyond thresholds.
    """

    events: int
    effective_events: Number
    dof: int
    dof_cells: int
    chi2_per_bin: Number
    chi2_per_bin_by_variable: dict[str, Number]
    chi2_per_bin_cells: Number
    chi2_per_bin_cells_by_variable: dict[str, Number]
    chi2_per_bin_by_cell: list[Number]
    wasserstein: dict[str, Number]
    auc: Number
    auc_error: Number
    tails: list[TailRatio]


class Cell(Part):
    """A cell of the conditions.

    Attributes:
        label: The cell in words, as in `2 < eta ≤ 2.8, npv > 2`.
        low: Lower end by condition; a condition without is not cut from below.
        high: Upper end by condition.
        events: Effective events of the data that judge.
    """

    label: str
    low: dict[str, Number]
    high: dict[str, Number]
    events: Number


class Histogram(Part):
    """One variable as histograms of equal area over all values, for the figure.

    Attributes:
        edges: Edges of the bins.
        logarithmic: Whether the bins are of equal width in the logarithm.
        data: Σw of data in each bin.
        data_error: √Σw².
        simulation: The simulation, scaled to the data.
        simulation_error: Its √Σw².
        corrected: The corrected simulation, scaled to the data.
        corrected_error: Its √Σw².
        displacement: How far events in each bin of the simulation are moved, as quantiles at 0.025, 0.16, 0.5, 0.84 and
            0.975 of all events, weighted or not; null in a bin without events.
        up: One standard deviation over the bootstrapped trainings above it; null if there were fewer than two.
        down: One below it.
    """

    edges: list[Number]
    logarithmic: bool
    data: list[Number]
    data_error: list[Number]
    simulation: list[Number]
    simulation_error: list[Number]
    corrected: list[Number]
    corrected_error: list[Number]
    displacement: list[list[Number]]
    up: list[Number] | None = None
    down: list[Number] | None = None


class ConditionsResult(Part):
    """Whether simulation and data have the same conditions, which no correction of variables changes.

    Attributes:
        auc: Area under the ROC curve of a classifier that sees conditions alone.
        auc_error: Its standard deviation.
        weighted: Whether simulation was weighted to the conditions of data, for judging only.
        auc_weighted: The area after weighting; null if it was not weighted.
        auc_weighted_error: Its standard deviation.
        outside_training: Fraction of simulated events whose conditions are outside the range of the training; null if
            nobody said.
    """

    auc: Number
    auc_error: Number
    weighted: bool
    auc_weighted: float | None = None
    auc_weighted_error: float | None = None
    outside_training: float | None = None


class Verdict(Part):
    """One check, its outcome and the numbers behind it.

    Attributes:
        name: What is asked.
        passed: The outcome; null if these events allow no claim, and then the detail says why.
        detail: The numbers.
    """

    name: str
    passed: bool | None
    detail: str


class CheckResult(Result):
    """A correction judged on events that it has not seen, beside what else could have been done.

    One half of the data judges; the other half is the floor. All candidates have as many effective events as that.

    Attributes:
        passed: Whether no verdict failed.
        verdicts: Each check's outcome.
        corrected: The corrected simulation.
        uncorrected: The simulation as it is.
        quantile_map: Corrected by a quantile map of each variable.
        cell_quantile_map: Corrected by quantile maps in cells of the conditions.
        reweighting: Weighted by a boosted classifier.
        floor: A second sample of data: what a perfect correction would have.
        judging_events: Events of the half of data that judges.
        cells: Cells of the conditions, in the order of `chi2_per_bin_by_cell`.
        transport_cost: Mean |z − x| of `corrected`, `quantile_map` and `cell_quantile_map` by variable, in its unit.
        histograms: All events, by variable.
        conditions: Whether the conditions are those of data.
        baselines_fitted_on: The events that the baselines saw: those that the correction was trained on, or those of
            the check that judge nothing.
        level: Confidence level of the verdicts.
        seed: The seed of everything.
        artefact: Digest of the artefact.
    """

    passed: bool
    verdicts: list[Verdict]
    corrected: Metrics
    uncorrected: Metrics
    quantile_map: Metrics
    cell_quantile_map: Metrics
    reweighting: Metrics
    floor: Metrics
    judging_events: int
    cells: list[Cell]
    transport_cost: dict[str, dict[str, Number]]
    histograms: dict[str, Histogram]
    conditions: ConditionsResult
    baselines_fitted_on: Literal["training", "check"]
    level: float
    seed: int
    artefact: str | None = None


class TrainingHistory(Part):
    """One training, epoch by epoch.

    Attributes:
        step: Steps done.
        training: Mean training loss.
        validation: Loss of the validation events, which decides about the best epoch.
        cpu_seconds: CPU time.
        best: The epoch that was kept.
        stopped_early: Whether patience ran out.
    """

    step: list[int]
    training: list[Number]
    validation: list[Number]
    cpu_seconds: list[Number]
    best: int
    stopped_early: bool


class TrainingResult(Result):
    """What training did.

    Attributes:
        histories: `nominal`, and one for each training on bootstrapped events.
        simulation_events: Simulated events that it was trained on.
        data_events: Events of data that it was trained on.
        cpu_seconds: CPU time of all of it.
        artefact: Digest of the artefact.
    """

    histories: dict[str, TrainingHistory]
    simulation_events: int
    data_events: int
    cpu_seconds: Number
    artefact: str


class RunResult(Result):
    """Everything that `run` did.

    Attributes:
        config: The config.
        training: The training.
        check: The checks.
        provenance: The program that made it.
    """

    config: dict[str, Any]
    training: TrainingResult
    check: CheckResult
    provenance: dict[str, Any]
