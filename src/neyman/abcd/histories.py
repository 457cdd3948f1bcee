"""What training did, as a result."""

from __future__ import annotations

from neyman.abcd.results import ConstraintHistory, PhaseHistory, TrainingResult
from neyman.abcd.trained import TrainedAbcd
from neyman.abcd.training import MULTIPLIER, OBJECTIVE, SATISFIED, VALIDATION
from neyman.learning.training import History


def training_of(trained: TrainedAbcd) -> TrainingResult:
    """What training did."""
    return TrainingResult(
        phases={name: _phase(history) for name, history in trained.histories.items()},
        cpu_seconds=trained.cpu_seconds,
        bias=trained.bias,
        method=trained.config.method.kind,
        artefact=trained.digest,
    )


def _phase(history: History) -> PhaseHistory:
    measures = history.measures
    names = [name for name in measures if "." not in name and name not in (OBJECTIVE, VALIDATION)]
    return PhaseHistory(
        step=history.step,
        training=history.training,
        validation=history.validation,
        cpu_seconds=history.cpu_seconds,
        best=history.best,
        stopped_early=history.stopped_early,
        objective=measures.get(OBJECTIVE),
        objective_validation=measures.get(VALIDATION),
        constraints={
            name: ConstraintHistory(
                value=measures[name],
                multiplier=measures.get(name + MULTIPLIER),
                satisfied=[bool(each) for each in measures[name + SATISFIED]] if name + SATISFIED in measures else None,
            )
            for name in names
        },
    )
