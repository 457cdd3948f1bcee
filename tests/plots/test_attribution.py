from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from neyman.core.errors import DataError
from neyman.plots.attribution import ABOVE, BELOW, plot_attribution, plot_attributions, plot_candidate
from neyman.plots.event_display import EventObjects

NAMES = ["met_pt", "jet1_pt", "jet1_eta", "muon1_phi"]
FOUND = np.array([0.5, -4.0, 1.0, 0.0])
VALUES = ["50 GeV", "12 GeV", "0.3", "1.0"]


def test_the_strongest_comes_first_and_sides_have_colours(tidy):
    figure = plot_attribution(NAMES, FOUND, values=VALUES, most=3, title="row 7")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["jet1_pt", "jet1_eta", "met_pt"]
    assert [bar.get_width() for bar in axes.patches] == [-4.0, 1.0, 0.5]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [BELOW, ABOVE, ABOVE]
    assert [text.get_text() for text in axes.texts] == ["12 GeV", "0.3", "50 GeV"]
    assert -axes.get_xlim()[0] == axes.get_xlim()[1]
    tidy(figure)


def test_nothing_is_unusual(tidy):
    tidy(plot_attribution(NAMES, np.zeros(4)))


def test_a_candidate_has_both(tidy, entries):
    event = EventObjects(["jet"], np.array([12.0]), np.array([0.3]), np.array([1.0]), met=50.0, met_phi=-2.0)
    figure = plot_candidate(event, NAMES, FOUND, values=VALUES, title="1st: row 7, p = 2e-4")
    left, right = figure.axes
    assert left.get_xlabel().startswith("pseudorapidity")
    assert right.patches[0].get_width() == -4.0
    assert entries(figure)[0] == "jet"
    tidy(figure)


def test_shares_add_up_to_one_and_keep_their_sign(tidy):
    many = np.array([FOUND, -FOUND, [0.0, 0, 0, 3]])
    figure = plot_attributions(NAMES, many, ["7", "12", "40"])
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(np.abs(shown).sum(axis=0), 1)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[0] == "muon1_phi"
    assert shown[labels.index("jet1_pt")].tolist() == pytest.approx([-16 / 17.25, 16 / 17.25, 0])
    tidy(figure)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (([], np.empty(0)), ["no names"]),
        ((["a", "a"], np.ones(2)), ["'a' stands twice"]),
        ((NAMES, np.ones(3)), ["attribution"]),
        ((NAMES, np.array([1.0, np.nan, 0, 0])), ["attribution[1]", "nan"]),
    ],
)
def test_refusals(arguments, parts, message, raw):
    with pytest.raises(DataError) as error:
        raw(plot_attribution, *arguments)
    message(error, *parts)


def test_values_that_do_not_fit(message):
    with pytest.raises(DataError) as error:
        plot_attribution(NAMES, FOUND, values=["1"])
    message(error, "1 values", "4")
