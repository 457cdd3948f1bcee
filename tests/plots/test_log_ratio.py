from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import StepPatch

from neyman.core.errors import InputError
from neyman.plots import figure_bytes
from neyman.plots.log_ratio import filled, log_ratio_edges, plot_log_ratio, ratio_label
from neyman.plots.observed import Observed

EDGES = np.linspace(-2, 2, 5)
SAMPLES = {"background": np.array([900.0, 60, 12, 4]), "signal": np.array([1.0, 3, 10, 30])}
ERROR = np.array([30.0, 5, 4, 3])
DATA = np.array([880.0, 70, 0, 45])


def drawn(axes):
    return {patch.get_label(): patch.get_data().values for patch in axes.patches if isinstance(patch, StepPatch)}


def test_what_is_beyond_is_in_the_outer_bins():
    values = np.array([-50.0, -2, -1, -0.5, 1, 2, 99])
    np.testing.assert_array_equal(filled(values, np.arange(1.0, 8), EDGES), [3, 7, 0, 18])


def test_bins_hold_their_lower_edge_as_a_histogram_does(rng):
    values, weights = rng.integers(-4, 5, 500) / 2.0, rng.normal(size=500)
    inside = (values >= -2) & (values < 2)
    wanted, _ = np.histogram(values[inside], EDGES, weights=weights[inside])
    np.testing.assert_allclose(filled(values[inside], weights[inside], EDGES), wanted, atol=1e-12)


def test_no_events_fill_no_bins():
    np.testing.assert_array_equal(filled(np.zeros(0), np.zeros(0), EDGES), np.zeros(4))


def test_the_axis_begins_where_the_signal_does(rng):
    background, signal = rng.normal(-80, 10, 20_000), rng.normal(0, 1, 20_000)
    values = np.concatenate([background, signal])
    of_signal = np.repeat([0.0, 1.0], 20_000)
    low, high = log_ratio_edges(values, [of_signal], bins=7)[[0, -1]]
    assert low == pytest.approx(-2.576, abs=0.1)  # half a per cent beyond either end
    assert high == pytest.approx(2.576, abs=0.1)
    both = log_ratio_edges(values, [of_signal, 1 - of_signal], bins=7)
    assert len(both) == 8
    assert both[0] == pytest.approx(-80 - 25.76, abs=1)
    assert both[-1] == high


def test_a_distribution_of_negative_sum_does_not_count(rng):
    values = rng.normal(size=1000)
    alone = log_ratio_edges(values, [np.ones(1000)])
    np.testing.assert_array_equal(log_ratio_edges(values, [np.ones(1000), -np.ones(1000)]), alone)


def test_the_picture(entries, tidy):
    figure = plot_log_ratio(
        SAMPLES,
        ERROR,
        edges=EDGES,
        over=(["signal"], ["background"]),
        data=Observed(DATA),
        signals=("signal",),
        lines={"before the fit": DATA + 5},
        title="SR, after the fit",
    )
    upper, lower = figure.axes
    assert upper.get_yscale() == "log"
    assert lower.get_xlabel() == "ln [ p(signal) / p(background) ]"
    assert upper.get_ylabel() == "events / 1"
    np.testing.assert_allclose(drawn(upper)["signal"], SAMPLES["signal"] + SAMPLES["background"])
    np.testing.assert_allclose(drawn(upper)["before the fit"], DATA + 5)
    np.testing.assert_allclose(upper.containers[0].lines[0].get_xydata()[:, 1], DATA)
    assert entries(figure) == ["data", "signal", "background", "uncertainty", "before the fit"]
    tidy(figure)


@pytest.mark.parametrize("change", [{"signal": -SAMPLES["signal"]}, {"background": np.full(4, 40.0)}])
def test_a_linear_axis_where_yields_are_alike_or_negative(change, tidy):
    figure = plot_log_ratio(SAMPLES | change, ERROR, edges=EDGES, data=Observed(DATA))
    assert figure.axes[0].get_yscale() == "linear"
    assert figure.axes[1].get_xlabel() == "ln [ p / p(reference) ]"
    tidy(figure)


def test_hidden_data_change_no_pixel():
    hidden = np.ones(4, dtype=np.bool_)
    pixels = {
        figure_bytes(plot_log_ratio(SAMPLES, ERROR, edges=EDGES, data=Observed(counts, blinded=hidden)), "png")
        for counts in (DATA, np.zeros(4), np.full(4, np.nan))
    }
    assert len(pixels) == 1


def test_weighted_data_have_their_own_errors():
    figure = plot_log_ratio(SAMPLES, ERROR, edges=EDGES, data=Observed(DATA, np.array([3.0, 2, 1, 1])))
    (bars,) = [each.get_segments() for each in figure.axes[0].containers[0].lines[2]]
    np.testing.assert_allclose(bars[0][:, 1], [877, 883])


@pytest.mark.parametrize("style", ["atlas", "cms", "lhcb"])
def test_nothing_overlaps(style, tidy):
    names = [f"diboson_with_a_name_of_many_words_{index}" for index in range(5)]
    samples = dict.fromkeys(names, SAMPLES["background"])
    tidy(plot_log_ratio(samples, ERROR, edges=EDGES / 1e3, over=(names[:2], names[2:]), style=style))


@pytest.mark.parametrize(
    ("over", "text"),
    [
        ((["a", "b"], ["c"]), "ln [ p(a + b) / p(c) ]"),
        ((["a"], ["b", "c", "d"]), "ln [ p(a) / p(3 samples) ]"),
    ],
)
def test_what_is_compared(over, text):
    assert ratio_label(over) == text


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        (filled, (np.array([0.0, np.nan]), np.ones(2), EDGES), r"log-ratios\[1\]"),
        (filled, (np.zeros(2), np.array([1.0, np.inf]), EDGES), r"weights\[1\]"),
        (filled, (np.zeros(2), np.ones(3), EDGES), "weights has shape"),
        (filled, (np.zeros(2), np.ones(2), EDGES[::-1]), "followed by"),
        (log_ratio_edges, (np.zeros(0), []), "log-ratios is empty"),
        (log_ratio_edges, (np.zeros(5), [np.ones(5)]), "without a range"),
        (log_ratio_edges, (np.arange(5.0), []), "without a range"),
        (log_ratio_edges, (np.arange(5.0), [-np.ones(5)]), "without a range"),
        (log_ratio_edges, (np.arange(5.0), [np.ones(4)]), "distribution 0 has shape"),
        (log_ratio_edges, (np.array([0, np.nan]), [np.ones(2)]), r"log-ratios\[1\]"),
    ],
)
def test_refused(raw, message, function, arguments, text):
    with pytest.raises(InputError, match=text) as error:
        raw(function, *arguments)
    message(error)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"samples": {}}, "no samples"),
        ({"samples": SAMPLES | {"signal": np.array([1, np.nan, 1, 1])}}, r"yields of 'signal'\[1\]: nan"),
        ({"signals": ("zprime",)}, "'zprime' is not a sample"),
        ({"data": Observed(np.ones(3))}, "3 bins of data"),
        ({"error": -ERROR}, r"error\[0\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(raw, message, change, text):
    with pytest.raises(InputError, match=text) as error:
        raw(plot_log_ratio, **({"samples": SAMPLES, "error": ERROR, "edges": EDGES} | change))
    message(error)
