"""The report of a fit with an unbinned channel, from the command line."""

import json

import numpy as np
import pytest


@pytest.fixture
def path(tmp_path):
    """Events of which some are like a signal; the reference is a grid. A shape is told relative to the reference."""
    grid, rng = np.linspace(-1, 1, 401), np.random.default_rng(3)
    seen = np.concatenate([1 - rng.exponential(0.2, 30).clip(0, 2), rng.uniform(-1, 1, 200)])
    numbers = iter(range(100))

    def array(values):
        name = f"{next(numbers)}.npy"
        np.save(tmp_path / name, values)
        return {"path": name}

    def at_events(function):
        return {"observed": array(function(seen)), "reference": array(function(grid))}

    def signal(x, slope=5.0):
        return slope * (x - 1) + np.log(2 * slope / -np.expm1(-2 * slope))

    def factor(name):
        return {"name": name, "type": "normfactor", "data": None}

    shape = {"hi": 1.1, "lo": 0.9}
    shape |= {f"{side}_log_ratio": at_events(lambda x, s=s: signal(x, s)) for side, s in (("hi", 5.5), ("lo", 4.5))}
    samples = [
        {
            "name": "signal",
            "yield": 25.0,
            "log_ratio": at_events(signal),
            "modifiers": [factor("mu"), {"name": "slope", "type": "normplusshape", "data": shape}],
        },
        {"name": "flat", "yield": 200.0, "log_ratio": at_events(np.zeros_like), "modifiers": [factor("k")]},
    ]
    channel = {"name": "SR", "type": "unbinned", "observed": {}, "samples": samples}
    channel["reference"] = {"weights": array(np.full(401, 1 / 401))}
    control = {"name": "CR", "samples": [{"name": "flat", "data": [400.0], "modifiers": [factor("k")]}]}
    document = {
        "channels": [channel, control],
        "observations": [{"name": "CR", "data": [410.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    (tmp_path / "ws.json").write_text(json.dumps(document))
    return tmp_path / "ws.json"


def test_report(neyman, path, tmp_path):
    done = neyman("fit", "report", path, "--out", tmp_path / "report")
    assert done.code == 0, done.err
    (region,) = json.loads((tmp_path / "report" / "log_ratios.json").read_text())["regions"]
    assert (region["name"], sum(region["data"])) == ("SR", 230)
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    total = results["postfit"]["regions"][-1]["samples"]["signal"][0]
    assert sum(region["postfit"]["samples"]["signal"]) == pytest.approx(total)
    assert any("read as relative to the reference density" in note for note in results["notes"])
    assert "The unbinned channels" in (tmp_path / "report" / "report.html").read_text()


def test_a_hidden_channel(neyman, path, tmp_path):
    document = json.loads(path.read_text())
    document["measurements"][0]["config"]["poi"] = ""  # without one a report takes less time
    path.write_text(json.dumps(document))
    assert neyman("fit", "blind", path, "--region", "SR").code == 0
    done = neyman("fit", "report", path, "--out", tmp_path / "report")
    assert done.code == 0, done.err
    (region,) = json.loads((tmp_path / "report" / "log_ratios.json").read_text())["regions"]
    assert region["data"] is None
    page = (tmp_path / "report" / "report.html").read_text()
    assert "BLINDED" in page
    assert ">230<" not in page
    assert ">410<" in page
