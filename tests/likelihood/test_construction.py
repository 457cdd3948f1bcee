"""The Neyman construction where acceptance regions are known in closed form, and where asymptotic intervals fail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, norm, poisson

from neyman.core.errors import InputError
from neyman.likelihood.construction import LEVELS, neyman_construction
from neyman.likelihood.data import Data
from neyman.likelihood.outcomes import NeymanConstruction
from neyman.likelihood.toys import draw

from .mixture import drawn, workspace


@pytest.fixture(scope="module")
def measured(build):
    """`measured(x, low, high)`: a parameter between bounds, measured to be x with an error of 1, and nothing else."""

    def make(x, low, high):
        setting = {"name": "a", "bounds": [[low, high]], "auxdata": [x], "inits": [max(x, low)]}
        sample = ([100.0], ("normsys", "a", {"lo": 1.0, "hi": 1.0}))
        return build({"SR": {"all": sample}}, {"SR": [100]}, parameters=[setting], poi="a").model().fit()

    return make


@pytest.fixture(scope="module")
def few(build):
    """Half an event of background, a signal of strength mu that is not negative, and one event."""
    samples = {"signal": ([1.0], ("normfactor", "mu")), "background": ([0.5],)}
    return build({"SR": samples}, {"SR": [1]}, parameters=[{"name": "mu", "bounds": [[0.0, 20.0]]}]).model().fit()


def bounded_critical(mu, level):
    """What t of a Gaussian x with μ ≥ 0 does not exceed: for x < 0 the best μ is 0 (Feldman and Cousins, eq. 4.3)."""

    def inside(c):
        lowest = mu - np.sqrt(c) if mu >= np.sqrt(c) else (mu**2 - c) / (2 * mu)
        return norm.cdf(np.sqrt(c)) - norm.cdf(lowest - mu) - level

    return brentq(inside, 1e-9, 20)


def test_gaussian_measurement_far_from_bounds(measured):
    found = neyman_construction(measured(0.3, -20, 20), low=-2.7, high=3.3, points=7, count=1000, seed=1)
    assert found.observed == pytest.approx([(value - 0.3) ** 2 for value in found.values], abs=1e-6)
    for level, critical, error, interval, asymptotic in (
        (1, found.critical_68, found.critical_68_error, found.interval_68, found.asymptotic_68),
        (2, found.critical_95, found.critical_95_error, found.interval_95, found.asymptotic_95),
    ):
        pulls = (np.array(critical) - level**2) / np.array(error)
        assert np.abs(pulls).max() < 4.5
        assert np.mean(pulls**2) < 2.5
        assert (asymptotic.lower, asymptotic.upper) == pytest.approx((0.3 - level, 0.3 + level), abs=1e-6)
        assert interval.lower == pytest.approx(0.3 - level, abs=4 * interval.lower_error)
        assert interval.upper == pytest.approx(0.3 + level, abs=4 * interval.upper_error)
        assert 0.01 < interval.upper_error < 0.12
    assert found.asymptotic_critical == (1, 4)


@pytest.mark.parametrize("x", [-0.8, 1.0])
def test_gaussian_measurement_near_a_bound(measured, x):
    """Feldman and Cousins' example; an asymptotic interval is too long above the bound and too short at it."""
    found = neyman_construction(measured(x, 0.0, 20.0), low=0.0, high=4.0, points=9, count=1000, seed=2)
    for level, critical, error, interval in (
        (LEVELS[0], found.critical_68, found.critical_68_error, found.interval_68),
        (LEVELS[1], found.critical_95, found.critical_95_error, found.interval_95),
    ):
        truth = [bounded_critical(mu, level) for mu in found.values[1:]]
        assert np.all(np.abs(np.array(critical[1:]) - truth) < 4.5 * np.array(error[1:]))

        def excess(mu, level=level):
            t = (x - mu) ** 2 if x > 0 else mu**2 - 2 * x * mu
            return t - bounded_critical(mu, level)

        upper = brentq(excess, max(x, 0) + 1e-3, 5)
        assert interval.upper == pytest.approx(upper, abs=4 * interval.upper_error + 0.03)  # straight lines in between
        if excess(1e-6) < 0:
            assert interval.lower is None
        else:
            assert interval.lower == pytest.approx(brentq(excess, 1e-6, x), abs=4 * interval.lower_error + 0.06)


