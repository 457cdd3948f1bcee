from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle, StepPatch

from neyman.core.errors import InputError
from neyman.plots import figure_bytes
from neyman.plots.observed import Observed
from neyman.plots.stacks import plot_stack

EDGES = np.array([0.0, 10, 20, 40, 100])
SAMPLES = {
    "W_jets": np.array([40.0, 20, 10, 5]),
    "ttbar": np.array([100.0, 80, 40, 0]),
    "signal": np.array([1.0, 200, 5, 0]),
    "Z": np.array([4.0, 3, 2, 1]),
}
TOTAL = np.array([145.0, 303, 57, 6])
ERROR = np.array([10.0, 30, 5, 8])
DATA = np.array([150.0, 280, 0, 9])


def layers(axes):
    """Name, baseline and top of each filled step of the stack."""
    filled = [
        patch for patch in axes.patches if isinstance(patch, StepPatch) and patch.get_fill() and not patch.get_hatch()
    ]
    return [(patch.get_label(), patch.get_data().baseline, patch.get_data().values) for patch in filled]


def band(axes):
    (found,) = [patch.get_data() for patch in axes.patches if patch.get_hatch()]
    return found.baseline, found.values


def points(axes):
    return axes.containers[0].lines[0].get_xydata()


def shaded(axes):
    return [
        (patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches if isinstance(patch, Rectangle)
    ]


def triangles(axes, marker):
    return np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() == marker])


def test_samples_are_stacked_by_size_with_the_signal_on_top(entries):
    figure = plot_stack(SAMPLES, ERROR, edges=EDGES, signals=("signal",), data=Observed(DATA))
    drawn = layers(figure.axes[0])
    order = ["Z", "W_jets", "ttbar", "signal"]
    assert [name for name, *_ in drawn] == order
    tops = np.cumsum([SAMPLES[name] for name in order], axis=0)
    np.testing.assert_allclose([top for *_, top in drawn], tops)
    np.testing.assert_allclose([base for _, base, _ in drawn], [np.zeros(4), *tops[:-1]])
    np.testing.assert_allclose(tops[-1], TOTAL)
    assert entries(figure) == ["data", "signal", "ttbar", "W_jets", "Z", "uncertainty"]


def test_band_data_and_ratio():
    upper, lower = plot_stack(SAMPLES, ERROR, edges=EDGES, data=Observed(DATA)).axes
    np.testing.assert_allclose(band(upper), [TOTAL - ERROR, TOTAL + ERROR])
    np.testing.assert_allclose(points(upper), np.stack([[5, 15, 30, 70], DATA], axis=1))
    np.testing.assert_allclose(band(lower), [1 - ERROR / TOTAL, 1 + ERROR / TOTAL])
    np.testing.assert_allclose(points(lower)[:, 1], DATA / TOTAL)
    (segments,) = [bars.get_segments() for bars in upper.containers[0].lines[2]]
    np.testing.assert_allclose(segments[2][:, 1], [0, 1.8410216450])  # Garwood's interval of no event


def test_headroom():
    low, high = plot_stack(SAMPLES, ERROR, edges=EDGES, data=Observed(DATA)).axes[0].get_ylim()
    assert low == 0
    assert high > 1.1 * (303 + 30)


def test_a_huge_uncertainty_does_not_press_the_rest_flat():
    assert plot_stack(SAMPLES, 1000 * TOTAL).axes[0].get_ylim()[1] < 3 * TOTAL.max()


def test_divided_by_the_width():
    figure = plot_stack(SAMPLES, ERROR, edges=EDGES, data=Observed(DATA), per_width=True, label="$m$", unit="GeV")
    upper, lower = figure.axes
    width = np.diff(EDGES)
    np.testing.assert_allclose(layers(upper)[-1][2], TOTAL / width)
    np.testing.assert_allclose(band(upper), [(TOTAL - ERROR) / width, (TOTAL + ERROR) / width])
    np.testing.assert_allclose(points(upper)[:, 1], DATA / width)
    np.testing.assert_allclose(points(lower)[:, 1], DATA / TOTAL)
    assert upper.get_ylabel() == "events / GeV"
    assert lower.get_xlabel() == "$m$ [GeV]"


@pytest.mark.parametrize(
    ("edges", "unit", "text"),
    [
        (None, "", "events / bin"),
        (EDGES, "GeV", "events / bin"),
        (np.linspace(0, 100, 5), "GeV", "events / 25 GeV"),
        (np.linspace(0, 2, 5), "", "events / 0.5"),
    ],
)
def test_what_a_bin_is(edges, unit, text):
    assert plot_stack(SAMPLES, ERROR, edges=edges, unit=unit).axes[0].get_ylabel() == text


def test_blinded_data_change_no_pixel(entries):
    blinded = np.array([False, True, False, True])
    first = plot_stack(SAMPLES, ERROR, data=Observed(DATA, blinded=blinded))
    assert len(points(first.axes[0])) == len(points(first.axes[1])) == 2
    assert entries(first)[-1] == "blinded"
    other = np.where(blinded, [0, np.nan, 0, 1e6], DATA)
    second = plot_stack(SAMPLES, ERROR, data=Observed(other, blinded=blinded))
    assert figure_bytes(first, "png") == figure_bytes(second, "png")


def test_all_blinded(entries):
    hidden = Observed(np.full(4, np.nan), blinded=np.ones(4, dtype=np.bool_))
    figure = plot_stack(SAMPLES, ERROR, data=hidden)
    assert "data" not in entries(figure)
    assert len(figure.axes) == 2
    assert shaded(figure.axes[0]) == shaded(figure.axes[1]) == [(0.5, 4.5)]


