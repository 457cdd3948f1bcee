from __future__ import annotations

import matplotlib as mpl
import pytest

from neyman.plots.panels import legend_above, new_figure, one_panel, two_panels
from neyman.plots.style import CYCLE, colour, styled


@pytest.mark.parametrize("style", ["plain", "atlas", "cms", "lhcb"])
def test_settings_are_as_before_afterwards(style):
    before = dict(mpl.rcParams)
    with pytest.raises(RuntimeError), styled(style):
        assert mpl.rcParams["xtick.direction"] == "in"
        raise RuntimeError
    assert dict(mpl.rcParams) == before


def test_the_settings_of_the_user_do_not_leak_in():
    with mpl.rc_context({"axes.grid": True, "font.size": 50}), styled():
        assert not mpl.rcParams["axes.grid"]
        assert mpl.rcParams["font.size"] == 11


def test_ticks_keep_their_style_when_drawn_later():
    with styled():
        figure = new_figure()
        axes = one_panel(figure)
    figure.draw_without_rendering()
    tick = axes.xaxis.get_major_ticks()[0]
    assert tick.get_tickdir() == "in"
    assert tick.tick2line.get_visible()


def test_experiments_bring_their_colours_and_fonts():
    with styled():
        assert [colour(index) for index in range(7)] == [*CYCLE, CYCLE[0]]
    with styled("lhcb"):
        assert colour(0) == "#0078FF"
        assert mpl.rcParams["font.family"][0].lower() == "tex gyre termes"


def test_lower_panels_share_the_axis_and_carry_its_numbers():
    with styled():
        figure = new_figure()
        upper, lower = two_panels(figure)
    upper.set_xlim(2, 3)
    figure.draw_without_rendering()
    assert lower.get_xlim() == (2, 3)
    assert not any(label.get_visible() and label.get_text() for label in upper.get_xticklabels())
    assert any(label.get_text() for label in lower.get_xticklabels())


def test_legends_lie_outside_of_the_panels():
    with styled():
        figure = new_figure()
        axes = one_panel(figure)
        legend_above(figure, axes.plot([0, 1], [0, 1], label="line"))
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().y0 >= axes.get_window_extent().y1


def test_nothing_is_registered_with_pyplot():
    import matplotlib.pyplot as plt

    new_figure()
    assert plt.get_fignums() == []
