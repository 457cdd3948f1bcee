"""What a report of a fit is made of."""

import json
from pathlib import Path

import numpy as np
import pytest

from neyman.fit.blinding import BlindedParameter, Blinding
from neyman.fit.summary import FitSummary, summarise
from neyman.likelihood.workspace import Workspace

WS = Path(__file__).parents[1] / "cli" / "fit_workspace.json"


@pytest.fixture(scope="module")
def fit():
    return Workspace.load(WS).model().fit()


@pytest.fixture(scope="module")
def summary(fit):
    return summarise(fit, notes=["by the way"])


def test_it_holds_what_the_parts_say(fit, summary):
    assert summary.best == fit.result
    assert summary.limit.obs > fit["mu"].value
    assert summary.notes == ["by the way"]
    values = [test.poi_value for test in summary.tests]
    crossing = np.interp(-0.05, [-test.cls_obs for test in summary.tests], values)
    assert crossing == pytest.approx(summary.limit.obs, rel=0.02)
    for region in summary.postfit.regions:
        total = sum(np.array(each) for each in region.samples.values())
        assert np.all(np.array(region.error) < total)


def test_signals_are_what_the_parameter_of_interest_scales(summary):
    document = json.loads(WS.read_text())
    scaled = {
        sample["name"]
        for channel in document["channels"]
        for sample in channel["samples"]
        if any(each["type"] == "normfactor" and each["name"] == "mu" for each in sample["modifiers"])
    }
    assert set(summary.signals) == scaled


def test_it_reads_back_from_its_json(summary, tmp_path):
    summary.save(tmp_path / "results.json")
    assert FitSummary.load(tmp_path / "results.json").to_json() == summary.to_json()


def test_what_is_blinded_is_not_in_it(fit):
    region = fit.model.grid.names[0]
    blinded = BlindedParameter(seed="0" * 63 + "1", scale=2.0)
    summary = summarise(fit, mark=Blinding(parameters={"mu": blinded}, regions=(region,)))
    text = summary.to_json()
    assert summary.best.blinded
    assert f"{fit['mu'].value:.8f}"[:9] not in text
    assert summary.limit.obs is None
    assert summary.significance.observed is None
    assert all(test.cls_obs is None for test in summary.tests)
    for regions in (summary.prefit, summary.postfit):
        assert all(value is None for value in regions.regions[0].data)
    assert summary.hidden == [region]


def test_without_a_parameter_of_interest_there_is_less(fit):
    document = json.loads(WS.read_text())
    document["measurements"][0]["config"]["poi"] = ""
    summary = summarise(Workspace.from_dict(document).model().fit())
    assert (summary.impacts, summary.scan, summary.limit, summary.significance) == (None, None, None, None)
    assert summary.tests == []
