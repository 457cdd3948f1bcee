"""Sets that are cut out of larger ones: a statistic that marks its event shows which events are in each."""

import itertools

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.posterior import bank
from neyman.posterior.bank import Plan, SummaryBank, fresh, stored
from neyman.simulation.datasets import generate

SERVES = [(16, 128), (5, 5), (7, 40), (1, 30), (100, 130)]


class Marks:
    """A one for the place of the event in its set, and the number of the set."""

    def __init__(self, places):
        self.length = places + 1

    def __call__(self, matrix):
        return np.column_stack([np.eye(self.length - 1)[matrix[:, 1].astype(int)], matrix[:, 0]])


def marked(total, sets):
    """Events that say which set they belong to, and their place in it; θ is the number of the set."""
    for part in (range(sets.start, sets.start + 7), range(sets.start + 7, sets.stop)):
        numbers = np.repeat(np.array(part, dtype=float)[:, None], total, axis=1)
        yield numbers[:, :1], np.stack([numbers, np.broadcast_to(np.arange(total), numbers.shape)], axis=2)


def marked_bank(serve, sets=200):
    plan = Plan.of_sets(serve, sets)
    return SummaryBank(Marks(max(plan.sizes)), marked, plan, seed=1), plan


def check_batch(theta, summaries, sizes, plan):
    """Each summary is the mean over as many different events of one set, in consecutive blocks."""
    counts = summaries[:, :-1] * sizes[:, None]
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    events = np.round(counts).astype(bool)
    np.testing.assert_array_equal(events.sum(axis=1), sizes)
    np.testing.assert_allclose(summaries[:, -1], theta[:, 0], rtol=1e-5)
    firsts = np.cumsum((0, *plan.counts))
    for row, number in zip(events, theta[:, 0], strict=True):
        total = plan.sizes[np.searchsorted(firsts, number, side="right") - 1]
        assert not row[total:].any()
        blocks = row[:total].reshape(-1, plan.block)
        assert (blocks.all(axis=1) == blocks.any(axis=1)).all()
        assert (blocks[:, 0] != np.roll(blocks[:, 0], 1)).sum() in (0, 2)  # one stretch, on a circle


@pytest.mark.parametrize("serve", SERVES)
def test_every_summary_is_the_mean_over_events_of_one_set(serve):
    summary_bank, plan = marked_bank(serve)
    batches = [summary_bank.batch(step, 60) for step in range(5)] + summary_bank.validation()
    for batch in batches:
        check_batch(*(part.double().numpy() for part in batch), plan)


