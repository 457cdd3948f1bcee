"""Expected coverage: how often regions of a stated probability contain the truth.

What to use when: `hpd_coverage` tests the joint posterior through its own density; `central_coverage` tests one
parameter and needs only its ranks. Both average over the prior, and both are blind to a posterior that ignores the
data: posterior = prior covers perfectly. Report the width, and the KL divergence where a truth is known, beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_finite, require_shape
from neyman.diagnostics.intervals import binomial_interval
from neyman.diagnostics.kolmogorov import kolmogorov_distance, kolmogorov_p_value
from neyman.diagnostics.ranks import check_ranks


@dataclass(frozen=True)
class CoverageCurve:
    """Coverage against stated probability, with its statistical uncertainty.

    Attributes:
        level: Stated probabilities of the regions, shape `(k,)`.
        coverage: Fraction of tests whose truth is inside, shape `(k,)`.
        low: Lower end of the Clopper-Pearson interval of the coverage, shape `(k,)`.
        high: Upper end, shape `(k,)`.
        confidence: Confidence level of these intervals, at each point on its own.
        n: Number of tests.
        max_deviation: Largest |coverage − level| over all possible levels, not only the listed ones.
        p_value: Probability of a deviation at least that large in n tests of a calibrated posterior
            (Kolmogorov-Smirnov).
    """

    level: Float[np.ndarray, " k"]
    coverage: Float[np.ndarray, " k"]
    low: Float[np.ndarray, " k"]
    high: Float[np.ndarray, " k"]
    confidence: float
    n: int
    max_deviation: float
    p_value: float


def hpd_coverage(
    log_prob_truth: Float[np.ndarray, " b"],
    log_prob_samples: Float[np.ndarray, "b n"],
    *,
    rng: np.random.Generator,
    levels: Float[np.ndarray, " k"] | None = None,
    confidence: float = 0.99,
) -> CoverageCurve:
    """Expected coverage of the regions of highest posterior density.

    Hermans et al., arXiv:2110.06581, estimated from ranks as by Deistler et al., arXiv:2210.04815: the truth is
    inside the region of level α if fewer than a fraction α of the posterior samples have a higher density. Ties
    (a flat posterior is nothing else) are broken at random.

    Args:
        log_prob_truth: Log-density of the posterior at the truth of each of b tests; −∞ is never covered.
        log_prob_samples: Log-density of the same posterior at n of its own samples.
        rng: Breaks ties.
        levels: Stated probabilities; moved to the nearest multiple of 1/(n + 1), where coverage is exact.
            Default 0.02 to 0.98.
        confidence: Confidence level of the intervals around the coverage.

    Raises:
        DataError: For empty or mismatched arrays, NaN or +∞, or levels outside (0, 1).

    Examples:
        >>> truth, samples = np.array([-0.5, -3.0]), np.array([[-1.0, -2.0, -4.0], [-1.0, -2.0, -4.0]])
        >>> curve = hpd_coverage(truth, samples, rng=np.random.default_rng(1), levels=np.array([0.25, 0.75]))
        >>> print(curve.level, curve.coverage)
        [0.25 0.75] [0.5 1. ]
    """
    require_shape("log_prob_samples", log_prob_samples, (None, None))
    require_shape("log_prob_truth", log_prob_truth, (len(log_prob_samples),))
    require_finite("log_prob_samples", log_prob_samples, log_density=True)
    require_finite("log_prob_truth", log_prob_truth, log_density=True)
    higher = (log_prob_samples > log_prob_truth[:, None]).sum(axis=1)
    equal = (log_prob_samples == log_prob_truth[:, None]).sum(axis=1)
    size = higher + rng.integers(0, equal + 1) + 1
    # A truth outside the support is in no region: not even a tie with a sample whose density underflowed helps.
    size = np.where(np.isneginf(log_prob_truth), log_prob_samples.shape[1] + 1, size)
    return coverage_of_sizes(size, log_prob_samples.shape[1], levels=levels, confidence=confidence)


def central_coverage(
    ranks: Int[np.ndarray, " b"],
    n_samples: int,
    *,
    levels: Float[np.ndarray, " k"] | None = None,
    confidence: float = 0.99,
) -> CoverageCurve:
    """Expected coverage of the central intervals of one parameter.

    They do not see the direction of a bias: a posterior that is shifted either way looks too narrow here.
    `rank_uniformity` and the rank histogram tell the two apart.

    Args:
        ranks: Rank of the truth among the samples of each test (`neyman.diagnostics.ranks`).
        n_samples: Posterior samples per test.
        levels: Stated probabilities; moved to the nearest that a central interval between samples has.
            Default 0.02 to 0.98.
        confidence: Confidence level of the intervals around the coverage.

    Raises:
        DataError: For no ranks, ranks outside 0..n_samples, or levels outside (0, 1).

    Examples:
        >>> curve = central_coverage(np.arange(100), 99, levels=np.array([0.68]))
        >>> print(curve.level, curve.coverage, curve.max_deviation)
        [0.68] [0.68] 0.0
    """
    check_ranks(ranks, n_samples)
    return coverage_of_sizes(
        np.abs(2 * ranks - n_samples) + 1, n_samples, levels=levels, confidence=confidence, stride=2
    )


def coverage_of_sizes(
    size: Int[np.ndarray, " b"],
    n_samples: int,
    *,
    levels: Float[np.ndarray, " k"] | None = None,
    confidence: float = 0.99,
    stride: int = 1,
) -> CoverageCurve:
    """The coverage curve of nested regions.

    n samples cut the parameter space into n + 1 cells that a calibrated truth falls into with equal
    probability, so a region of s cells has level s/(n + 1) exactly.

    Args:
        size: Number of cells of the smallest region that contains the truth, 1..n_samples + 1, of each test.
        n_samples: Posterior samples per test.
        levels: Stated probabilities, moved to the nearest possible ones.
        confidence: Confidence level of the intervals around the coverage.
        stride: Difference in cells of one region to the next; the largest region has all n + 1.

    Raises:
        DataError: For levels outside (0, 1).
    """
    asked = np.linspace(0.02, 0.98, 49) if levels is None else levels
    require_finite("levels", asked)
    if len(asked) == 0 or asked.min() <= 0 or asked.max() >= 1:
        raise DataError("levels outside (0, 1) or none", expected="stated probabilities such as 0.68 and 0.95")
    cells = n_samples + 1
    possible = np.arange(cells, 0, -stride)[::-1]
    covered = np.searchsorted(np.sort(size), possible, side="right")
    nearest = np.abs(possible[None, :] / cells - asked[:, None]).argmin(axis=1)
    chosen = np.unique(nearest)
    low, high = binomial_interval(covered[chosen], len(size), level=confidence)
    distance = kolmogorov_distance(covered / len(size), possible / cells)
    return CoverageCurve(
        level=possible[chosen] / cells,
        coverage=covered[chosen] / len(size),
        low=low,
        high=high,
        confidence=confidence,
        n=len(size),
        max_deviation=distance,
        p_value=kolmogorov_p_value(distance, len(size)),
    )
