"""The Mahalanobis distance: what a normal distribution makes of outliers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neyman.anomaly.scores.protocol import Prepared, fitting_events, scoring_events


class Mahalanobis:
    r"""\(\sqrt{(x - m)^T C^{-1} (x - m)}\) with mean m and covariance C of the background.

    Mahalanobis, Proc. Nat. Inst. Sci. India 2 (1936) 49. A millionth of the mean variance is added to the diagonal of
    C, so that features which are sums of others do not make it singular.
    """

    def __init__(self) -> None:
        self.mean: Float[np.ndarray, " k"] | None = None

    def fit(self, x: Prepared, x_validation: Prepared | None = None) -> Mahalanobis:
        """Mean and covariance of all events that are given."""
        every = fitting_events(x)
        if x_validation is not None:
            every = np.concatenate([every, scoring_events(x_validation, x.shape[1])])
        values = every.astype(np.float64)
        self.mean = values.mean(axis=0)
        C = np.atleast_2d(np.cov(values, rowvar=False, bias=True))
        ridge = 1e-6 * (float(C.diagonal().mean()) or 1.0)
        self._whitening = np.linalg.inv(np.linalg.cholesky(C + ridge * np.eye(len(C))))
        return self

    def score_samples(self, x: Prepared) -> Float[np.ndarray, " n"]:
        """The distance from the mean, in standard deviations."""
        scoring_events(x, None if self.mean is None else len(self.mean))
        return np.asarray(np.linalg.norm((x - self.mean) @ self._whitening.T, axis=1))
