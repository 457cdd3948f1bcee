"""`neyman demo`: a job from simulation to report in a few minutes, trained for real."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeVar

import typer

ConfigT = TypeVar("ConfigT")


class Job(StrEnum):
    """The jobs that have a demo."""

    posterior = "posterior"
    fit = "fit"
    abcd = "abcd"
    calibration = "calibration"
    anomaly = "anomaly"
    serve = "serve"


def demo(
    job: Annotated[Job, typer.Argument(help="Which job.")] = Job.posterior,
    out: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("neyman-demo"),
    *,
    model: Annotated[
        Path | None, typer.Option(help="An artefact of `neyman anomaly train`, for serve; else one is trained.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Of serve: stop after the answers.")] = False,
) -> None:
    """Run a job on a small scale, trained for real, with a report."""
    if job is Job.serve:
        from neyman.cli.demo_serve import demo_step

        demo_step(out / job.value, model=model, once=once)
        return

    if model is not None or once:
        from neyman.core.errors import ConfigError

        raise ConfigError(f"--model or --once with the demo of {job.value}", expected="neyman demo serve")

    if job is Job.fit:
        from neyman.cli.demo_fit import write_events
        from neyman.cli.fit_report_steps import run_step
        from neyman.core.files import make_folder, write_text

        folder = out / job.value
        make_folder(folder)
        write_events(folder / "events", seed=1)
        write_text(folder / "config.yaml", (resources.files("neyman.cli") / "demo_fit.yaml").read_text("utf-8"))
        run_step(folder / "config.yaml", folder / "run", style="plain")
        return

    if job is Job.abcd:
        from neyman.abcd.config import AbcdConfig
        from neyman.cli import abcd_steps

        abcd_steps.run_steps(_config(job, AbcdConfig.load), out / job.value, command=f"demo {job.value}")
        return

    if job is Job.calibration:
        from neyman.calibration.config import CalibrationConfig
        from neyman.cli import calibration_steps

        calibration_steps.run_steps(_config(job, CalibrationConfig.load), out / job.value, command=f"demo {job.value}")
        return

    if job is Job.anomaly:
        from neyman.anomaly.config import AnomalyConfig
        from neyman.cli import anomaly_run

        anomaly_run.run_steps(_config(job, AnomalyConfig.load), out / job.value, command=f"demo {job.value}")
        return

    from neyman.cli.posterior_steps import run_steps
    from neyman.posterior.config import PosteriorConfig

    config = _config(job, PosteriorConfig.load)
    run_steps(config, out / job.value, command=f"demo {job.value}", sets=500, exact_sets=100)


def _config(job: Job, load: Callable[[Path], ConfigT]) -> ConfigT:
    with resources.as_file(resources.files("neyman.cli") / f"demo_{job.value}.yaml") as path:
        return load(path)
