"""The commands of `neyman fit` that make, change and read workspaces."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neyman.cli.fit_options import AsJson, At, Interpolation, Measurement, Out, Patches, Unblind, WorkspaceFile

Gone = typer.Option(metavar="NAME", help="One to leave out; may be repeated.")
Names = typer.Option(metavar="OLD=NEW", help="One to rename; may be repeated.")


class JoinName(StrEnum):
    """What becomes of parts of the same name."""

    none = "none"
    outer = "outer"
    left = "left outer"
    right = "right outer"


def build(
    *,
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config; `neyman fit schema` explains it.")],
    out: Out,
    json: AsJson = False,
) -> None:
    """Build a workspace from files of events.

    Afterwards nothing needs these files. The densities of unbinned regions are in a folder beside it, `ws_arrays` for
    `ws.json`. With --json the record of the build is printed.

    Example: neyman fit build config.yaml --out ws.json
    """
    from neyman.cli.fit_tables import table
    from neyman.fit.build import build_file

    record = build_file(config, out)
    for warning in record.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if json:
        typer.echo(record.to_json())
        return
    rows = [(each.region, each.sample, f"{each.total:.6g}", f"± {each.uncertainty:.3g}") for each in record.yields]
    typer.echo(table([("region", "sample", "yield", ""), *rows]), nl=False)
    typer.echo(f"smoothed {len(record.smoothed)}, symmetrised {len(record.symmetrised)}, pruned {len(record.pruned)}")
    typer.echo(f"{out}: built from {len(record.files)} files")


def schema(
    *,
    workspace: Annotated[bool, typer.Option("--workspace", help="That of workspaces, not of the config.")] = False,
) -> None:
    """Print the JSON schema of the config, or of workspaces.

    Editors that know it check as you type.

    Example: neyman fit schema > fit.schema.json
    """
    import json as library

    if workspace:
        from neyman.likelihood.workspace.document import Document

        found = Document.model_json_schema()
    else:
        from neyman.fit.config import FitConfig

        found = FitConfig.model_json_schema()
    typer.echo(library.dumps(found, indent=2, ensure_ascii=False))


def inspect(
    *,
    workspace: WorkspaceFile,
    patch: Patches = None,
    unblind: Unblind = False,
    json: AsJson = False,
) -> None:
    """What is in a workspace.

    Observed counts of hidden regions are left out.

    Example: neyman fit inspect ws.json
    """
    from neyman.cli.fit_files import inspected
    from neyman.likelihood.workspace import describe

    found = inspected(workspace, patch, unblind=unblind).blinded()
    typer.echo(found.to_json() if json else describe(found), nl=json)
    hidden = [each.name for each in found.channels if each.observed is None]
    if hidden and not json:
        typer.echo(f"blinded: data of {', '.join(hidden)} (--unblind shows them, and is recorded)")


def combine(
    *,
    left: Annotated[Path, typer.Argument(metavar="A", help="A workspace.")],
    right: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    out: Out,
    join: Annotated[JoinName, typer.Option(help="What becomes of parts of the same name.")] = JoinName.none,
    merge_channels: Annotated[
        bool, typer.Option("--merge-channels", help="Channels of the same name get the samples of both.")
    ] = False,
) -> None:
    """One workspace from two; parameters of one name become one.

    Example: neyman fit combine a.json b.json --out both.json
    """
    from neyman.cli.fit_files import read, write
    from neyman.likelihood.workspace import combine as combined

    made = combined(read(left), read(right), join.value, merge_channels=merge_channels)
    write(made, out, sources=[left, right])


def prune(
    *,
    workspace: WorkspaceFile,
    out: Out,
    patch: Patches = None,
    channel: Annotated[list[str] | None, Gone] = None,
    sample: Annotated[list[str] | None, Gone] = None,
    modifier: Annotated[list[str] | None, Gone] = None,
    modifier_type: Annotated[list[str] | None, Gone] = None,
    measurement: Annotated[list[str] | None, Gone] = None,
) -> None:
    """A workspace without some of its parts.

    Example: neyman fit prune ws.json --out small.json --channel CR --modifier-type staterror
    """
    from neyman.cli.fit_files import read, write
    from neyman.likelihood.workspace import prune as pruned

    made = pruned(
        read(workspace, patch),
        channels=channel or (),
        samples=sample or (),
        modifiers=modifier or (),
        modifier_types=modifier_type or (),
        measurements=measurement or (),
    )
    write(made, out, sources=[workspace])


def rename(
    *,
    workspace: WorkspaceFile,
    out: Out,
    patch: Patches = None,
    channel: Annotated[list[str] | None, Names] = None,
    sample: Annotated[list[str] | None, Names] = None,
    modifier: Annotated[list[str] | None, Names] = None,
    measurement: Annotated[list[str] | None, Names] = None,
) -> None:
    """A workspace with other names.

    Example: neyman fit rename ws.json --out new.json --channel SR=signal --modifier jes=JES
    """
    from neyman.cli.fit_arguments import pairs
    from neyman.cli.fit_files import read, write
    from neyman.likelihood.workspace import rename as renamed

    channels, modifiers = pairs(channel, "--channel"), pairs(modifier, "--modifier")
    made = renamed(
        read(workspace, patch),
        channels=channels,
        samples=pairs(sample, "--sample"),
        modifiers=modifiers,
        measurements=pairs(measurement, "--measurement"),
    )
    write(made, out, sources=[workspace], parameters=modifiers, regions=channels)


def patch(*, workspace: WorkspaceFile, patch: Patches, out: Out) -> None:
    """A workspace with JSON patches applied.

    Example: neyman fit patch bkg.json --patch signals.json:m_500 --out ws.json
    """
    from neyman.cli.fit_files import read, write

    write(read(workspace, patch), out, sources=[workspace])


def sort(*, workspace: WorkspaceFile, out: Out) -> None:
    """A workspace with everything in the order of names.

    Equal models then have equal digests.

    Example: neyman fit sort ws.json --out sorted.json
    """
    from neyman.cli.fit_files import read, write
    from neyman.likelihood.workspace import sorted_workspace

    write(sorted_workspace(read(workspace)), out, sources=[workspace])


def asimov(
    *,
    workspace: WorkspaceFile,
    out: Out,
    at: At = None,
    patch: Patches = None,
    measurement: Measurement = None,
    interpolation: Interpolation = None,
) -> None:
    """A workspace with the expected data for observations.

    Nothing of the observed data is in it, and so it is not blinded.

    Example: neyman fit asimov ws.json --at mu=1 --out asimov.json
    """
    from neyman.cli import fit_arguments as arguments
    from neyman.cli import fit_steps
    from neyman.cli.fit_files import read, write

    point = arguments.values(at, "--at")
    given = read(workspace, patch)
    model = given.model(measurement, **arguments.interpolation(interpolation))
    write(fit_steps.asimov(given, model, point, out), out, sources=[])


def blind(
    *,
    workspace: WorkspaceFile,
    poi: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Parameter to blind; may be repeated. Default: that of the measurement."),
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Region whose data to hide; may be repeated.")
    ] = None,
    patch: Patches = None,
    measurement: Measurement = None,
) -> None:
    """Blind the parameter of interest, and regions.

    A file beside the workspace says so. Results then show the parameter with a hidden offset, always the same, and
    leave out observed limits, CLs and significances. Each command has --unblind, which writes to that file who used it.

    Example: neyman fit blind ws.json --poi mu --region SR
    """
    from neyman.cli import fit_steps
    from neyman.cli.fit_files import read
    from neyman.fit.blinding import mark_path

    given = read(workspace, patch)
    model = given.model(measurement)
    parameters = poi if poi is not None else [model.poi] if model.poi else []
    mark = fit_steps.blind(workspace, given, model, parameters, region or [])
    names = ", ".join([*mark.parameters, *(f"data of {name}" for name in mark.regions)])
    typer.echo(f"{mark_path(workspace)}: {names} blinded")


def add_to(app: typer.Typer) -> None:
    """Add the commands, in the order of a help text."""
    for command in (build, schema, inspect, blind, asimov, patch, combine, prune, rename, sort):
        app.command()(command)
