import numpy as np
import pytest

from neyman.calibration.sample import Sample
from neyman.core.errors import DataError


@pytest.fixture
def sample():
    return Sample(np.arange(6.0).reshape(3, 2), np.arange(3.0)[:, None], np.array([1.0, -1.0, 2.0]), ("a", "b"), ("c",))


def test_rows_stay_together(sample):
    for rows in (np.array([2, 0]), np.array([True, False, True])[::1], slice(1, 3)):
        chosen = sample.select(rows)
        assert chosen.x.tolist() == sample.x[rows].tolist()
        assert chosen.c.tolist() == sample.c[rows].tolist()
        assert chosen.w.tolist() == sample.w[rows].tolist()
        assert len(chosen) == 2


def test_other_values_leave_the_rest_the_very_same(sample):
    moved = sample.with_x(sample.x + 1)
    assert moved.c is sample.c
    assert moved.w is sample.w
    assert sample.with_w(sample.w * 2).x is sample.x


@pytest.mark.parametrize(
    "changes", [{"x": np.ones((2, 2))}, {"x": np.ones((3, 1))}, {"c": np.ones((3, 2))}, {"variables": ("a",)}]
)
def test_shapes_must_fit(sample, changes, message):
    fields = {name: getattr(sample, name) for name in ("x", "c", "w", "variables", "conditions")}
    with pytest.raises(DataError) as error:
        Sample(**(fields | changes))
    message(error, "arrays of shapes", "expected")
