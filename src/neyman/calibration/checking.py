"""Checks of a correction on events that it has not seen, beside what else could have been done.

One half of the data judges. The other half is the floor: what the metrics are for a second sample of data. All
candidates are simulated events, the same ones, as many as are effectively in that half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from neyman.calibration.baselines import BoostedReweighting, CellQuantileMap, InclusiveQuantileMap
from neyman.calibration.cells import Cells
from neyman.calibration.conditions import match_conditions
from neyman.calibration.config import ChecksConfig
from neyman.calibration.histograms import histograms
from neyman.calibration.metrics import measure, require_comparable, tail_ratios
from neyman.calibration.results import Cell, CheckResult, Metrics, TailRatio
from neyman.calibration.sample import Sample
from neyman.calibration.verdicts import one_sided, verdicts
from neyman.calibration.weighted import effective_events
from neyman.core.errors import InputError
from neyman.core.random import stream


@runtime_checkable
class Corrects(Protocol):
    """What is judged: a `TrainedCalibration`, or anything else that corrects."""

    def corrected(self, sample: Sample) -> Sample:
        """The same events with other variables."""

    def variations(self, sample: Sample) -> Float[np.ndarray, "m n d"]:
        """What each of several trainings on bootstrapped events makes of the variables; InputError if there is none."""


class Training(NamedTuple):
    """The events that a correction was trained on, for the baselines to be fitted on as well.

    Attributes:
        simulation: Simulated events.
        data: Events of data.
    """

    simulation: Sample
    data: Sample


def check(
    trained: Corrects,
    simulation: Sample,
    data: Sample,
    options: ChecksConfig = ChecksConfig(),  # noqa: B008 - frozen
    *,
    training: Training | None = None,
    outside: Bool[np.ndarray, " n"] | None = None,
    seed: int = 1,
    artefact: str | None = None,
) -> CheckResult:
    """Judge a correction.

    Args:
        trained: The correction.
        simulation: Simulated events that it has not seen.
        data: Events of data that it has not seen.
        options: Cells, bins, thresholds, level.
        training: The events to fit baselines on. Without, they are fitted on that half of these events that judges
            nothing, which are fewer.
        outside: Which simulated events have conditions outside the range of the training, if that is known.
        seed: Of halves and classifiers.
        artefact: Digest of the artefact.

    Raises:
        DataError: If the samples cannot be compared, or there are too few events for a classifier.
        ConfigError: If there are edges of cells of something that is no condition.
        MissingDependencyError: If scikit-learn is not installed.
    """
    require_comparable(simulation, data)
    z = one_sided(options.level)
    matched = match_conditions(simulation, data, z=z, rng=stream(seed, "check", "conditions"))
    simulation = matched.simulation
    order = stream(seed, "check", "data").permutation(len(data))
    judging, spare = (data.select(half) for half in np.array_split(order, 2))
    order = stream(seed, "check", "simulation").permutation(len(simulation))
    count = _as_many(simulation, spare, most=len(simulation) if training else len(simulation) // 2)
    judged, rest = order[:count], order[count:]
    floor = spare.select(slice(_as_many(spare, simulation.select(judged), most=len(spare))))

    if training is None:
        fitted_on = Training(simulation.select(rest), spare)
    else:
        rng = stream(seed, "check", "training conditions")
        fitted_on = Training(match_conditions(*training, z=z, rng=rng).simulation, training.data)
    rng = stream(seed, "check", "reweighting")
    quantile_map = InclusiveQuantileMap.fit(*fitted_on)
    cell_map = CellQuantileMap.fit(*fitted_on)
    reweighting = BoostedReweighting.fit(*fitted_on, rng)

    uncorrected, corrected = simulation.select(judged), trained.corrected(simulation)
    variations = _variations(trained, simulation)
    candidates = {
        "corrected": corrected.select(judged),
        "uncorrected": uncorrected,
        "quantile_map": quantile_map.corrected(uncorrected),
        "cell_quantile_map": cell_map.corrected(uncorrected),
        "reweighting": reweighting.corrected(uncorrected),
        "floor": floor,
    }
    # The same stream for each: they are dealt out alike.
    metrics = {
        name: measure(candidate, judging, options, stream(seed, "check", "classifier"))
        for name, candidate in candidates.items()
    }
    if variations is not None:
        varied = [candidates["corrected"].with_x(x) for x in variations[:, judged]]
        metrics["corrected"] = _with_training_errors(metrics["corrected"], varied, judging, options)
    conditions = matched.result.model_copy(
        update={"outside_training": None if outside is None else float(outside.mean())}
    )
    untouched = np.array_equal(corrected.c, simulation.c) and np.array_equal(corrected.w, simulation.w)
    found = verdicts(metrics, conditions, untouched=untouched, level=options.level)
    return CheckResult(
        passed=all(verdict.passed is not False for verdict in found),
        verdicts=found,
        **metrics,
        judging_events=len(judging),
        cells=_cells(Cells.of(judging, options.cells), judging),
        transport_cost={
            name: transport_cost(uncorrected, candidates[name])
            for name in ("corrected", "quantile_map", "cell_quantile_map")
        },
        histograms=histograms(data, simulation, corrected, variations),
        conditions=conditions,
        baselines_fitted_on="check" if training is None else "training",
        level=options.level,
        seed=seed,
        artefact=artefact,
    )


def transport_cost(before: Sample, after: Sample) -> dict[str, float]:
    """Mean |z − x| by variable, in its unit: of two corrections that are as good, the one that moves less is better."""
    shares = before.w / before.w.sum()
    means = shares @ np.abs(after.x - before.x)
    return dict(zip(before.variables, means.tolist(), strict=True))


def _as_many(sample: Sample, other: Sample, *, most: int) -> int:
    """How many events of a sample are effectively as many as there are in another, or the most there are."""
    share = effective_events(other.w) / effective_events(sample.w)
    return min(most, round(len(sample) * share))


def _variations(trained: Corrects, simulation: Sample) -> Float[np.ndarray, "m n d"] | None:
    """None if there are too few trainings for an uncertainty. A sample that cannot be corrected was refused before."""
    try:
        return trained.variations(simulation)
    except InputError:
        return None


def _with_training_errors(
    metrics: Metrics, varied: Sequence[Sample], judging: Sample, options: ChecksConfig
) -> Metrics:
    ratios = np.array([[tail.ratio for tail in tail_ratios(sample, judging, options)] for sample in varied])
    tails: list[TailRatio] = [
        tail.model_copy(update={"training_error": float(error) if np.isfinite(error) else None})
        for tail, error in zip(metrics.tails, ratios.std(axis=0, ddof=1), strict=True)
    ]
    return metrics.model_copy(update={"tails": tails})


def _cells(cells: Cells, judging: Sample) -> list[Cell]:
    which = cells.index(judging.c)
    described = []
    for number in range(len(cells)):
        low, high = cells.bounds(number)
        events = effective_events(judging.w[which == number])
        described.append(Cell(label=cells.label(number), low=low, high=high, events=events))
    return described
