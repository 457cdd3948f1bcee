from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError, InputError
from neyman.plots.inputs import require_increasing, require_names, require_numbers


def test_the_place_of_the_first_bad_number_is_named(message):
    values = np.array([[1.0, 2.0], [np.nan, np.inf]])
    with pytest.raises(InputError) as error:
        require_numbers("q", values, (2, 2))
    message(error, "q[1][0]: nan", "2 of 4", "finite numbers")


@pytest.mark.parametrize(
    ("low", "high", "text"), [(0, np.inf, "at least 0"), (-np.inf, 1, "at most 1"), (0, 1, "from 0 to 1")]
)
def test_ranges(message, low, high, text):
    require_numbers("p", np.array([0.0, 1.0]), (None,), low=low, high=high)
    with pytest.raises(DataError) as error:
        require_numbers("p", np.array([0.5, -0.1, 1.1]), (3,), low=low, high=high)
    message(error, text)


def test_shapes():
    with pytest.raises(DataError, match=r"shape \(2,\)"):
        require_numbers("p", np.zeros(2), (3,))
    with pytest.raises(DataError, match="empty"):
        require_numbers("p", np.zeros(0), (None,))


def test_positions_increase():
    require_increasing("x", np.array([1.0, 2.0]))
    with pytest.raises(DataError, match=r"x\[1\]: 2 is followed by 2"):
        require_increasing("x", np.array([1.0, 2.0, 2.0]))


def test_names():
    require_names(("a", "b"))
    with pytest.raises(DataError, match="nothing to draw"):
        require_names(())
    with pytest.raises(DataError, match="'b' stands twice"):
        require_names(("a", "b", "b"))
