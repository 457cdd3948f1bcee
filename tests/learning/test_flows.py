import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from neyman.learning.flows import ConditionalFlow, log_size

BOXES = {1: ([-1.0], [2.0]), 2: ([-1.0, 3.0], [2.0, 3.5]), 3: ([0.0, -2.0, 10.0], [1.0, 2.0, 30.0])}
SIZES = [5.0, 300.0, 20_000.0]


def make(features, *, transforms=2, seed=1, spread=1.0):
    """A flow with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        flow = ConditionalFlow(*BOXES[features], summaries=3, transforms=transforms, bins=5, hidden=(16,))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(spread)
    return flow


def contexts():
    summaries = np.random.default_rng(2).normal(size=(3, 3))
    return torch.tensor(summaries, dtype=torch.float32), torch.tensor(SIZES)


def probabilities(flow, features, points):
    """Probability in each cell of a grid that is finer towards the edges, where random weights pile it up."""
    low, high = (np.array(edge) for edge in BOXES[features])
    ends = stats.norm.cdf(np.linspace(-5.5, 5.5, points + 1))
    middle, width = 0.5 * (ends[1:] + ends[:-1]), np.diff(ends)
    grid = low + (high - low) * np.array(list(itertools.product(middle, repeat=features)))
    cell = np.array(list(itertools.product((high - low)[0] * width, *((high - low)[1:, None] * width)))).prod(axis=1)
    theta = torch.tensor(grid, dtype=torch.float32)[:, None].expand(-1, len(SIZES), -1)
    with torch.no_grad():
        density = flow.log_prob(theta, *contexts()).double().exp().numpy()
    return grid, density * cell[:, None]


@pytest.mark.parametrize("transforms", [0, 2])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("features", "points"), [(1, 4000), (2, 200)])
def test_it_integrates_to_one(features, points, transforms, seed):
    _, probability = probabilities(make(features, transforms=transforms, seed=seed), features, points)
    np.testing.assert_allclose(probability.sum(axis=0), 1, atol=5e-3)


def test_there_is_nothing_outside_the_box():
    for features, (low, high) in BOXES.items():
        flow = make(features)
        middle = 0.5 * (torch.tensor(low) + torch.tensor(high))
        for k, edge, step in itertools.product(range(features), (low, high), (-1e-3, 1e-3)):
            theta = middle.clone()
            theta[k] = edge[k] + step
            value = flow.log_prob(theta.expand(3, -1), *contexts())
            inside = (edge is low) == (step > 0)
            assert (torch.isfinite(value) if inside else torch.isneginf(value)).all()


def test_the_edge_belongs_to_the_box():
    flow = make(1)
    for edge in BOXES[1]:
        assert torch.isfinite(flow.log_prob(torch.tensor(edge).expand(3, 1), *contexts())).all()


@pytest.mark.parametrize("features", BOXES)
def test_samples_are_inside_the_box(features, rng):
    noise = torch.tensor(5 * rng.normal(size=(500, 3, features)), dtype=torch.float32)
    with torch.no_grad():
        theta = make(features).sample(noise, *contexts())
    assert theta.shape == noise.shape
    assert ((theta >= torch.tensor(BOXES[features][0])) & (theta <= torch.tensor(BOXES[features][1]))).all()


@pytest.mark.parametrize(("features", "points"), [(1, 4000), (2, 200)])
def test_samples_follow_the_density(features, points, rng):
    """Pearson's chi-square in boxes whose edges are edges of cells, next to quantiles of other samples."""
    flow, draws = make(features, seed=3), 20_000
    noise = torch.tensor(rng.normal(size=(draws, 3, features)), dtype=torch.float32)
    with torch.no_grad():
        theta = flow.sample(noise, *contexts()).double().numpy()
    grid, probability = probabilities(flow, features, points)
    middles = [np.unique(values) for values in grid.T]
    for k in range(len(SIZES)):
        edges = []
        for i, middle in enumerate(middles):
            cell = np.searchsorted(middle, np.quantile(theta[::2, k, i], np.linspace(0.02, 0.98, 7)))
            edges.append(np.unique(0.5 * (middle[cell - 1] + middle[cell])))
        expected, _ = np.histogramdd(grid, bins=edges, weights=probability[:, k])
        observed, _ = np.histogramdd(theta[1::2, k], bins=edges)
        expected *= draws / 2
        used = expected > 20
        assert used.sum() >= 6
        chi_square = ((observed - expected)[used] ** 2 / expected[used]).sum()
        assert stats.chi2.sf(chi_square, used.sum()) > 1e-3


@pytest.mark.parametrize("features", BOXES)
def test_noise_comes_back_from_samples(features, rng):
    flow = make(features)
    noise = torch.tensor(rng.normal(size=(100, 3, features)), dtype=torch.float32)
    with torch.no_grad():
        theta = flow.sample(noise, *contexts())
        again = flow.flow(flow._context(*contexts())).transform(theta)
    # θ in single precision says less about noise where the density is high: only the middle comes back.
    assert (again - noise).abs().median() < 1e-3


