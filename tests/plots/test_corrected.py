from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.corrected import EXACT, LEARNED, SIMULATED, Binned, plot_corrected

EDGES = np.array([0.0, 1, 2, 3, 4])
DATA = Binned(np.array([100.0, 400, 100, 25]), np.array([10.0, 20, 10, 5]))
SIMULATION = Binned(np.array([150.0, 400, 50, 5]), np.array([10.0, 20, 7, 3]))
CORRECTED = Binned(np.array([101.0, 396, 110, 24]), np.array([10.0, 20, 10, 5]))
VARIATIONS = np.array([[103.0, 400, 110, 24], [99.0, 396, 114, 24]])


def make(**changes):
    given = {"data": DATA, "simulation": SIMULATION, "corrected": CORRECTED, "variations": VARIATIONS} | changes
    edges = given.pop("edges", EDGES)
    return plot_corrected(edges, **given)


def steps(axes):
    return [patch.get_data() for patch in axes.patches if hasattr(patch, "get_data")]


def bars(axes):
    """Positions and values of the points, and the ends of their error bars."""
    (container,) = axes.containers
    line, _, (segments,) = container.lines
    return line.get_xdata(), line.get_ydata(), np.array([segment[:, 1] for segment in segments.get_segments()])


def triangles(axes, colour):
    return {
        line.get_marker(): line.get_xdata().tolist()
        for line in axes.lines
        if line.get_marker() in ("^", "v") and line.get_color() == colour and len(line.get_xdata())
    }


def test_a_histogram_is_that_of_numpy_with_the_errors_of_weights(rng):
    values, weights = rng.normal(size=500), rng.normal(1, 1, 500)
    edges = np.linspace(-1, 2, 7)
    found = Binned.of(values, edges, weights)
    for index in range(6):
        inside = (values >= edges[index]) & (values < edges[index + 1])
        assert found.value[index] == pytest.approx(weights[inside].sum())
        assert found.error[index] == pytest.approx(np.sqrt((weights[inside] ** 2).sum()))
    assert Binned.of(values, edges).value.sum() == ((values >= -1) & (values < 2)).sum()


def test_scaling_by_a_negative_number_keeps_errors_positive():
    assert (DATA.times(-2.0).error == 2 * DATA.error).all()


