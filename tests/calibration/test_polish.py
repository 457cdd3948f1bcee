import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import norm

from neyman.calibration.config import TailConfig
from neyman.calibration.polish import Polish, Table, tail_table

TAIL = TailConfig()


def far(rng, n=100_000):
    """Normal in the core, with an upper tail that is wider from 1.8 on."""
    u = rng.standard_normal(n)
    return np.where(u > 1.8, 1.8 + 1.5 * (u - 1.8), u)


def tail_counts(u, w, thresholds=(2.0, 2.5, 3.0)):
    return np.array([w[u > threshold].sum() for threshold in thresholds])


def test_a_wrong_tail_becomes_normal(rng):
    u = far(rng)
    table = tail_table(u, np.ones(len(u)), TAIL)
    fresh = far(rng)
    expected = len(u) * norm.sf([2.0, 2.5, 3.0])
    raw, polished = (tail_counts(each, np.ones(len(u))) for each in (fresh, table.forward(fresh)))
    assert raw[2] > 3 * expected[2]
    assert polished == pytest.approx(expected, rel=0.12)  # 135 events beyond 3, in training and here


def test_the_core_is_left_alone(rng):
    u = far(rng)
    table = tail_table(u, np.ones(len(u)), TAIL)
    core = np.abs(u) < ndtri(0.8)
    assert table.forward(u)[core] == pytest.approx(u[core], abs=1e-14)


def test_a_fraction_that_is_off_at_the_threshold_leaves_no_step(rng):
    u = 1.02 * rng.standard_normal(400_000)  # 5.3 % beyond the threshold, not 5 %
    polished = tail_table(u, np.ones(len(u)), TAIL).forward(1.02 * rng.standard_normal(400_000))
    edges = ndtri(np.linspace(0.8, 0.99, 20))
    counts = np.histogram(polished, edges)[0]
    assert counts == pytest.approx(np.full(19, 4000), abs=4 * np.sqrt(2 * 4000))


def test_a_fluctuation_is_not_believed(rng):
    moved = []
    for _ in range(20):
        u = rng.standard_normal(5000)
        table = tail_table(u, np.ones(len(u)), TAIL)
        moved += np.abs(table.u - table.normal).tolist()
    assert np.median(moved) == 0
    assert np.mean(moved) < 0.03


def test_negative_weights_count_as_they_should(rng):
    signal, background = far(rng), rng.standard_normal(20_000) * 2
    u = np.concatenate([signal, background, background + 1e-9])
    w = np.concatenate([np.ones(len(signal)), np.ones(20_000), -np.ones(20_000)])
    table = tail_table(u, w, TAIL)
    alone = tail_table(signal, np.ones(len(signal)), TAIL)
    shared = min(len(table.u), len(alone.u))
    assert table.forward(np.array([2.0, 2.5])) == pytest.approx(alone.forward(np.array([2.0, 2.5])), abs=0.02)
    assert 2 < shared <= len(alone.u)


def test_the_last_entry_has_its_events(rng):
    u = rng.standard_normal(20_000)
    for least in (50, 500):
        table = tail_table(u, np.ones(len(u)), TailConfig(least_events=least))
        for beyond in ((u > table.u[-1]).sum(), (u < table.u[0]).sum()):
            assert 0.9 * least <= beyond <= 2.2 * least  # an entry that is believed by half lies elsewhere


def test_few_events_or_none_asked_make_no_table(rng):
    assert len(tail_table(rng.standard_normal(300), np.ones(300), TAIL).u) == 0  # 15 beyond
    assert len(tail_table(rng.standard_normal(9000), np.ones(9000), TailConfig(above=None)).u) == 0


def test_a_flow_that_is_far_off_is_not_folded(rng):
    table = tail_table(0.1 * rng.standard_normal(50_000), np.ones(50_000), TAIL)
    assert (np.diff(table.u) > 0).all() if len(table.u) else True
    assert (np.diff(table.normal) > 0).all() if len(table.u) else True


@given(st.lists(st.tuples(st.floats(0.01, 2), st.floats(0.01, 2)), max_size=6), st.floats(-20, 20))
def test_tables_are_monotone_and_go_back(steps, u):
    knots, values = np.cumsum([(-1.0, -1.5), *steps], axis=0).T if steps else (np.empty(0), np.empty(0))
    table, points = Table(knots, values), np.array([u - 1e-6, u, u + 1e-6])
    there = table.forward(points)
    assert (np.diff(there) > 0).all()
    assert table.inverse(there) == pytest.approx(points, abs=1e-8)


def test_slopes_are_those_of_finite_differences():
    table = Table(np.array([-1.0, 0.0, 2.0]), np.array([-2.0, 0.0, 1.0]))
    points, step = np.array([-3.0, -0.5, 1.0, 5.0]), 1e-6
    slopes = (table.forward(points + step) - table.forward(points - step)) / (2 * step)
    assert table.log_slope(points) == pytest.approx(np.log(slopes), abs=1e-6)
    assert np.exp(table.log_slope(points)) == pytest.approx([1, 2, 0.5, 1])


def test_arrays_bring_it_back(rng):
    latents = {which: np.stack([far(rng, 5000), rng.standard_normal(5000)], axis=1) for which in ("simulation", "data")}
    polish = Polish.fit(latents, {which: np.ones(5000) for which in latents}, TAIL)
    back = Polish.from_arrays(polish.to_arrays(), 2)
    for which, u in latents.items():
        there = polish.forward(u, which)
        assert (back.forward(u, which) == there).all()
        assert polish.inverse(there, which) == pytest.approx(u, abs=1e-10)
        apart = [table.log_slope(u[:, i]) for i, table in enumerate(polish.tables[which])]
        assert polish.log_slope(u, which) == pytest.approx(sum(apart))
    none = Polish.none(2)
    assert (none.forward(latents["data"], "data") == latents["data"]).all()
    assert (none.log_slope(latents["data"], "data") == 0).all()
