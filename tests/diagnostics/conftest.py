"""A toy whose posterior is known: prior N(0, 1), data N(θ, 1), so posterior N(x/2, 1/2), in each of d dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

POSTERIOR_SD = np.sqrt(0.5)


@dataclass(frozen=True)
class Tests:
    data: np.ndarray
    truth: np.ndarray
    samples: np.ndarray
    log_prob_truth: np.ndarray
    log_prob_samples: np.ndarray


@pytest.fixture(scope="session")
def gaussian():
    """Makes tests of a claimed posterior N(x/2 + shift·sd, (width·sd)²), or of the prior in its place."""

    def make(seed=1, *, b=1000, n=199, d=1, width=1.0, shift=0.0, prior=False):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(b, d))
        data = truth + rng.normal(size=(b, d))
        mean = np.zeros((b, d)) if prior else 0.5 * data + shift * POSTERIOR_SD
        sd = 1.0 if prior else width * POSTERIOR_SD
        samples = mean[:, None, :] + sd * rng.normal(size=(b, n, d))

        def log_prob(theta, centre):
            return -0.5 * (((theta - centre) / sd) ** 2).sum(axis=-1) - d * np.log(sd)

        return Tests(data, truth, samples, log_prob(truth, mean), log_prob(samples, mean[:, None, :]))

    return make
