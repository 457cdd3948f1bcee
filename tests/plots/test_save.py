from __future__ import annotations

import pytest

from neyman.core.errors import InputError
from neyman.plots import figure_bytes, save_figure
from neyman.plots.panels import new_figure, one_panel

START = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.fixture
def figure():
    made = new_figure()
    one_panel(made).plot([0, 1], [0, 1])
    return made


@pytest.mark.parametrize("form", START)
def test_the_same_figure_gives_the_same_bytes(figure, form):
    first = figure_bytes(figure, form)
    assert first.startswith(START[form])
    assert first == figure_bytes(figure, form)


@pytest.mark.parametrize("form", START)
def test_the_suffix_names_the_format(figure, form, tmp_path):
    save_figure(figure, tmp_path / f"figure.{form}")
    assert [path.name for path in tmp_path.iterdir()] == [f"figure.{form}"]
    assert (tmp_path / f"figure.{form}").read_bytes() == figure_bytes(figure, form)


def test_other_suffixes_are_refused(figure, tmp_path):
    with pytest.raises(InputError, match=r"\.png, \.pdf or \.svg"):
        save_figure(figure, tmp_path / "figure.jpg")
    assert not list(tmp_path.iterdir())
