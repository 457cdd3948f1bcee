r"""What a model learned, and what candidates look like to it.

What to use when:

- `judge`: are Langevin samples of the learned background like background? A classifier that cannot tell has an area
  under the ROC curve of 0.5 (Friedman, SLAC-PUB-10325 (2003); Lopez-Paz and Oquab, arXiv:1610.06545). Beside it stands
  background against background.
- `sigma_profile`: at which scale is a candidate unusual? σ‖s(z, σ)‖ over all levels of noise.
- `neyman.anomaly.excess`: are there more candidates than the simulated background has?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from neyman.anomaly.outcomes import ClassifierTest, SigmaProfile
from neyman.core.errors import DataError, require
from neyman.core.random import seed_from, stream
from neyman.diagnostics.roc import Estimate, auroc

LEAST = 100
"""Events of each kind, below which a classifier says nothing."""


def judge(samples: Float[np.ndarray, "n d"], background: Float[np.ndarray, "m e"], *, seed: int = 0) -> ClassifierTest:
    """Let boosted trees tell samples from background, on halves that they were not fitted on.

    Args:
        samples: Of the model, in standardised features.
        background: Events that the model was not trained on, in standardised features; half as many again serve as the
            reference.
        seed: Of the halves and the trees.

    Raises:
        DataError: If widths differ, or there are fewer than 100 samples, or fewer than 200 background events.
        MissingDependencyError: If scikit-learn is not installed.
    """
    if samples.shape[1] != background.shape[1]:
        raise DataError(f"{samples.shape[1]} and {background.shape[1]} features", expected="the same features")
    events = min(len(samples), len(background) // 2)
    if events < LEAST:
        raise DataError(
            f"{len(samples)} samples and {len(background)} background events",
            expected=f"at least {LEAST} samples and {2 * LEAST} background events",
        )
    rng = stream(seed, "characterise", "classifier")
    chosen = background[rng.permutation(len(background))[: 2 * events]]
    first, second = chosen[:events], chosen[events:]
    drawn = samples[rng.permutation(len(samples))[:events]]
    found, reference = _told_apart(drawn, first, rng), _told_apart(second, first, rng)
    return ClassifierTest(
        auc=found.value, low=found.low, high=found.high, events=events,
        reference_auc=reference.value, reference_low=reference.low, reference_high=reference.high,
    )  # fmt: skip


def _told_apart(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> Estimate:
    """The area under the ROC curve of a classifier that was fitted on one half, on the other half."""
    ensemble = require("sklearn.ensemble", job="anomaly")
    classifier = ensemble.HistGradientBoostingClassifier(max_iter=150, early_stopping=True, random_state=seed_from(rng))
    half = len(a) // 2
    classifier.fit(np.concatenate([a[:half], b[:half]]), np.repeat([1, 0], half))
    score_a, score_b = (classifier.predict_proba(part[half:])[:, 1].astype(np.float64) for part in (a, b))
    return auroc(score_b, score_a)


def sigma_profile(
    scaled_score: Callable[[Float[np.ndarray, "n d"], int], Float[np.ndarray, "n d"]],
    sigmas: Sequence[float],
    background: Float[np.ndarray, "m d"],
    candidates: Float[np.ndarray, "n d"],
    rows: Sequence[int],
) -> SigmaProfile:
    """σ‖s‖ of candidates over the levels of noise, with background to compare with.

    Args:
        scaled_score: σ s(z, σ) of standardised features and the index of a level.
        sigmas: The levels.
        background: Standardised background events.
        candidates: Standardised candidates.
        rows: Their rows in the file.
    """
    norms = [np.linalg.norm(scaled_score(background, level), axis=1) for level in range(len(sigmas))]
    low, median, high = np.quantile(np.stack(norms), [0.16, 0.5, 0.84], axis=1)
    of_candidates = [np.linalg.norm(scaled_score(candidates, level), axis=1) for level in range(len(sigmas))]
    return SigmaProfile(
        sigmas=list(sigmas),
        background_median=median.tolist(),
        background_low=low.tolist(),
        background_high=high.tolist(),
        candidates=np.stack(of_candidates, axis=1).tolist(),
        rows=list(rows),
    )
