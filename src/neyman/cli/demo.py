"""`neyman demo`: a job from simulation to report in a few minutes, trained for real."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Job(StrEnum):
    """The jobs that have a demo."""

    posterior = "posterior"
    fit = "fit"


def demo(
    job: Annotated[Job, typer.Argument(help="Which job.")] = Job.posterior,
    out: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path("neyman-demo"),
) -> None:
    """Run a job on a small scale, trained for real, with a report."""
    from importlib import resources

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

    from neyman.cli.posterior_steps import run_steps
    from neyman.posterior.config import PosteriorConfig

    with resources.as_file(resources.files("neyman.cli") / f"demo_{job.value}.yaml") as path:
        config = PosteriorConfig.load(path)
    run_steps(config, out / job.value, command=f"demo {job.value}", sets=500, exact_sets=100)
