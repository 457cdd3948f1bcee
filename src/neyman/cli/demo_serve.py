"""`neyman demo serve`: a model of dimuons, a service that has it, and requests with their answers."""

from __future__ import annotations

import json
import shutil
import threading
from importlib import resources
from pathlib import Path

import numpy as np
import typer
from jaxtyping import Float

from neyman.anomaly.runtime import Scorer
from neyman.cli.demo_serve_requests import EVENTS, ask_everything
from neyman.cli.serve_keys import opened
from neyman.cli.serve_steps import FIRST_SCOPES
from neyman.core.artefacts import load_artefact
from neyman.core.errors import InputError
from neyman.core.files import replacing, write_text
from neyman.serve.service import running, until_stopped
from neyman.serve.settings import Settings
from neyman.serve.storage.uri import parse_uri

TRAINED_ON = 8000


def demo_step(folder: Path, *, model: Path | None, once: bool) -> None:
    """Bring up a service, ask it everything with curl, and let it run until Ctrl-C.

    Args:
        folder: Where model, settings, database and files go.
        model: An artefact; None trains one in half a minute.
        once: Stop after the answers.

    Raises:
        InputError: If there is no curl, or the artefact cannot be used.
        NeymanError: If a request is not answered as it should be.
    """
    if shutil.which("curl") is None:
        raise InputError("curl is not installed", where="neyman demo serve", expected="a curl on the PATH")
    path = _trained(folder) if model is None else model
    scorer = Scorer.open(path)
    x = _events(path, ours=model is None)
    _write(folder / "storage" / "events" / EVENTS, x, scorer.names)
    settings = _settings(folder, path)
    with until_stopped(), running(settings.model_copy(update={"port": 0})) as url:
        with opened(settings.database) as keys:
            _, token = keys.create("demo", FIRST_SCOPES)
        order = np.argsort(scorer.score(x))
        results = ask_everything(url, token, x[[order[len(order) // 2], order[-1]]])
        typer.echo(_summary(folder / "storage" / parse_uri(results).path))
        typer.echo(f"\nthe same service again: neyman serve --settings {folder / 'serve.yaml'}")
        if not once:
            typer.echo(f"{url} until Ctrl-C")
            threading.Event().wait()


def _trained(folder: Path) -> Path:
    """The artefact of the demo; one that is there is not trained again."""
    from neyman.anomaly.config import AnomalyConfig
    from neyman.cli.anomaly_steps import train_step
    from neyman.cli.demo_serve_events import COLUMNS, dimuons

    path = folder / "model"
    if path.exists():
        return path
    typer.echo(f"training on {TRAINED_ON:,} dimuons of Z bosons")
    _write(folder / "background.parquet", dimuons(TRAINED_ON, seed=1), COLUMNS)
    config = AnomalyConfig.model_validate(
        {
            "data": {"kind": "files", "background": str(folder / "background.parquet")},
            "network": {"width": 64, "blocks": 2},
            "training": {"epochs": 5},
            "split": {"train": 0.5, "validation": 0.1, "calibration": 0.3},
            "seed": 1,
        }
    )
    train_step(config, path, workers=1)
    return path


def _events(path: Path, *, ours: bool) -> Float[np.ndarray, "n d"]:
    """What is scored: Z bosons and a few of something heavier, or the validation events of another artefact."""
    if not ours:
        return np.asarray(load_artefact(path, kind="anomaly").validation["x"], dtype=np.float64)
    from neyman.cli.demo_serve_events import dimuons

    return np.concatenate([dimuons(5000, seed=2), dimuons(20, seed=3, mass=600.0, width=15.0)])


def _write(path: Path, x: Float[np.ndarray, "n d"], names: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(pa.table(dict(zip(names, x.T, strict=True))), temporary)


def _summary(results: Path) -> str:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    flags = pq.read_table(results, columns=["flag"])["flag"]
    flagged = "flag is null" if flags.null_count else f"{pc.sum(flags).as_py():,} flagged"
    return f"\n{results}: {len(flags):,} events, {flagged}"


def _settings(folder: Path, model: Path) -> Settings:
    """The settings, in a file from which the same service can be started again."""
    text = (resources.files("neyman.cli") / "demo_serve.yaml").read_text("utf-8")
    if model != folder / "model":
        text = text.replace("dimuon: model", f"demo: {json.dumps(str(model.resolve()))}")
    write_text(folder / "serve.yaml", text)
    return Settings.load(folder / "serve.yaml")
