"""`neyman calibration`: train, apply, check, run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = """Make simulation look like data, given conditions that stay as they are.

\b
  neyman calibration train --data data.root:Tree --simulation sim.root:Tree \\
      --variables ip --conditions pt,eta,phi,npv --out artefact
  neyman calibration apply artefact sim.root:Tree --out corrected.root

A config in YAML says more; `neyman calibration schema` has all of it:

\b
  data: {kind: files, data: data.parquet, simulation: sim.parquet, weights: sw}
  variables: [{name: ip, transform: log}]
  conditions: [pt, eta, {name: azimuth, period: 360}, npv]
"""

app = typer.Typer(help=HELP, short_help="Simulation that looks like data.", no_args_is_help=True, rich_markup_mode=None)

ConfigFile = Annotated[
    Path | None, typer.Argument(metavar="CONFIG", help="YAML config of the job; options below override it.")
]
ArtefactFolder = Annotated[Path, typer.Argument(metavar="ARTEFACT", help="Folder of a trained correction.")]
File = "FILE[:TREE]"
DataFile = Annotated[str | None, typer.Option("--data", metavar=File, help="ROOT or Parquet file of data.")]
SimulationFile = Annotated[
    str | None, typer.Option("--simulation", metavar=File, help="ROOT or Parquet file of simulation.")
]
Variables = Annotated[str | None, typer.Option(metavar="A,B", help="Columns to correct.")]
Conditions = Annotated[str | None, typer.Option(metavar="C,D", help="Columns given which, never changed.")]
Weights = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Weights, as sWeights; a file without the column has ones.")
]
Quick = Annotated[bool, typer.Option("--quick", help="A trial: few events, few epochs.")]


@app.command()
def train(
    config: ConfigFile = None,
    *,
    data: DataFile = None,
    simulation: SimulationFile = None,
    variables: Variables = None,
    conditions: Conditions = None,
    weights: Weights = None,
    quick: Quick = False,
    out: Annotated[Path, typer.Option(help="Folder of the artefact; one that is there is replaced.")],
) -> None:
    """Learn a correction from two files, and keep it as an artefact.

    Ctrl-C and the same command again goes on, and ends with the same weights.
    """
    from neyman.cli.calibration_config import read_config
    from neyman.cli.calibration_steps import train_step

    job = read_config(
        config, data=data, simulation=simulation, weights=weights, variables=variables, conditions=conditions
    )
    trained = train_step(job.quick() if quick else job, out)
    events = " and ".join(f"{events:,}" for events in trained.trained_on)
    typer.echo(f"{out}: trained on {events} events in {trained.cpu_seconds:.0f} CPU-s")


@app.command()
def apply(
    artefact: ArtefactFolder,
    source: Annotated[
        str, typer.Argument(metavar="IN", help="The source: ROOT or Parquet file of simulation, FILE[:TREE].")
    ],
    *,
    out: Annotated[Path, typer.Option(help="File to write, of the same format.")],
    variations: Annotated[
        bool, typer.Option("--variations", help="Add NAME_corrected_up and NAME_corrected_down.")
    ] = False,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Write the new columns alone: a friend of the tree.")
    ] = False,
) -> None:
    """Add NAME_corrected to a file of any size.

    All other columns and the order of rows stay. `outside_training` marks rows whose conditions the training did not
    cover: they are corrected as those at the edge.
    """
    from neyman.calibration.applying import apply_to_file
    from neyman.calibration.trained import TrainedCalibration
    from neyman.events.tables import TableFile

    trained = TrainedCalibration.load(artefact)
    rows = apply_to_file(trained, source, out, variations=variations, only_new=only_new)
    names = ", ".join(f"{name}_corrected" for name in trained.config.variable_names)
    typer.echo(f"{out}: {rows:,} events with {names}")
    others = () if only_new else TableFile.open(source, job="calibration").others
    if others:
        typer.echo(f"not copied: {', '.join(others[:6])}{' and more' * (len(others) > 6)}", err=True)


@app.command()
def check(
    artefact: ArtefactFolder,
    *,
    data: DataFile = None,
    simulation: SimulationFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Compare with data, beside baselines and the floor.

    Of files that were not trained on; without files, of the test events of the training. A check that fails is a
    finding, not an error: the exit code is 0, and `passed` in the JSON is false.
    """
    from neyman.calibration.trained import TrainedCalibration
    from neyman.cli.calibration_steps import check_lines, check_step

    result = check_step(TrainedCalibration.load(artefact), data=data, simulation=simulation)
    typer.echo(result.to_json() if json else "\n".join(check_lines(result)))


@app.command()
def run(
    config: ConfigFile = None,
    *,
    data: DataFile = None,
    simulation: SimulationFile = None,
    variables: Variables = None,
    conditions: Conditions = None,
    weights: Weights = None,
    quick: Quick = False,
    out: Annotated[Path, typer.Option(help="Folder of the run: new, or the same one, to resume.")],
) -> None:
    """Train, check, write a report.

    Ends with an artefact, results.json and report.html. Ctrl-C and the same command again goes on.
    """
    from neyman.cli.calibration_config import read_config
    from neyman.cli.calibration_steps import run_steps

    job = read_config(
        config, data=data, simulation=simulation, weights=weights, variables=variables, conditions=conditions
    )
    run_steps(job.quick() if quick else job, out, command="calibration run")


@app.command()
def schema() -> None:
    """Print the JSON schema of the config.

    Editors that know it check as you type.
    """
    import json as library

    from neyman.calibration.config import CalibrationConfig

    typer.echo(library.dumps(CalibrationConfig.model_json_schema(), indent=2, ensure_ascii=False))