def test_blinded_bins_are_shaded_from_edge_to_edge():
    blinded = np.array([True, False, True, True])
    upper = plot_stack(SAMPLES, ERROR, edges=EDGES, data=Observed(DATA, blinded=blinded)).axes[0]
    assert shaded(upper) == [(0, 10), (20, 100)]


def test_without_data_there_is_no_ratio():
    assert len(plot_stack(SAMPLES, ERROR).axes) == 1


def test_ratios_out_of_range_are_shown_at_the_edge():
    data = Observed(np.array([145.0, 303, 57, 60]))
    lower = plot_stack(SAMPLES, ERROR, data=data).axes[1]
    ((x, y),) = triangles(lower, "^")
    assert x == 4
    assert 1.5 < y < lower.get_ylim()[1] < 3
    assert not len(triangles(lower, "v"))


def test_agreement_is_shown_on_a_fine_scale():
    lower = plot_stack(SAMPLES, 0.01 * TOTAL, data=Observed(1.02 * TOTAL)).axes[1]
    assert lower.get_ylim() == pytest.approx((0.88, 1.12))


def test_lines_are_not_in_the_sum(entries):
    figure = plot_stack(SAMPLES, ERROR, lines={"signal × 10": 10 * SAMPLES["signal"]})
    np.testing.assert_allclose(layers(figure.axes[0])[-1][2], TOTAL)
    assert entries(figure)[-1] == "signal × 10"
    assert figure.axes[0].get_ylim()[1] > 2000


def test_colours_belong_to_names_not_to_sizes():
    def shades(samples):
        return {
            patch.get_label(): to_hex(patch.get_facecolor()) for patch in plot_stack(samples, ERROR).axes[0].patches
        }

    before, after = shades(SAMPLES), shades(SAMPLES | {"Z": 100 * SAMPLES["Z"]})
    assert all(before[name] == after[name] for name in SAMPLES)
    assert len({before[name] for name in SAMPLES}) == 4
    chosen = plot_stack(SAMPLES, ERROR, colours={"Z": "#123456"}).axes[0].patches[0]
    assert (chosen.get_label(), to_hex(chosen.get_facecolor())) == ("Z", "#123456")


def test_the_smallest_of_many_are_added_up():
    many = {f"s{index}": np.full(4, 1.0 + index) for index in range(14)}
    drawn = layers(plot_stack(many, ERROR, signals=("s0",)).axes[0])
    assert [name for name, *_ in drawn] == ["other (5)", *(f"s{index}" for index in range(6, 14)), "s0"]
    np.testing.assert_allclose(drawn[0][2], 2 + 3 + 4 + 5 + 6)


def test_logarithmic_axis_of_a_huge_range(tidy):
    total = np.logspace(7, -12, 20)
    axes = plot_stack({"b": total}, 0.1 * total, data=Observed(np.floor(total)), log_y=True).axes[0]
    low, high = axes.get_ylim()
    assert high > 1.1e7
    assert 1e-10 * high < low < 1
    tidy(axes.figure)


def test_empty_and_negative_bins(tidy):
    samples = {"a": np.array([5.0, -2, 0]), "b": np.array([1.0, 1, 0])}
    figure = plot_stack(samples, np.array([2.0, 4, 0]), data=Observed(np.array([6.0, 0, 2])))
    upper, lower = figure.axes
    np.testing.assert_allclose(layers(upper)[-1][2], [6, -1, 0])
    np.testing.assert_allclose(points(lower), [[1, 1]])  # nothing to divide by in the others
    assert upper.get_ylim()[0] < -1
    tidy(figure)


@pytest.mark.parametrize("log_y", [False, True])
def test_nothing_at_all(log_y, tidy):
    zero = np.zeros(3)
    tidy(plot_stack({"b": zero}, zero, data=Observed(zero), log_y=log_y))


@pytest.mark.parametrize(("style", "bins"), [("plain", 60), ("cms", 1)])
def test_nothing_overlaps(tidy, style, bins):
    rng = np.random.default_rng(1)
    samples = {f"diboson_with_a_name_of_many_words_{index}": rng.uniform(1e4, 1e6, bins) for index in range(12)}
    total = np.sum(list(samples.values()), axis=0)
    data = Observed(np.floor(total), blinded=np.arange(bins) > 40)
    title = "SR_2b_high_purity after the fit to data, " * 3
    tidy(plot_stack(samples, 0.1 * total, data=data, title=title, style=style))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"samples": {}}, "no samples"),
        ({"samples": SAMPLES | {"Z": np.ones(3)}}, r"yields of 'Z' has shape \(3,\)"),
        ({"samples": SAMPLES | {"Z": np.array([1, np.nan, 1, 1])}}, r"yields of 'Z'\[1\]: nan"),
        ({"samples": SAMPLES | {"Z": np.array([1, np.inf, 1, 1])}}, r"yields of 'Z'\[1\]: inf"),
        ({"error": np.array([])}, "error is empty"),
        ({"error": -ERROR}, r"error\[0\]"),
        ({"lines": {"s": np.ones(5)}}, "yields of 's'"),
        ({"data": Observed(np.ones(3))}, "3 bins of data, 4 of samples"),
        ({"edges": EDGES[:-1]}, "edges has shape"),
        ({"edges": EDGES[::-1]}, "100 is followed by 40"),
        ({"signals": ("zprime",)}, "'zprime' is not a sample"),
    ],
)
def test_refused(raw, message, change, text):
    with pytest.raises(InputError, match=text) as error:
        raw(plot_stack, **({"samples": SAMPLES, "error": ERROR} | change))
    message(error)
