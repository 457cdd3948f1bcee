"""`neyman anomaly`: simulate, train, score, evaluate, explain, and what is around them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = """Find events that do not look like background, with error rates one can trust.

\b
  neyman anomaly simulate forty_mhz --events 20000 --out background.parquet
  neyman anomaly train background.parquet --out model
  neyman anomaly score model events.parquet --out scores.parquet --fpr 1e-3
  neyman anomaly explain model events.parquet

A higher score is more anomalous, everywhere. Files are Parquet, HDF5, CSV, .npz or ROOT (FILE.root:TREE), with one
column of numbers for each feature. A config in YAML says more; `neyman anomaly schema` has all of it.
"""

app = typer.Typer(
    help=HELP, short_help="Events that do not look like background.", no_args_is_help=True, rich_markup_mode=None
)

File = "FILE[:TREE]"
Artefact = Annotated[Path, typer.Argument(metavar="ARTEFACT", help="Folder of a trained model.")]
Source = Annotated[str, typer.Argument(metavar=File, help="The source of events: Parquet, HDF5, CSV, .npz or ROOT.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Quick = Annotated[bool, typer.Option("--quick", help="A trial: few events, few epochs.")]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.")]
Workers = Annotated[int | None, typer.Option(help="Processes on this machine; default is one for each core.")]
Weights = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Weights of the events; without it, the column of the training, if any."),
]
Fpr = Annotated[
    float | None, typer.Option("--fpr", help="Largest false-positive rate; without it, that of the artefact.")
]
Delta = Annotated[
    float | None, typer.Option("--delta", help="Probability with which the rate may be larger after all.")
]


@app.command()
def simulate(
    layout: Annotated[
        str, typer.Argument(metavar="LAYOUT", help="forty_mhz: 57 features of objects. dijet: 64 features of jets.")
    ],
    *,
    events: Annotated[int, typer.Option(help="Events to have after the selection.")] = 20_000,
    signal: Annotated[
        str | None, typer.Option(metavar="PROCESS", help="A signal, as a_4l, instead of the background.")
    ] = None,
    seed: Seed = 0,
    workers: Workers = None,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .h5, .csv, .npz or .root.")],
) -> None:
    """Simulate background, or a signal, with Pythia.

    Collisions go through a parametric detector, without pile-up; the background of forty_mhz has no QCD.

    What is made once is kept in the cache: the same command again, or a larger number, goes on from there.
    """
    from neyman.cli.anomaly_steps import simulate_step

    typer.echo(simulate_step(layout, events=events, signal=signal, seed=seed, workers=workers, out=out))


@app.command()
def nanoaod(
    file: Annotated[str, typer.Argument(help="ROOT file in the manner of NanoAOD; FILE:TREE for another tree.")],
    *,
    min_lepton_pt: Annotated[float, typer.Option(help="Of the leading lepton, in GeV; 0 keeps every event.")] = 23.0,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .h5, .csv, .npz or .root.")],
) -> None:
    """Make the 57 features of forty_mhz from a NanoAOD file.

    Electron, Muon, Jet and MET branches; the same selection as for simulated events of forty_mhz.
    """
    from neyman.cli.anomaly_steps import nanoaod_step

    typer.echo(nanoaod_step(file, min_lepton_pt=min_lepton_pt, out=out))


@app.command()
def explore(
    source: Source,
    *,
    rows: Annotated[int, typer.Option(help="Rows to look at, at most; evenly spaced.")] = 20_000,
    out: Annotated[Path, typer.Option(help="The page to write, in HTML.")],
) -> None:
    """Draw a table before anything is trained on it.

    A page with a histogram of each feature, correlations, principal components and distances between events, and
    what deserves attention: constants, spikes, padding, copies.
    """
    from neyman.cli.anomaly_pages import explore_step

    typer.echo(explore_step(source, rows=rows, out=out))


@app.command()
def train(
    background: Annotated[
        str | None, typer.Argument(metavar=File, help="Background events; a config may name them instead.")
    ] = None,
    *,
    config: Annotated[Path | None, typer.Option(metavar="YAML", help="Config; BACKGROUND overrides its data.")] = None,
    quick: Quick = False,
    out: Annotated[Path, typer.Option(help="Folder of the artefact; one that is there is replaced.")],
) -> None:
    """Learn what background looks like, and calibrate.

    Error rates come from events that nothing was trained on.

    Ctrl-C and the same command again goes on, and ends with the same weights.
    """
    from neyman.cli.anomaly_config import read_config
    from neyman.cli.anomaly_steps import train_lines, train_step

    job = read_config(config, background)
    typer.echo("\n".join(train_lines(train_step(job.quick() if quick else job, out), out)))


@app.command()
def score(
    artefact: Artefact,
    source: Source,
    *,
    fpr: Fpr = None,
    delta: Delta = None,
    out: Annotated[Path, typer.Option(help="File to write: .parquet.")],
) -> None:
    """Score a file of any size: columns score, p_value and flag.

    With --fpr, events are flagged such that the false-positive rate is at most that, with probability 1 − delta over
    calibration samples. Where there are too few calibration events for such a promise, the command ends with exit
    code 2; without --fpr, `flag` is null then.
    """
    from neyman.cli.anomaly_scores import score_step

    typer.echo(score_step(artefact, source, fpr=fpr, delta=delta, out=out))


@app.command()
def evaluate(
    artefact: Artefact,
    *,
    background: Annotated[str, typer.Option(metavar=File, help="Background that was not trained on.")],
    signal: Annotated[
        list[str], typer.Option(metavar=File, help="A signal, NAME=FILE or FILE; may be given several times.")
    ],
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Judge a model where signal is known.

    AUROC, AUPRC, efficiency at fixed rejection and SIC, each with its interval.

    An efficiency at a rejection that the background is too small to measure is null. Weighted events are kept with a
    probability in proportion to their weight, as in training.
    """
    from neyman.cli.anomaly_scores import evaluate_lines, evaluate_step

    result = evaluate_step(artefact, background=background, signals=signal, weights=weights)
    typer.echo(result.to_json() if json else "\n".join(evaluate_lines(result)))


