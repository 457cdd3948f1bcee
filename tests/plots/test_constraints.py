from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.constraints import ConstraintCurve, plot_constraints

STEP = np.arange(10.0, 310, 10)
FALLING = np.exp(-STEP / 200)
OBJECTIVE = {"training, soft gates": -5 + FALLING, "validation, hard gates": -4 + FALLING}
CURVE = ConstraintCurve(FALLING, 0.3, 1 - FALLING, FALLING <= 0.3)
WATCHED = ConstraintCurve(0.01 * FALLING)


def values(axes):
    return axes.lines[0].get_ydata()


def test_curves_limits_and_multipliers_are_those_given(entries):
    figure = plot_constraints(STEP, OBJECTIVE, {"closure": CURVE, "DisCo": WATCHED}, objective_label="ln CLs", kept=250)
    top, value, multiplier, watched = figure.axes
    for line, expected in zip(top.lines, OBJECTIVE.values(), strict=False):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([STEP, expected], axis=1))
    np.testing.assert_array_equal(values(value), FALLING)
    np.testing.assert_array_equal(values(multiplier), 1 - FALLING)
    np.testing.assert_array_equal(values(watched), 0.01 * FALLING)
    assert 0.3 in [line.get_ydata()[0] for line in value.lines if line.get_linestyle() == "--"]
    assert (value.get_title(loc="left"), value.get_title(loc="right")) == ("closure", r"$\leq$ 0.3")
    assert watched.get_title(loc="right") == ""
    assert all(250 in [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata())] for axes in figure.axes)
    assert entries(figure) == [*OBJECTIVE, "constraint holds", "violated", "limit", "kept"]


def test_violated_epochs_are_open_circles():
    value = plot_constraints(STEP, OBJECTIVE, {"closure": CURVE}).axes[1]
    points = {line.get_markerfacecolor(): line.get_xdata() for line in value.lines if line.get_marker() == "o"}
    np.testing.assert_array_equal(points.pop("white"), STEP[FALLING > 0.3])
    (held,) = points.values()
    np.testing.assert_array_equal(held, STEP[FALLING <= 0.3])


def test_a_phase_that_starts_later_is_marked():
    figure = plot_constraints(STEP, OBJECTIVE, {"closure": CURVE}, phases={"warm-up": 0.0, "constrained": 150.0})
    for axes in figure.axes:
        assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "-"][-1] == 150
    assert [text.get_text() for text in figure.axes[0].texts] == ["constrained"]


def test_values_far_apart_are_on_a_logarithmic_axis():
    wide = ConstraintCurve(np.geomspace(1, 1e-3, len(STEP)), 0.01)
    assert plot_constraints(STEP, OBJECTIVE, {"closure": wide}).axes[1].get_yscale() == "log"
    below = ConstraintCurve(np.geomspace(1, 1e-3, len(STEP)), 0.0)  # its limit would not be on it
    assert plot_constraints(STEP, OBJECTIVE, {"closure": below}).axes[1].get_yscale() == "linear"


def test_one_epoch_gaps_and_zeros(tidy):
    one = ConstraintCurve(np.zeros(1), 0.0, np.zeros(1), np.ones(1, bool))
    tidy(plot_constraints(STEP[:1], {"training": np.array([2.0])}, {"yields": one}, kept=10))
    gaps = np.where(STEP > 50, FALLING, np.nan)
    tidy(plot_constraints(STEP, {"training": gaps}, {"closure": ConstraintCurve(gaps, 0.3, gaps)}))


@pytest.mark.parametrize(("many", "style"), [(0, "plain"), (1, "plain"), (3, "lhcb"), (4, "plain")])
def test_nothing_overlaps(tidy, many, style):
    constraints = {f"constraint number {index} with a long name": CURVE for index in range(many)}
    tidy(plot_constraints(STEP, OBJECTIVE, constraints, kept=250, phases={"constrained": 150}, style=style))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"step": STEP[:0]}, "empty"),
        ({"step": STEP[::-1]}, "is followed by"),
        ({"objective": {}}, "no names"),
        ({"objective": dict.fromkeys("abcd", FALLING)}, "4 curves"),
        ({"objective": {"training": FALLING[:3]}}, r"objective 'training' has shape \(3,\)"),
        ({"objective": {"training": np.full(30, np.nan)}}, "no finite value of objective 'training'"),
        ({"curve": {"value": FALLING[:3]}}, r"constraint 'closure' has shape \(3,\)"),
        ({"curve": {"value": np.full(30, np.inf)}}, "no finite value of constraint 'closure'"),
        ({"curve": {"multiplier": FALLING[:3]}}, "multiplier of 'closure' has shape"),
        ({"curve": {"satisfied": np.ones(3, bool)}}, "satisfied of 'closure' has shape"),
        ({"curve": {"target": np.nan}}, r"target of 'closure'\[0\]: nan"),
        ({"kept": np.inf}, r"marked steps\[0\]: inf"),
    ],
)
def test_refused(raw, change, text):
    curve = raw(ConstraintCurve, **({"value": FALLING, "target": 0.3} | change.get("curve", {})))
    arguments = {"step": STEP, "objective": OBJECTIVE, "constraints": {"closure": curve}}
    with pytest.raises(InputError, match=text):
        raw(plot_constraints, **(arguments | {name: value for name, value in change.items() if name != "curve"}))
