from __future__ import annotations

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.plots import plot_posterior
from neyman.plots.posterior import with_error

GRID = np.linspace(3, 5, 401)


def gaussian(mean, sd):
    return -0.5 * ((GRID - mean) / sd) ** 2


def test_draws_densities_that_are_normalised():
    figure = plot_posterior(
        GRID, gaussian(4.2, 0.1) + 7, exact=gaussian(4.25, 0.12), prior=np.zeros(401), truth=4.273, label="$C_9$"
    )
    upper, lower = figure.axes
    learned, exact, prior, truth = upper.lines
    for line in (learned, exact, prior):
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1)
    assert truth.get_xdata()[0] == 4.273
    peak = exact.get_ydata().max()
    np.testing.assert_allclose(lower.lines[1].get_ydata(), 100 * (learned.get_ydata() - exact.get_ydata()) / peak)
    assert lower.get_xlabel() == "$C_9$"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["learned: 4.20 ± 0.10", "central 68 %", "exact: 4.25 ± 0.12", "prior", "truth: 4.273"]


def test_the_interval_is_central():
    figure = plot_posterior(GRID, gaussian(4.0, 0.1))
    outline = figure.axes[0].collections[1].get_paths()[0].vertices
    assert outline[:, 0].min() == pytest.approx(3.9, abs=1e-3)
    assert outline[:, 0].max() == pytest.approx(4.1, abs=1e-3)


def test_without_an_exact_posterior_there_is_no_lower_panel():
    assert len(plot_posterior(GRID, gaussian(4.0, 0.1)).axes) == 1


def test_the_axis_reaches_what_is_drawn():
    low, high = plot_posterior(GRID, gaussian(4.0, 0.02), exact=gaussian(4.3, 0.02), truth=3.5).axes[0].get_xlim()
    assert 3.4 < low < 3.5
    assert 4.35 < high < 4.5


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (4.3, 0.18, "4.30 ± 0.18"),
        (4.2, 0.0999, "4.20 ± 0.10"),
        (-0.01234, 0.0056, "−0.0123 ± 0.0056"),
        (123.4, 56.0, "123 ± 56"),
        (1.0, 0.0, "1.000 ± 0.000"),
    ],
)
def test_with_error(value, error, text):
    assert with_error(value, error) == text


def test_nan_is_refused():
    with pytest.raises(DataError):
        plot_posterior(GRID, np.full(401, np.nan))