@app.command()
def explain(
    artefact: Artefact,
    source: Source,
    *,
    row: Annotated[int | None, typer.Option(help="One event, counted from 0, instead of the highest scores.")] = None,
    top: Annotated[int, typer.Option(help="How many events of the highest score.")] = 10,
    json: Json = False,
) -> None:
    """Say which features make an event anomalous.

    For each feature how far, in units of the noise, the learned background would have it otherwise. It explains the
    model, not nature.
    """
    from neyman.cli.anomaly_scores import explain_json, explain_lines, explain_step

    result = explain_step(artefact, source, row=row, top=top)
    typer.echo(explain_json(result, one=row is not None) if json else "\n".join(explain_lines(result)))


@app.command()
def characterise(
    artefact: Artefact,
    source: Source,
    *,
    background: Annotated[
        str | None, typer.Option(metavar=File, help="Simulated background for the significance.")
    ] = None,
    weights: Weights = None,
    samples: Annotated[int, typer.Option(help="Langevin samples, against as many background events.")] = 2000,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Ask what was learned, and what candidates are.

    Langevin samples of the learned background are judged by a classifier; candidates get a profile over noise levels;
    the excess of candidates over --background gets a local and a global significance.
    """
    from neyman.cli.anomaly_characterise import characterise_lines, characterise_step

    result = characterise_step(artefact, source, background=background, samples=samples, seed=seed, weights=weights)
    typer.echo(result.to_json() if json else "\n".join(characterise_lines(result)))


@app.command()
def trigger(
    menu: Annotated[Path, typer.Argument(metavar="MENU", help="YAML: luminosity, samples, paths with prescales.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Figure to write: .png, .pdf or .svg.")] = None,
    json: Json = False,
) -> None:
    """Compute the rates of a menu of rule filters.

    From samples that are weighted by cross-section, at the luminosity of the menu, with statistical uncertainties.
    Each collision is alone: there is no pile-up.
    """
    from neyman.cli.anomaly_trigger import trigger_lines, trigger_step

    result = trigger_step(menu, out=out)
    typer.echo(result.to_json() if json else "\n".join(trigger_lines(result)))


@app.command()
def export(
    artefact: Artefact,
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
) -> None:
    """Write the model for servers: ONNX, TorchScript.

    One graph takes raw features and gives score, energy and score vector; the batch size is free.
    """
    from neyman.cli.anomaly_steps import export_step

    typer.echo(export_step(artefact, out))


@app.command()
def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config of the job.")],
    *,
    quick: Quick = False,
    workers: Workers = None,
    out: Annotated[Path, typer.Option(help="Folder of the run: new, or the same one, to resume.")],
) -> None:
    """Simulate, train, evaluate, explain, report.

    Ends with an artefact, results.json and report.html. Ctrl-C and the same command again goes on.
    """
    from neyman.cli.anomaly_config import read_config
    from neyman.cli.anomaly_run import run_steps

    job = read_config(config, None)
    run_steps(job.quick() if quick else job, out, command="anomaly run", workers=workers)


@app.command()
def schema() -> None:
    """Print the JSON schema of the config.

    Editors that know it check as you type.
    """
    import json as library

    from neyman.anomaly.config import AnomalyConfig

    typer.echo(library.dumps(AnomalyConfig.model_json_schema(), indent=2, ensure_ascii=False))
