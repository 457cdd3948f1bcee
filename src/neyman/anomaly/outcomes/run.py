"""What `run` answers, as JSON can hold it."""

from __future__ import annotations

from typing import Any

from neyman.anomaly.outcomes.characterisation import Characterisation
from neyman.anomaly.outcomes.explanations import Explanation
from neyman.anomaly.results import EvaluationResult, TrainingResult
from neyman.core.results import Number, Part, Result


class ScoreHistograms(Part):
    """Scores in bins, all events of each sample: what is beyond is in the first and last bin.

    Attributes:
        edges: Edges of the bins.
        logarithmic: Whether the bins are of equal width in the logarithm.
        calibration: Calibration background.
        test: Test background.
        signals: Each signal, by name.
    """

    edges: list[Number]
    logarithmic: bool
    calibration: list[int]
    test: list[int]
    signals: dict[str, list[int]]


class ErrorRate(Part):
    """What calibration events can promise for one false-positive rate.

    Attributes:
        fpr: The rate α.
        delta: Probability, over calibration samples, that the true rate is above it.
        calibration_events: Events that the threshold comes from.
        needed: The fewest for which there is a promise.
        rank: The threshold is the score of so high a rank; null if there are too few events.
        threshold: Events above it are flagged; null as above.
        expected: The true rate in the mean over calibration samples, rank/(n + 1); null as above.
        measured: Fraction of test background above the threshold; null as above.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    fpr: float
    delta: float
    calibration_events: int
    needed: int
    rank: int | None
    threshold: float | None
    expected: float | None
    measured: float | None
    low: float | None
    high: float | None


class FeatureComparison(Part):
    """One feature of background, signals and candidates, in the same bins.

    Attributes:
        name: The feature.
        edges: Edges of the bins; what is beyond is in the first and last one.
        background: Test background.
        signals: Signals, by name.
        candidates: The number that each candidate has.
    """

    name: str
    edges: list[Number]
    background: list[int]
    signals: dict[str, list[int]]
    candidates: list[Number]


class Candidates(Part):
    """A sample that was searched, and its events of highest score.

    Attributes:
        events: The explanation of each, the highest score first.
        truth: What each really is, which a search does not know.
        searched: Events that were searched.
        injected: Events of each signal among them.
        flagged: Events above the threshold; null without one.
        flagged_signal: How many of those are signal.
        features: The features that are most unusual in the candidates.
    """

    events: list[Explanation]
    truth: list[str]
    searched: int
    injected: dict[str, int]
    flagged: int | None
    flagged_signal: int | None
    features: list[FeatureComparison]


class AnomalyResult(Result):
    """Everything that `run` did.

    Attributes:
        config: The config.
        training: The training.
        evaluation: The evaluation; null without signals.
        scores: Scores of background and signals.
        error_rates: What the calibration events promise.
        exchangeable_p_value: Of the Kolmogorov-Smirnov test that calibration and test background score alike: the
            promise stands on it.
        candidates: What a search of background with a little signal brings up.
        characterisation: What the model learned.
        score_sigma: Level of noise at which events are scored.
        seconds: Wall time of each step.
        provenance: The program that made it.
    """

    config: dict[str, Any]
    training: TrainingResult
    evaluation: EvaluationResult | None
    scores: ScoreHistograms
    error_rates: list[ErrorRate]
    exchangeable_p_value: Number
    candidates: Candidates
    characterisation: Characterisation
    score_sigma: float
    seconds: dict[str, Number]
    provenance: dict[str, Any]
