import numpy as np
import pytest

from neyman.learning.schedule import one_cycle


@pytest.mark.parametrize("total", [20, 1000, 12_345])
def test_up_to_the_peak_in_a_line_then_down_to_zero(total):
    rates = np.array([one_cycle(step, total, peak=0.3) for step in range(total + 1)])
    top = round(0.1 * total) - 1
    assert rates.max() == pytest.approx(0.3)
    assert rates[top] == rates.max()
    np.testing.assert_allclose(np.diff(rates[: top + 1]), rates[0])
    assert (np.diff(rates[top + 1 :]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert (rates[:-1] > 0).all()


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_shortest_runs(total):
    rates = [one_cycle(step, total, peak=1.0) for step in range(total)]
    assert rates[0] == 1
    assert all(0 < rate <= 1 for rate in rates)


def test_it_stays_at_zero_past_the_end():
    assert one_cycle(500, 100, peak=1.0) == pytest.approx(0, abs=1e-12)
