"""The steps behind `neyman anomaly simulate`, `train` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neyman.cli.training_state import training_state
from neyman.core.errors import ConfigError, near
from neyman.core.executors import local_executor

if TYPE_CHECKING:
    from neyman.anomaly.config import AnomalyConfig
    from neyman.anomaly.data import Loaded
    from neyman.anomaly.trained import TrainedAnomaly
    from neyman.events.events import Events

LAYOUTS = ("forty_mhz", "dijet")
CHECKPOINT = "checkpoint.safetensors"
SHOWN = 6  # names of columns in a line
RATES = (1e-2, 1e-3, 1e-4)


def simulate_step(layout: str, *, events: int, signal: str | None, seed: int, workers: int | None, out: Path) -> str:
    """Simulate into a file; nothing is written before all events are there."""
    if layout not in LAYOUTS:
        raise ConfigError(f"layout '{layout}'", expected=f"one of {', '.join(LAYOUTS)}", hint=near(layout, LAYOUTS))
    _require_format(out)
    from neyman.simulation.pythia.collider import accepted_events, background_mixture

    with local_executor(workers) as executor:
        if signal is None:
            found = background_mixture(layout, events, seed, executor)  # type: ignore[arg-type]
        else:
            found = accepted_events(signal, layout, events, seed, executor)  # type: ignore[arg-type]
    _write(out, found)
    what = signal or "background"
    return f"{out}: {len(found):,} events of {what}, {len(found.schema.names)} columns, no pile-up"


def nanoaod_step(source: str, *, min_lepton_pt: float, out: Path) -> str:
    """Jagged branches to the columns of `forty_mhz`."""
    from neyman.events.features.nanoaod import read_nanoaod

    _require_format(out)
    found = read_nanoaod(source, min_lepton_pt=min_lepton_pt)
    _write(out, found)
    return f"{out}: {len(found):,} events with a lepton above {min_lepton_pt:g} GeV, {len(found.schema.names)} columns"


def _require_format(out: Path) -> None:
    from neyman.events.write import WRITERS

    if out.suffix.lower() not in WRITERS:
        raise ConfigError(
            f"a name that ends in '{out.suffix}'", where=str(out), expected=f"one of {', '.join(WRITERS)}"
        )


def _write(out: Path, events: Events) -> None:
    from neyman.events.parquet import write_parquet
    from neyman.events.write import write_table

    if out.suffix.lower() == ".parquet":
        write_parquet(out, events)  # with the schema: units, ranges, which columns are angles
    else:
        write_table(out, {name: events[name] for name in events.schema.names}, job="anomaly")


def train_step(
    config: AnomalyConfig, out: Path, *, loaded: Loaded | None = None, workers: int | None = None
) -> TrainedAnomaly:
    """Train into a folder; the state of training lies beside it until the artefact is whole."""
    from neyman.anomaly.data import doubts, load
    from neyman.anomaly.runtime import KIND
    from neyman.anomaly.trained import train_anomaly

    out = out.resolve()
    with training_state(out, kind=KIND) as state, local_executor(workers) as executor:
        loaded = load(config, executor) if loaded is None else loaded
        for doubt in doubts(loaded):
            typer.echo(doubt, err=True)
        return train_anomaly(config, state / CHECKPOINT, executor=executor, loaded=loaded).save(out)


def train_lines(trained: TrainedAnomaly, out: Path) -> list[str]:
    """What was trained on, what error rates that allows, and what it cost."""
    from neyman.anomaly.conformal import order_statistic, smallest_n

    train, _, calibration = trained.events
    delta = trained.config.error_rate.delta
    used = len(set(trained.scoring.preparation.source.tolist()))
    lines = [
        f"{out}: {trained.scoring.name} of {used} features, trained on {train:,} events; {trained.cost.in_words()}"
    ]
    preparation = trained.scoring.preparation
    for found, names in (
        ("left out, since they never change", preparation.constant),
        (f"left out, since features.most is {trained.config.features.most}", preparation.redundant),
        ("a few values far from all others, which may stand for none", preparation.outlying),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            lines.append(f"{found}: {', '.join(names[:SHOWN])}{more}")
    for fpr in RATES:
        possible = order_statistic(calibration, fpr, delta) is not None
        word = "can be promised" if possible else f"needs {smallest_n(fpr, delta):,} calibration events"
        lines.append(f"false-positive rate {fpr:g} at {100 * (1 - delta):g} %: {word} ({calibration:,} are there)")
    return lines


def export_step(artefact: Path, out: Path) -> str:
    """Write the graph for servers."""
    from neyman.anomaly.export import export
    from neyman.anomaly.trained import TrainedAnomaly

    written = export(TrainedAnomaly.load(artefact).scoring, out)
    typer.echo("inputs: raw features in the order of the card; outputs: score, energy, score_vector", err=True)
    return "\n".join(str(path) for path in written)
