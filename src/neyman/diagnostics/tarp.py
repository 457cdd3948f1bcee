"""TARP: tests of accuracy with random points, the coverage of balls around references.

What to use when: it needs samples only, no density, and tests all parameters jointly. **It is blind to a posterior
that ignores the data as long as the references do not depend on the data**: the theorem of the paper asks for
coverage at every position of the reference, chosen as a function of the data. The default references are random, so
posterior = prior passes. Give `references` that are computed from the data, such as a rough estimate of the
parameters, to lift that blindness; never from the truth. Report the width and the KL divergence besides.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.diagnostics.coverage import CoverageCurve, coverage_of_sizes
from neyman.diagnostics.inputs import require_finite, require_shape


def tarp(
    samples: Float[np.ndarray, "b n d"],
    truth: Float[np.ndarray, "b d"],
    *,
    rng: np.random.Generator,
    references: Float[np.ndarray, "b d"] | None = None,
    levels: Float[np.ndarray, " k"] | None = None,
    confidence: float = 0.99,
) -> CoverageCurve:
    r"""Expected coverage of the balls around a reference point that reach to the truth.

    Lemos, Coogan, Hezaveh and Perreault-Levasseur, arXiv:2302.03026, Algorithm 2 and eq. (4): for reference
    \(\theta_r\) and truth \(\theta^*\), f is the fraction of the posterior samples closer to
    \(\theta_r\) than \(\theta^*\); f is uniform for the exact posterior. Parameters are
    z-scored with the truths first, so that their units do not matter. A curve below the diagonal at high levels
    and above it at low levels means too narrow, the reverse too wide.

    Args:
        samples: n independent posterior samples for each of b tests.
        truth: The parameters that made each test's data.
        rng: Draws the references and breaks ties.
        references: Reference of each test; default uniform in the bounding box of the truths.
        levels: Stated probabilities; moved to the nearest multiple of 1/(n + 1). Default 0.02 to 0.98.
        confidence: Confidence level of the intervals around the coverage.

    Raises:
        DataError: For empty or mismatched arrays, values that are not finite, a parameter with one value only, or
            levels outside (0, 1).

    Examples:
        >>> rng = np.random.default_rng(1)
        >>> x, prior_mean = rng.normal(size=(500, 1, 2)), 0.0
        >>> posterior = prior_mean + 0.5 * x + np.sqrt(0.5) * rng.normal(size=(500, 200, 2))
        >>> truth = 0.5 * x[:, 0] + np.sqrt(0.5) * rng.normal(size=(500, 2))
        >>> tarp(posterior, truth, rng=rng).p_value > 1e-3
        True
    """
    require_shape("samples", samples, (None, None, None))
    require_shape("truth", truth, (samples.shape[0], samples.shape[2]))
    require_finite("samples", samples)
    require_finite("truth", truth)
    scale = truth.std(axis=0)
    if not (scale > 0).all():
        raise DataError(
            f"parameter {int(np.argmin(scale))} has the same truth in all {len(truth)} tests",
            expected="truths drawn from the prior",
            hint="leave out parameters that are fixed",
        )
    if references is None:
        references = rng.uniform(truth.min(axis=0), truth.max(axis=0), size=truth.shape)
    require_shape("references", references, truth.shape)
    require_finite("references", references)
    to_samples = (((samples - references[:, None, :]) / scale) ** 2).sum(axis=2)
    to_truth = (((truth - references) / scale) ** 2).sum(axis=1)
    closer = (to_samples < to_truth[:, None]).sum(axis=1)
    equal = (to_samples == to_truth[:, None]).sum(axis=1)
    size = closer + rng.integers(0, equal + 1) + 1
    return coverage_of_sizes(size, samples.shape[1], levels=levels, confidence=confidence)
