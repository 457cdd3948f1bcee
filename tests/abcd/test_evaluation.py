import numpy as np
import pytest

from neyman.abcd.config import EvaluationConfig
from neyman.abcd.evaluation import Closure, assess, choose_cuts, contamination_of, templates_from
from neyman.abcd.hypotheses import upper_limit
from neyman.abcd.plane import ScoredSample, Sums

EDGES = np.array([0.0, 0.5, 1.0])
BACKGROUND = np.array([[400, 52, 4000, 500], [80, 9, 900, 100]])
SIGNAL = np.array([[10, 150, 2, 10], [10, 60, 2, 10]])
CENTRES = np.array([[0.8, 0.2], [0.8, 0.8], [0.2, 0.2], [0.2, 0.8]])


def counted(background, signal, signal_weight=0.1):
    """Events in the middle of each region, so many of each."""
    parts = []
    for counts, label, weight in ((background, False, 1.0), (signal, True, signal_weight)):
        for (i, region), n in np.ndenumerate(counts):
            parts += [(*CENTRES[region], 0.25 + 0.5 * i, weight, label)] * n
    table = np.array(parts)
    return ScoredSample(table[:, :2], table[:, 2], table[:, 3], table[:, 4] > 0)


def test_an_assessment_is_that_of_templates_computed_by_hand():
    found = assess(counted(BACKGROUND, SIGNAL), EDGES, np.array([0.5, 0.5]))
    assert found.templates.background.tolist() == BACKGROUND.tolist()
    assert found.templates.signal == pytest.approx(SIGNAL / 10)
    assert found.templates.variance.tolist() == BACKGROUND.tolist()  # weights of one
    assert found.closure.bins == pytest.approx([52 * 4000 / (400 * 500) - 1, 9 * 900 / (80 * 100) - 1])
    assert found.closure.errors[1] == pytest.approx(1.0125 * np.sqrt(1 / 80 + 1 / 9 + 1 / 900 + 1 / 100))
    assert found.closure.total == pytest.approx(61 * 4900 / (480 * 600) - 1)
    expected = upper_limit(BACKGROUND.astype(float), SIGNAL / 10, variance=BACKGROUND.astype(float))
    assert found.limit.expected == pytest.approx(expected.expected)


def test_the_error_of_closure_is_that_of_repeated_counts(rng):
    rates = np.array([[400.0, 50, 4000, 500]])
    deltas = [Closure.of(counts, counts).total for counts in rng.poisson(rates, (2000, 1, 4)).astype(float)]
    assert np.std(deltas) == pytest.approx(Closure.of(rates, rates).error, rel=0.1)


@pytest.mark.parametrize(
    ("background", "holds"),
    [
        ([[4e4, 5e3, 4e5, 5e4]], True),
        ([[4e4, 5.4e3, 4e5, 5e4]], True),
        ([[4e4, 6e3, 4e5, 5e4]], False),  # 20 % off
        ([[4e3, 5.4e2, 4e4, 5e3]], False),  # 8 % off, known to 5 %: a selection would pick its luck
        ([[40, 5, 400, 50]], False),  # closes, but who knows
        ([[4e4, 6e3, 4e5, 5e4], [4e4, 4e3, 4e5, 5e4]], False),  # cancels in the sum
        ([[4e5, 5e4, 4e6, 5e5], [400, 60, 4000, 500]], True),  # a small bin may be 20 % off: it is known to 16 %
    ],
)
def test_when_closure_holds(background, holds):
    yields = np.array(background, float)
    assert Closure.of(yields, yields).holds(0.1) is holds


def test_an_empty_region_counts_as_one_simulated_event():
    """Of weight 2 here, by Σw²/Σw: it is not known to be empty, nor known to be two without an uncertainty."""
    background = np.array([[400.0, 0, 4000, 500], [80, 10, 900, -1]])
    signal = np.array([[1.0, 5, -0.1, 1], [1, 5, 0, 1]])
    found = templates_from(Sums(background, signal, np.where(background > 0, 2 * background, 0.0)))
    one = 2 * background.clip(0).sum() / background.sum()
    assert found.background == pytest.approx(np.where(background > 0, background, one))
    assert found.variance == pytest.approx(np.where(background > 0, 2 * background, one**2))
    assert found.signal.tolist() == signal.clip(0).tolist()


def test_contamination_without_signal_in_b_is_infinite():
    assert contamination_of(np.ones(4), np.array([1.0, 0, 0, 0])) == np.inf


def test_contamination_is_the_shift_of_the_prediction():
    """To first order: inject a little signal, and see how much A·D/C moves in units of the signal in B."""
    b, s = np.array([400.0, 50, 4000, 500]), np.array([3.0, 15, 2, 4])
    moved = (b + 1e-6 * s)[0] * (b + 1e-6 * s)[3] / (b + 1e-6 * s)[2] - b[0] * b[3] / b[2]
    assert contamination_of(b, s) == pytest.approx(moved / (1e-6 * s[1]), rel=1e-5)


def independent(rng, n=40_000):
    """Two independent scores, and a signal at high values of both."""
    scores = np.concatenate([rng.random((n, 2)), 1 - 0.3 * rng.random((n, 2)) ** 2])
    is_signal = np.repeat([False, True], n)
    return ScoredSample(scores, rng.random(2 * n), np.where(is_signal, 1e-3, 1.0), is_signal)


def test_chosen_cuts_close_and_are_better_than_loose_ones(rng):
    sample, options = independent(rng), EvaluationConfig(quantiles=6, tightest=0.02)
    choice = choose_cuts(sample, EDGES, options)
    assert choice.allowed
    found = assess(sample, EDGES, choice.cuts)
    assert found.limit.expected[2] == pytest.approx(choice.limit)
    assert found.closure.holds(0.1)
    assert choice.limit < assess(sample, EDGES, np.array([0.5, 0.5])).limit.expected[2]


def test_if_no_cuts_close_the_closest_are_taken(rng):
    sample = independent(rng, 5000)
    scores = sample.scores.copy()
    scores[:, 1] = scores[:, 0] + 0.05 * rng.random(len(scores))
    choice = choose_cuts(
        ScoredSample(scores, sample.discriminant, sample.weights, sample.is_signal),
        EDGES,
        EvaluationConfig(quantiles=5),
    )
    assert (choice.allowed, choice.limit) == (False, np.inf)


def test_cuts_from_training_take_part(rng):
    sample = independent(rng)
    options = EvaluationConfig(quantiles=2, tightest=0.4)
    also = np.array([0.8, 0.8])
    assert choose_cuts(sample, EDGES, options, also=also).cuts.tolist() == also.tolist()
