import numpy as np
import pytest

from neyman.calibration.batches import Pair, Shuffled, TensorSample, batches, bootstrapped


def test_a_pass_takes_each_row_once():
    rows = Shuffled(np.arange(100), 20, 1, "train")
    one = np.concatenate([rows(step) for step in range(5)])
    two = np.concatenate([rows(step) for step in range(5, 10)])
    assert sorted(one) == sorted(two) == list(range(100))
    assert one.tolist() != two.tolist()


def test_a_batch_depends_on_its_step_alone():
    rows, again = (Shuffled(np.arange(100), 30, 1, "train") for _ in range(2))
    first = [rows(step).tolist() for step in range(10)]
    assert [again(step).tolist() for step in (9, 2, 0)] == [first[9], first[2], first[0]]
    assert Shuffled(np.arange(100), 30, 2, "train")(0).tolist() != first[0]
    assert len(Shuffled(np.arange(5), 30, 1, "train")(7)) == 5


def test_a_bootstrap_is_poisson(rng):
    rows = bootstrapped(20_000, rng)
    counts = np.bincount(rows, minlength=20_000)
    assert counts.mean() == pytest.approx(1, abs=0.03)
    assert counts.var() == pytest.approx(1, abs=0.05)
    assert bootstrapped(5, None).tolist() == [0, 1, 2, 3, 4]


def test_a_batch_is_of_both_samples():
    import torch

    def make(n, sign):
        values = sign * torch.arange(1.0, n + 1)
        return TensorSample(values[:, None], 10 * values[:, None], 100 * values)

    take = batches(Pair(make(50, 1), make(20, -1)), (np.arange(50), np.arange(20)), size=10, seed=1, name="nominal")
    for step in range(12):
        y_s, c_s, w_s, y_d, c_d, w_d = take(step)
        assert len(y_s) == len(y_d) == 10
        assert (y_s > 0).all()
        assert (y_d < 0).all()
        for y, c, w in ((y_s, c_s, w_s), (y_d, c_d, w_d)):
            assert torch.equal(10 * y, c)
            assert torch.equal(100 * y[:, 0], w)
