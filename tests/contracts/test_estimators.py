"""What every estimator of a posterior does. A new one joins by one line in ESTIMATORS."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pytest
import torch
from scipy import stats

from neyman.core.errors import DataError
from neyman.events import Column, Schema
from neyman.learning.events import EventNetwork
from neyman.learning.flows import ConditionalFlow
from neyman.posterior import estimators
from neyman.posterior.estimators import Estimator, ExactGrid, FlowEstimator, PriorEstimator
from neyman.posterior.inputs import Normaliser
from neyman.posterior.statistics import LearnedStatistic, ScoreStatistic
from neyman.simulation.prior import UniformPrior
from neyman.simulation.toys import GaussianToy

TOY, PRIOR = GaussianToy(), UniformPrior({"mu": (-1.0, 2.0)})
PLANE = UniformPrior({"a": (-1.0, 1.0), "b": (3.0, 7.0)})
COLUMNS = Schema((Column(name="x"), Column(name="phi", low=-np.pi, high=np.pi, periodic=True)))


def learned(schema, prior, statistic=None):
    """A flow with initial weights: what holds for all weights needs no training."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        if statistic is None:
            normaliser = Normaliser.fit(schema, "plain", draw(len(schema.columns), 1000))
            statistic = LearnedStatistic(normaliser, EventNetwork(len(normaliser), 4, hidden=(8,)))
        flow = ConditionalFlow(
            prior.low.tolist(), prior.high.tolist(), summaries=statistic.length, transforms=2, hidden=(16,)
        )
    return FlowEstimator(statistic, flow, prior)


def draw(columns, count, seed=1):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, size=(count, columns))


@dataclass
class Case:
    make: object
    columns: int = 1
    uses_events: bool = True
    cells: int = field(default=4000)  # for integrals, in all

    @cached_property
    def estimator(self):
        return self.make()

    @cached_property
    def sets(self):
        """Sets of different sizes, one of a single event."""
        return [draw(self.columns, count, seed=count) for count in (40, 1, 7, 300)]


ESTIMATORS = {
    "exact": Case(lambda: ExactGrid(TOY, PRIOR)),
    "prior": Case(lambda: PriorEstimator(PRIOR), uses_events=False),
    "scores": Case(lambda: learned(TOY.schema, PRIOR, ScoreStatistic(TOY, PRIOR, 3))),
    "set-encoder": Case(lambda: learned(COLUMNS, PRIOR), columns=2),
    "two-parameters": Case(lambda: learned(COLUMNS, PLANE), columns=2, cells=250**2),
}


@pytest.fixture(scope="module", params=ESTIMATORS)
def case(request):
    return ESTIMATORS[request.param]


@pytest.fixture(scope="module")
def estimator(case):
    return case.estimator


def inside(prior, sets, count, seed=3):
    rng = np.random.default_rng(seed)
    return rng.uniform(prior.low, prior.high, size=(len(sets), count, len(prior.parameters)))


def test_it_is_an_estimator(estimator):
    assert isinstance(estimator, Estimator)
    assert isinstance(estimator.prior, UniformPrior)


def test_shapes_and_types(estimator, case, rng):
    theta = inside(estimator.prior, case.sets, 5)
    log_density, samples = estimator.log_prob(theta, case.sets), estimator.sample(case.sets, 6, rng)
    assert log_density.shape == (4, 5)
    assert samples.shape == (4, 6, len(estimator.prior.parameters))
    assert log_density.dtype == samples.dtype == np.float64
    assert np.isfinite(log_density).all()
    assert np.isfinite(samples).all()


def cells(prior, count):
    """Points over the prior, finer towards its edges where a flow may pile up probability, and their volumes."""
    d = len(prior.parameters)
    ends = stats.norm.cdf(np.linspace(-5.5, 5.5, round(count ** (1 / d)) + 1))
    middle = np.stack(np.meshgrid(*[0.5 * (ends[1:] + ends[:-1])] * d), axis=-1).reshape(-1, d)
    volume = np.stack(np.meshgrid(*[np.diff(ends)] * d), axis=-1).reshape(-1, d).prod(axis=1)
    width = prior.high - prior.low
    return prior.low + width * middle, width.prod() * volume


def test_densities_are_normalised_over_the_prior(estimator, case):
    points, volumes = cells(estimator.prior, case.cells)
    for matrix in case.sets:
        density = np.exp(estimator.log_prob(points[None], [matrix])[0])
        assert density @ volumes == pytest.approx(1, abs=5e-3)


def test_there_is_nothing_outside_the_prior(estimator, case):
    prior = estimator.prior
    for k in range(len(prior.parameters)):
        theta = inside(prior, case.sets, 4)
        theta[:, 0, k], theta[:, 1, k] = prior.low[k] - 1e-3, prior.high[k] + 1e-3
        theta[:, 2, k], theta[:, 3, k] = prior.low[k], prior.high[k]
        log_density = estimator.log_prob(theta, case.sets)
        assert np.isneginf(log_density[:, :2]).all()
        assert np.isfinite(log_density[:, 2:]).all()  # the edge belongs to it


