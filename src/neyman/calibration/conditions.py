"""Whether simulation and data have the same conditions: a correction of p(x|c) leaves p(c) as it is.

Where they differ, corrected simulation differs from data although the correction may be right. So for judging, and
only for judging, simulation is weighted to the conditions of data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neyman.calibration.classifier import Area, classifier_area, odds_of_data
from neyman.calibration.results import ConditionsResult
from neyman.calibration.sample import Sample


@dataclass(frozen=True)
class Matched:
    """Simulation with the conditions of data.

    Attributes:
        simulation: Weighted if its conditions differ, else as it was.
        before: Area of a classifier that sees conditions alone.
        after: The area after weighting; None if it was not weighted.
    """

    simulation: Sample
    before: Area
    after: Area | None

    @property
    def result(self) -> ConditionsResult:
        """As JSON can hold it."""
        return ConditionsResult(
            auc=self.before.value,
            auc_error=self.before.error,
            weighted=self.after is not None,
            auc_weighted=None if self.after is None else self.after.value,
            auc_weighted_error=None if self.after is None else self.after.error,
        )


def match_conditions(simulation: Sample, data: Sample, *, z: float, rng: np.random.Generator) -> Matched:
    """Weight simulation to the conditions of data, if a classifier can tell them.

    The weight of an event is times the odds from a classifier that has not seen it; their sum stays.

    Args:
        simulation: Simulated events.
        data: Events of data.
        z: By how many standard deviations the area exceeds one half where conditions differ.
        rng: Deals out events to classifiers.

    Raises:
        DataError: If there are too few events for a classifier.
        MissingDependencyError: If scikit-learn is not installed.
    """
    before = _area(simulation, data, rng)
    if before.value - 0.5 <= z * before.error:
        return Matched(simulation, before, None)
    weights = simulation.w * odds_of_data(data.c, data.w, simulation.c, simulation.w, rng)
    weighted = simulation.with_w(weights * (simulation.w.sum() / weights.sum()))
    return Matched(weighted, before, _area(weighted, data, rng))


def _area(simulation: Sample, data: Sample, rng: np.random.Generator) -> Area:
    return classifier_area(data.c, data.w, simulation.c, simulation.w, rng)
