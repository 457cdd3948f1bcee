"""A boosted classifier of simulation against data, and the area under its ROC curve with an error."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from neyman.calibration.weighted import total_weight
from neyman.core.errors import DataError, require
from neyman.core.random import seed_from

LogOdds = Callable[[Float[np.ndarray, "n f"]], Float[np.ndarray, " n"]]
"""log p(data)/p(other) of events, as a classifier learned it from two samples of the same weight."""

LEAST_EVENTS = 100
"""Of each sample: with fewer, a classifier has nothing to learn from."""

_LEAVES, _ITERATIONS, _RATE = 8, 100, 0.1
_LEAF_SHARE = 200  # a leaf has one of so many events at least: what is looked for is weak, and noise is plenty
_PRIOR = 1 / 20  # of the events: of a weak residual, small leaves are noise that hides what large ones show
_LARGEST_ODDS = 1000.0
_CODES = 250  # of each feature; scikit-learn takes at most 255 different values as they are


class Area(NamedTuple):
    """An area under a ROC curve.

    Attributes:
        value: The area; 0.5 if the classifier cannot tell.
        error: Its standard deviation.
    """

    value: float
    error: float


def area_under_roc(
    data_scores: Float[np.ndarray, " n"],
    data_weights: Float[np.ndarray, " n"],
    other_scores: Float[np.ndarray, " m"],
    other_weights: Float[np.ndarray, " m"],
) -> Area:
    """The probability that an event of data has the higher score, ties counted half, and its error.

    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837, with sums over events replaced by
    weighted ones: var = Σ wᵢ²(V₁₀(i) − A)²/(Σw)² + Σ vⱼ²(V₀₁(j) − A)²/(Σv)². Weights may be negative; the area is then
    an estimate that may leave [0, 1].

    Raises:
        DataError: If the weights of either sample do not sum to a positive number.

    Examples:
        >>> area = area_under_roc(np.array([1.0, 2.0]), np.ones(2), np.array([0.0, 1.0]), np.ones(2))
        >>> area.value
        0.875
    """
    wins = _share_below(data_scores, other_scores, other_weights)
    losses = 1 - _share_below(other_scores, data_scores, data_weights)
    shares = data_weights / total_weight(data_weights, "data")
    other_shares = other_weights / total_weight(other_weights, "the other sample")
    value = float(shares @ wins)
    variance = ((shares * (wins - value)) ** 2).sum() + ((other_shares * (losses - value)) ** 2).sum()
    return Area(value, float(np.sqrt(variance)))


def _share_below(
    at: Float[np.ndarray, " n"], values: Float[np.ndarray, " m"], weights: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """The share of weight below each point, half of what is equal to it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    mean = (below[np.searchsorted(ordered, at, "left")] + below[np.searchsorted(ordered, at, "right")]) / 2
    return np.asarray(mean / below[-1])


def classifier_area(
    data: Float[np.ndarray, "n f"],
    data_weights: Float[np.ndarray, " n"],
    other: Float[np.ndarray, "m f"],
    other_weights: Float[np.ndarray, " m"],
    rng: np.random.Generator,
) -> Area:
    """The area of a classifier that is trained on one half and judged on the other, and the reverse; their mean.

    The two areas are not independent: whatever one half has by chance, its classifier looks for in the other, and as
    ⟨a, Kb⟩ = ⟨b, Ka⟩ finds as much of it there as it would the other way round. So the error is not divided by √2.

    Args:
        data: Features of events of data.
        data_weights: Their weights.
        other: Features of the events to tell from them.
        other_weights: Their weights.
        rng: Deals out the halves.

    Raises:
        DataError: If there are too few events, or weights of a half do not sum to a positive number.
        MissingDependencyError: If scikit-learn is not installed.
    """
    scores, other_scores, halves, other_halves = _cross_fitted(
        data, data_weights, other, other_weights, rng, prior=_PRIOR
    )
    areas = [
        area_under_roc(
            scores[halves == half],
            data_weights[halves == half],
            other_scores[other_halves == half],
            other_weights[other_halves == half],
        )
        for half in (False, True)
    ]
    return Area((areas[0].value + areas[1].value) / 2, float(np.sqrt((areas[0].error ** 2 + areas[1].error ** 2) / 2)))


