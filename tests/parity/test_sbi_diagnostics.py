"""The diagnostics of sbi on the same samples: an implementation that shares nothing with ours but the papers."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.diagnostics import central_coverage, hpd_coverage, rank_uniformity, ranks, tarp

pytestmark = [
    # sbi's dependencies (torch, pyro, arviz) warn about one another while they are imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

B, N, D = 300, 250, 2


@pytest.fixture(scope="module")
def samples():
    """Deliberately too narrow and shifted, so that the curves have a shape to compare."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=(B, D))
    data = truth + rng.normal(size=(B, D))
    return truth, 0.5 * data[:, None, :] + 0.2 + 0.5 * rng.normal(size=(B, N, D))


def log_prob(theta, centre):
    return -0.5 * ((theta - centre) ** 2).sum(-1)


def sbi_ranks(truth, posterior, reduce):
    import torch
    from sbi.diagnostics.sbc import _run_sbc

    found = _run_sbc(
        torch.as_tensor(truth), torch.zeros(len(truth), 1), torch.as_tensor(posterior).transpose(0, 1), reduce,
        show_progress_bar=False,
    )  # fmt: skip
    return found.numpy().astype(np.int64)


def test_ranks(samples):
    truth, posterior = samples
    ours = ranks(posterior, truth, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(ours, sbi_ranks(truth, posterior, "marginals"))


def test_kolmogorov_p_values(samples):
    import torch
    from sbi.diagnostics.sbc import check_uniformity_frequentist

    truth, posterior = samples
    ours = ranks(posterior, truth, rng=np.random.default_rng(1))
    theirs = check_uniformity_frequentist(torch.as_tensor(ours), N).numpy()
    for parameter in range(D):
        found = rank_uniformity(ours[:, parameter], N)
        # Theirs takes the discrete ranks as continuous, which moves the distance by up to 1/(N + 1).
        assert np.log(found.distance_p_value) == pytest.approx(np.log(theirs[parameter]), rel=0.15)


def test_highest_density_coverage(samples):
    truth, posterior = samples
    # Ranks of minus the log-density, as sbi counts them, are the cells of our regions less one.
    theirs = sbi_ranks(truth, posterior, lambda theta, _: -log_prob(theta, 0.0))[:, 0]
    curve = hpd_coverage(log_prob(truth, 0.0), log_prob(posterior, 0.0), rng=np.random.default_rng(1))
    np.testing.assert_allclose(curve.coverage, [(theirs < level * (N + 1) - 0.5).mean() for level in curve.level])


def test_central_coverage_from_the_ranks_of_sbi(samples):
    truth, posterior = samples
    theirs = sbi_ranks(truth, posterior, "marginals")[:, 0]
    curve = central_coverage(theirs, N, levels=np.array([0.68, 0.95]))
    tails = np.array([0.5 - curve.level / 2, 0.5 + curve.level / 2])
    low, high = np.quantile(posterior[:, :, 0], tails, axis=1, method="weibull")
    inside = ((low <= truth[:, 0]) & (truth[:, 0] <= high)).mean(axis=1)
    np.testing.assert_allclose(curve.coverage, inside)


def test_tarp(samples):
    import torch
    from sbi.diagnostics.tarp import _run_tarp

    truth, posterior = samples
    rng = np.random.default_rng(6)
    references = rng.uniform(truth.min(axis=0), truth.max(axis=0), size=truth.shape)
    # We z-score with the standard deviation, sbi with the range: give it what is z-scored already.
    scale = truth.std(axis=0)
    ecp, alpha = _run_tarp(
        torch.as_tensor(posterior / scale).transpose(0, 1),
        torch.as_tensor(truth / scale),
        torch.as_tensor(references / scale),
        num_bins=25,
    )
    levels = alpha.numpy()[1:-1].astype(np.float64)
    curve = tarp(posterior, truth, rng=rng, references=references, levels=levels)
    expected = np.interp(curve.level, alpha.numpy(), ecp.numpy())
    # Theirs are histogram bins, ours exact levels: one of B tests either side of an edge.
    np.testing.assert_allclose(curve.coverage, expected, atol=0.02)
    assert curve.p_value < 1e-3
