"""The steps behind `neyman fit report` and `neyman fit run`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from neyman.cli.fit_options import Asked
from neyman.cli.fit_steps import OpenModel
from neyman.core.runs import RunFolder
from neyman.fit.build import build
from neyman.fit.config import FitConfig
from neyman.fit.summary import FitSummary, summarise
from neyman.likelihood.workspace import Workspace
from neyman.plots.style import Style

RESULTS, REPORT, WORKSPACE, RECORD = "results.json", "report.html", "workspace.json", "build.json"


def report_step(asked: Asked, out: Path, *, style: Style) -> FitSummary:
    """Fit a workspace and write the report."""
    opened = OpenModel.of(asked)
    told = {name: str(value) for name, value in asdict(asked).items() if name not in ("json", "all", "unblind")}
    told |= {"workspace": opened.workspace.digest, "style": style, "blinded": str(opened.mark is not None)}
    with RunFolder(out, command="fit report", config=told, seed=0):
        return _write(opened, out, notes=opened.workspace.warnings(), style=style)


def run_step(config: Path, out: Path, *, style: Style) -> FitSummary:
    """From a config to the report."""
    job = FitConfig.load(config)
    told = {"config": job.model_dump(mode="json"), "style": style}
    with RunFolder(out, command="fit run", config=told, seed=0):
        document, record = build(job, base=config.parent)
        path = out / WORKSPACE
        Workspace.from_dict(document, where=str(path)).save(path)
        record.save(out / RECORD)
        typer.echo(f"{path}: built from {len(record.files)} files", err=True)
        opened = OpenModel.of(Asked(command="run", workspace=path))
        variables = {region.Name: (region.Variable, list(region.Binning)) for region in job.Regions}
        notes = [*record.warnings, *opened.workspace.warnings()]
        return _write(opened, out, notes=notes, style=style, variables=variables)


def _write(
    opened: OpenModel,
    out: Path,
    *,
    notes: list[str],
    style: Style,
    variables: dict[str, tuple[str, list[float]]] | None = None,
) -> FitSummary:
    from neyman.report.fit import fit_page
    from neyman.report.page import save_page

    best = opened.best_to_profile()
    summary = summarise(best, mark=opened.mark, notes=notes, variables=variables)
    summary.save(out / RESULTS)
    save_page(fit_page(summary, style=style), out / REPORT)
    typer.echo(f"{out / REPORT}: {summary.best.message}")
    return summary
