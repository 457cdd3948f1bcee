from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import InputError
from neyman.plots.correlation import plot_correlation

NAMES = ("mu", "alpha_jes", "lumi", "btag_0")
MATRIX = np.array([[1, 0.5, 0.1, 0], [0.5, 1, -0.7, 0.05], [0.1, -0.7, 1, 0.15], [0, 0.05, 0.15, 1]])


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def random_correlation(n):
    x = np.random.default_rng(1).normal(size=(n, 3))
    matrix = x @ x.T + np.eye(n)
    width = np.sqrt(np.diag(matrix))
    return matrix / np.outer(width, width)


def test_parameters_below_the_threshold_are_left_out():
    axes, _ = plot_correlation(NAMES, MATRIX, threshold=0.2).axes
    assert labels(axes.xaxis) == labels(axes.yaxis) == ["mu", "alpha_jes", "lumi"]
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), MATRIX[:3, :3])
    assert image.get_clim() == (-1, 1)
    numbers = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert numbers[2, 1] == numbers[1, 2] == "−0.70"
    assert len(numbers) == 9
    assert axes.get_xlabel() == r"1 not shown, with $|\rho|$ up to 0.15"


def test_the_strongest_stay():
    axes = plot_correlation(NAMES, MATRIX, threshold=0.0, most=2).axes[0]
    assert labels(axes.yaxis) == ["alpha_jes", "lumi"]
    assert r"2 not shown, with $|\rho|$ up to 0.5" in axes.get_xlabel()


@pytest.mark.parametrize(("n", "numbers"), [(19, 361), (20, 0)])
def test_numbers_where_they_can_be_read(n, numbers):
    names = tuple(f"p{index}" for index in range(n))
    assert len(plot_correlation(names, random_correlation(n), threshold=0).axes[0].texts) == numbers


def test_says_that_there_is_nothing_to_see(tidy):
    figure = plot_correlation(NAMES, np.eye(4), title="SR_2b")
    assert not figure.axes
    assert "none of 4 parameters" in figure.texts[0].get_text()
    tidy(figure)


def test_a_matrix_may_be_rounded():
    rounded = MATRIX + 1e-9 * np.arange(16).reshape(4, 4)
    assert len(plot_correlation(NAMES, rounded).axes) == 2


@pytest.mark.parametrize(("style", "n"), [("plain", 2), ("lhcb", 24)])
def test_nothing_overlaps(tidy, style, n):
    names = tuple(f"alpha_jes_EtaIntercalibration_modelling_of_the_forward_region_{index}" for index in range(n))
    tidy(plot_correlation(names, random_correlation(n), threshold=0, title="fit to data", style=style))


def changed(place, value):
    matrix = MATRIX.copy()
    matrix[place] = value
    return matrix


@pytest.mark.parametrize(
    ("names", "matrix", "text"),
    [
        ((), np.zeros((0, 0)), "nothing to draw"),
        (("a", "b", "c", "a"), MATRIX, "stands twice"),
        (NAMES, MATRIX[:3], r"correlation has shape \(3, 4\)"),
        (NAMES, changed((0, 1), np.nan), r"correlation\[0\]\[1\]: nan"),
        (NAMES, changed((1, 0), 1.2), r"correlation\[1\]\[0\]: 1.2"),
        (NAMES, changed((0, 1), 0.4), "'mu' and 'alpha_jes' have 0.4, in turn 0.5"),
        (NAMES, changed((2, 2), 0.5), "'lumi' has 0.5 with itself"),
    ],
)
def test_refused(raw, message, names, matrix, text):
    with pytest.raises(InputError, match=text) as error:
        raw(plot_correlation, names, matrix)
    message(error)


def test_the_choice_is_looked_at():
    with pytest.raises(InputError, match="threshold 2"):
        plot_correlation(NAMES, MATRIX, threshold=2.0)
    with pytest.raises(InputError, match="most 1"):
        plot_correlation(NAMES, MATRIX, most=1)
