"""What `explain` answers, as JSON can hold it."""

from __future__ import annotations

from neyman.core.results import Number, Result


class Explanation(Result):
    r"""Why one event has its score.

    Attributes:
        row: Its row in the file, counted from 0.
        score: Its score; higher is more anomalous.
        p_value: The fraction of background that scores as high, from calibration events.
        feature_attribution: \(-\sigma s_j\,\mathrm{sign}(\partial z_j/\partial x_j)\) by feature, the strongest first:
            by how many units of the noise the feature is above (positive) or below (negative) what the learned
            background has for events like this.
        share: Of the sum of the squares of the attributions, by feature; all add up to one.
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
