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
from neyman.fit.hiding import shown_fit
from neyman.fit.summary import FitSummary, summarise
from neyman.likelihood.workspace import Workspace
from neyman.plots.style import Style

RESULTS, REPORT, WORKSPACE, RECORD = "results.json", "report.html", "workspace.json", "build.json"
LOG_RATIOS = "log_ratios.json"


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
        path = out / WORKSPACE
        document, record = build(job, base=config.parent, out=path)
        Workspace.from_dict(document, where=str(path), folder=out).save(path)
        record.save(out / RECORD)
        typer.echo(f"{path}: built from {len(record.files)} files", err=True)
        opened = OpenModel.of(Asked(command="run", workspace=path))
        variables = {
            each.Name: (each.Variable, list(each.Binning)) for each in job.Regions if each.Variable and each.Binning
        }
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
    from neyman.report.log_ratios import log_ratios
    from neyman.report.page import save_page

    best = opened.best_to_profile()
    read = [note for channel in opened.model.unbinned for note in channel.notes]
    summary = summarise(best, mark=opened.mark, notes=[*notes, *read], variables=variables)
    summary.save(out / RESULTS)
    distributions = None
    if opened.model.unbinned:
        distributions = log_ratios(shown_fit(best, opened.mark), signals=summary.signals, hidden=summary.hidden)
        distributions.save(out / LOG_RATIOS)
    save_page(fit_page(summary, distributions=distributions, style=style), out / REPORT)
    typer.echo(f"{out / REPORT}: {summary.best.message}")
    return summary