def odds_of_data(
    data: Float[np.ndarray, "n f"],
    data_weights: Float[np.ndarray, " n"],
    other: Float[np.ndarray, "m f"],
    other_weights: Float[np.ndarray, " m"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " m"]:
    """p(data)/p(other) at the other events, each from a classifier that has not seen it.

    Raises:
        DataError: If there are too few events, or weights of a half do not sum to a positive number.
        MissingDependencyError: If scikit-learn is not installed.
    """
    return odds(_cross_fitted(data, data_weights, other, other_weights, rng)[1])


def odds(log_odds: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Odds from their logarithms, not beyond a thousand to one."""
    largest = np.log(_LARGEST_ODDS)
    return np.asarray(np.exp(np.clip(log_odds, -largest, largest)))


def fit_classifier(
    data: Float[np.ndarray, "n f"],
    data_weights: Float[np.ndarray, " n"],
    other: Float[np.ndarray, "m f"],
    other_weights: Float[np.ndarray, " m"],
    rng: np.random.Generator,
    *,
    prior: float = 0.0,
) -> LogOdds:
    """Boosted trees as log p(data)/p(other).

    Both samples have the same weight in all, whatever their sizes. Leaves whose weights sum to hardly anything, which
    negative ones may do, are not made.

    Args:
        data: Features of events of data.
        data_weights: Their weights.
        other: Features of the other events.
        other_weights: Their weights.
        rng: Deals out the events that decide when to stop.
        prior: Shrinks the odds of leaves towards one, as if so large a fraction of all events were in each of them and
            said nothing: more power for weak residuals, odds that are too cautious.

    Raises:
        DataError: If there are too few events, or their weights do not sum to a positive number.
        MissingDependencyError: If scikit-learn is not installed.
    """
    require("sklearn", job="calibration")
    ensemble = importlib.import_module("sklearn.ensemble")
    fewest = min(len(data), len(other))
    if fewest < LEAST_EVENTS:
        raise DataError(f"{fewest} events for a classifier", expected=f"at least {LEAST_EVENTS} of each sample")
    weights = np.concatenate(
        [
            data_weights * (fewest / total_weight(data_weights, "data")),
            other_weights * (fewest / total_weight(other_weights, "simulation")),
        ]
    )
    trees = ensemble.HistGradientBoostingClassifier(
        max_leaf_nodes=_LEAVES,
        max_iter=_ITERATIONS,
        learning_rate=_RATE,
        min_samples_leaf=max(20, fewest // _LEAF_SHARE),
        l2_regularization=prior * fewest,
        early_stopping=True,
        random_state=seed_from(rng),
    )
    labels = np.repeat([1, 0], [len(data), len(other)])
    coded = _coding(np.concatenate([data, other]))
    codes = np.concatenate([coded(data), coded(other)])
    trees.fit(codes, labels, sample_weight=weights)
    return lambda features: np.asarray(trees.decision_function(coded(features)))


def _coding(features: Float[np.ndarray, "n f"]) -> Callable[[Float[np.ndarray, "m f"]], Float[np.ndarray, "m f"]]:
    """Each feature as the number of its bin of equal population, which is all that trees see of it.

    Of weighted events scikit-learn finds such bins itself, but takes longer over it than over the trees.
    """
    edges = [np.unique(np.quantile(column, np.arange(1, _CODES) / _CODES)) for column in features.T]

    def coded(of: Float[np.ndarray, "m f"]) -> Float[np.ndarray, "m f"]:
        places = [np.searchsorted(each, column, side="left") for each, column in zip(edges, of.T, strict=True)]
        return np.stack(places, axis=1).astype(np.float64)

    return coded


def _cross_fitted(
    data: Float[np.ndarray, "n f"],
    data_weights: Float[np.ndarray, " n"],
    other: Float[np.ndarray, "m f"],
    other_weights: Float[np.ndarray, " m"],
    rng: np.random.Generator,
    *,
    prior: float = 0.0,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"], Bool[np.ndarray, " n"], Bool[np.ndarray, " m"]]:
    """Scores from a classifier trained on the half that an event is not in, and which half it is in."""
    halves, other_halves = (rng.permutation(size) % 2 == 1 for size in (len(data), len(other)))
    scores, other_scores = np.empty(len(data)), np.empty(len(other))
    for half in (False, True):
        seen, other_seen = halves != half, other_halves != half
        log_odds = fit_classifier(
            data[seen], data_weights[seen], other[other_seen], other_weights[other_seen], rng, prior=prior
        )
        scores[~seen], other_scores[~other_seen] = log_odds(data[~seen]), log_odds(other[~other_seen])
    return scores, other_scores, halves, other_halves
