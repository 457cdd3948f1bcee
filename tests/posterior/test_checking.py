"""What `check` says of estimators that are right, that are wrong, and that have learned nothing."""

import json

import numpy as np
import pytest

from neyman.events import Column, Schema
from neyman.posterior import checking
from neyman.posterior.checking import check, check_estimator, default_sizes
from neyman.posterior.estimators import ExactGrid, PriorEstimator
from neyman.posterior.results import CheckResult
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy, TruncatedNormal

SIZES = [20, 200]


class Wrong(GaussianToy):
    """A likelihood that is moved by some of its standard deviations, and wider or narrower than it should be."""

    def __init__(self, shift=0.0, width=1.0):
        super().__init__()
        self.shift, self.width = shift, width

    def log_likelihood_grid(self, grid, matrix):
        moved = matrix + self.shift / len(matrix) ** 0.5
        return super().log_likelihood_grid(grid, moved) / self.width**2


def checked(estimator, toy, prior, **changes):
    arguments = {"sizes": SIZES, "sets": 300, "exact_sets": 60, "seed": 1, "exact": ExactGrid(toy, prior), **changes}
    return check_estimator(estimator, toy, **arguments)


@pytest.fixture(scope="module")
def truth(toy, prior):
    """The check of the exact posterior itself."""
    return checked(ExactGrid(toy, prior), toy, prior)


@pytest.fixture(scope="module")
def nothing(toy, prior):
    """The check of the prior."""
    return checked(PriorEstimator(prior), toy, prior)


def failed(result):
    """The beginnings of the names of verdicts that failed at every size."""
    bad = [verdict.name.rpartition(" at ")[0] for verdict in result.verdicts if not verdict.passed]
    return {name for name in bad if bad.count(name) == len(result.sizes)}


RANKS, COVERAGE, TARP = "ranks of mu uniform", "coverage as stated", "TARP coverage as stated"
CLOSE, WIDE = "close to the exact posterior", "as wide as the exact posterior"


def test_the_exact_posterior_passes(truth):
    assert truth.passed
    assert len(truth.verdicts) == 5 * len(SIZES)
    assert all(verdict.passed for verdict in truth.verdicts)
    for size in truth.sizes:
        assert size.exact.kl == pytest.approx(0, abs=1e-4)
        assert size.exact.sd_ratio == pytest.approx(1, abs=1e-3)
        assert size.exact.shift_rms == pytest.approx(0, abs=1e-2)


def test_the_prior_is_calibrated_and_useless(nothing):
    assert not nothing.passed
    assert failed(nothing) == {CLOSE, WIDE}
    assert sum(not verdict.passed for verdict in nothing.verdicts) == 2 * len(SIZES)
    for size in nothing.sizes:
        assert size.exact.kl == pytest.approx(size.exact.kl_prior, rel=1e-6)
        assert size.exact.kl > 0.5


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (Wrong(shift=0.5), {RANKS, CLOSE}),
        (Wrong(shift=-0.5), {RANKS, CLOSE}),
        (Wrong(width=1.8), {RANKS, COVERAGE, CLOSE, WIDE}),
        (Wrong(width=0.55), {RANKS, COVERAGE, TARP, CLOSE, WIDE}),
    ],
    ids=["high", "low", "too wide", "too narrow"],
)
def test_what_is_wrong_is_flagged(toy, prior, wrong, expected):
    result = checked(ExactGrid(wrong, prior), toy, prior)
    assert not result.passed
    assert expected <= failed(result)


@pytest.mark.parametrize("width", [0.96, 1.04])
def test_a_width_that_is_off_by_a_little_is_seen_where_the_truth_is_known(toy, prior, width):
    result = checked(ExactGrid(Wrong(width=width), prior), toy, prior, sets=100, sizes=[2000])
    assert failed(result) == {WIDE}
    assert result.sizes[0].exact.sd_ratio == pytest.approx(width, abs=0.01)


def test_the_numbers_are_those_of_the_closed_form(toy, prior):
    """KL of a normal from one of another location and width; the prior's edges are far for most sets."""
    result = checked(ExactGrid(Wrong(shift=0.3, width=1.2), prior), toy, prior, sets=100, exact_sets=100, sizes=[5000])
    exact = result.sizes[0].exact
    expected = np.log(1.2) + (1 + 0.3**2) / (2 * 1.2**2) - 0.5
    assert exact.kl == pytest.approx(expected, rel=0.05)
    assert exact.sd_ratio == pytest.approx(1.2, rel=0.02)
    assert exact.shift_rms == pytest.approx(0.3, rel=0.05)


