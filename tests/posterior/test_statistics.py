import numpy as np
import pytest
import torch

from neyman.core.errors import ConfigError, DataError
from neyman.learning.events import EventNetwork
from neyman.posterior import statistics
from neyman.posterior.inputs import Normaliser
from neyman.posterior.statistics import LearnedStatistic, ScoreStatistic, Statistic, summarise, tensors


class Columns:
    """The columns themselves."""

    length = 2

    def __call__(self, matrix):
        return matrix


@pytest.fixture(scope="module")
def learned(toy):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        network = EventNetwork(1, 4, hidden=(8,))
    return LearnedStatistic(Normaliser.fit(toy.schema, "plain", np.linspace(-2, 2, 100)[:, None]), network)


@pytest.fixture(scope="module", params=["scores", "decay scores", "learned"])
def case(request, toy, prior, decay, learned):
    """A statistic, and events for it."""
    if request.param == "decay scores":
        from neyman.simulation.prior import UniformPrior

        return ScoreStatistic(decay, UniformPrior({"C9": (3, 5)}), 3), decay.simulate({"C9": 4.0}, 600, 1).matrix
    events = toy.simulate({"mu": 0.3}, 600, 1).matrix
    return (learned if request.param == "learned" else ScoreStatistic(toy, prior, 3)), events


def ragged(events):
    return np.split(events, [1, 8, 200, 201, 599])


def test_it_gives_a_vector_for_each_event(case):
    statistic, events = case
    assert isinstance(statistic, Statistic)
    found = statistic(events)
    assert (found.shape, found.dtype) == ((600, statistic.length), np.float64)
    np.testing.assert_allclose(found[17:20], statistic(events[17:20]), atol=1e-6)


def test_summaries_are_means_of_sets_of_any_size(case):
    statistic, events = case
    summaries, sizes = summarise(statistic, ragged(events))
    assert sizes.tolist() == [1, 7, 192, 1, 398, 1]
    for summary, matrix in zip(summaries, ragged(events), strict=True):
        np.testing.assert_allclose(summary, statistic(matrix).mean(axis=0), atol=1e-6)


def test_the_order_of_events_is_irrelevant(case, rng):
    statistic, events = case
    straight, _ = summarise(statistic, [events])
    shuffled, _ = summarise(statistic, [rng.permutation(events)])
    np.testing.assert_allclose(shuffled, straight, atol=1e-6)


def test_a_batch_is_its_sets(case):
    statistic, events = case
    together, _ = summarise(statistic, ragged(events))
    alone = np.concatenate([summarise(statistic, [matrix])[0] for matrix in ragged(events)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 2, 7, 8, 9, 200, 599, 600, 601])
def test_pieces_of_any_length_add_up(rng, monkeypatch, chunk):
    events = rng.normal(size=(600, 2))
    monkeypatch.setattr(statistics, "_CHUNK", chunk)
    found, _ = summarise(Columns(), ragged(events))
    np.testing.assert_allclose(found, [matrix.mean(axis=0) for matrix in ragged(events)], atol=1e-12)


def test_a_set_without_events_is_refused(rng, message):
    events = rng.normal(size=(3, 2))
    for sets in ([events, events[:0]], [events[:0]], []):
        with pytest.raises(DataError) as error:
            summarise(Columns(), sets)
        message(error, "empty set", "at least one event")


def test_scores_are_those_of_the_simulator(toy, prior):
    """(x − μ)/σ² at both edges of the prior and in between."""
    statistic = ScoreStatistic(toy, prior, 3)
    np.testing.assert_allclose(statistic(np.array([[0.5], [2.0]])), [[1.5, 0.5, -0.5], [3.0, 2.0, 1.0]])
    np.testing.assert_array_equal(statistic.points[:, 0], [-1, 0, 1])


class Unknown:
    """A simulator that does not say what its density is."""

    def __init__(self, toy):
        self.parameters, self.schema, self.config = toy.parameters, toy.schema, toy.config
        self.simulate, self.simulate_sets = toy.simulate, toy.simulate_sets


def test_scores_need_a_density(toy, prior, message):
    with pytest.raises(ConfigError) as error:
        ScoreStatistic(Unknown(toy), prior, 3)
    message(error, "scores", "set_encoder")


def test_tensors_are_in_single_precision():
    first, second = tensors(np.arange(4.0)[::2], np.zeros((2, 3)))
    assert (first.dtype, second.shape) == (torch.float32, (2, 3))
    assert first.tolist() == [0, 2]
