import numpy as np
import pytest
from scipy import stats

from neyman.core.errors import ConfigError, DataError
from neyman.simulation.shower_shapes import CONDITIONS, LAWS, SHAPES, map_of_each, shower_shapes_sample, true_log_prob

KINDS = ("simulation", "data")
MIDDLE = np.array([[0.9, 0.012, 0.03, 1.5]])
AT = np.array([[50.0, 1.5]])


def arrays(events):
    shapes = np.stack([events[name] for name in SHAPES.names], axis=1)
    return shapes, np.stack([events[name] for name in CONDITIONS.names], axis=1)


def auc(first, second):
    return stats.mannwhitneyu(second, first).statistic / len(first) / len(second)


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_integrates_to_one(kind):
    """By the trapezium rule in logit(r9) and the logarithms, with a Jacobian of its own."""
    middle, spread = np.array([2.4, -4.3, -3.5, 0.4]), np.array([0.9, 0.12, 0.65, 0.65])
    steps = np.linspace(-7.5, 7.5, 19)
    grid = np.stack(np.meshgrid(*[steps] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    u = middle + spread * grid
    r9 = 1 / (1 + np.exp(-u[:, 0]))
    x = np.column_stack([r9, np.exp(u[:, 1:])])
    jacobian = r9 * (1 - r9) * np.exp(u[:, 1:].sum(axis=1))
    density = np.exp(true_log_prob(kind, x, np.repeat(AT, len(x), axis=0))) * jacobian
    assert density.sum() * np.prod(spread * (steps[1] - steps[0])) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_density_is_that_of_the_events(kind):
    """The mean of the log-density against minus the entropy of the events, from that of normals and the slopes."""
    x, c = arrays(shower_shapes_sample(kind, 20_000, 3))
    z, _ = LAWS[kind].normal(x, c)
    assert all(stats.kstest(column, "norm").pvalue > 1e-3 for column in z.T)
    kept = 1 - 0.4 * abs(c[:, 1]) / 2.5
    for i in range(4):
        for j in range(i):
            score = z[:, i] * z[:, j] - kept * LAWS[kind].correlation[i, j]
            assert abs(score.mean()) < 4.5 * score.std() / np.sqrt(len(score))
    root = np.linalg.cholesky(LAWS[kind].correlations(c))
    squares = (np.linalg.solve(root, z[:, :, None]) ** 2).sum(axis=(1, 2))
    assert stats.kstest(squares, stats.chi2(4).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_is_that_of_finite_differences(kind):
    law, step = LAWS[kind], 1e-6
    x, c = arrays(shower_shapes_sample(kind, 20, 4))
    z, slope = law.normal(x, c)
    np.testing.assert_allclose(law.shapes(z, c), x, rtol=1e-9)
    numeric = sum(
        np.log((law.normal(x * (1 + step * unit), c)[0] - law.normal(x * (1 - step * unit), c)[0])[:, j])
        - np.log(2 * step * x[:, j])
        for j, unit in enumerate(np.eye(4))
    )
    np.testing.assert_allclose(slope, numeric, atol=1e-5)


def test_maps_of_each_shape_alone_leave_the_correlations():
    """One by one mapped shapes cannot be told from those of data; together they can."""
    x, c = arrays(shower_shapes_sample("simulation", 20_000, 5))
    truth, at = arrays(shower_shapes_sample("data", 20_000, 5))
    mapped = map_of_each(x, c)
    for j in range(4):
        assert stats.ks_2samp(x[:, j], truth[:, j]).pvalue < 1e-6
        assert stats.ks_2samp(mapped[:, j], truth[:, j]).pvalue > 1e-3
        for cell in ((0, 0.8), (0.8, 1.7), (1.7, 2.5)):
            inside, there = [(cell[0] < abs(e[:, 1])) & (abs(e[:, 1]) < cell[1]) for e in (c, at)]
            assert stats.ks_2samp(mapped[inside, j], truth[there, j]).pvalue > 1e-3
    # Where the conditions are nearly the same, a map of one shape leaves the order as it is.
    central, there = abs(c[:, 1]) < 0.5, abs(at[:, 1]) < 0.5
    rank = lambda shapes: stats.spearmanr(shapes)[0]  # noqa: E731
    np.testing.assert_allclose(rank(mapped[central]), rank(x[central]), atol=0.03)
    assert abs(rank(mapped[central]) - rank(truth[there])).max() > 0.2
    z, found = [LAWS["data"].normal(*sample)[0] for sample in ((mapped, c), (truth, at))]
    product = lambda z: z[:, 2] * z[:, 3]  # noqa: E731 - H/E and isolation hang together more in data
    assert auc(product(z), product(found)) > 0.55


def test_the_best_classifier_of_simulation_and_data():
    x, c = arrays(shower_shapes_sample("simulation", 20_000, 6))
    truth, at = arrays(shower_shapes_sample("data", 20_000, 6))
    ratio = lambda x, c: true_log_prob("data", x, c) - true_log_prob("simulation", x, c)  # noqa: E731
    assert auc(ratio(x, c), ratio(truth, at)) == pytest.approx(0.73, abs=0.02)
    # The mean of a likelihood ratio under its denominator is one.
    weights = np.exp(ratio(x, c))
    assert weights.mean() == pytest.approx(1, abs=5 * weights.std() / np.sqrt(len(weights)))


def test_conditions_are_distributed_alike_and_seeds_are_independent():
    first, other = shower_shapes_sample("simulation", 5_000, 1), shower_shapes_sample("data", 5_000, 1)
    for name in CONDITIONS.names:
        assert stats.ks_2samp(first[name], other[name]).pvalue > 1e-3
        assert not np.isin(first[name], other[name]).any()
    np.testing.assert_array_equal(first.matrix, shower_shapes_sample("simulation", 5_000, 1).matrix)
    assert not np.isin(first["r9"], shower_shapes_sample("simulation", 5_000, 2)["r9"]).any()
    for events in (first, other):
        assert (np.stack([events[name] for name in SHAPES.names]) > 0).all()
        assert (events["r9"] < 1).all()


@pytest.mark.parametrize(
    ("x", "c", "part"),
    [
        (MIDDLE[:, :3], AT, "(1, 3) and (1, 2)"),
        (np.repeat(MIDDLE, 2, axis=0), AT, "(2, 4) and (1, 2)"),
        (MIDDLE * [[1, np.nan, 1, 1]], AT, "sigma_ieta_ieta"),
        (MIDDLE * [[1, 1, np.inf, 1]], AT, "h_over_e"),
        (-MIDDLE, AT, "r9"),
        (MIDDLE * [[1, 1, 0, 1]], AT, "above 0"),
        (np.array([[1.0, 0.012, 0.03, 1.5]]), AT, "r9 below 1"),
        (MIDDLE, AT * [[1, np.nan]], "eta"),
        (MIDDLE, AT / 10, "pt"),
    ],
)
def test_values_that_have_no_density(x, c, part, message):
    for ask in (lambda: true_log_prob("data", x, c), lambda: map_of_each(x, c)):
        with pytest.raises(DataError) as error:
            ask()
        message(error, part)


def test_samples_that_are_none(message):
    with pytest.raises(ConfigError) as error:
        shower_shapes_sample("dat", 10, 1)
    message(error, "no sample 'dat'", "did you mean 'data'?")
    for n in (0, -1):
        with pytest.raises(DataError) as error:
            shower_shapes_sample("data", n, 1)
        message(error, "whole number")


def test_no_photons_have_no_densities():
    assert true_log_prob("data", np.zeros((0, 4)), np.zeros((0, 2))).shape == (0,)
