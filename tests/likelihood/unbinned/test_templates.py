"""Templates: what is stored, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.likelihood.unbinned import templates as module
from neyman.likelihood.unbinned.templates import Morphing, Templates


def made(events=10, *, block=4, dtype=np.float64, **changes):
    rng = np.random.default_rng(3)
    arguments = {
        "log_ratio": rng.normal(size=(2, events)),
        "hi": list(rng.normal(size=(3, events))),
        "lo": list(rng.normal(size=(3, events))),
        "pair_sample": [1, 0, 1],
        "pair_parameter": [1, 1, 0],
        "parameters": 2,
    } | changes
    return arguments, lambda: Templates.build(**arguments, block=block, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("events", "blocks"), [(10, 3), (8, 2), (3, 1), (1, 1), (0, 0)])
def test_ratios_are_stored_in_blocks_with_pairs_in_order(events, blocks, dtype):
    given, build = made(events, dtype=dtype)
    found = build()
    assert found.ratio.shape == (blocks, 2, 4)
    assert found.varied.shape == (blocks, 3, 4, 4)
    assert (found.events, found.parameters, found.ratio.dtype) == (events, 2, dtype)
    assert found.pair_sample.tolist() == [0, 1, 1]
    assert found.pair_parameter.tolist() == [1, 0, 1]
    ratio = found.ratio.swapaxes(0, 1).reshape(2, -1)
    np.testing.assert_allclose(ratio[:, :events], np.exp(given["log_ratio"]), rtol=1e-6)
    assert (ratio[:, events:] == 1).all()
    for place, pair in enumerate((1, 2, 0)):
        u, log_u, d, log_d = found.varied[:, place].swapaxes(0, 1).reshape(4, -1)
        np.testing.assert_allclose(log_u[:events], given["hi"][pair], rtol=1e-6)
        np.testing.assert_allclose(log_d[:events], given["lo"][pair], rtol=1e-6)
        np.testing.assert_allclose(u[:events], np.exp(given["hi"][pair]), rtol=1e-6)
        np.testing.assert_allclose(d[:events], np.exp(given["lo"][pair]), rtol=1e-6)
        assert (u[events:] == 1).all()
        assert (d[events:] == 1).all()
        assert not log_u[events:].any()
        assert not log_d[events:].any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memory_mapped_files_are_read_piece_by_piece(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(module, "_AT_ONCE", 8)
    given, build = made(50)
    whole = build()
    for name in ("log_ratio", "hi", "lo"):
        for number, logs in enumerate(given[name]):
            np.save(tmp_path / f"{name}{number}.npy", logs.astype(dtype))
        given[name] = [np.load(tmp_path / f"{name}{n}.npy", mmap_mode="r") for n in range(len(given[name]))]
    found = build()
    np.testing.assert_allclose(found.ratio, whole.ratio, rtol=1e-6)
    np.testing.assert_allclose(found.varied, whole.varied, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.densities(np.array([0.4, -2])), whole.densities(np.array([0.4, -2])), rtol=1e-5)


def test_storage_begins_at_a_cache_line():
    found = made(1000, block=512)[1]()
    assert found.ratio.ctypes.data % 64 == found.varied.ctypes.data % 64 == 0


def test_weights_are_packed_with_zeros():
    found = made(10)[1]()
    packed = found.pack(np.arange(1.0, 11.0, dtype=np.float32))
    assert packed.dtype == np.float64
    assert packed.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 0, 0]]


@pytest.mark.parametrize("rows", [[], [9], [0, 0, 3, 9, 2], list(range(10)), [7] * 13])
def test_events_are_taken_in_the_order_asked_for(rows):
    found = made(10)[1]()
    alpha = np.array([0.4, -1.7])
    some = found.take(np.array(rows, int))
    assert some.events == len(rows)
    np.testing.assert_array_equal(some.densities(alpha), found.densities(alpha)[:, rows])
    assert some.ratio.shape == (-(-len(rows) // 4), 2, 4)
    filled = some.ratio.swapaxes(0, 1).reshape(2, -1)[:, len(rows) :]
    assert (filled == 1).all()
    assert (some.varied.transpose(1, 2, 0, 3).reshape(3, 4, -1)[..., len(rows) :] == [[[1], [0], [1], [0]]]).all()


@pytest.mark.parametrize("row", [10, -1])
def test_an_event_that_is_not_there_cannot_be_taken(row, message):
    with pytest.raises(DataError) as error:
        made(10)[1]().take(np.array([0, row]))
    message(error, f"there is no event {row}", "expected: numbers below 10")


def test_densities_meet_the_templates():
    given, build = made(10)
    found = build()
    nominal = np.exp(given["log_ratio"])
    np.testing.assert_allclose(found.densities(np.zeros(2)), nominal, rtol=1e-14)
    up = found.densities(np.array([0.0, 1.0]))
    np.testing.assert_allclose(up, nominal * np.exp([given["hi"][1], given["hi"][0]]), rtol=1e-14)
    down = found.densities(np.array([-2.0, 0.0]))
    np.testing.assert_allclose(down, nominal * np.exp([np.zeros(10), 2 * given["lo"][2]]), rtol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.3, -0.9999])
def test_morphing_is_a_sum_over_templates_with_its_derivatives(alpha):
    step = 1e-5
    here, up, down = (Morphing.at(np.array([alpha + by])).inside[:, 0] for by in (0, step, -step))
    np.testing.assert_allclose(here[1], (up[0] - down[0]) / (2 * step), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(here[2], (up[1] - down[1]) / (2 * step), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(here[:, :3].sum(1), [1, 0, 0], atol=1e-13)  # no variation, g = 1


def test_morphing_ends_at_one():
    found = Morphing.at(np.array([1.0, -1.0, np.nextafter(1, 0), 3.0, -4.0, np.nan]))
    assert found.side.tolist() == [1, -1, 0, 1, -1, 0]
    assert found.distance[[0, 3, 4]].tolist() == [1, 3, 4]
    np.testing.assert_allclose(found.inside[0, 2], [0, 1, 0, 0, 0, 0, 0], atol=1e-12)
    assert np.isnan(found.inside[0, 5]).any()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("name", "row", "part"),
    [
        ("log_ratio", 1, "log-ratio of sample 1: event 6 is"),
        ("hi", 0, "log-ratio of sample 1 at +1 of systematic 1: event 6 is"),
        ("lo", 1, "log-ratio of sample 0 at −1 of systematic 1: event 6 is"),
    ],
)
def test_numbers_that_are_not_finite_are_refused(name, row, part, number, message, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 4)
    given, build = made(10)
    given[name][row][6] = number
    with pytest.raises(DataError) as error:
        build()
    message(error, part, str(number), "expected: finite numbers")


@pytest.mark.parametrize(("logs", "dtype"), [(800.0, np.float64), (100.0, np.float32)])
def test_ratios_too_large_to_store_are_refused(logs, dtype, message):
    given, build = made(10, dtype=dtype)
    given["hi"][1][3] = logs
    with pytest.raises(DataError) as error:
        build()
    message(error, "exponential of the log-ratio of sample 0 at +1 of systematic 1: event 3 is inf")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"log_ratio": [np.zeros(10), np.zeros(9)]}, ["log-ratio of sample 1: shape (9,)", "expected: (10,)"]),
        ({"hi": [np.zeros(10), np.zeros(10), np.zeros(11)]}, ["sample 1 at +1 of systematic 0: shape (11,)"]),
        ({"lo": [np.zeros((10, 1))] * 3}, ["at −1", "shape (10, 1)"]),
        ({"hi": []}, ["0 arrays at α = +1 and 3 at −1", "expected: 3 of each"]),
        ({"pair_sample": [0, 1]}, ["2 samples of pairs and 3 systematics"]),
        ({"pair_sample": [1, 0, 2]}, ["pair 2, sample 2 with systematic 0: no such pair", "2 samples, 2 systematics"]),
        ({"pair_parameter": [1, -1, 0]}, ["pair 1, sample 0 with systematic -1: no such pair"]),
        ({"pair_parameter": [1, 0, 1]}, ["pair 2, sample 1 with systematic 1: given twice"]),
        ({"log_ratio": [], "hi": [], "lo": [], "pair_sample": [], "pair_parameter": []}, ["no samples"]),
    ],
)
def test_what_does_not_fit_is_refused(changes, parts, message):
    with pytest.raises(DataError) as error:
        made(10, **changes)[1]()
    message(error, *parts)


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        (np.ones(9), ["weights: shape (9,)", "expected: (10,)"]),
        (np.where(np.arange(10) == 4, np.nan, 1.0), ["weights: event 4 is nan"]),
        (np.where(np.arange(10) == 9, -np.inf, 1.0), ["weights: event 9 is -inf"]),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, parts, message):
    with pytest.raises(DataError) as error:
        made(10)[1]().pack(weights)
    message(error, *parts)