@pytest.mark.parametrize("serve", SERVES)
def test_sizes_cover_what_is_served(serve):
    """All sizes occur, from the smallest to the largest, to within a block; every class of sets does its part."""
    summary_bank, plan = marked_bank(serve)
    batches = [summary_bank.batch(step, 200) for step in range(30)]
    theta, _, sizes = (np.concatenate(part) for part in zip(*batches, strict=True))
    low, high = serve
    assert low - plan.block < sizes.min() < low + plan.block
    assert high - plan.block < sizes.max() <= high
    assert len(np.unique(sizes)) >= min(5, (high - low) // plan.block)
    firsts = np.cumsum((0, *plan.counts))
    shares = np.bincount(np.searchsorted(firsts, theta[:, 0], side="right") - 1) / len(theta)
    assert (shares > 0.05).all()


def test_sizes_are_within_the_range_that_blocks_divide():
    summary_bank, _ = marked_bank((16, 128))
    for batch in [*(summary_bank.batch(step, 100) for step in range(20)), *summary_bank.validation()]:
        assert ((batch[2] >= 16) & (batch[2] <= 128)).all()


def numbers(batches):
    return set(np.concatenate([batch[0][:, 0].numpy() for batch in batches]).astype(int).tolist())


def test_sets_for_validation_are_never_trained_on():
    summary_bank, plan = marked_bank((16, 128))
    trained, kept = numbers(summary_bank.batch(step, 300) for step in range(60)), numbers(summary_bank.validation())
    assert trained.isdisjoint(kept)
    assert trained | kept == set(range(sum(plan.counts)))
    assert len(kept) == pytest.approx(0.1 * sum(plan.counts), abs=len(plan.counts))
    assert set(summary_bank.all_summaries()[:, -1].round().astype(int)) == trained


def test_summaries_for_the_scale_are_those_of_whole_sets():
    summary_bank, plan = marked_bank((16, 128))
    whole = summary_bank.all_summaries()
    sizes = 1 / whole[:, :-1].max(axis=1)
    np.testing.assert_allclose(whole[:, :-1].sum(axis=1), 1)
    assert set(sizes.round().astype(int)) == set(plan.sizes)


def test_a_batch_depends_on_its_step_and_the_seed_alone():
    one, _ = marked_bank((16, 128))
    same, _ = marked_bank((16, 128))
    later, first = one.batch(5, 50), one.batch(0, 50)
    for mine, other in zip((*first, *later), (*same.batch(0, 50), *same.batch(5, 50)), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not np.array_equal(first[1], later[1])
    seeded = SummaryBank(Marks(128), marked, Plan.of_sets((16, 128), 200), seed=2)
    assert not np.array_equal(seeded.batch(0, 50)[1], first[1])


@pytest.mark.parametrize("serve", [*SERVES, (200, 10_000)])
def test_a_plan_is_made_of_whole_blocks(serve):
    plan = Plan.of_events(serve, 1_000_000)
    assert all(size % plan.block == 0 for size in plan.sizes)
    assert list(plan.sizes) == sorted(set(plan.sizes))
    assert plan.sizes[-1] <= serve[1] < plan.sizes[-1] + plan.block
    assert 0.8e6 < plan.events <= 1e6
    assert plan.events == sum(map(int.__mul__, plan.sizes, plan.counts))


def test_a_plan_has_sets_of_all_sizes_even_for_few_events():
    assert min(Plan.of_events((200, 10_000), 1000).counts) >= 20


def test_a_plan_of_sets_uses_no_more_than_there_are(message):
    plan = Plan.of_sets((200, 10_000), 103)
    assert plan.counts == (20,) * 5
    with pytest.raises(DataError) as error:
        Plan.of_sets((200, 10_000), 99)
    message(error, "99 sets", "at least 100", "--sets")


def pieces(source, total, sets):
    theta, events = zip(*source(total, sets), strict=True)
    return np.concatenate(theta), np.concatenate(events)


def test_fresh_sets_are_drawn_from_the_prior_and_the_simulator(toy, prior, monkeypatch):
    monkeypatch.setattr(bank, "_EVENTS_AT_ONCE", 5000)
    theta, events = pieces(fresh(toy, prior, 1), 50, range(1000))
    assert (theta.shape, events.shape) == ((1000, 1), (1000, 50, 1))
    assert len(np.unique(theta)) == 1000
    assert theta.min() < -0.98
    assert theta.max() > 0.98
    pull = (events.mean(axis=1) - theta) * 50**0.5
    assert pull.mean() == pytest.approx(0, abs=5 / 1000**0.5)
    assert pull.std() == pytest.approx(1, abs=0.1)
    again = pieces(fresh(toy, prior, 1), 50, range(1000))
    np.testing.assert_array_equal(again[1], events)
    other, _ = pieces(fresh(toy, prior, 2), 50, range(1000))
    assert (other != theta).all()


def test_stored_sets_are_those_on_disk(toy, prior, tmp_path, monkeypatch):
    monkeypatch.setattr(bank, "_EVENTS_AT_ONCE", 50)
    data = generate(toy, prior, sets=20, events=10, seed=1, out=tmp_path / "data", sets_per_shard=6)
    theta, events = pieces(stored(data), 4, range(3, 18))
    np.testing.assert_array_equal(theta, data.theta[3:18])
    np.testing.assert_array_equal(events, data.read(np.arange(3, 18))[:, :4])


def test_pieces_are_the_whole():
    for at_once, total in itertools.product((1, 7, 100, 10**6), (1, 30)):
        found = [number for part in bank._pieces(range(5, 42), max(1, at_once // total)) for number in part]
        assert found == list(range(5, 42))
