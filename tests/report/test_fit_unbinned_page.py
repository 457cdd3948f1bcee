"""The page of a fit with an unbinned channel: log-ratios in place of one bin, and whether the fit may be trusted."""

from dataclasses import replace

import numpy as np
import pytest

from neyman.fit.blinding import BlindedParameter, Blinding
from neyman.fit.hiding import hide
from neyman.fit.summary import summarise
from neyman.likelihood.outcomes import UnbinnedGoodness
from neyman.report.fit import fit_page
from neyman.report.fit_unbinned import distribution_checks
from neyman.report.log_ratios import log_ratios
from neyman.report.page import render


@pytest.fixture(scope="module")
def summary(mixed):
    """Without what follows from a parameter of interest, which is the same with unbinned channels and takes long."""
    best = replace(mixed.fit, model=replace(mixed.fit.model, poi=None))
    return summarise(best).model_copy(update={"signals": ["signal"]})


@pytest.fixture(scope="module")
def page(mixed, summary):
    return fit_page(summary, distributions=log_ratios(mixed.fit, signals=summary.signals))


def section(page, heading):
    (found,) = [each for each in page.sections if each.heading == heading]
    return found


def channels(page):
    return {
        figure.axes[-1].get_xlabel() for figure, caption in section(page, "The channels").figures if "SR" in caption
    }


def test_log_ratios_stand_in_place_of_one_bin(page, summary):
    assert channels(page) == {"ln [ p(signal) / p(background) ]"}
    captions = [caption for _, caption in section(page, "The channels").figures]
    assert [each.split(";")[0].rstrip(".") for each in captions] == [
        f"{name}, {stage}" for name in ("CR", "SR") for stage in ("before the fit", "after the fit")
    ]
    assert channels(fit_page(summary)) == {"bin"}
    assert page.subtitle == "2 channels (1 unbinned), 2 bins; 4 parameters"


def test_what_is_shown_is_what_was_computed(mixed, page, summary):
    (region,) = log_ratios(mixed.fit, signals=summary.signals).regions
    figure = section(page, "The channels").figures[3][0]
    np.testing.assert_allclose(figure.axes[0].containers[0].lines[0].get_xydata()[:, 1], region.data)


def test_the_validity_of_each_channel_and_sample(summary, page):
    overview, samples = section(page, "The unbinned channels").tables
    check = summary.best.unbinned["SR"]
    assert overview.rows[0][:4] == ["SR", "normalised", "480", "1,401"]
    assert [row[:2] for row in samples.rows] == [["SR", "signal"], ["SR", "background"]]
    assert samples.rows[1][3] == f"{check.drift['background']:.5g}"
    assert samples.rows[0][4] == f"{check.nominal_effective_size['signal']:,.0f}"


def test_it_renders(page):
    short = replace(page, sections=[section(page, "The unbinned channels")])
    assert "∫ without normalisation" in render(short)


def test_a_good_fit_passes_its_checks(page):
    names = [check.name for check in page.checks if check.passed]
    assert "nothing speaks against the unbinned channels" in names
    assert "the model describes the events of SR" in names
    assert "Warning" not in section(page, "The unbinned channels").text


def test_warnings_stand_on_top(summary):
    worse = summary.best.unbinned["SR"].model_copy(update={"normalised": False, "extrapolated": {"width": -2.5}})
    lines = ["SR: this minimum is not one of densities", "SR: shapes are extrapolated: width = -2.50"]
    best = summary.best.model_copy(update={"unbinned": {"SR": worse}, "warnings": lines})
    page = fit_page(summary.model_copy(update={"best": best}))
    found = section(page, "The unbinned channels")
    assert found.text.startswith(f"Warning: {lines[0]}.\n\nWarning: {lines[1]}.\n\n")
    assert found.tables[0].rows[0][1] == "NOT normalised"
    assert found.tables[0].rows[0][5] == "width = −2.50"
    (check,) = [each for each in page.checks if "speaks against" in each.name]
    assert (check.passed, check.detail) == (False, f"{lines[0]}; 1 more")


def test_a_hidden_channel_shows_no_data(mixed, summary):
    """Nor if somebody forgot to leave them out of the distributions, or of the checks."""
    hidden = summary.model_copy(update={"hidden": ["SR"]})
    without = hidden.model_copy(update={"best": hide(summary.best, Blinding(parameters={}, regions=["SR"]))})
    for each, names in ((without, ["SR"]), (hidden, [])):
        page = fit_page(each, distributions=log_ratios(mixed.fit, signals=summary.signals, hidden=names))
        assert page.subtitle.startswith("2 channels (1 unbinned), 2 bins;")
        found = section(page, "The unbinned channels")
        assert found.tables == []
        assert "left out" in found.text
        for figure, _ in section(page, "The channels").figures[2:]:
            assert "data" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_blinded_shape_is_not_told(summary):
    """Hiding takes out what a blinded parameter decides; the rest is shown."""
    mark = Blinding(parameters={"width": BlindedParameter(seed="1" * 64, scale=1.0)}, regions=[])
    page = fit_page(summary.model_copy(update={"best": hide(summary.best, mark)}))
    for row in section(page, "The unbinned channels").tables[1].rows:
        assert (row[3], row[5]) == ("—", "—")
        assert float(row[2]) == pytest.approx(1, abs=1e-4)


def test_a_binned_fit_says_nothing_of_unbinned_channels(summary):
    best = summary.best.model_copy(update={"unbinned": {}, "second_minimiser": None})
    page = fit_page(summary.model_copy(update={"best": best}))
    assert "The unbinned channels" not in [each.heading for each in page.sections]
    assert not [check for check in page.checks if "unbinned" in check.name]


@pytest.mark.parametrize(
    ("asymptotic", "toys", "passed", "detail"),
    [
        (0.2, None, [True], "p = 0.2, asymptotic"),
        (1e-5, None, [False], "p = 1e-05, asymptotic"),
        (1e-5, 0.02, [True], "p = 0.02"),
        (0.5, 1e-4, [False], "p = 0.0001"),
        (None, None, [], ""),
    ],
)
def test_how_events_are_distributed(asymptotic, toys, passed, detail):
    found = UnbinnedGoodness(
        reference_size=1000.0,
        summary="score",
        statistic=12.0,
        degrees_of_freedom=10,
        p_value_asymptotic=asymptotic,
        p_value=toys,
        energy=0.1,
    )
    checks = distribution_checks({"SR": found}, limit=1e-3)
    assert [check.passed for check in checks] == passed
    assert all(check.detail.endswith(detail) for check in checks)
