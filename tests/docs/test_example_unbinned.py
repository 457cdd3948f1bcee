"""The example of unbinned channels: what its picture and its table say holds at a size for tests."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "examples" / "fit_unbinned.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("fit_unbinned", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def result(example, tmp_path_factory):
    return example.compare(1800, tmp_path_factory.mktemp("arrays"), slopes=np.linspace(-4, 2, 13))


def test_densities_are_densities(example):
    for density in (*example.DENSITY.values(), example.reference):
        assert np.exp(density(example.GRID)).sum() * example.WIDTH == pytest.approx(1, abs=1e-5)
    for sample, names in example.SYSTEMATICS.items():
        density = example.DENSITY[sample]
        nominal = density(example.GRID)
        for name in names:
            change = density(example.GRID, **{name: 1.0}) - nominal
            assert 0.045 < np.sqrt(np.exp(nominal) @ change**2 * example.WIDTH) < 0.06


def test_the_normalised_form_is_the_exact_likelihood(example, result):
    ours = np.array(result["profiles"]["normalised"])[::4]
    exact = np.array(result["exact"]["profile"])
    assert np.ptp(ours - exact) < 0.1  # the minimum of the exact profile is not on the grid
    good = result["fits"]["normalised"]
    assert abs(good["mu"][0] - example.TRUE["mu"]) < 2 * good["mu"][1]
    assert good["mu"][1] < 0.85 * result["fits"]["binned"]["mu"][1]


def test_the_other_form_ends_elsewhere(example, result):
    bad = result["fits"]["unnormalised"]
    assert bad["slope"][0] < -2
    assert bad["mu"][0] - example.TRUE["mu"] > bad["mu"][1]
    assert bad["integral"] > 1.03
    assert "not one of densities" in bad["message"]


def test_what_it_prints_and_draws(example, result):
    head, *lines = example.table([result]).splitlines()
    assert [line.strip().split("  ")[1] for line in lines] == ["4 bins", "unbinned", "not normalised"]
    assert "from truth" in head
    figure = example.picture([result, result])
    assert len(figure.axes) == 2
    assert {text.get_text() for text in figure.legends[0].get_texts()} >= {"unbinned", "not normalised", "exact"}
