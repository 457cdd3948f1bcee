"""What `characterise` answers, as JSON can hold it."""

from __future__ import annotations

from neyman.core.results import Number, Part, Result


class ClassifierTest(Part):
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


class SigmaProfile(Part):
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


class ExcessCut(Part):
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


class Excess(Part):
    """More candidates than the simulated background has?

    Attributes:
        cuts: The thresholds that were looked at.
        local_p_value: The smallest p-value of all; 0 if no float is as small.
        local_z: The same as a one-sided number of standard deviations, from its logarithm; 0 if there is no excess.
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
