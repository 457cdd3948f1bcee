"""The steps behind the commands of `neyman calibration` that take more than one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neyman.calibration.results import CheckResult, Metrics, RunResult, TrainingHistory, TrainingResult
from neyman.cli.training_state import forget, training_state
from neyman.core.errors import ConfigError
from neyman.core.provenance import provenance
from neyman.core.runs import RunFolder

if TYPE_CHECKING:
    from neyman.calibration.config import CalibrationConfig
    from neyman.calibration.trained import TrainedCalibration

ARTEFACT, RESULTS, REPORT = "artefact", "results.json", "report.html"
ROWS = {
    "corrected": "corrected",
    "uncorrected": "uncorrected",
    "quantile_map": "quantile map",
    "cell_quantile_map": "quantile map in cells",
    "reweighting": "boosted reweighting",
    "floor": "floor: data",
}
OUTCOMES = {True: "passed  ", False: "FAILED  ", None: "no claim"}


def train_step(config: CalibrationConfig, out: Path) -> TrainedCalibration:
    """Train into a folder; the state of training lies beside it until the artefact is whole."""
    from neyman.calibration.trained import KIND, train_calibration

    out = out.resolve()
    with training_state(out, kind=KIND) as state:
        return train_calibration(config, checkpoints=state).save(out)


def check_step(trained: TrainedCalibration, *, data: str | None, simulation: str | None) -> CheckResult:
    """Judge a correction on two files, or on the test events of its training."""
    from neyman.calibration.checking import Training, check
    from neyman.calibration.data import read_sample

    if (data is None) != (simulation is None):
        raise ConfigError(
            f"--{'data' if simulation is None else 'simulation'} alone",
            expected="both --data and --simulation, or neither for the test events of the training",
        )
    training = None
    if data is None or simulation is None:
        loaded = trained.reload()
        simulated, recorded = loaded.simulation.test, loaded.data.test
        training = Training(loaded.simulation.train, loaded.data.train)
    else:
        simulated, recorded = (read_sample(path, trained.config, trained.schema) for path in (simulation, data))
    return check(
        trained,
        simulated,
        recorded,
        trained.config.checks,
        training=training,
        outside=trained.scaling.outside(simulated.c),
        seed=trained.config.seed,
        artefact=trained.digest,
    )


def run_steps(config: CalibrationConfig, out: Path, *, command: str) -> RunResult:
    """Everything, from the config to the report. A folder that has the artefact already is not trained again."""
    from neyman.calibration.trained import TrainedCalibration
    from neyman.report.calibration import calibration_page
    from neyman.report.page import save_page

    with RunFolder(out, command=command, config={"config": config.model_dump(mode="json")}, seed=config.seed):
        artefact = out / ARTEFACT
        if artefact.exists():
            trained = TrainedCalibration.load(artefact)
            forget(artefact.resolve())
        else:
            trained = train_step(config, artefact)
        typer.echo(f"trained in {trained.cpu_seconds:.0f} CPU-s: {artefact}", err=True)
        result = RunResult(
            config=config.model_dump(mode="json"),
            training=_training(trained),
            check=check_step(trained, data=None, simulation=None),
            provenance=provenance(),
        )
        result.save(out / RESULTS)
        save_page(calibration_page(result), out / REPORT)
    typer.echo("\n".join(check_lines(result.check)))
    typer.echo(f"report: {out / REPORT}")
    return result


def _training(trained: TrainedCalibration) -> TrainingResult:
    simulation, data = trained.trained_on
    return TrainingResult(
        histories={
            name: TrainingHistory.model_validate(history, from_attributes=True)
            for name, history in trained.histories.items()
        },
        simulation_events=simulation,
        data_events=data,
        cpu_seconds=trained.cpu_seconds,
        artefact=trained.digest,
    )


def check_lines(result: CheckResult) -> list[str]:
    """The outcome of each check, and the numbers of all methods."""
    lines = [f"{OUTCOMES[each.passed]}  {each.name}: {each.detail}" for each in result.verdicts]
    lines += [f"{'':<22}  χ²/bin  in cells  AUC"]
    lines += [_row(name, getattr(result, key)) for key, name in ROWS.items()]
    lines += [_cost(result.transport_cost)]
    failed = sum(each.passed is False for each in result.verdicts)
    claims = sum(each.passed is not None for each in result.verdicts)
    return [*lines, f"{failed} of {claims} FAILED" if failed else f"all {claims} passed"]


def _row(name: str, metrics: Metrics) -> str:
    auc = f"{metrics.auc:.4f} ± {metrics.auc_error:.4f}"
    return f"{name:<22}  {metrics.chi2_per_bin:<6.3g}  {metrics.chi2_per_bin_cells:<8.3g}  {auc}"


def _cost(costs: Mapping[str, Mapping[str, float]]) -> str:
    moved = ", ".join(f"{name} by {cost:.3g}" for name, cost in costs["corrected"].items())
    return f"moves {moved} on average"
