import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.calibration.cells import Cells, intervals
from neyman.calibration.sample import Sample
from neyman.core.errors import ConfigError


def sample_of(c, names, w=None):
    return Sample(np.zeros((len(c), 1)), c, np.ones(len(c)) if w is None else w, ("x",), names)


def test_cells_of_quantiles_have_equal_populations(rng):
    cells = Cells.of(sample_of(rng.gamma(2, 1, (12_000, 2)), ("pt", "eta")), 12)
    assert len(cells) == 12
    counts = np.bincount(cells.index(rng.gamma(2, 1, (12_000, 2))), minlength=12)
    assert counts == pytest.approx(np.full(12, 1000), rel=0.15)


def test_quantiles_are_those_of_weighted_events(rng):
    c = rng.random((20_000, 1))
    cells = Cells.of(sample_of(c, ("pt",), w=2 * c[:, 0]), 2)
    assert cells.edges[0] == pytest.approx([np.sqrt(0.5)], abs=0.01)


def test_whole_numbers_are_cut_where_they_can_be():
    npv = np.repeat([1.0, 2.0, 3.0], [700, 200, 100])[:, None]
    cells = Cells.of(sample_of(npv, ("npv",)), 4)
    assert 0 < len(set(cells.index(npv))) == len(cells)
    assert len(Cells.of(sample_of(np.ones((50, 1)), ("npv",)), 4)) == 1


def test_an_event_is_within_the_bounds_of_its_cell(rng):
    c = rng.normal(size=(200, 3))
    cells = Cells.of(sample_of(c, ("a", "b", "c")), 20)
    for event, cell in zip(c, cells.index(c), strict=True):
        low, high = cells.bounds(int(cell))
        for name, value in zip(cells.conditions, event, strict=True):
            assert low.get(name, -np.inf) < value <= high.get(name, np.inf)
        assert all(f"{value:.3g}" in cells.label(int(cell)) for value in (*low.values(), *high.values()))


def test_given_edges_are_taken_and_other_conditions_left_whole():
    cells = Cells.of(sample_of(np.zeros((3, 2)), ("pt", "eta")), {"eta": (2.8, 3.4)})
    assert len(cells) == 3
    assert [cells.label(number) for number in range(3)] == ["eta ≤ 2.8", "2.8 < eta ≤ 3.4", "eta > 3.4"]
    assert Cells.at(("pt",), {}).label(0) == "everywhere"


@pytest.mark.parametrize(
    ("edges", "parts"),
    [
        ({"etaa": [1.0]}, ("'etaa' is no condition", "pt, eta", "did you mean 'eta'")),
        ({"eta": [2.0, 1.0]}, ("[2.0, 1.0]", "increasing", "'eta'")),
        ({"eta": [1.0, 1.0]}, ("increasing",)),
        ({"eta": [np.nan]}, ("increasing",)),
        ({"eta": [np.inf]}, ("increasing",)),
    ],
)
def test_edges_that_cannot_be(edges, parts, message):
    with pytest.raises(ConfigError) as error:
        Cells.at(("pt", "eta"), edges)
    message(error, *parts)


@given(st.integers(1, 200), st.integers(1, 6), st.booleans())
def test_there_are_about_as_many_cells_as_wanted(wanted, conditions, odd):
    counts = intervals(wanted, conditions, odd=odd)
    assert len(counts) == conditions
    assert all(count % 2 == 1 for count in counts) or not odd
    one_more = 1 + (2 if odd else 1) / min(counts)
    assert max(np.prod(counts) / wanted, wanted / np.prod(counts)) <= one_more


def test_without_conditions_there_is_one_cell():
    assert len(Cells.of(sample_of(np.zeros((5, 0)), ()), 12)) == 1
