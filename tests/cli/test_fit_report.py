"""Reports of fits from the command line, and the demo."""

import json
import shutil
from pathlib import Path

import pytest

WS = Path(__file__).parent / "fit_workspace.json"


def test_report(neyman, tmp_path):
    done = neyman("fit", "report", WS, "--out", tmp_path / "report")
    assert (done.code, done.err) == (0, "")
    assert {"report.html", "results.json", "run.json"} <= {each.name for each in (tmp_path / "report").iterdir()}
    best = json.loads(neyman("fit", "bestfit", WS, "--json").out)
    assert json.loads((tmp_path / "report" / "results.json").read_text())["best"]["parameters"] == best["parameters"]


def test_a_blinded_report(neyman, tmp_path):
    shutil.copy(WS, tmp_path / "ws.json")
    assert neyman("fit", "blind", tmp_path / "ws.json", "--poi", "mu").code == 0
    truth = json.loads(neyman("fit", "bestfit", WS, "--json").out)["parameters"]["mu"]["value"]
    assert neyman("fit", "report", tmp_path / "ws.json", "--out", tmp_path / "report").code == 0
    shown = json.loads((tmp_path / "report" / "results.json").read_text())
    assert shown["best"]["parameters"]["mu"]["value"] != pytest.approx(truth, abs=1e-6)
    assert shown["limit"]["obs"] is None


def test_the_folder_of_another_run_is_refused(neyman, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").write_text("mine")
    done = neyman("fit", "report", WS, "--out", tmp_path / "other")
    assert done.code == 2
    assert [each.name for each in (tmp_path / "other").iterdir()] == ["precious.txt"]


def test_demo(neyman, tmp_path):
    """From ROOT files to the report; the data hold a signal of strength 1."""
    done = neyman("demo", "fit", "--out", tmp_path)
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "fit" / "run" / "results.json").read_text())
    mu = found["best"]["parameters"]["mu"]
    assert abs(mu["value"] - 1) < 2.6 * mu["error"]
    assert found["best"]["converged"]
    assert found["goodness"]["p_value"] > 1e-3
    assert found["significance"]["expected"] > 2
    assert found["signals"] == ["signal"]
    assert (tmp_path / "fit" / "run" / "report.html").stat().st_size > 50_000
