r"""More events of high score than the simulated background has: local and global significance.

Under the hypothesis that the events of a file and those of a background sample come from one distribution, which of the
n + m scores belong to the file is as random as a draw without replacement. Of the K events of highest score, the file
then has a hypergeometric number: Fisher's exact test, *Statistical Methods for Research Workers* (1934) sect. 21.02.
It needs no distribution of scores and includes the statistical error of the background sample.

Several thresholds are looked at and the best one is taken. What that freedom is worth, the trials factor, comes from
pseudo-experiments of the same draw, as in Gross and Vitells, arXiv:1005.1891, sect. 1. It says nothing of mistakes that
the background sample has in common with itself: mismodelling looks like an excess.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from neyman.anomaly.conformal import require_scores
from neyman.anomaly.outcomes import Excess, ExcessCut
from neyman.core.errors import DataError
from neyman.core.random import stream

FRACTIONS = (0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
"""Of all events, above which thresholds are set; those with fewer than `LEAST` events are left out."""
LEAST = 3
EXTREME = 10
"""Pseudo-experiments that have to be as extreme; with fewer, the bound by the number of thresholds stands."""
_TINY = 1e-280  # below, scipy's sum of probabilities loses its digits


def find_excess(
    scores: Float[np.ndarray, " n"],
    background: Float[np.ndarray, " m"],
    *,
    fractions: tuple[float, ...] = FRACTIONS,
    toys: int = 10_000,
    seed: int = 0,
) -> Excess:
    """Compare the scores of a file with those of a background sample.

    Args:
        scores: Of the events of the file.
        background: Of simulated background that the model was neither trained nor calibrated on.
        fractions: Of all events together, above which the thresholds are.
        toys: Pseudo-experiments for the global p-value.
        seed: Their seed.

    Raises:
        DataError: If there are fewer than ten events in either, a score is not finite, or no fraction leaves events.

    Examples:
        >>> found = find_excess(np.arange(200.0), np.arange(0.5, 2000.5) / 10, toys=200)
        >>> found.local_z < 2, found.global_p_value >= found.local_p_value
        (True, True)
    """
    for name, values in (("score", scores), ("score of the background", background)):
        require_scores(name, values)
        if len(values) < 10:
            raise DataError(f"{len(values)} events", where=name, expected="at least 10 to compare")
    n, m = len(scores), len(background)
    pooled = np.sort(np.concatenate([scores, background]))[::-1]
    thresholds = _thresholds(pooled, fractions)
    if not len(thresholds):
        raise DataError(f"{n + m} events, of which no fraction leaves {LEAST}", expected="more events")
    observed = np.array([(scores >= each).sum() for each in thresholds])
    above = np.array([(pooled >= each).sum() for each in thresholds])
    local = _p_values(observed, above, n, m)
    smallest, log_smallest = float(local.min()), float(_log_p_values(local, observed, above, n, m).min())
    least = np.ones(toys)
    for drawn, total in zip(_toys(above, n, m, toys, seed).T, above.tolist(), strict=True):
        counts, which = np.unique(drawn, return_inverse=True)
        least = np.minimum(least, _p_values(counts, total, n, m)[which])
    extreme = int((least <= smallest * (1 + 1e-9)).sum())
    bounded = extreme < EXTREME
    if bounded:
        log_overall = min(0.0, math.log(len(above)) + log_smallest)
    else:
        log_overall = max(log_smallest, math.log((extreme + 1) / (toys + 1)))
    return Excess(
        cuts=[
            ExcessCut(
                fpr=float(total - seen) / m,
                threshold=float(threshold),
                observed=int(seen),
                expected=n * float(total - seen) / m,
                p_value=float(p),
            )
            for threshold, seen, total, p in zip(thresholds, observed, above, local, strict=True)
        ],
        local_p_value=smallest,
        local_z=_sigmas(log_smallest),
        global_p_value=max(smallest, math.exp(log_overall)),
        global_z=_sigmas(log_overall),
        trials_factor=math.exp(log_overall - log_smallest),
        toys=toys,
        bounded=bounded,
        background_events=m,
        events=n,
    )


def _thresholds(pooled: Float[np.ndarray, " t"], fractions: tuple[float, ...]) -> Float[np.ndarray, " k"]:
    """The score of the event that a fraction of all is at or above; each score once, falling fractions."""
    ranks = [round(fraction * len(pooled)) for fraction in fractions]
    return np.array(list(dict.fromkeys(pooled[rank - 1] for rank in ranks if LEAST <= rank < len(pooled))))


def _p_values(observed: Int[np.ndarray, " k"], above: np.ndarray | int, n: int, m: int) -> Float[np.ndarray, " k"]:
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.sf(observed - 1, n + m, n, above))


def _log_p_values(
    p_values: Float[np.ndarray, " k"], observed: Int[np.ndarray, " k"], above: Int[np.ndarray, " k"], n: int, m: int
) -> Float[np.ndarray, " k"]:
    """Their logarithms, from the slower sum of logarithms where a p-value is too small for a float."""
    from scipy.stats import hypergeom

    tiny = p_values < _TINY
    logs = np.log(np.where(tiny, 1.0, p_values))
    logs[tiny] = hypergeom.logsf(observed[tiny] - 1, n + m, n, above[tiny])
    return logs


def _toys(above: Int[np.ndarray, " k"], n: int, m: int, toys: int, seed: int) -> Int[np.ndarray, "toys k"]:
    """How many events of the file are above each threshold if only chance decides: draws one inside the other."""
    rng = stream(seed, "excess", "toys")
    drawn = np.zeros((toys, len(above)), dtype=np.int64)
    total, inside = n + m, np.full(toys, n)
    for number, ones in enumerate(above):  # of the events above the last threshold, so many are above the next
        inside = rng.hypergeometric(inside, total - inside, ones) if ones < total else inside
        drawn[:, number], total = inside, int(ones)
    return drawn


def _sigmas(log_p: float) -> float:
    """Standard deviations of a one-sided p-value, also of one that no float can hold; 0 of one above a half."""
    from scipy.special import ndtri_exp

    return max(0.0, -float(ndtri_exp(log_p)))