@pytest.mark.parametrize("transforms", [0, 1, 2])
@pytest.mark.parametrize("features", BOXES)
def test_every_parameter_gets_a_gradient(features, transforms, rng):
    flow = make(features, transforms=transforms, spread=1.0)
    low, high = BOXES[features]
    theta = torch.tensor(rng.uniform(low, high, size=(200, features)), dtype=torch.float32)
    summaries = torch.tensor(rng.normal(size=(200, 3)), dtype=torch.float32)
    flow.loss(theta, summaries, torch.full((200,), 500.0)).backward()
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_the_density_depends_on_the_summary_and_on_the_size():
    flow, (summaries, _) = make(1), contexts()
    theta = torch.full((3, 1), 0.5)
    same = summaries[:1].expand(3, -1)
    with torch.no_grad():
        by_summary = flow.log_prob(theta, summaries, torch.full((3,), 100.0))
        by_size = flow.log_prob(theta, same, torch.tensor(SIZES))
    assert len(set(by_summary.tolist())) == len(set(by_size.tolist())) == 3


def test_more_events_make_it_narrower():
    """At equal weights, widths fall with the square root of the number of events."""
    flow = make(1, transforms=0, spread=0.0)
    summaries = torch.zeros(2, 3)
    noise = torch.tensor([-1.0, 1.0])[:, None, None].expand(-1, 2, 1)
    with torch.no_grad():
        low, high = flow.sample(noise, summaries, torch.tensor([1e6, 4e6]))[:, :, 0]
    width = high - low
    assert (width[0] / width[1]).item() == pytest.approx(2, rel=1e-4)


def test_densities_of_a_batch_are_those_of_single_sets():
    flow, (summaries, sizes) = make(2), contexts()
    theta = torch.tensor([[0.0, 3.1], [1.0, 3.2], [-0.5, 3.4]])
    with torch.no_grad():
        together = flow.log_prob(theta, summaries, sizes)
        alone = [flow.log_prob(theta[k : k + 1], summaries[k : k + 1], sizes[k : k + 1]).item() for k in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def standardised(flow, summaries):
    return (summaries - flow.shift.double().numpy()) @ flow.rotation.double().numpy().T


def test_standardised_summaries_have_unit_covariance(rng):
    mixing = np.array([[1.0, 0.9, 0.2], [0.0, 0.1, 0.0], [0.0, 0.0, 50.0]])
    summaries = rng.normal(size=(5000, 3)) @ mixing + np.array([100.0, -3.0, 0.0])
    flow = make(1)
    flow.standardise(summaries, floor=1e-3)
    z = standardised(flow, summaries)
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=2e-3)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-3)
    flow.standardise(summaries)  # by default, the direction in which two of them hardly differ stays small
    assert 0.01 < np.linalg.eigvalsh(np.cov(standardised(flow, summaries).T)).min() < 0.5
    flow.standardise(summaries, rotate=False)
    z = standardised(flow, summaries)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(np.corrcoef(z.T), np.corrcoef(summaries.T), atol=1e-6)


@pytest.mark.parametrize("rotate", [True, False])
def test_directions_without_spread_are_not_blown_up(rng, rotate):
    first = rng.normal(size=1000)
    noise = 1e-9 * rng.normal(size=1000)
    for second in (first + noise, np.full(1000, 0.1), np.zeros(1000)):
        summaries = np.stack([first, second, rng.normal(size=1000)], axis=1)
        flow = make(1)
        flow.standardise(summaries, rotate=rotate)
        for change in (0.0, 0.5):  # what never varied among the examples may differ later
            z = standardised(flow, summaries + np.array([0.0, change, 0.0]))
            assert np.isfinite(z).all()
            assert np.abs(z).max() < 10


def test_one_summary_can_be_standardised(rng, seeded):
    flow = ConditionalFlow([0.0], [1.0], summaries=1, transforms=0, hidden=())
    flow.standardise(7 + 3 * rng.normal(size=(1000, 1)))
    assert flow.rotation.item() == pytest.approx(1 / 3, rel=0.1)
    assert flow.shift.item() == pytest.approx(7, abs=0.5)


def test_it_starts_at_the_linear_regression(rng):
    """Where θ is linear in the summary with noise of variance σ²/N, the start is the posterior already."""
    theta = rng.uniform(-1.0, 2.0, size=(4000, 1))
    sizes = rng.choice([50.0, 400.0, 3000.0], size=4000)
    noise = 0.4 * rng.normal(size=4000) / sizes**0.5
    # The second summary says the same as the first, the third nothing.
    signal = theta[:, 0] + noise
    summaries = np.stack([5 * signal - 1, -signal, rng.normal(size=4000)], axis=1)
    flow = make(1, transforms=0)
    flow.standardise(summaries)
    tensors = [torch.tensor(values, dtype=torch.float32) for values in (theta, summaries, sizes)]
    flow.start_from_regression(*tensors)
    with torch.no_grad():
        at = flow.flow(flow._context(*tensors[1:])).transform.transforms[0]
    np.testing.assert_allclose(at.location[:, 0], signal, atol=5e-3)
    np.testing.assert_allclose(at.scale[:, 0], 0.4 / sizes**0.5, rtol=0.05)
    flow.loss(*tensors).backward()  # and from there it learns
    assert all((parameter.grad != 0).any() for parameter in flow.flow.transform.transforms[0].shortcut.parameters())


def test_sizes_are_of_order_one():
    np.testing.assert_allclose(log_size(torch.tensor([1e3, 4e3])), [0, np.log(2)], atol=1e-6)
    assert (log_size(torch.tensor([10.0, 1e5])).abs() < 2.5).all()
