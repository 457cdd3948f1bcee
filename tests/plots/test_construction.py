from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.construction import Construction, plot_construction

MU = np.linspace(0, 3, 7)
FIELDS = {
    "poi": MU,
    "observed": ((MU - 1.2) / 0.5) ** 2,
    "critical": np.stack([np.full(7, 0.9), np.full(7, 4.3)]),
    "error": np.full((2, 7), 0.1),
    "asymptotic": (1.0, 4.0),
    "best": 1.2,
    "intervals": ((0.7, 1.7), (-np.inf, 2.3)),
    "asymptotic_intervals": ((0.7, 1.7), (0.2, 2.2)),
}


@pytest.mark.parametrize(("style", "unit"), [("plain", ""), ("cms", "fb")])
def test_curves_and_intervals(entries, tidy, style, unit):
    figure = plot_construction(Construction(**FIELDS), unit=unit, title="SR_2b", style=style)
    upper, lower = figure.axes
    curves = [line for line in upper.lines if len(line.get_xdata()) == 7]
    for line, values in zip(curves, (FIELDS["observed"], *FIELDS["critical"]), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([MU, values], axis=1))
    levels = [line.get_ydata()[0] for line in upper.lines if line.get_linestyle() == "--"]
    assert levels == [1, 4]
    bars = [line for line in lower.lines if line.get_linestyle() in ("-", "--")]
    ends = [[0.7, 1.7], [0.7, 1.7], [-0.15, 2.3], [0.2, 2.2]]
    np.testing.assert_allclose([line.get_xdata() for line in bars], ends)
    assert bars[2].get_color() == curves[2].get_color()
    assert lower.get_xlim() == (0, 3)  # the open end is outside of it
    texts = ["observed", "68.3 % of toys", "68.3 % asymptotic", "95.4 % of toys", "95.4 % asymptotic"]
    assert entries(figure) == texts
    assert lower.get_xlabel() == (f"$\\mu$ [{unit}]" if unit else "$\\mu$")
    tidy(figure)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"poi": MU[:1]}, "one point"),
        ({"poi": MU[::-1]}, "is followed by"),
        ({"poi": MU[:0]}, "empty"),
        ({"observed": MU[:-1]}, "observed has shape"),
        ({"observed": np.where(MU > 2.9, np.nan, MU)}, r"observed\[6\]: nan"),
        ({"critical": np.zeros((1, 7))}, "critical values has shape"),
        ({"error": np.full((2, 7), -0.1)}, "at least 0"),
        ({"asymptotic": (1.0, np.inf)}, "is inf"),
        ({"best": np.nan}, "best fit is nan"),
        ({"intervals": ((1.7, 0.7), (0, 1))}, "lower end first"),
        ({"asymptotic_intervals": ((0.7, np.nan), (0, 1))}, "lower end first"),
    ],
)
def test_refused(raw, change, text):
    with pytest.raises(InputError, match=text):
        raw(Construction, **{**FIELDS, **change})
