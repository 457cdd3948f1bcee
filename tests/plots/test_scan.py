from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.scan import Scan, plot_scan
from neyman.plots.style import PRIOR

MU = np.linspace(-1, 3, 41)
TOTAL = Scan(MU, ((MU - 1.2) / 0.3) ** 2, 1.2, (0.9, 1.5))
STAT = Scan(MU, ((MU - 1.2) / 0.2) ** 2, 1.2, (1.0, 1.41))


def test_curves_levels_and_intervals(entries):
    figure = plot_scan({"total": TOTAL, "statistical only": STAT}, label="$\\mu$", unit="fb", title="SR_2b")
    (axes,) = figure.axes
    curves = [line for line in axes.lines if len(line.get_xdata()) == 41]
    np.testing.assert_array_equal(curves[0].get_xydata(), np.stack([MU, TOTAL.q], axis=1))
    np.testing.assert_array_equal(curves[1].get_ydata(), STAT.q)
    assert {text.get_text(): text.get_position()[1] for text in axes.texts} == {"68.3 %": 1, "95.4 %": 4}
    assert {line.get_ydata()[0] for line in axes.lines if line.get_color() == PRIOR} == {1, 4}
    ends = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    assert ends == [0.9, 1.5, 1.0, 1.41]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "*"] == [1.2, 1.2]
    assert entries(figure) == ["total: 1.20 ± 0.30", "statistical only: $1.20^{+0.21}_{-0.20}$"]
    assert axes.get_xlabel() == "$\\mu$ [fb]"


def test_a_blinded_value_is_in_no_text(entries):
    figure = plot_scan({"total": TOTAL, "statistical only": STAT}, blinded=True)
    assert entries(figure) == ["total: ± 0.30", "statistical only: +0.21 −0.20"]
    assert figure.axes[0].get_xlabel() == "$\\mu$ + hidden offset"
    unknown = Scan(MU, TOTAL.q, 1.2)
    assert entries(plot_scan({"total": unknown}, blinded=True)) == ["total"]
    assert entries(plot_scan({"total": unknown})) == ["total: 1.2"]


@pytest.mark.parametrize(("height", "top"), [(0.2, 5.0), (7.0, 7.56), (500.0, 12.0)])
def test_the_axis_shows_the_levels(height, top):
    axes = plot_scan({"a": Scan(np.array([0.0, 1.0]), np.array([0.0, height]))}).axes[0]
    assert axes.get_ylim() == pytest.approx((0, top))


def test_open_intervals(entries):
    figure = plot_scan({"a": Scan(MU, TOTAL.q, 1.2, (-np.inf, 1.5))})
    assert entries(figure) == ["a: $1.20^{+0.30}_{-∞}$"]
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == ":"] == [1.5]


@pytest.mark.parametrize(("style", "unit"), [("plain", 1.0), ("atlas", 1e-9)])
def test_nothing_overlaps(tidy, style, unit):
    scans = {f"a_scan_with_a_long_name_{index}": Scan(MU * unit, TOTAL.q) for index in range(4)}
    tidy(plot_scan(scans, title="SR_2b", style=style))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((MU[:0], MU[:0]), "empty"),
        ((MU[:1], MU[:1]), "one point"),
        ((MU, MU[:-1]), "q has shape"),
        ((MU[::-1], MU), "is followed by"),
        ((MU, np.where(MU > 2.95, np.nan, MU)), r"q\[40\]: nan"),
        ((MU, MU, np.nan), "best fit is nan"),
        ((MU, MU, 1.0, (1.1, 2.0)), "inside of its interval"),
        ((MU, MU, 1.0, (np.nan, 2.0)), "inside of its interval"),
        ((MU, MU, None, (1.0, 2.0)), "inside of its interval"),
    ],
)
def test_refused(raw, arguments, text):
    with pytest.raises(InputError, match=text):
        raw(Scan, *arguments)


def test_no_scans_are_refused():
    with pytest.raises(InputError, match="no scans"):
        plot_scan({})
