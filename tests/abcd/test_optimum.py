import numpy as np
import pytest
from scipy.stats import norm

from neyman.abcd.optimum import best_limit, counting_limit
from neyman.core.errors import DataError
from neyman.simulation.gaussians import ThreeGaussians


def test_cls_is_the_level_at_the_limit():
    b, s = np.array([50.0, 9.0]), np.array([15.0, 6.0])
    limits = counting_limit(b, s)
    for band, mu in zip((-2, -1, 0, 1, 2), limits, strict=True):
        q = 2 * (mu * s - b * np.log1p(mu * s / b)).sum()
        assert norm.sf(np.sqrt(q) - band) / norm.cdf(band) == pytest.approx(0.05, rel=1e-6)
    assert (np.diff(limits) > 0).all()


def test_a_bin_without_signal_does_not_matter():
    assert counting_limit(np.array([50.0, 0.0]), np.array([15.0, 0.0])) == pytest.approx(
        counting_limit(np.array([50.0]), np.array([15.0]))
    )


@pytest.mark.parametrize(("b", "s"), [([50.0], [0.0]), ([0.0], [3.0]), ([1.0, -1.0], [1.0, 1.0])])
def test_nothing_to_count_is_refused(b, s):
    with pytest.raises(DataError):
        counting_limit(np.array(b), np.array(s))


def test_the_best_cut_on_events_is_no_better_than_the_exact_one():
    """And not much worse: the exact yields are those of events."""
    toy, edges = ThreeGaussians(), np.array([0.0, 0.5, 1.0])
    exact = best_limit(toy, 1e5, 100.0, edges, least_yield=40.0)[2]
    events = {label: toy.sample(200_000, label, seed) for seed, label in enumerate(("background", "signal"))}
    found = []
    for cut in np.linspace(-1, 6, 71):
        b, s = (
            total / 200_000 * np.histogram(each["m"][toy.log_ratio(each) > cut], edges)[0]
            for total, each in ((1e5, events["background"]), (100.0, events["signal"]))
        )
        if (b >= 40).all():
            found.append(counting_limit(b, s)[2])
    assert min(found) == pytest.approx(exact, rel=0.1)


def test_a_yield_that_no_cut_leaves_is_refused():
    with pytest.raises(DataError, match="no cut leaves"):
        best_limit(ThreeGaussians(), 100.0, 100.0, np.array([0.0, 1.0]), least_yield=90.0)
