"""`neyman fit report` and `neyman fit run`: everything about one fit, on one page."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neyman.cli.fit_options import Asked, of_model


class StyleName(StrEnum):
    """How figures look."""

    plain = "plain"
    atlas = "atlas"
    cms = "cms"
    lhcb = "lhcb"


Folder = Annotated[Path, typer.Option(help="Folder of the report: new, or the same one again.")]
Look = Annotated[StyleName, typer.Option(help="Style of the figures.")]


@of_model
def report(asked: Asked, *, out: Folder, style: Look = StyleName.plain) -> None:
    """Fit, and write a report with all that follows from it.

    Ends with report.html and results.json.

    Example: neyman fit report ws.json --out report
    """
    from neyman.cli.fit_report_steps import report_step

    report_step(asked, out, style=style.value)


def run(
    *,
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config; `neyman fit schema` explains it.")],
    out: Folder,
    style: Look = StyleName.plain,
) -> None:
    """Build a workspace, fit it, write a report.

    Ends with workspace.json, report.html and results.json.

    Example: neyman fit run config.yaml --out run
    """
    from neyman.cli.fit_report_steps import run_step

    run_step(config, out, style=style.value)


def add_to(app: typer.Typer) -> None:
    """Make them commands of `neyman fit`."""
    app.command()(report)
    app.command()(run)