def test_widths_are_compared_with_the_bound_of_cramer_and_rao(truth):
    for size in truth.sizes:
        assert size.cramer_rao["mu"] == pytest.approx(size.n_events**-0.5)
        assert size.width["mu"] == pytest.approx(size.cramer_rao["mu"], rel=0.08)


def test_without_an_exact_posterior_only_calibration_is_judged(toy, prior):
    result = checked(PriorEstimator(prior), toy, prior, exact=None, sets=100)
    assert result.passed
    assert {verdict.name.rpartition(" at ")[0] for verdict in result.verdicts} == {RANKS, COVERAGE, TARP}
    assert all(size.exact is None for size in result.sizes)


def test_no_set_far_from_the_edges_means_no_width(toy, prior):
    """At three events the posterior always reaches an edge."""
    result = checked(ExactGrid(toy, prior), toy, prior, sizes=[3], sets=50, exact_sets=5)
    assert result.sizes[0].width == {"mu": None}
    assert json.loads(result.to_json())["sizes"][0]["width"] == {"mu": None}


def test_the_result_depends_on_the_seed_alone(toy, prior):
    options = {"sizes": [20], "sets": 60, "exact_sets": 20}
    first = checked(ExactGrid(toy, prior), toy, prior, **options)
    assert checked(ExactGrid(toy, prior), toy, prior, **options) == first
    assert checked(ExactGrid(toy, prior), toy, prior, **options, seed=2) != first


def test_sets_that_are_checked_in_pieces_all_count(toy, prior, monkeypatch):
    monkeypatch.setattr(checking, "_EVENTS_AT_ONCE", 20 * 13)
    result = checked(ExactGrid(toy, prior), toy, prior, sizes=[20], sets=100, exact_sets=40)
    assert len(result.sizes[0].ranks["mu"].ranks) == 100
    assert result.sizes[0].exact.sets == len(result.sizes[0].exact.exact_sd) == 40
    assert result.passed


def test_the_result_survives_json(truth, tmp_path):
    truth.save(tmp_path / "check.json")
    assert CheckResult.load(tmp_path / "check.json") == truth
    assert truth.parameters == ["mu"]


@pytest.mark.parametrize(
    ("serve", "sizes"),
    [
        ((200, 10_000), [200, 1000, 10_000]),
        ((100, 1000), [100, 300, 1000]),
        ((1, 1), [1]),
        ((50, 50), [50]),
        ((5, 9), [5, 7, 9]),
    ],
)
def test_default_sizes(serve, sizes):
    assert default_sizes(serve) == sizes


def test_a_trained_posterior_is_checked_at_the_sizes_that_it_serves(scores):
    result = check(scores, sets=100, exact_sets=50)
    assert [size.n_events for size in result.sizes] == [20, 60, 200]
    assert result.artefact is None  # it was not saved
    for size in result.sizes:
        assert size.exact.kl < checking.KL
        assert size.exact.kl_prior > 0.5
        assert size.ranks["mu"].p_value > checking.P_VALUE
        assert size.coverage.p_value > checking.P_VALUE


class Plane:
    """Two columns, each with a mean of its own: a simulator of two parameters."""

    parameters = ("a", "b")
    schema = Schema((Column(name="x"), Column(name="y")))

    def simulate_sets(self, theta, n_events, rng):
        return theta[:, None] + rng.normal(size=(len(theta), n_events, 2))

    def simulate(self, theta, n_events, rng):
        raise NotImplementedError

    def config(self):
        return {"kind": "Plane"}


class ExactPlane:
    """Its posterior: a truncated normal in each parameter."""

    prior = UniformPrior({"a": (-1.0, 1.0), "b": (2.0, 6.0)})

    def __init__(self, width=1.0):
        self.width = width

    def parts(self, matrix):
        scale = self.width / len(matrix) ** 0.5
        bounds = zip(matrix.mean(axis=0), self.prior.low, self.prior.high, strict=True)
        return [TruncatedNormal(mean, scale, low, high) for mean, low, high in bounds]

    def log_prob(self, theta, sets):
        rows = zip(theta, map(self.parts, sets), strict=True)
        return np.array([sum(part.log_prob(at[:, k]) for k, part in enumerate(parts)) for at, parts in rows])

    def sample(self, sets, count, rng):
        return np.array([np.stack([part.sample(count, rng) for part in self.parts(m)], axis=1) for m in sets])


@pytest.mark.parametrize(("width", "passed"), [(1.0, True), (0.6, False)])
def test_two_parameters(width, passed):
    result = check_estimator(ExactPlane(width), Plane(), sizes=[50], sets=100, exact_sets=10, seed=1, exact=None)
    assert result.passed == passed
    assert result.sizes[0].ranks.keys() == result.sizes[0].width.keys() == {"a", "b"}
    assert result.sizes[0].cramer_rao is None
