"""The demo of the service: its events are muons of resonances, its lines for a shell are answered."""

import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from neyman.cli.demo_serve import demo_step
from neyman.cli.demo_serve_events import COLUMNS, dimuons
from neyman.core.errors import InputError
from neyman.serve.settings import Settings


def mass(x):
    """Of two massless particles, from their momenta in the laboratory."""
    one, two = (
        (x[:, i] * np.cos(x[:, i + 2]), x[:, i] * np.sin(x[:, i + 2]), x[:, i] * np.sinh(x[:, i + 1])) for i in (0, 3)
    )
    energy = x[:, 0] * np.cosh(x[:, 1]) + x[:, 3] * np.cosh(x[:, 4])
    momentum = [a + b for a, b in zip(one, two, strict=True)]
    return np.sqrt(energy**2 - sum(p**2 for p in momentum)), np.hypot(*momentum[:2])


@pytest.mark.parametrize(("m0", "width"), [(91.1876, 2.4952), (600.0, 15.0)])
def test_dimuons_have_the_mass_of_their_resonance(m0, width):
    x = dimuons(20_000, seed=4, mass=m0, width=width)
    assert x.shape == (20_000, len(COLUMNS))
    m, pt = mass(x)
    assert np.median(m) == pytest.approx(m0, rel=2e-3)
    low, high = np.quantile(m, [0.25, 0.75])
    smeared = np.hypot(width / 2, 0.015 / np.sqrt(2) * m0 * 0.674)  # quartiles of Cauchy and normal, roughly
    assert (high - low) / 2 == pytest.approx(smeared, rel=0.25)
    assert np.mean(pt) == pytest.approx(1.6 * 8, rel=0.25)  # soft, as that of the resonance


def test_dimuons_are_what_a_trigger_has():
    x = dimuons(5000, seed=1)
    assert np.isfinite(x).all()
    assert (x[:, 0] > 26).all()
    assert (x[:, 3] > 20).all()
    assert (x[:, 0] >= x[:, 3]).all()
    assert (np.abs(x[:, [1, 4]]) < 2.4).all()
    assert (np.abs(x[:, [2, 5]]) <= np.pi).all()
    assert np.array_equal(x, dimuons(5000, seed=1))
    assert not np.array_equal(x, dimuons(5000, seed=2))


def test_every_line_is_answered(artefact, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # which is no reason not to reach this computer
    demo_step(tmp_path / "demo", model=artefact, once=True)
    out = capsys.readouterr().out
    lines = re.findall(r"^\$ (.*)\n(.*)$", out, re.MULTILINE)
    paths = [re.search(r"http://[^/]+/(?:api/v1/)?(\S+)", line)[1] for line, _ in lines]
    assert paths[:5] == ["health", "models", "score", "explain", "score/batch"]
    answers = [json.loads(answer) for _, answer in lines]
    low, high = answers[2]["scores"]
    assert low < high == pytest.approx(answers[3]["score"])
    assert answers[5]["status"] == "done"
    assert answers[5]["job_id"] == answers[4]["job_id"]
    (found,) = (tmp_path / "demo" / "storage" / "results").rglob("*.parquet")
    assert pq.read_metadata(found).num_rows == answers[5]["progress"]["rows_total"]
    assert f"{found}: " in out
    token = re.search(r"^KEY=(ny_\S+)$", out, re.MULTILINE)[1]
    for line, _ in lines:
        assert token not in line  # a line may be copied to a colleague


def test_the_same_service_again(artefact, tmp_path):
    """The settings that the demo leaves are those of a service."""
    from neyman.cli.demo_serve import _settings

    settings = _settings(tmp_path, artefact)
    assert settings == Settings.load(tmp_path / "serve.yaml")
    assert settings.models == {"demo": artefact.resolve()}
    assert settings.port == 8800
    assert yaml.safe_load((tmp_path / "serve.yaml").read_text())["database"] == "sqlite:///serve.sqlite"


def test_without_curl(artefact, tmp_path, monkeypatch, message):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError) as error:
        demo_step(tmp_path / "demo", model=artefact, once=True)
    message(error, "curl is not installed")
    assert not (tmp_path / "demo").exists()


def test_of_a_model_that_is_none(tmp_path):
    with pytest.raises(InputError):
        demo_step(tmp_path / "demo", model=tmp_path / "nothing", once=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.guard
def test_demo_in_full(shell, tmp_path):
    """As a user types it, with training."""
    done = shell("demo", "serve", "--once", "--out", "here", cwd=tmp_path, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    summary = re.search(r"5,020 events, (\d+) flagged", done.stdout)
    assert 20 + 20 < int(summary[1]) < 20 + 80  # of 5,000 Z bosons at most 1 % are, and all that are heavy
    left = {path.name for path in (tmp_path / "here" / "serve").iterdir()}
    assert {"model", "serve.yaml", "serve.sqlite", "storage"} <= left
