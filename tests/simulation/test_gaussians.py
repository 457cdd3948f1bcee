import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from neyman.core.errors import ConfigError, DataError
from neyman.simulation.gaussians import ThreeGaussians

TOY = ThreeGaussians()
SIGMA2 = 1.5**2
BACKGROUND = stats.multivariate_normal([0, 0, 0], SIGMA2 * np.array([[1, -0.8, 0], [-0.8, 1, 0], [0, 0, 1]]))
SIGNAL = stats.multivariate_normal([2.5, 2.5, 2.0], SIGMA2 * np.eye(3))


def features(events):
    return events.matrix[:, :3]


@pytest.mark.parametrize(("label", "truth"), [("background", BACKGROUND), ("signal", SIGNAL)])
def test_samples_have_the_moments_of_the_paper(label, truth):
    n = 40_000
    x = features(TOY.sample(n, label, 1))
    assert (abs(x.mean(axis=0) - truth.mean) < 5 * 1.5 / np.sqrt(n)).all()
    assert (abs(np.cov(x.T) - truth.cov) < 5 * SIGMA2 * np.sqrt(2 / n)).all()
    whitened = np.linalg.solve(np.linalg.cholesky(truth.cov), (x - truth.mean).T)
    assert all(stats.kstest(column, "norm").pvalue > 1e-3 for column in whitened)


def test_the_discriminant_has_its_densities_and_knows_nothing_of_the_features():
    background, signal = TOY.sample(40_000, "background", 2), TOY.sample(40_000, "signal", 3)
    falling = lambda m: (1 - np.exp(-np.asarray(m) / 0.3)) / (1 - np.exp(-1 / 0.3))  # noqa: E731
    assert stats.kstest(background["m"], falling).pvalue > 1e-3
    assert stats.kstest(signal["m"], stats.truncnorm(-5, 5, loc=0.5, scale=0.1).cdf).pvalue > 1e-3
    for events in (background, signal):
        assert events["m"].min() >= 0
        assert events["m"].max() <= 1
        ranks = [stats.spearmanr(events["m"], abs(column)).pvalue for column in features(events).T]
        assert min(ranks) > 1e-3


@pytest.mark.parametrize("label", ["background", "signal"])
def test_the_log_ratio_is_that_of_two_normal_densities(label):
    events = TOY.sample(1000, label, 4)
    expected = SIGNAL.logpdf(features(events)) - BACKGROUND.logpdf(features(events))
    np.testing.assert_allclose(TOY.log_ratio(events), expected, rtol=1e-10, atol=1e-10)
    m = events["m"]
    falling = np.exp(-m / 0.3) / (0.3 * (1 - np.exp(-1 / 0.3)))
    peak = stats.norm(0.5, 0.1).pdf(m) / (stats.norm.cdf(5) - stats.norm.cdf(-5))
    np.testing.assert_allclose(TOY.log_ratio_m(events), np.log(peak / falling), rtol=1e-10, atol=1e-10)


@settings(max_examples=15)
@given(
    scale=st.floats(0.3, 3),
    correlation=st.floats(-0.95, 0.95),
    means=st.tuples(*[st.floats(-3, 3).filter(lambda mean: abs(mean) > 0.3)] * 3),
)
def test_the_log_ratio_is_distributed_as_it_says(scale, correlation, means):
    toy = ThreeGaussians(scale=scale, correlation=correlation, signal_means=means)
    for label in ("background", "signal"):
        drawn = np.sort(toy.log_ratio(toy.sample(2_000, label, 5)))
        assert stats.kstest(drawn, lambda at, toy=toy, label=label: 1 - toy.log_ratio_survival(at, label)).pvalue > 1e-5


def signal_above(r):
    return float(TOY.log_ratio_survival(np.array([r]), "signal")[0])


@pytest.mark.parametrize("threshold", [-6.0, -2.0, 0.0, 4.0, 8.0])
def test_the_ratio_itself_binds_the_tails_of_signal_and_background(threshold):
    """p_b(r) = p_s(r) exp(−r); its integral above a threshold, by parts."""
    rest = integrate.quad(lambda r: signal_above(r) * np.exp(-r), threshold, threshold + 40, epsabs=1e-11)[0]
    expected = signal_above(threshold) * np.exp(-threshold) - rest
    found = TOY.log_ratio_survival(np.array([threshold]), "background")[0]
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("label", ["background", "signal"])
def test_quantiles_invert_survival_and_infinities_are_the_ends(label):
    for kept in (1e-4, 0.3, 0.999):
        threshold = TOY.log_ratio_quantile(kept, label)
        assert TOY.log_ratio_survival(np.array([threshold]), label)[0] == pytest.approx(kept, abs=1e-9)
    ends = TOY.log_ratio_survival(np.array([-np.inf, np.inf, -1e9, 1e9]), label)
    np.testing.assert_allclose(ends, [1, 0, 1, 0], atol=1e-9)
    assert TOY.log_ratio_survival(np.array([]), label).shape == (0,)


def test_seeds():
    first = TOY.sample(10, "signal", 1).matrix
    np.testing.assert_array_equal(first, TOY.sample(10, "signal", np.random.default_rng(1)).matrix)
    assert not np.isin(first, TOY.sample(10, "signal", 2).matrix).any()


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"scale": 0.0}, "all above zero"),
        ({"decay": -1.0}, "all above zero"),
        ({"peak": (0.5, 0.0)}, "all above zero"),
        ({"correlation": 1.0}, "between -1 and 1"),
        ({"correlation": np.nan}, "finite numbers"),
        ({"signal_means": (0.0, np.inf, 1.0)}, "finite numbers"),
    ],
)
def test_toys_that_are_none(wrong, part, message):
    with pytest.raises(ConfigError) as error:
        ThreeGaussians(**wrong)
    message(error, part)


def test_questions_that_have_no_answer(message):
    for ask in (lambda: TOY.sample(3, "sginal", 1), lambda: TOY.log_ratio_survival(np.zeros(1), "sginal")):
        with pytest.raises(DataError) as error:
            ask()
        message(error, "no class 'sginal'", "did you mean 'signal'?")
    with pytest.raises(DataError) as error:
        TOY.log_ratio_survival(np.array([0.0, np.nan]), "signal")
    message(error, "NaN")
    for fraction in (0.0, 1.0, np.nan):
        with pytest.raises(DataError) as error:
            TOY.log_ratio_quantile(fraction, "signal")
        message(error, "between 0 and 1")
    for means in ((0.0, 0.0, 0.0), (2.0, 2.0, 1e-6)):
        with pytest.raises(ConfigError) as error:
            ThreeGaussians(signal_means=means).log_ratio_survival(np.zeros(1), "background")
        message(error, "same mean in x2")
    for n in (0, -1):
        with pytest.raises(DataError) as error:
            TOY.sample(n, "signal", 1)
        message(error, "n_events")
