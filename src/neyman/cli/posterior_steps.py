"""The steps behind the commands of `neyman posterior` that take more than one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import typer

from neyman.cli.training_state import forget, training_state
from neyman.core.provenance import provenance
from neyman.core.random import stream
from neyman.core.runs import RunFolder
from neyman.events.events import Events
from neyman.events.parquet import write_parquet
from neyman.plots.events import Expectation
from neyman.posterior.checking import check, default_sizes
from neyman.posterior.config import PosteriorConfig
from neyman.posterior.inference import infer
from neyman.posterior.results import RunResult, StageHistory, TrainingResult
from neyman.posterior.trained import KIND, TrainedPosterior, train_posterior
from neyman.simulation.datasets import Dataset
from neyman.simulation.protocol import Simulator

ARTEFACT, OBSERVED, RESULTS, REPORT = "artefact", "observed.parquet", "results.json", "report.html"
_EVENTS_PER_BIN, _FEWEST_BINS, _MOST_BINS = 12, 6, 25
_EXPECTED_EVENTS = 1_000_000


def train_step(config: PosteriorConfig, out: Path, *, data: Dataset | None = None) -> TrainedPosterior:
    """Train into a folder; the state of training lies beside it until the artefact is whole."""
    out = out.resolve()
    with training_state(out, kind=KIND) as state:
        return train_posterior(config, data=data, checkpoints=state).save(out)


def run_steps(config: PosteriorConfig, out: Path, *, command: str, sets: int, exact_sets: int) -> RunResult:
    """Everything, from the config to the report. A folder that has the artefact already is not trained again."""
    from neyman.report.page import save_page
    from neyman.report.posterior import posterior_page

    options = {"config": config.model_dump(mode="json"), "sets": sets, "exact_sets": exact_sets}
    with RunFolder(out, command=command, config=options, seed=config.seed):
        artefact = out / ARTEFACT
        if artefact.exists():
            trained = TrainedPosterior.load(artefact)
            forget(artefact.resolve())
        else:
            trained = train_step(config, artefact)
        typer.echo(f"trained in {trained.cpu_seconds:.0f} CPU-s: {artefact}", err=True)
        checked = check(trained, sets=sets, exact_sets=min(sets, exact_sets), seed=config.seed)
        typer.echo(f"checks {'passed' if checked.passed else 'FAILED, see the report'}", err=True)
        observed, truth = _example(config, trained.simulator)
        write_parquet(out / OBSERVED, observed)
        result = RunResult(
            config=config.model_dump(mode="json"),
            training=_training(config, trained),
            check=checked,
            inference=infer(trained, observed),
            truth=truth,
            provenance=provenance(),
        )
        result.save(out / RESULTS)
        mean = {name: found.mean for name, found in result.inference.parameters.items()}
        expected = expectations(trained.simulator, mean, config.seed, observed=len(observed))
        save_page(posterior_page(result, observed=observed, expected=expected), out / REPORT)
    for name, found in result.inference.parameters.items():
        typer.echo(f"{name} = {found.mean:.3f} ± {found.sd:.3f} from {result.inference.n_events} events; "
                   f"simulated at {truth[name]:.3f}")  # fmt: skip
    typer.echo(f"report: {out / REPORT}")
    return result


def _example(config: PosteriorConfig, simulator: Simulator) -> tuple[Events, dict[str, float]]:
    """A set at the Standard Model if the prior holds it, else in the middle of the prior."""
    prior = config.build_prior()
    known: dict[str, float] = getattr(simulator, "standard_model", {})
    truth = {
        name: known[name] if name in known and low < known[name] < high else 0.5 * (low + high)
        for name, (low, high) in prior.bounds.items()
    }
    sizes = default_sizes(config.events)
    return simulator.simulate(truth, sizes[len(sizes) // 2], stream(config.seed, "example")), truth


def expectations(simulator: Simulator, theta: dict[str, float], seed: int, *, observed: int) -> dict[str, Expectation]:
    """Histograms of so many events that their own fluctuations do not show, in bins for the observed number."""
    bins = min(max(observed // _EVENTS_PER_BIN, _FEWEST_BINS), _MOST_BINS)
    events = simulator.simulate(theta, _EXPECTED_EVENTS, stream(seed, "expectation"))
    found = {}
    for column in simulator.schema.columns:
        edges = np.linspace(column.low, column.high, bins + 1)
        found[column.name] = Expectation(edges, np.histogram(events[column.name], edges)[0] / len(events))
    return found


def _training(config: PosteriorConfig, trained: TrainedPosterior) -> TrainingResult:
    return TrainingResult(
        stages={
            stage: StageHistory.model_validate(history, from_attributes=True)
            for stage, history in trained.histories.items()
        },
        cpu_seconds=trained.cpu_seconds,
        artefact=trained.digest,
        estimator=config.estimator.kind,
    )
