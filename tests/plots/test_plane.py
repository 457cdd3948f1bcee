from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from neyman.core.errors import InputError
from neyman.plots.plane import plot_plane

EDGES = (np.linspace(-4, 4, 41), np.linspace(-3, 5, 33))
CUTS = (0.5, 1.0)
CENTRES = np.meshgrid(*[0.5 * (edges[1:] + edges[:-1]) for edges in EDGES], indexing="ij")
BACKGROUND = np.exp(-0.5 * ((CENTRES[0] + 1) ** 2 + CENTRES[1] ** 2)) * 400
SIGNAL = np.exp(-0.5 * ((CENTRES[0] - 1) ** 2 + (CENTRES[1] - 2) ** 2)) * 0.3
BOTH = {"background": BACKGROUND, "signal": SIGNAL}
YIELDS = {"background": np.array([400.0, 55, 94123, 0.0123]), "signal": np.array([1.0, 15, 0.2, 1])}


def panels(figure):
    return [axes for axes in figure.axes if axes.lines]


def mesh(axes):
    (found,) = [each for each in axes.collections if isinstance(each, QuadMesh)]
    return found


def test_cells_are_the_counts_with_the_first_score_to_the_right():
    for axes, cells in zip(panels(plot_plane(EDGES, BOTH, CUTS)), BOTH.values(), strict=True):
        np.testing.assert_array_equal(mesh(axes).get_array(), cells.T)
        np.testing.assert_array_equal(mesh(axes).get_coordinates()[0, :, 0], EDGES[0])
        assert mesh(axes).norm.vmax == cells.max()
    figure = plot_plane(EDGES, BOTH, CUTS, labels=("$a$", "$b$"))
    assert [axes.get_title(loc="left") for axes in panels(figure)] == list(BOTH)
    assert [axes.get_xlabel() for axes in panels(figure)] == ["$a$", "$a$"]
    assert panels(figure)[0].get_ylabel() == "$b$"


def test_letters_and_yields_are_in_their_regions_and_the_lines_are_the_cuts():
    figure = plot_plane(EDGES, BOTH, CUTS, yields=YIELDS)
    axes = panels(figure)[0]
    figure.draw_without_rendering()
    assert next(line.get_xdata()[0] for line in axes.lines) == CUTS[0]
    assert [line.get_ydata()[0] for line in axes.lines][1] == CUTS[1]
    held = {"A": "400", "B": "55", "C": "94,123", "D": "0.0123"}
    inside = {"A": (1, -1), "B": (1, 1), "C": (-1, -1), "D": (-1, 1)}  # above or below each cut
    texts = {text.get_text().split("mathbf{")[1][0]: text for text in axes.texts}
    assert set(texts) == set(held)
    cut = axes.transData.transform(CUTS)
    for letter, text in texts.items():
        assert held[letter] in text.get_text().split()
        box = text.get_window_extent().get_points()
        assert ((box - cut) * inside[letter] > 0).all(), letter


def test_a_region_at_the_very_edge_still_has_room():
    figure = plot_plane(EDGES, {"background": BACKGROUND}, (2.5, 2.9), yields={"background": YIELDS["background"]})
    (axes,) = panels(figure)
    for cut, (low, high) in zip((2.5, 2.9), (axes.get_xlim(), axes.get_ylim()), strict=True):
        assert 0.249 < (high - cut) / (high - low) < 0.6


@pytest.mark.parametrize("cuts", [(9.0, -7.0), (-9.0, 7.0)])
def test_cuts_outside_of_the_cells_are_on_the_picture(cuts):
    for axes in panels(plot_plane(EDGES, BOTH, cuts)):
        assert axes.get_xlim()[0] < cuts[0] < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < cuts[1] < axes.get_ylim()[1]


def test_the_border_without_events_is_cut_off():
    few = np.zeros_like(BACKGROUND)
    few[10:20, 12:20] = 1.0
    (axes,) = panels(plot_plane(EDGES, {"background": few}, (-1.0, 1.0)))
    assert axes.get_xlim() == pytest.approx((EDGES[0][10], EDGES[0][20]))
    assert axes.get_ylim() == pytest.approx((EDGES[1][12], EDGES[1][20]))


def test_negative_and_empty_cells_are_white():
    cells = BACKGROUND.copy()
    cells[0, 0], cells[5, 5] = -1.0, 0.0
    shown = mesh(panels(plot_plane(EDGES, {"background": cells}, CUTS))[0]).get_array()
    assert shown.mask.sum() == 2
    assert shown.mask[0, 0]
    assert shown.mask[5, 5]


@pytest.mark.parametrize("cells", [np.zeros((1, 1)), np.full((1, 1), 3.0), np.full((1, 1), -3.0)])
def test_one_cell_and_nothing_in_it(cells, tidy):
    edges = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    figure = plot_plane(edges, {"background": cells}, (0.5, 0.5), yields={"background": np.zeros(4)})
    tidy(figure)
    assert panels(figure)[0].get_xlim() == (0, 1)


@pytest.mark.parametrize(("scale", "style"), [(1e-6, "plain"), (1.0, "cms"), (1e7, "plain")])
def test_nothing_overlaps(tidy, scale, style):
    tidy(plot_plane(EDGES, {"background": BACKGROUND * scale, "signal": SIGNAL}, CUTS, yields=YIELDS, style=style))
    tidy(plot_plane(EDGES, {"signal": SIGNAL * scale}, CUTS, yields={"signal": YIELDS["signal"]}, style=style))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"counts": {}}, "no names"),
        ({"counts": dict.fromkeys("abc", SIGNAL)}, "3 classes"),
        ({"counts": {"signal": SIGNAL.T}}, r"counts of 'signal' has shape \(32, 40\)"),
        ({"counts": {"signal": np.where(SIGNAL > 0.29, np.nan, SIGNAL)}}, r"counts of 'signal'\[\d+\]\[\d+\]: nan"),
        ({"edges": (EDGES[0][::-1], EDGES[1])}, "edges of the first score"),
        ({"edges": (EDGES[0], EDGES[1][:1])}, "one edge"),
        ({"cuts": (0.0, np.inf)}, r"cuts\[1\]: inf"),
        ({"yields": {"data": np.ones(4)}}, "yields of 'data'"),
        ({"yields": {"signal": np.ones(3)}}, r"yields of 'signal' has shape \(3,\)"),
        ({"yields": {"signal": np.array([1, np.nan, 1, 1])}}, r"yields of 'signal'\[1\]: nan"),
    ],
)
def test_refused(raw, change, text):
    arguments = {"edges": EDGES, "counts": BOTH, "cuts": CUTS} | change
    with pytest.raises(InputError, match=text):
        raw(plot_plane, **arguments)
