from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events import Column, Events, Schema
from neyman.plots import Expectation, plot_events
from neyman.plots.events import unit_label

SCHEMA = Schema(
    (
        Column(name="q2", unit="GeV^2", low=1, high=8, label="$q^2$"),
        Column(name="cos_theta_l", low=-1, high=1, label=r"$\cos\theta_\ell$"),
        Column(name="cos_theta_K", low=-1, high=1, label=r"$\cos\theta_K$"),
        Column(name="phi", unit="rad", low=-np.pi, high=np.pi, periodic=True, label=r"$\phi$"),
    )
)


def events(seed, n, weights=None):
    rng = np.random.default_rng(seed)
    columns = {column.name: rng.uniform(column.low, column.high, n) for column in SCHEMA.columns}
    return Events(columns, SCHEMA, weights=weights)


FLAT = Expectation(np.linspace(1, 8, 8), np.full(7, 1 / 7))


def markers(axes):
    return [line for line in axes.lines if line.get_marker() in ("o", "s") and line.get_linestyle() == "None"]


def test_four_columns_make_two_by_two_with_units():
    figure = plot_events({"a": events(1, 100), "b": events(2, 300)})
    assert [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()] == [
        "$q^2$ [GeV$^2$]", r"$\cos\theta_\ell$", r"$\cos\theta_K$", r"$\phi$ [rad]",
    ]  # fmt: skip
    assert figure.axes[0].get_ylabel() == "events / 0.28 GeV$^2$"
    assert [tick.get_text() for tick in figure.axes[-1].get_xticklabels()] == [
        r"$-\pi$", r"$-\pi/2$", "0", r"$\pi/2$", r"$\pi$",
    ]  # fmt: skip
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_counts_and_pulls_against_an_expectation():
    data = events(1, 700)
    upper, lower = plot_events({"a": data}, columns=("q2",), expected={"q2": FLAT}, expected_label="EOS").axes
    counts = np.histogram(data["q2"], FLAT.edges)[0]
    np.testing.assert_array_equal(markers(upper)[0].get_ydata(), counts)
    np.testing.assert_allclose(upper.patches[0].get_data().values, 100)
    pulls = markers(lower)[0].get_ydata()
    np.testing.assert_array_equal(np.sign(pulls), np.sign(counts - 100))
    np.testing.assert_allclose(pulls, (counts - 100) / np.sqrt(counts), rtol=0.13)


def test_sets_are_scaled_to_the_first():
    first, second = events(1, 100), events(2, 1000)
    upper = plot_events({"a": first, "b": second}, columns=("q2",), bins=5).axes[0]
    drawn = [line.get_ydata() for line in markers(upper)]
    assert [values.sum() for values in drawn] == pytest.approx([100, 100])


def test_pulls_of_equal_samples_are_standard_normal():
    lower = plot_events({"a": events(1, 40_000), "b": events(2, 20_000)}, columns=("q2",), bins=400).axes[1]
    pulls = markers(lower)[0].get_ydata()
    assert np.nanstd(pulls) == pytest.approx(1, abs=0.15)


def test_pulls_out_of_range_are_shown_at_the_edge():
    narrow = Events({**{c.name: np.zeros(50) for c in SCHEMA.columns}, "q2": np.full(50, 1.5)}, SCHEMA)
    lower = plot_events({"a": narrow}, columns=("q2",), expected={"q2": FLAT}).axes[1]
    up = [line for line in lower.lines if line.get_marker() == "^" and len(line.get_xdata())]
    assert len(up) == 1
    assert up[0].get_xdata()[0] == pytest.approx(1.5)


def test_weights_count_and_have_their_own_errors():
    data = events(1, 50, weights=np.full(50, 2.0))
    axes = plot_events({"a": data}, columns=("q2",), bins=1).axes[0]
    assert markers(axes)[0].get_ydata()[0] == 100
    (bar,) = axes.collections[0].get_segments()
    assert bar[1, 1] - bar[0, 1] == pytest.approx(2 * 2 * np.sqrt(50))


def test_one_set_without_expectation_has_no_lower_panel():
    assert len(plot_events({"a": events(1, 30)}).axes) == 4


def test_columns_without_a_range_take_that_of_the_values():
    schema = Schema((Column(name="x"),))
    axes = plot_events({"a": Events({"x": [1.0, 2.0, 5.0]}, schema)}).axes[0]
    assert axes.get_xlim() == (1, 5)
    assert axes.get_xlabel() == "x"


def test_units():
    assert unit_label(Column(name="q2", unit="GeV^2")) == "q2 [GeV$^2$]"


def test_refused():
    with pytest.raises(DataError, match="no sets"):
        plot_events({})
    with pytest.raises(DataError, match="empty"):
        plot_events({"a": events(1, 0)})
    with pytest.raises(DataError, match="no column 'mass'"):
        plot_events({"a": events(1, 5)}, columns=("mass",))
    with pytest.raises(DataError, match="one edge more"):
        plot_events({"a": events(1, 5)}, expected={"q2": Expectation(np.linspace(1, 8, 3), np.ones(5) / 5)})
