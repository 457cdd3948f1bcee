"""`neyman abcd`: train, check, limit, run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

HELP = """Two scores for a data-driven background (ABCD), trained on the limit they give.

A config that is enough, in YAML; `neyman abcd schema` has the rest:

\b
  data: {kind: toy}                                     # or semi_visible_jets, or files
  discriminant: {column: m, edges: [0, 0.3, 0.45, 0.55, 0.7, 1]}
  method: cls                                           # or double_disco, bce

Regions: A first score high, second low; B both high, where the signal is; C both low; D first low, second high.
"""

app = typer.Typer(
    help=HELP, short_help="Two scores for an ABCD background.", no_args_is_help=True, rich_markup_mode=None
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config of the job.")]
ArtefactFolder = Annotated[Path, typer.Argument(metavar="ARTEFACT", help="Folder of trained scores.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


class ThetaChoice(StrEnum):
    """Whether bins share the parameter of the non-closure."""

    per_bin = "per_bin"
    shared = "shared"


@app.command()
def train(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="Folder of the artefact; one that is there is replaced.")],
) -> None:
    """Train two scores, choose cuts, and keep both as an artefact.

    Ctrl-C and the same command again goes on, and ends with the same weights.
    """
    from neyman.abcd.config import AbcdConfig
    from neyman.cli.abcd_steps import train_step

    job = AbcdConfig.load(config)
    trained = train_step(job, out)
    typer.echo(f"{out}: {job.method.kind} trained in {trained.cpu_seconds:.0f} CPU-s")


@app.command()
def check(*, artefact: ArtefactFolder, json: AsJson = False) -> None:
    """Check closure, yields and limits on test events.

    A check that fails is a finding, not an error: the exit code is 0, and `passed` in the JSON is false.
    """
    from neyman.abcd.checking import check as run_check
    from neyman.abcd.trained import TrainedAbcd
    from neyman.cli.abcd_steps import check_lines

    result = run_check(TrainedAbcd.load(artefact))
    typer.echo(result.to_json() if json else "\n".join(check_lines(result)))


@app.command()
def limit(
    *,
    templates: Annotated[
        Path, typer.Argument(metavar="TEMPLATES", help="JSON file of yields, or the folder of an artefact.")
    ],
    poi_value: Annotated[float, typer.Option(help="Signal strength of CLs.")] = 1.0,
    level: Annotated[float, typer.Option(help="One less the confidence level of the limits.")] = 0.05,
    theta: Annotated[
        ThetaChoice, typer.Option(help="Non-closure: a parameter in each bin, or one that bins share.")
    ] = ThetaChoice.per_bin,
    json: AsJson = False,
    workspace: Annotated[
        Path | None, typer.Option(help="Write the regions to this file too, as a workspace for `neyman fit`.")
    ] = None,
) -> None:
    """CLs and upper limits from yields in A, B, C and D.

    The file: {"background": {"A": [400], "B": [50], "C": [4000], "D": [500]}, "signal": {...}}, a number per bin, with
    "observed", "delta" (non-closure, a list) and "variance" (sums of squared weights) if there are any.
    """
    from neyman.cli.abcd_steps import limit_lines, limit_step

    result = limit_step(templates, poi_value=poi_value, level=level, theta=theta.value, workspace=workspace)
    typer.echo(result.to_json() if json else "\n".join(limit_lines(result)))


@app.command()
def run(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="Folder of the run: new, or the same one, to resume.")],
) -> None:
    """Train, check, set a limit, write a report.

    Ends with results.json and templates.json, and report.html. Ctrl-C and the same command again goes on.
    """
    from neyman.abcd.config import AbcdConfig
    from neyman.cli.abcd_steps import run_steps

    run_steps(AbcdConfig.load(config), out, command="abcd run")


@app.command()
def schema() -> None:
    """Print the JSON schema of the config.

    Editors that know it check as you type.
    """
    import json as library

    from neyman.abcd.config import AbcdConfig

    typer.echo(library.dumps(AbcdConfig.model_json_schema(), indent=2, ensure_ascii=False))