def coverage(mu, critical):
    """Probability, at mu with half an event of background, that t does not exceed a critical value."""
    n = np.arange(60)
    best = np.maximum(n, 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = 2 * (mu + 0.5 - best - np.where(n > 0, n * np.log((mu + 0.5) / best), 0.0))
    return poisson.pmf(n, mu + 0.5)[t <= critical + 1e-6].sum()


@pytest.fixture(scope="module")
def constructed(few):
    return neyman_construction(few, low=0.0, high=6.0, points=9, count=1000, seed=3)


def test_few_events_are_covered_only_by_the_construction(constructed):
    for critical, formula, level in (
        (constructed.critical_68, 1.0, LEVELS[0]),
        (constructed.critical_95, 4.0, LEVELS[1]),
    ):
        covered = [coverage(mu, each) for mu, each in zip(constructed.values, critical, strict=True)]
        tolerance = 3.5 * np.sqrt(level * (1 - level) / 1000)
        assert min(covered) > level - tolerance
        assert np.mean(covered) < level + 0.12  # counts are whole numbers
        assert min(coverage(mu, formula) for mu in constructed.values) < level - 0.01


def test_share_of_pseudo_experiments_as_far_out(constructed):
    for mu, t, share in zip(constructed.values, constructed.observed, constructed.p_values, strict=True):
        exact = 1 - coverage(mu, t - 2e-6)
        assert share == pytest.approx(exact, abs=4.5 * np.sqrt(exact * (1 - exact) / 1000) + 1e-9)


def test_coverage_with_a_background_that_is_fitted(build):
    """Few events on and off: the nuisance parameter is profiled, at each value, from the same data."""
    truth = {"mu": 1.0, "k": 1.0}
    model = build(
        {
            "on": {"signal": ([4.0], ("normfactor", "mu")), "background": ([2.0], ("normfactor", "k"))},
            "off": {"background": ([6.0], ("normfactor", "k"))},
        },
        {"on": [6], "off": [6]},
        parameters=[{"name": "mu", "bounds": [[0.0, 30.0]]}, {"name": "k", "bounds": [[0.0, 30.0]]}],
    ).model()
    covered = np.zeros(2)
    for number, data in enumerate(draw(model, truth, 15, np.random.default_rng(5))):
        best = model.fit(data)
        mu = best["mu"].value
        low, high = (1.0, mu + 1) if mu >= 1 else (mu, 1.0)
        found = neyman_construction(best, low=low, high=high, points=2, count=250, seed=number)
        covered += found.p_values[found.values.index(1.0)] > 1 - np.array(LEVELS)
    assert np.all(binom.cdf(covered, 15, LEVELS) > 1e-2)


def test_one_sided(few, counting):
    """Upper limits, which for many events are those of the asymptotic formulae."""
    best = counting.fit()
    found = neyman_construction(best, "mu", low=0.0, high=4.0, points=5, count=1000, one_sided=True, seed=6)
    assert found.statistic == "qtilde"
    assert all(t == 0 for value, t in zip(found.values, found.observed, strict=True) if value < best["mu"].value)
    assert (found.interval_95.lower, found.asymptotic_95.lower) == (None, None)
    assert found.asymptotic_critical == pytest.approx([norm.ppf(level) ** 2 for level in LEVELS])
    assert found.interval_95.upper == pytest.approx(found.asymptotic_95.upper, abs=5 * found.interval_95.upper_error)
    two_sided = neyman_construction(best, "mu", low=0.0, high=4.0, points=5, count=10, seed=6)
    assert found.asymptotic_95.upper < two_sided.asymptotic_95.upper
    assert neyman_construction(few, low=0, high=6, points=3, count=20, one_sided=True).p_values[0] == 1


def test_one_sided_below_zero(counting):
    """A negative best value counts as zero, so that even the strongest downward fluctuation has a limit above it."""
    low = Data(counting.observed.main * [1, 0.8, 0.8], counting.observed.auxiliary)
    best = counting.fit(low)
    assert best["mu"].value < 0
    found = neyman_construction(best, "mu", low=0.0, high=3.0, points=7, count=400, one_sided=True, seed=7)
    assert found.best == 0
    assert found.observed[0] == pytest.approx(0, abs=1e-6)
    assert found.interval_95.upper == pytest.approx(0.5)  # where it ends below the first value is not known
    finer = neyman_construction(best, "mu", low=0.0, high=1.0, points=21, count=400, one_sided=True, seed=7)
    assert 0 < finer.interval_95.upper < 0.5


def test_another_parameter_and_the_range_that_it_takes_by_itself(counting):
    best = counting.fit()
    found = neyman_construction(best, "k", points=5, count=10, seed=8)
    value, error = best["k"].value, best["k"].error
    assert (found.values[0], found.values[-1]) == pytest.approx((value - 3 * error, value + 3 * error))
    assert found.parameter == "k"
    assert found.asymptotic_68.upper == pytest.approx(best.intervals(["k"]).intervals["k"].upper, abs=0.02 * error)
    assert neyman_construction(best, points=3, count=5).parameter == "mu"


def test_the_result_comes_back_and_does_not_depend_on_who_computes(few, tmp_path):
    found = neyman_construction(few, low=0.0, high=6.0, points=3, count=30, seed=9)
    found.save(tmp_path / "found.json")
    assert NeymanConstruction.load(tmp_path / "found.json") == found
    with ThreadPoolExecutor(2) as executor:
        assert neyman_construction(few, low=0.0, high=6.0, points=3, count=30, seed=9, executor=executor) == found
    assert neyman_construction(few, low=0.0, high=6.0, points=3, count=30, seed=10) != found


def test_few_pseudo_experiments_have_no_error_of_the_high_quantile(few):
    found = neyman_construction(few, low=0.0, high=6.0, points=3, count=10)
    assert found.critical_95_error == [None] * 3
    assert found.interval_95.upper_error is None
    assert found.interval_95.upper is not None


def test_of_an_unbinned_channel(tmp_path):
    """Hundreds of events: near the asymptotic formulae, and pseudo-experiments are refitted with their own events."""
    best = workspace(tmp_path, drawn(np.random.default_rng(10), [60, 300, 140]), reference_events=1000).model().fit()
    found = neyman_construction(
        best, low=best["mu"].value - 0.3, high=best["mu"].value + 0.3, points=3, count=12, seed=1
    )
    assert found.converged == [12] * 3
    assert found.critical_68 == pytest.approx([1.0] * 3, abs=0.95)
    assert found.observed[1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"low": 2.0, "high": 1.0}, "from low to high"),
        ({"low": float("nan"), "high": 1.0}, "from low to high"),
        ({"points": 1}, "two or more"),
        ({"low": -1.0, "high": 3.0}, "within the parameter's bounds, 0 to 20"),
        ({"low": 1.0, "high": 3.0}, "holds the best value, 0.5"),
        ({"count": 0}, "at least 1"),
        ({"parameter": "nu"}, "nu"),
        ({"seed": -1, "count": 1}, "seed -1"),
    ],
)
def test_refused(few, options, part):
    with pytest.raises(InputError, match=part):
        neyman_construction(few, **options)


def test_a_fixed_parameter_has_no_interval(few):
    with pytest.raises(InputError, match="'mu' is fixed"):
        neyman_construction(few.model.fit(fixed={"mu": 1.0}))
