from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.plots.panels import new_figure, one_panel
from neyman.plots.style import styled
from neyman.plots.text import axis_label, errors_only, fitting_legend, put_title, short, with_errors

NAMES = st.text("abcdefgh_", min_size=1, max_size=80)


@given(NAMES)
def test_short_names_keep_their_ends(name):
    cut = short(name, 20)
    assert len(cut) <= 20
    if len(name) <= 20:
        assert cut == name
    else:
        head, tail = cut.split("…")
        assert name.startswith(head)
        assert name.endswith(tail)


def test_mathtext_is_not_cut():
    assert short(r"$\alpha_{\mathrm{something\ very\ long}}$", 10) == r"$\alpha_{\mathrm{something\ very\ long}}$"


@pytest.mark.parametrize(
    ("value", "below", "above", "text"),
    [
        (1.0, 0.1, 0.3, "$1.00^{+0.30}_{-0.10}$"),
        (-120.0, 34.0, 34.0, "−120 ± 34"),
        (0.5, np.inf, 0.1, "$0.50^{+0.10}_{-∞}$"),
        (0.5, 0.0, 0.1, "$0.50^{+0.10}_{-0.00}$"),
    ],
)
def test_with_errors(value, below, above, text):
    assert with_errors(value, below, above) == text


def test_errors_only_never_hold_the_value():
    assert errors_only(0.1, 0.3) == "+0.30 −0.10"
    assert errors_only(np.inf, np.inf) == "± ∞"


def test_axis_label():
    assert axis_label("m", "") == "m"


@pytest.mark.parametrize("label", ["b", "a_rather_long_name_of_a_sample", r"$\mathrm{t}\bar{\mathrm{t}}$ + jets"])
@pytest.mark.parametrize("n", [1, 9])
def test_legends_fit(tidy, label, n):
    with styled():
        figure = new_figure()
        axes = one_panel(figure)
        fitting_legend(figure, [axes.plot([0, 1], label=f"{label} {index}")[0] for index in range(n)])
        put_title(axes, "a title of many words " * 8)
    tidy(figure)
    assert axes.get_window_extent().height > 280  # the legend took its room from a higher figure


def test_titles_break_between_words_but_not_in_mathtext():
    with styled():
        axes = one_panel(new_figure())
        put_title(axes, "region SR_2b with " + "$m_{jj} > 500$ GeV, " * 6)
    lines = axes.get_title(loc="left").split("\n")
    assert len(lines) == 2
    assert all(line.count("$") % 2 == 0 for line in lines)
    assert axes.figure.get_figheight() == pytest.approx(4.8 + 0.22)
