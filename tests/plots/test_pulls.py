from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.pulls import Gammas, Pulls, plot_pulls
from neyman.plots.style import EXACT, LEARNED

PULLS = Pulls(("lumi", "jes_Eta_modelling", "btag_0"), np.array([0.5, -1.2, 9.0]), np.array([0.99, 0.4, 1.0]))
GAMMAS = Gammas(("g_0", "g_1"), np.array([1.02, 0.9]), np.array([0.01, 0.1]), np.array([0.05, 0.1]))


def drawn(axes):
    """Value, row, half width and colour of each point."""
    found = []
    for container in axes.containers:
        if hasattr(container, "lines"):
            line, _, (bars,) = container.lines
            for (x, y), segment in zip(line.get_xydata(), bars.get_segments(), strict=True):
                found.append((x, y, 0.5 * np.ptp(segment[:, 0]), line.get_color()))
    return sorted(found, key=lambda row: row[1])


def many(n):
    rng = np.random.default_rng(1)
    names = tuple(f"alpha_jes_EtaIntercalibration_modelling_of_the_forward_region_{index}" for index in range(n))
    return Pulls(names, rng.normal(0, 0.5, n), rng.uniform(0.5, 1, n))


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_points_and_their_colours():
    (axes,) = plot_pulls(PULLS).axes
    rows = drawn(axes)
    assert [row[0] for row in rows] == [0.5, -1.2, 9.0]
    assert [row[1] for row in rows] == [0, 1, 2]
    np.testing.assert_allclose([row[2] for row in rows], [0.99, 0.4, 1.0])
    assert [row[3] for row in rows] == [EXACT, LEARNED, EXACT]  # one is constrained
    assert labels(axes) == ["lumi", "jes_Eta_modelling", "btag_0"]
    assert axes.get_ylim() == (2.5, -0.5)  # the first on top
    assert [text.get_text() for text in axes.texts] == ["0.50 ± 0.99", "−1.20 ± 0.40", "9.00 ± 1.00"]


def test_bands_of_one_and_two_widths():
    (axes,) = plot_pulls(PULLS).axes
    assert [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches] == [(-2, 2), (-1, 1)]


def test_what_is_beyond_is_shown_at_the_edge():
    (axes,) = plot_pulls(PULLS).axes
    assert axes.get_xlim() == (-5, 5)
    (edge,) = [line for line in axes.lines if line.get_marker() == ">" and len(line.get_xdata())]
    ((x, y),) = edge.get_xydata()
    assert (4.5 < x < 5, y) == (True, 2)


def test_gammas_stand_in_their_own_panel_about_one():
    upper, lower = plot_pulls(PULLS, gammas=GAMMAS).axes
    assert labels(upper) == list(PULLS.names)
    assert labels(lower) == ["g_0", "g_1"]
    assert [row[0] for row in drawn(lower)] == [1.02, 0.9]
    assert [row[3] for row in drawn(lower)] == [LEARNED, EXACT]
    priors = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in lower.patches]
    np.testing.assert_allclose(priors, [(0.95, 1.05), (0.9, 1.1)])
    assert lower.get_xlim()[0] < 0.8


def test_those_that_moved_most_are_kept_in_their_order():
    names = tuple("abcd")
    pulls = Pulls(names, np.array([0.1, 0.0, -2.0, 0.3]), np.array([0.95, 0.4, 1.0, 0.9]))
    (axes,) = plot_pulls(pulls, most=2).axes
    assert labels(axes) == ["b", "c"]
    assert "2 of 4 not shown, with |pull| and |1 − width| up to 0.3" in axes.get_xlabel()
    assert "not shown" not in plot_pulls(pulls, most=4).axes[0].get_xlabel()


def test_a_gamma_without_a_prior_can_be_drawn():
    (axes,) = plot_pulls(None, gammas=Gammas(("g",), np.array([4.0]), np.array([0.1]), np.array([0.0]))).axes
    assert axes.get_xlim() == (-0.5, 2.5)


@pytest.mark.parametrize(("style", "n"), [("plain", 41), ("cms", 1)])
def test_nothing_overlaps(tidy, style, n):
    tidy(plot_pulls(many(n), gammas=GAMMAS, title="background-only fit to data, SR_2b", style=style))


@pytest.mark.parametrize(
    ("names", "value", "error", "text"),
    [
        ((), [], [], "nothing to draw"),
        (("a", "a"), [0, 0], [1, 1], "stands twice"),
        (("a", "b"), [0], [1, 1], r"pull has shape \(1,\)"),
        (("a", "b"), [0, np.nan], [1, 1], r"pull\[1\]: nan"),
        (("a", "b"), [0, np.inf], [1, 1], r"pull\[1\]: inf"),
        (("a", "b"), [0, 0], [1, -1], r"error of a pull\[1\]: -1"),
    ],
)
def test_refused(raw, names, value, error, text):
    with pytest.raises(InputError, match=text):
        raw(Pulls, names, np.array(value, dtype=float), np.array(error, dtype=float))


def test_gammas_and_rows_are_looked_at():
    one = np.ones(1)
    with pytest.raises(InputError, match="prior error of a gamma"):
        Gammas(("g",), one, one, -one)
    with pytest.raises(InputError, match="pulls or gammas"):
        plot_pulls(None)
    with pytest.raises(InputError, match="at least one row"):
        plot_pulls(PULLS, most=0)
