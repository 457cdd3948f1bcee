"""What scores and evaluations answer, as JSON can hold it. The fields are a contract, kept by golden files.

What the commands around a score answer is in `outcomes`.
"""

from __future__ import annotations

from neyman.core.results import Number, Part, Result


class Measured(Part):
    """A number with its interval.

    Attributes:
        value: The number.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: Number
    low: Number
    high: Number


class WorkingPoint(Part):
    """Signal efficiency where so much of the background is rejected.

    Attributes:
        rejection: Fraction of the background that is rejected.
        signal_efficiency: Fraction of the signal that is kept; null if the background is too small to tell.
        improvement: ε_S/√ε_B there; null as above.
    """

    rejection: float
    signal_efficiency: Measured | None
    improvement: Measured | None


class PromisedCut(Part):
    """The cut that a false-positive rate was promised for, on background that did not calibrate it.

    Attributes:
        fpr: The rate α that is promised.
        delta: Probability δ, over calibration samples, that the true rate is above it.
        calibration_events: Events that the cut was calibrated on.
        threshold: The cut; null if there are too few of them.
        expected_fpr: r/(n + 1), the mean of the true rate over calibration samples.
        measured_fpr: Fraction of the background of this evaluation above it, with a Clopper-Pearson interval.
        signal_efficiency: Fraction of the signal above it, with such an interval.
        fewest: Calibration events that would allow a cut.
    """

    fpr: float
    delta: float
    calibration_events: int
    threshold: float | None
    expected_fpr: float | None
    measured_fpr: Measured | None
    signal_efficiency: Measured | None
    fewest: int


class Curve(Part):
    """A ROC curve, thinned for a figure: all of it where few background events pass, logarithmic beyond.

    Attributes:
        background: Fraction of the background above each cut.
        signal: Fraction of the signal above each cut.
    """

    background: list[Number]
    signal: list[Number]


class Separation(Part):
    """How well one score separates one signal from the background.

    Attributes:
        signal: Name of the signal.
        score: Name of the score.
        background_events: Background events that judge.
        signal_events: Signal events that judge.
        auroc: Area under the ROC curve, with its interval.
        auprc: Average precision at the prevalence of these samples.
        prevalence: Signal over all events of these samples: what `auprc` is of a score that knows nothing.
        working_points: Efficiency at 99, 99.9 and 99.99 % rejection.
        max_improvement: The largest ε_S/√ε_B, chosen on one half of the events and measured on the other; null if
            there are too few.
        promised: The cut of the artefact; null for scores that have none.
        curve: For the figure.
    """

    signal: str
    score: str
    background_events: int
    signal_events: int
    auroc: Measured
    auprc: Number
    prevalence: Number
    working_points: list[WorkingPoint]
    max_improvement: Measured | None
    promised: PromisedCut | None
    curve: Curve


class FeatureShift(Part):
    """One feature of the events of an error.

    Attributes:
        feature: Its name.
        shift: Their mean minus that of the reference, in standard deviations of the reference.
        significance: The shift over its statistical error.
    """

    feature: str
    shift: Number
    significance: Number


class ErrorAnalysis(Part):
    """What background that is flagged, and signal that is not, look like.

    Attributes:
        signal: Name of the signal.
        threshold: The cut.
        false_positives: Background events above it.
        false_positive_features: How they differ from background below the cut, the largest shift first.
        false_negatives: Signal events below it.
        false_negative_features: How they differ from signal above it, the largest shift first.
    """

    signal: str
    threshold: Number
    false_positives: int
    false_positive_features: list[FeatureShift]
    false_negatives: int
    false_negative_features: list[FeatureShift]


class EvaluationResult(Result):
    """A score judged where signal is known.

    Attributes:
        default_score: The score that the artefact uses.
        separations: Each score on each signal.
        errors: What the default score gets wrong, signal by signal.
        level: Confidence level of all intervals.
        seed: Of the halves that the largest improvement is chosen and measured on.
        artefact: Digest of the artefact.
    """

    default_score: str
    separations: list[Separation]
    errors: list[ErrorAnalysis]
    level: float
    seed: int
    artefact: str | None = None


class TrainingHistory(Part):
    """The training, epoch by epoch.

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
        history: Epoch by epoch.
        features: Columns that the network sees.
        constant: Columns that were left out since they never change.
        redundant: Columns that were left out since others say nearly the same.
        training_events: Events that it was trained on.
        calibration_events: Events that error rates are calibrated on.
        smallest_fpr: The lowest false-positive rate that they can promise.
        cpu_seconds: CPU time of all of it.
        joules: Energy of the processor, where it can be measured.
        artefact: Digest of the artefact.
    """

    history: TrainingHistory
    features: list[str]
    constant: list[str]
    redundant: list[str]
    training_events: int
    calibration_events: int
    smallest_fpr: Number
    cpu_seconds: Number
    joules: float | None = None
    artefact: str
