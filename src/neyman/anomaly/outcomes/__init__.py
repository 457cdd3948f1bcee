"""What the commands around a score answer, as JSON can hold it: explanations, characterisation, tables, rates.

The fields are a contract, kept by golden files. What scores and evaluations answer is in `results`.
"""

from neyman.anomaly.outcomes.characterisation import Characterisation, ClassifierTest, Excess, ExcessCut, SigmaProfile
from neyman.anomaly.outcomes.explanations import Explanation, Explanations
from neyman.anomaly.outcomes.exploration import Exploration, FeatureSummary
from neyman.anomaly.outcomes.rates import PathRate, SampleRate, TriggerResult
from neyman.anomaly.outcomes.run import AnomalyResult, Candidates, ErrorRate, FeatureComparison, ScoreHistograms

__all__ = [
    "AnomalyResult",
    "Candidates",
    "Characterisation",
    "ClassifierTest",
    "ErrorRate",
    "Excess",
    "ExcessCut",
    "Explanation",
    "Explanations",
    "Exploration",
    "FeatureComparison",
    "FeatureSummary",
    "PathRate",
    "SampleRate",
    "ScoreHistograms",
    "SigmaProfile",
    "TriggerResult",
]
