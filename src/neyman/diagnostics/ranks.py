"""Simulation-based calibration: the rank of the truth among posterior samples, and whether ranks are uniform.

What to use when: `ranks` and `rank_uniformity` answer "is each one-dimensional posterior calibrated?". They are
blind to a posterior that ignores the data: posterior = prior has uniform ranks by construction. Report the width
and, where an exact posterior is known, the KL divergence (`grids.kl_divergence`) beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from neyman.core.errors import DataError
from neyman.diagnostics.inputs import require_finite, require_shape
from neyman.diagnostics.kolmogorov import kolmogorov_distance, kolmogorov_p_value


@dataclass(frozen=True)
class UniformityTest:
    """Whether ranks are uniform, by a binned and by an unbinned test.

    Attributes:
        n: Number of ranks.
        bins: Number of bins of the chi-square test.
        chi_square: Its statistic, with `bins` − 1 degrees of freedom.
        chi_square_p_value: Its p-value.
        distance: Kolmogorov-Smirnov distance of the empirical distribution function.
        distance_p_value: Its p-value.
    """

    n: int
    bins: int
    chi_square: float
    chi_square_p_value: float
    distance: float
    distance_p_value: float

    @property
    def p_value(self) -> float:
        """Both tests as one: twice the smaller p-value (Bonferroni), at most 1."""
        return min(1.0, 2 * min(self.chi_square_p_value, self.distance_p_value))


def ranks(
    samples: Float[np.ndarray, "b n d"], truth: Float[np.ndarray, "b d"], *, rng: np.random.Generator
) -> Int[np.ndarray, "b d"]:
    """The number of posterior samples below the truth, for each test and parameter.

    Talts et al., arXiv:1804.06788, Theorem 1: if truths come from the prior, data from the truths and samples
    from the exact posterior, every rank 0..n is equally probable. Ties are broken at random, which keeps
    that true for parameters that are rounded or bounded.

    Args:
        samples: n independent posterior samples for each of b tests.
        truth: The parameters that made each test's data.
        rng: Breaks ties.

    Raises:
        DataError: For empty or mismatched arrays, or values that are not finite.

    Examples:
        >>> samples = np.arange(10.0).reshape(1, 10, 1)
        >>> int(ranks(samples, np.array([[6.5]]), rng=np.random.default_rng(1))[0, 0])
        7
    """
    require_shape("samples", samples, (None, None, None))
    require_shape("truth", truth, (samples.shape[0], samples.shape[2]))
    require_finite("samples", samples)
    require_finite("truth", truth)
    below = (samples < truth[:, None, :]).sum(axis=1)
    equal = (samples == truth[:, None, :]).sum(axis=1)
    return np.asarray(below + rng.integers(0, equal + 1))


def rank_uniformity(ranks: Int[np.ndarray, " b"], n_samples: int, *, bins: int | None = None) -> UniformityTest:
    """Test whether the ranks of one parameter are uniform on 0..n_samples.

    Pearson's chi-square sees ∪, ∩ and tilted histograms; the Kolmogorov-Smirnov distance of the distribution
    function needs no bins and is best at a shift. The bins need not divide n_samples + 1: each expects as
    many ranks as it has rank values.

    Args:
        ranks: One rank per test.
        n_samples: Posterior samples per test; the largest possible rank.
        bins: Bins of the chi-square test; default 20, fewer if a bin would expect fewer than 10 ranks.

    Raises:
        DataError: For no ranks, ranks outside 0..n_samples, or bins outside 2..n_samples + 1.

    Examples:
        >>> test = rank_uniformity(np.repeat(np.arange(100), 5), 99)
        >>> print(test.bins, test.chi_square, round(test.distance, 12), round(test.p_value, 3))
        20 0.0 0.0 1.0
    """
    from scipy.special import chdtrc

    check_ranks(ranks, n_samples)
    if bins is None:
        bins = max(2, min(20, len(ranks) // 10, n_samples + 1))
    if not 2 <= bins <= n_samples + 1:
        raise DataError(f"{bins} bins", expected=f"2 to {n_samples + 1}, the number of possible ranks")
    observed, expected = rank_histogram(ranks, n_samples, bins)
    chi_square = float(((observed - expected) ** 2 / expected).sum())
    counts = np.bincount(ranks, minlength=n_samples + 1)
    law = np.arange(1, n_samples + 2) / (n_samples + 1)
    distance = kolmogorov_distance(np.cumsum(counts) / len(ranks), law)
    return UniformityTest(
        n=len(ranks),
        bins=bins,
        chi_square=chi_square,
        chi_square_p_value=float(chdtrc(bins - 1, chi_square)),
        distance=distance,
        distance_p_value=kolmogorov_p_value(distance, len(ranks)),
    )


def rank_histogram(
    ranks: Int[np.ndarray, " b"], n_samples: int, bins: int
) -> tuple[Int[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """Ranks counted in bins of almost equal numbers of rank values, and the counts that uniform ranks expect."""
    bin_of_rank = np.arange(n_samples + 1) * bins // (n_samples + 1)
    observed = np.bincount(bin_of_rank[ranks], minlength=bins)
    expected = len(ranks) * np.bincount(bin_of_rank, minlength=bins) / (n_samples + 1)
    return observed, expected


def check_ranks(ranks: Int[np.ndarray, " b"], n_samples: int) -> None:
    """Refuse what cannot be ranks among n_samples.

    Raises:
        DataError: For no ranks, more than one axis, or ranks outside 0..n_samples.
    """
    require_shape("ranks", ranks, (None,))
    if ranks.min() < 0 or ranks.max() > n_samples:
        raise DataError(
            f"ranks from {ranks.min()} to {ranks.max()}",
            expected=f"0 to {n_samples}, the number of posterior samples",
        )
