"""Workspaces that commands read and write, and the marks of blinding that go with them. JAX is not needed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from neyman.cli import fit_arguments as arguments
from neyman.core.errors import InputError
from neyman.fit.blinding import carry, hidden_regions, record_opening
from neyman.likelihood.workspace import Inspection, Workspace
from neyman.likelihood.workspace import inspect as summarise


def read(path: Path, patches: Sequence[str] | None = None) -> Workspace:
    """A workspace, with patches applied."""
    return Workspace.load(path, patches=arguments.patches(patches))


def write(
    workspace: Workspace,
    out: Path,
    *,
    sources: Sequence[Path],
    parameters: Mapping[str, str] | None = None,
    regions: Mapping[str, str] | None = None,
) -> None:
    """Write a workspace; it is blinded as those that it is made from, with new names for old ones."""
    if out.is_dir():
        raise InputError("a folder is there", where=str(out), expected="the name of a file to write")
    carry(sources, out, parameters=parameters, regions=regions)
    workspace = workspace.at(out.parent)
    workspace.save(out)
    channels = len(workspace.channels)
    typer.echo(f"{out}: {channels} channel{'s' if channels > 1 else ''}, digest {workspace.digest[:16]}")


def inspected(path: Path, patches: Sequence[str] | None, *, unblind: bool) -> Inspection:
    """What is in a workspace; observed counts of hidden regions are not a number."""
    workspace = read(path, patches)
    found, hidden = summarise(workspace), hidden_regions(path)
    if unblind:
        record_opening(path, command="neyman fit inspect", digest_of=workspace.digest)
        return found
    channels = tuple(
        each.model_copy(update={"observed": None}) if each.name in hidden else each for each in found.channels
    )
    return found.model_copy(update={"channels": channels})