def test_samples_are_inside_the_prior(estimator, case, rng):
    samples = estimator.sample(case.sets, 2000, rng)
    assert (samples >= estimator.prior.low).all()
    assert (samples <= estimator.prior.high).all()
    assert (estimator.log_prob(samples, case.sets) > -np.inf).all()


def test_samples_have_the_moments_of_the_density(estimator, case, rng):
    points, volumes = cells(estimator.prior, case.cells)
    draws = 5000
    for matrix, samples in zip(case.sets, estimator.sample(case.sets, draws, rng), strict=True):
        probability = np.exp(estimator.log_prob(points[None], [matrix])[0]) * volumes
        mean = probability @ points / probability.sum()
        variance = probability @ (points - mean) ** 2 / probability.sum()
        np.testing.assert_array_less(np.abs(samples.mean(axis=0) - mean), 5 * (variance / draws) ** 0.5 + 1e-6)
        np.testing.assert_allclose(samples.std(axis=0), variance**0.5, rtol=0.08)


def test_the_order_of_events_is_irrelevant(estimator, case, rng):
    theta = inside(estimator.prior, case.sets, 20)
    shuffled = [rng.permutation(matrix) for matrix in case.sets]
    np.testing.assert_allclose(
        estimator.log_prob(theta, shuffled), estimator.log_prob(theta, case.sets), rtol=1e-5, atol=1e-4
    )


def test_a_batch_is_its_sets(estimator, case):
    theta = inside(estimator.prior, case.sets, 20)
    together = estimator.log_prob(theta, case.sets)
    for row, at, matrix in zip(together, theta, case.sets, strict=True):
        np.testing.assert_allclose(row, estimator.log_prob(at[None], [matrix])[0], rtol=1e-5, atol=1e-4)
    backwards = estimator.log_prob(theta[::-1].copy(), case.sets[::-1])
    np.testing.assert_allclose(backwards[::-1], together, rtol=1e-5, atol=1e-4)


def test_each_set_has_theta_of_its_own(estimator, case):
    theta = inside(estimator.prior, case.sets, 20)
    common = np.broadcast_to(theta[:1], theta.shape).copy()
    found, of_common = estimator.log_prob(theta, case.sets), estimator.log_prob(common, case.sets)
    np.testing.assert_allclose(found[0], of_common[0], rtol=1e-5, atol=1e-5)
    if case.uses_events:
        assert (np.abs(found[1:] - of_common[1:]) > 1e-6).any(axis=1).all()


def test_events_matter(estimator, case):
    if not case.uses_events:
        pytest.skip("the prior")
    theta = inside(estimator.prior, case.sets[:1], 20)
    one, other = (estimator.log_prob(theta, [matrix]) for matrix in (case.sets[0], case.sets[0][:20]))
    assert np.abs(one - other).max() > 1e-3


def test_same_seed_same_samples(estimator, case):
    first, second, other = (estimator.sample(case.sets, 8, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).all()


def test_draws_are_independent_also_from_set_to_set(estimator, case, rng):
    one, other = estimator.sample([case.sets[0]] * 2, 2000, rng)[:, :, 0]
    assert len(np.unique([one, other])) > 3900
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.1


@pytest.mark.parametrize("at_once", [1, 45, 10**6])
def test_densities_in_pieces_are_the_same(estimator, case, monkeypatch, at_once):
    theta = inside(estimator.prior, case.sets, 20)
    expected = estimator.log_prob(theta, case.sets)
    monkeypatch.setattr(estimators, "_AT_ONCE", at_once)
    np.testing.assert_allclose(estimator.log_prob(theta, case.sets), expected, rtol=1e-5, atol=1e-5)


def test_what_comes_in_is_not_changed(estimator, case, rng):
    theta = inside(estimator.prior, case.sets, 3)
    copies = theta.copy(), [matrix.copy() for matrix in case.sets]
    estimator.log_prob(theta, case.sets)
    estimator.sample(case.sets, 3, rng)
    np.testing.assert_array_equal(theta, copies[0])
    for matrix, copy in zip(case.sets, copies[1], strict=True):
        np.testing.assert_array_equal(matrix, copy)


def test_a_set_without_events_is_refused(estimator, case, rng, message):
    if not case.uses_events:
        pytest.skip("the prior")
    sets = [case.sets[0], case.sets[0][:0]]
    with pytest.raises(DataError) as error:
        estimator.log_prob(inside(estimator.prior, sets, 3), sets)
    message(error, "empty set")
    with pytest.raises(DataError) as error:
        estimator.sample(sets, 3, rng)
    message(error, "empty set")
