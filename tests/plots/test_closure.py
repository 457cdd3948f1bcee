from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.closure import plot_closure, predict

# A, B, C, D of three bins; closed, 20 % above and 10 % below the prediction.
BACKGROUND = np.array([[400.0, 50, 4000, 500], [100, 24, 1000, 200], [30, 2.7, 100, 10]])
VARIANCE = 2 * BACKGROUND
EDGES = np.array([200.0, 500, 1000, 2000])


def bars(axes):
    """Positions and values of the points, and the ends of their error bars."""
    (container,) = axes.containers
    line, _, (segments,) = container.lines
    ends = np.array([segment[:, 1] for segment in segments.get_segments()])
    return line.get_xdata(), line.get_ydata(), ends


def steps(axes):
    return [patch.get_data() for patch in axes.patches if hasattr(patch, "get_data")]


def test_prediction_and_its_error_are_those_of_pseudo_experiments():
    found = predict(BACKGROUND, VARIANCE)
    np.testing.assert_allclose(found.value, [50, 20, 3])
    rng = np.random.default_rng(1)
    drawn = rng.normal(BACKGROUND[:2], np.sqrt(VARIANCE[:2]), (200_000, 2, 4))  # the third has too large errors
    spread = np.std(drawn[..., 0] * drawn[..., 3] / drawn[..., 2], axis=0)
    np.testing.assert_allclose(found.error[:2], spread, rtol=0.02)


def test_an_empty_region_is_no_trouble_but_c():
    yields = np.array([[0.0, 1, 10, 10], [10, 1, 0, 10], [10, 1, 10, 0]])
    found = predict(yields, np.ones((3, 4)))
    np.testing.assert_array_equal(found.value, [0, np.nan, 0])
    np.testing.assert_allclose(found.error, [1, np.nan, 1])


def test_what_is_drawn_are_the_numbers(entries):
    signal = np.array([1.0, 15, 2])
    figure = plot_closure(BACKGROUND, VARIANCE, signal=signal, edges=EDGES, label="$M_T$", unit="GeV")
    upper, lower = figure.axes
    found = predict(BACKGROUND, VARIANCE)
    band, line, dashed = steps(upper)
    np.testing.assert_allclose(band.values - band.baseline, 2 * found.error)
    np.testing.assert_array_equal(line.values, found.value)
    np.testing.assert_array_equal(dashed.values, signal)
    np.testing.assert_array_equal(line.edges, EDGES)
    x, y, ends = bars(upper)
    np.testing.assert_array_equal(x, [350, 750, 1500])
    np.testing.assert_array_equal(y, BACKGROUND[:, 1])
    np.testing.assert_allclose(np.diff(ends)[:, 0], 2 * np.sqrt(VARIANCE[:, 1]))
    np.testing.assert_allclose(bars(lower)[1], [1.0, 1.2, 0.9])
    (ratio,) = steps(lower)
    np.testing.assert_allclose(ratio.values - 1, found.error / found.value)
    assert lower.get_xlabel() == "$M_T$ [GeV]"
    assert entries(figure)[-2:] == ["±10 %", r"signal in B, $\mu$ = 1"]


def test_the_tolerated_band_is_marked(entries):
    figure = plot_closure(BACKGROUND, VARIANCE, largest=0.25)
    heights = [line.get_ydata()[0] for line in figure.axes[1].lines if line.get_linestyle() == ":"]
    assert heights == [0.75, 1.25]
    assert "±25 %" in entries(figure)


@pytest.mark.parametrize(("factor", "scale"), [(1.0, "linear"), (100.0, "log")])
def test_the_axis_is_logarithmic_if_yields_differ_much(factor, scale):
    yields = np.array([[40.0, 4, 400, 40], [40, 4, 400, 40]]) * np.array([[1.0], [factor]])
    assert plot_closure(yields, yields).axes[0].get_yscale() == scale


def test_far_ratios_are_triangles_at_the_edge():
    yields = np.array([[100.0, 90, 1000, 100], [100, 10, 1000, 100]])
    lower = plot_closure(yields, yields).axes[1]
    triangles = {line.get_marker(): line for line in lower.lines if line.get_marker() in "^v"}
    assert triangles["^"].get_xdata().tolist() == [1.0]
    assert triangles["^"].get_ydata()[0] < lower.get_ylim()[1]
    assert len(triangles["v"].get_xdata()) == 0


def test_empty_bins_have_no_point_and_no_ratio(tidy):
    yields = np.array([[400.0, 50, 4000, 500], [0, 0, 0, 0], [10, 1, 0, 10], [0, 3, 10, 10], [10, 0, 100, 10]])
    figure = plot_closure(yields, yields)
    upper, lower = figure.axes
    tidy(figure)
    assert bars(upper)[0].tolist() == [1, 3, 4]
    assert bars(lower)[0].tolist() == [1, 5]  # nothing over a prediction of 1 is zero


def test_nothing_anywhere(tidy):
    tidy(plot_closure(np.zeros((2, 4)), np.zeros((2, 4))))


def test_a_bin_of_which_nothing_is_known_does_not_press_the_others_flat():
    yields = np.vstack([BACKGROUND, [50.0, 1, 1e-3, 50]])
    upper = plot_closure(yields, np.vstack([BACKGROUND, [50.0, 1, 1e-3, 50]])).axes[0]
    assert upper.get_ylim()[1] < 200


def test_a_yield_at_its_floor_does_not_stretch_the_axis():
    yields = np.vstack([BACKGROUND, [50.0, 1e-3, 500, 50]])
    variance = np.vstack([VARIANCE, [50.0, 1e-3, 500, 50]])
    upper = plot_closure(yields, variance, signal=np.array([1.0, 15, 2, 1e-9])).axes[0]
    assert upper.get_yscale() == "log"
    assert 0.3 < upper.get_ylim()[0] < 1


@pytest.mark.parametrize("style", ["plain", "atlas"])
def test_nothing_overlaps(tidy, style):
    tidy(plot_closure(BACKGROUND, VARIANCE, signal=np.ones(3), edges=EDGES, label="m", title="long " * 30, style=style))
    tidy(plot_closure(BACKGROUND[:1], VARIANCE[:1], style=style))
    many = np.repeat(BACKGROUND, 20, axis=0)
    tidy(plot_closure(many, many, style=style))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"background": BACKGROUND[:0]}, "empty"),
        ({"background": BACKGROUND[:, :3]}, r"background has shape \(3, 3\)"),
        ({"background": np.where(BACKGROUND == 24, np.nan, BACKGROUND)}, r"background\[1\]\[1\]: nan"),
        ({"variance": -VARIANCE}, r"variance\[0\]\[0\]: -800"),
        ({"variance": VARIANCE[:2]}, r"variance has shape \(2, 4\)"),
        ({"signal": np.ones(2)}, r"signal has shape \(2,\)"),
        ({"edges": EDGES[:3]}, r"edges has shape \(3,\)"),
        ({"edges": EDGES[::-1]}, "is followed by"),
        ({"largest": 0.0}, "largest non-closure 0"),
        ({"largest": np.nan}, "largest non-closure nan"),
    ],
)
def test_refused(raw, change, text):
    with pytest.raises(InputError, match=text):
        raw(plot_closure, **({"background": BACKGROUND, "variance": VARIANCE} | change))