def test_what_is_drawn_are_the_numbers(entries):
    figure = make(label="IP", unit="mm")
    upper, ratio, pulls = figure.axes
    before, band, after = steps(upper)
    np.testing.assert_array_equal(before.values, SIMULATION.value)
    np.testing.assert_array_equal(after.values, CORRECTED.value)
    spread = np.sqrt([(2**2 + 2**2) / 2, 4**2 / 2, 4**2 / 2, 0])
    np.testing.assert_allclose(band.values - band.baseline, 2 * spread)
    x, y, ends = bars(upper)
    np.testing.assert_array_equal(x, [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_array_equal(y, DATA.value)
    np.testing.assert_allclose(np.diff(ends)[:, 0], 2 * DATA.error)

    uncertainty, ratio_before, ratio_band = steps(ratio)
    np.testing.assert_allclose(uncertainty.values - 1, DATA.error / DATA.value)
    np.testing.assert_allclose(ratio_before.values, SIMULATION.value / DATA.value)
    np.testing.assert_allclose(ratio_band.values - ratio_band.baseline, 2 * spread / DATA.value)
    _, y, ends = bars(ratio)
    np.testing.assert_allclose(y, CORRECTED.value / DATA.value)
    np.testing.assert_allclose(np.diff(ends)[:, 0], 2 * CORRECTED.error / DATA.value)

    (pull,) = steps(pulls)
    np.testing.assert_allclose(pull.values, [1 / np.sqrt(200), -4 / np.sqrt(800), 10 / np.sqrt(200), -1 / np.sqrt(50)])
    assert upper.get_ylabel() == "events / 1 mm"
    assert pulls.get_xlabel() == "IP [mm]"
    assert entries(figure) == ["data", "simulation", "corrected simulation", "its variations", "data's uncertainty"]


def test_shifts_that_cross_do_not_make_the_band_vanish():
    shifts = CORRECTED.value + np.array([[-8.0], [8.0]])
    _, band, _ = steps(make(variations=shifts).axes[0])
    np.testing.assert_allclose(band.values - band.baseline, 16)


def test_without_variations_there_is_no_band(entries):
    figure = make(variations=None)
    assert len(steps(figure.axes[0])) == 2
    assert "its variations" not in entries(figure)


@pytest.mark.parametrize(
    ("edges", "log_x", "label"),
    [
        (EDGES, False, "events / 1 mm"),
        (np.array([0.0, 1, 2, 4, 8]), False, "events / mm"),
        (np.array([0.5, 1, 2, 4, 8]), True, "events / bin"),
        (EDGES + 1, True, "events / mm"),
    ],
)
def test_bins_that_differ_in_width_are_divided_by_it(edges, log_x, label):
    figure = make(edges=edges, log_x=log_x, unit="mm")
    assert figure.axes[0].get_ylabel() == label
    before = steps(figure.axes[0])[0]
    np.testing.assert_allclose(before.values, SIMULATION.value / (np.diff(edges) if label == "events / mm" else 1))
    np.testing.assert_allclose(steps(figure.axes[1])[1].values, SIMULATION.value / DATA.value)


def test_points_of_a_logarithmic_axis_are_in_the_middle_of_what_is_seen():
    x, _, _ = bars(make(edges=np.array([0.01, 0.1, 1, 10, 100]), log_x=True).axes[0])
    np.testing.assert_allclose(x, np.sqrt(0.1) * 10.0 ** np.arange(-1, 3))


def test_what_is_beyond_a_panel_is_a_triangle():
    far = Binned(np.array([100.0, 1000, 100, 2]), np.array([10.0, 31, 10, 1]))
    _, ratio, pulls = make(simulation=far).axes
    assert ratio.get_ylim() == pytest.approx((-0.08, 2.08))
    assert triangles(ratio, SIMULATED) == {"^": [1.5]}
    assert triangles(ratio, LEARNED) == {}
    _, _, pulls = make(corrected=far).axes
    assert triangles(pulls, EXACT) == {"^": [1.5], "v": [3.5]}


def test_bins_that_are_badly_known_do_not_decide_about_the_range():
    close = Binned(np.array([101.0, 401, 101, 60]), CORRECTED.error)
    known = {"data": Binned(DATA.value, np.array([1.0, 2, 1, 20])), "variations": None}
    assert make(simulation=close, corrected=close, **known).axes[1].get_ylim() == pytest.approx((0.94, 1.06))


def test_a_logarithmic_axis_shows_the_smallest_bin_that_is_known():
    upper = make(log_y=True).axes[0]
    assert upper.get_yscale() == "log"
    assert 1 < upper.get_ylim()[0] < 5
    assert upper.get_ylim()[1] > 420


def test_bins_without_data_have_no_ratio(tidy):
    holes = Binned(np.array([100.0, 0, -3, 25]), np.array([10.0, 0, 2, 5]))
    figure = make(data=holes)
    tidy(figure)
    assert bars(figure.axes[0])[0].tolist() == [0.5, 2.5, 3.5]  # negative sums of weights are drawn, empty bins not
    assert bars(figure.axes[1])[0].tolist() == [0.5, 3.5]
    assert figure.axes[0].get_ylim()[0] < -3


@pytest.mark.parametrize("log_y", [True, False])
def test_nothing_at_all(log_y, tidy):
    nothing = Binned(np.zeros(4), np.zeros(4))
    tidy(make(data=nothing, simulation=nothing, corrected=nothing, variations=None, log_y=log_y))


@pytest.mark.parametrize("style", ["plain", "atlas", "cms", "lhcb"])
def test_nothing_overlaps(style, tidy):
    tidy(make(style=style, label="muon impact parameter", unit="mm", title="long " * 40, log_y=True))
    edges = np.geomspace(1e-3, 1, 51)
    many = Binned(1e5 * np.exp(-np.linspace(0, 9, 50)), np.ones(50))
    tidy(make(edges=edges, data=many, simulation=many, corrected=many, variations=None, log_x=True, style=style))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"edges": EDGES[:1]}, "data has shape"),
        ({"edges": EDGES[::-1]}, "is followed by"),
        ({"edges": EDGES, "log_x": True}, r"edges\[0\]: 0"),
        ({"edges": np.array([0, 1, np.nan, 3, 4])}, r"edges\[2\]: nan"),
        ({"data": Binned(DATA.value[:3], DATA.error[:3])}, r"data has shape \(3,\)"),
        ({"data": Binned(DATA.value, -DATA.error)}, r"error of data\[0\]: -10"),
        ({"corrected": Binned(np.full(4, np.inf), DATA.error)}, r"corrected\[0\]: inf"),
        ({"variations": VARIATIONS[:, :3]}, r"variations has shape"),
        ({"variations": np.zeros((0, 4))}, "variations"),
    ],
)
def test_refused(raw, message, change, text):
    given = {"data": DATA, "simulation": SIMULATION, "corrected": CORRECTED} | change
    with pytest.raises(InputError, match=text) as error:
        raw(plot_corrected, given.pop("edges", EDGES), **given)
    message(error)
