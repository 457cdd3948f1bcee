"""What the commands around a score answer, as JSON can hold it: explanations, characterisation, tables, rates.

The fields are a contract, kept by golden files. What scores and evaluations answer is in `results`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from neyman.anomaly.results import EvaluationResult, Number, TrainingResult
from neyman.core.results import Result


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Explanation(Result):
    r"""Why one event has its score.

    Attributes:
        row: Its row in the file, counted from 0.
        score: Its score; higher is more anomalous.
        p_value: The fraction of background that scores as high, from calibration events.
        feature_attribution: \(-\sigma s_j\,\mathrm{sign}(\partial z_j/\partial x_j)\) by feature, the strongest first:
            by how many units of the noise the feature is above (positive) or below (negative) what the learned
            background has for events like this.
        share: \(s_j^2/\sum_k s_k^2\) by feature; all add up to one.
        values: The features as they stand in the file.
    """

    row: int
    score: Number
    p_value: Number
    feature_attribution: dict[str, Number]
    share: dict[str, Number]
    values: dict[str, Number]


class Explanations(Result):
    """The events of highest score, or those that were asked for.

    Attributes:
        events: One explanation each, the highest score first.
        scored: Events in the file.
        artefact: Digest of the artefact.
    """

    events: list[Explanation]
    scored: int
    artefact: str


class ClassifierTest(_Part):
    """Whether a classifier can tell samples of the model from background.

    Attributes:
        auc: Area under its ROC curve on events it was not fitted on; 0.5 if it cannot.
        low: Lower end of the 95 % interval.
        high: Upper end.
        events: Events of each kind.
        reference_auc: The same classifier, background against background: what no difference looks like.
        reference_low: Lower end of its interval.
        reference_high: Upper end of its interval.
    """

    auc: Number
    low: Number
    high: Number
    events: int
    reference_auc: Number
    reference_low: Number
    reference_high: Number


class SigmaProfile(_Part):
    """The norm of the score over levels of noise: at which scale an event is unusual.

    Attributes:
        sigmas: Levels of noise in standard deviations of the features.
        background_median: Median σ‖s‖ of background at each.
        background_low: Its 16 % quantile.
        background_high: Its 84 % quantile.
        candidates: σ‖s‖ of each candidate at each level.
        rows: The row of each candidate.
    """

    sigmas: list[Number]
    background_median: list[Number]
    background_low: list[Number]
    background_high: list[Number]
    candidates: list[list[Number]]
    rows: list[int]


class ExcessCut(_Part):
    """Events above one threshold.

    Attributes:
        fpr: Fraction of the background sample above it.
        threshold: The score.
        observed: Events of the file above it.
        expected: What the background sample lets expect.
        p_value: Local one-sided p-value, with the statistical error of the background sample.
    """

    fpr: Number
    threshold: Number
    observed: int
    expected: Number
    p_value: Number


class Excess(_Part):
    """More candidates than the simulated background has?

    Attributes:
        cuts: The thresholds that were looked at.
        local_p_value: The smallest p-value of all.
        local_z: The same as a one-sided number of standard deviations.
        global_p_value: With the freedom to choose the threshold.
        global_z: The same in standard deviations.
        trials_factor: Global over local p-value.
        toys: Pseudo-experiments behind the global p-value.
        bounded: Whether too few pseudo-experiments were as extreme, and the p-value is an upper bound instead.
        background_events: Events of the background sample.
        events: Events of the file.
    """

    cuts: list[ExcessCut]
    local_p_value: Number
    local_z: Number
    global_p_value: Number
    global_z: Number
    trials_factor: Number
    toys: int
    bounded: bool
    background_events: int
    events: int


class Characterisation(Result):
    """What a model learned, and what candidates look like to it.

    Attributes:
        samples: The judgement on its Langevin samples.
        profile: The candidates over levels of noise.
        excess: Their significance; null without a background to compare with.
        seed: The seed of everything.
        artefact: Digest of the artefact.
    """

    samples: ClassifierTest
    profile: SigmaProfile
    excess: Excess | None = None
    seed: int
    artefact: str


class ScoreHistograms(_Part):
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


class ErrorRate(_Part):
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


class FeatureSummary(_Part):
    """One column of a table.

    Attributes:
        name: Its name.
        distinct: How many different numbers it has.
        most_common: Its most common number.
        most_common_fraction: How often that is.
        mean: Its mean.
        deviation: Its standard deviation.
        skewness: Third standardised moment; 0 of a symmetric distribution.
        edges: Edges of a histogram from the 0.5 % to the 99.5 % quantile.
        counts: Events in it; what is beyond is in the first and last bin.
    """

    name: str
    distinct: int
    most_common: Number
    most_common_fraction: Number
    mean: Number
    deviation: Number
    skewness: Number
    edges: list[Number]
    counts: list[int]


class Exploration(Result):
    """What a table looks like before anything is trained on it.

    Attributes:
        rows: Rows of the file.
        looked_at: Rows that the numbers are of.
        features: Each column.
        constant: Columns with one number.
        copies: Pairs of columns that are the same up to scale and shift.
        remarks: What deserves attention, in words.
        correlation_names: Columns that vary, in the order of the matrix.
        correlation: Their Pearson correlations.
        explained: Fraction of the variance that each principal component has, standardised columns.
        components: The first two principal components of up to 2000 rows.
        loadings: By component, the three columns that weigh most.
        distance_edges: Edges of the histograms of distances between standardised rows.
        distances: Of random pairs.
        nearest: Of each row and its nearest neighbour.
    """

    rows: int
    looked_at: int
    features: list[FeatureSummary]
    constant: list[str]
    copies: list[tuple[str, str]]
    remarks: list[str]
    correlation_names: list[str]
    correlation: list[list[Number]]
    explained: list[Number]
    components: list[list[Number]]
    loadings: list[list[str]]
    distance_edges: list[Number]
    distances: list[int]
    nearest: list[int]


class PathRate(_Part):
    """One path of a menu.

    Attributes:
        name: Its name.
        prescale: One accepted event in so many is kept.
        events: Simulated events that it accepts.
        rate: Its rate in Hz, after the prescale.
        rate_low: Lower end of the 68 % interval.
        rate_high: Upper end.
        unseen: What samples of which no event is accepted may add at 68 %, in Hz: 1.84 events of each.
        cumulative: Rate of this path and all before it together, each event counted once.
    """

    name: str
    prescale: int
    events: int
    rate: Number
    rate_low: Number
    rate_high: Number
    unseen: Number
    cumulative: Number


class SampleRate(_Part):
    """One sample.

    Attributes:
        name: Its name.
        cross_section: In pb.
        generated: Collisions that were generated.
        input_rate: Its rate in Hz before the menu.
        rate: Its rate in Hz after it.
    """

    name: str
    cross_section: Number
    generated: int
    input_rate: Number
    rate: Number


class TriggerResult(Result):
    """The rates of a menu, without pile-up.

    Attributes:
        luminosity: In cm⁻² s⁻¹.
        crossings: Rate of bunch crossings in Hz.
        target: The rate in Hz that was aimed at.
        paths: Each path.
        samples: Each sample.
        rate: Rate of the menu in Hz, each event counted once.
        rate_low: Lower end of the 68 % interval.
        rate_high: Upper end.
        unseen: What samples of which no event is kept may add at 68 %, in Hz.
        reduction: Crossings over the rate of the menu.
    """

    luminosity: Number
    crossings: Number
    target: Number
    paths: list[PathRate]
    samples: list[SampleRate]
    rate: Number
    rate_low: Number
    rate_high: Number
    unseen: Number
    reduction: Number


class FeatureComparison(_Part):
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


class Candidates(_Part):
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
