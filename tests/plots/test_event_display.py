from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots.event_display import EventObjects, plot_event

KINDS = ["jet", "jet", "electron", "muon"]
PT, ETA, PHI = np.array([200.0, 50, 40, 20]), np.array([0.5, -2.0, 1.5, -0.3]), np.array([0.0, 3.5, -1.0, 1.2])


def display(**change):
    given = {"kinds": KINDS, "pt": PT, "eta": ETA, "phi": PHI, "met": 60.0, "met_phi": 2.0} | change
    return EventObjects(**given)


def test_areas_go_with_pt_and_places_with_eta_and_phi(tidy, entries):
    figure = plot_event(display(), title="row 7")
    axes = figure.axes[0]
    jets, electrons, muons = axes.collections
    sizes = [jets.get_sizes()[0], jets.get_sizes()[1], electrons.get_sizes()[0], muons.get_sizes()[0]]
    np.testing.assert_allclose(np.array(sizes) / sizes[0], PT / 200)
    np.testing.assert_allclose(jets.get_offsets(), [[0.5, 0.0], [-2.0, 3.5 - 2 * np.pi]])
    assert entries(figure) == ["jet", "electron", "muon", "$p_\\mathrm{T}^\\mathrm{miss}$ 60 GeV"]
    assert "200" in [text.get_text() for text in axes.texts]
    assert axes.get_ylim() == (-np.pi, np.pi)
    tidy(figure)


def test_of_two_objects_on_one_another_the_harder_has_its_number():
    figure = plot_event(display(eta=np.array([0.5, 0.6, 1.5, -0.3]), phi=np.array([0.0, 0.1, -1.0, 1.2])))
    assert [text.get_text() for text in figure.axes[0].texts] == ["200", "40", "20"]


def test_far_forward_objects_are_on_the_figure():
    low, high = plot_event(display(eta=np.array([5.2, 0.0, 0.0, 0.0]))).axes[0].get_xlim()
    assert -low == high > 5.2


def test_an_event_without_objects(tidy):
    nothing = np.empty(0)
    figure = plot_event(EventObjects([], nothing, nothing, nothing))
    assert not figure.axes[0].collections
    tidy(figure)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"kinds": ["jet", "jet", "electron", "photon"]}, ["'photon'", "one of jet"]),
        ({"kinds": KINDS[:3]}, ["pt: 4 values", "3"]),
        ({"pt": np.array([1.0, -1, 1, 1])}, ["pt[1]"]),
        ({"phi": np.array([1.0, 1, np.nan, 1])}, ["phi[2]", "nan"]),
        ({"met": np.inf}, ["missing momentum inf"]),
        ({"met": -1.0}, ["missing momentum -1"]),
    ],
)
def test_refusals(change, parts, message):
    with pytest.raises(DataError) as error:
        display(**change)
    message(error, *parts)
