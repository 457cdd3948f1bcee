"""`neyman posterior`: simulate, train, check, infer, run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

HELP = """The posterior of Re C9 from sets of B→K*ℓℓ decays.

A config that is enough, in YAML; `neyman posterior schema` has the rest:

\b
  prior: {C9: [3, 5]}        # flat, from 3 to 5
  simulator: {q2: [1, 8]}    # GeV²
  events: [200, 10000]       # sizes of sets that one network shall serve

A file of events is Parquet with columns q2 (GeV²), cos_theta_l, cos_theta_K and phi (rad), as LHCb defines them.
"""

app = typer.Typer(
    help=HELP, short_help="The posterior of Re C9 from B→K*ℓℓ decays.", no_args_is_help=True, rich_markup_mode=None
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config of the job.")]
ArtefactFolder = Annotated[Path, typer.Argument(metavar="ARTEFACT", help="Folder of a trained posterior.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed; default: the config's.")]


class Method(StrEnum):
    """Where the posterior comes from."""

    flow = "flow"
    exact = "exact"


@app.command()
def simulate(
    *,
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="Folder of the data set: new, or the same one, to resume.")],
    sets: Annotated[int, typer.Option(min=1, help="Number of sets.")] = 1000,
    events: Annotated[int | None, typer.Option(min=1, help="Events per set; default: the config's largest.")] = None,
    seed: Seed = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 1,
) -> None:
    """Simulate sets of events at parameters from the prior.

    Ctrl-C and the same command again goes on, and ends with the same bytes.
    """
    from neyman.cli.posterior_files import refuse_other_files
    from neyman.core.executors import local_executor
    from neyman.posterior.config import PosteriorConfig
    from neyman.simulation.datasets import generate

    job = PosteriorConfig.load(config)
    refuse_other_files(out)
    try:
        with local_executor(workers) as executor:
            data = generate(
                job.build_simulator(),
                job.build_prior(),
                sets=sets,
                events=events or job.events[1],
                seed=job.seed if seed is None else seed,
                out=out,
                executor=executor,
            )
    except KeyboardInterrupt:
        for half in out.glob(".shard-*.tmp"):  # of workers that were ended while they wrote
            half.unlink(missing_ok=True)
        raise
    typer.echo(f"{out}: {data.sets} sets of {data.events} events")


@app.command()
def train(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="Folder of the artefact; one that is there is replaced.")],
    data: Annotated[
        Path | None, typer.Option(help="Train on this data set, from `simulate`, instead of fresh events.")
    ] = None,
) -> None:
    """Train a posterior and keep it as an artefact.

    Ctrl-C and the same command again goes on, and ends with the same weights.
    """
    from neyman.cli.posterior_steps import train_step
    from neyman.posterior.config import PosteriorConfig
    from neyman.simulation.datasets import Dataset

    job = PosteriorConfig.load(config)
    trained = train_step(job, out, data=None if data is None else Dataset.open(data))
    typer.echo(f"{out}: {job.estimator.kind} trained in {trained.cpu_seconds:.0f} CPU-s")


@app.command()
def check(
    *,
    artefact: ArtefactFolder,
    json: AsJson = False,
    sets: Annotated[int, typer.Option(min=100, help="Sets to simulate at each size.")] = 1000,
    exact_sets: Annotated[int, typer.Option(min=0, help="Sets to compare with the exact posterior.")] = 200,
    size: Annotated[
        list[int] | None, typer.Option(min=1, help="Events per set; may be repeated. Default: three sizes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sets.")] = 0,
) -> None:
    """Check calibration and the distance from the exact posterior.

    A check that fails is a finding, not an error: the exit code is 0, and `passed` in the JSON is false.
    """
    from neyman.cli.posterior_files import refuse_sizes
    from neyman.posterior.checking import check as run_check
    from neyman.posterior.trained import TrainedPosterior

    trained = TrainedPosterior.load(artefact)
    refuse_sizes(size or [], trained.config.events)
    result = run_check(trained, sets=sets, exact_sets=min(exact_sets, sets), sizes=size or None, seed=seed)
    if json:
        typer.echo(result.to_json())
        return
    for verdict in result.verdicts:
        typer.echo(f"{'passed' if verdict.passed else 'FAILED'}  {verdict.name}: {verdict.detail}")
    failed = sum(not verdict.passed for verdict in result.verdicts)
    typer.echo(f"{failed} of {len(result.verdicts)} FAILED" if failed else f"all {len(result.verdicts)} passed")


@app.command()
def infer(
    *,
    artefact: ArtefactFolder,
    observed: Annotated[Path, typer.Option(help="Parquet file of events: q2, cos_theta_l, cos_theta_K, phi.")],
    json: AsJson = False,
    samples: Annotated[Path | None, typer.Option(help="Write draws from the posterior to this Parquet file.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="Number of draws for --samples.")] = 10_000,
    method: Annotated[Method, typer.Option(help="The learned posterior, or the exact one.")] = Method.flow,
    set_number: Annotated[
        int | None, typer.Option("--set", min=0, help="Which set, if the file has a column `set`.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
) -> None:
    """The posterior of one observed set of events."""
    from neyman.cli.posterior_files import read_observed, write_samples
    from neyman.core.files import sha256
    from neyman.core.random import stream
    from neyman.posterior.inference import draw
    from neyman.posterior.inference import infer as run_infer
    from neyman.posterior.trained import TrainedPosterior

    trained = TrainedPosterior.load(artefact)
    events = read_observed(observed, trained.schema, set_number)
    result = run_infer(trained, events, method=method.value, observed=sha256(observed))
    if samples is not None:
        rng = stream(seed, "draws")
        write_samples(samples, trained.prior.parameters, draw(trained, events, draws, rng, method=method.value))
    for warning in result.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if json:
        typer.echo(result.to_json())
        return
    for name, found in result.parameters.items():
        typer.echo(f"{name} = {found.mean:.4f} ± {found.sd:.4f}  (68 %: {found.q16:.4f} to {found.q84:.4f})")
    typer.echo(f"{result.n_events} events, method {result.method}")


@app.command()
def run(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(help="Folder of the run: new, or the same one, to resume.")],
    sets: Annotated[int, typer.Option(min=100, help="Sets to check with, at each size.")] = 1000,
    exact_sets: Annotated[int, typer.Option(min=1, help="Sets to compare with the exact posterior.")] = 200,
) -> None:
    """Train, check, infer an example, write a report.

    Ends with report.html and results.json. Ctrl-C and the same command again goes on.
    """
    from neyman.cli.posterior_steps import run_steps
    from neyman.posterior.config import PosteriorConfig

    run_steps(PosteriorConfig.load(config), out, command="posterior run", sets=sets, exact_sets=exact_sets)


@app.command()
def schema() -> None:
    """Print the JSON schema of the config.

    Editors that know it check as you type.
    """
    import json as library

    from neyman.posterior.config import PosteriorConfig

    typer.echo(library.dumps(PosteriorConfig.model_json_schema(), indent=2, ensure_ascii=False))
