"""`neyman serve`: events scored over HTTP and in files, by models that were trained before."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from typer import Context
else:
    (Context,) = typer.Context.__bases__  # typer hands over one of these; the class it has for annotations is empty

HELP = """Score events over HTTP, and files of them as jobs that survive a crash.

\b
  neyman serve --model model                      this computer only, SQLite and files in ./neyman-serve
  neyman serve --settings serve.yaml              PostgreSQL, Redis, S3, Triton: one file of settings
  neyman serve keys create alice --scope score    who may ask, and for what
  neyman demo serve                               a service with a model, and requests to try

A model is a folder that `neyman anomaly train` made. `neyman serve schema settings` has all settings.
"""

app = typer.Typer(
    help=HELP, short_help="Score events over HTTP and in bulk.", no_args_is_help=True, rich_markup_mode=None
)
keys = typer.Typer(help="Who may ask, and for what.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")


class Scope(StrEnum):
    """What a key may do."""

    score = "score"
    batch = "batch"
    admin = "admin"


class Schema(StrEnum):
    """What has a schema."""

    settings = "settings"
    openapi = "openapi"


Settings = Annotated[Path, typer.Option("--settings", metavar="YAML", help="Settings of the service.")]
Database = Annotated[
    Path | None, typer.Option("--settings", metavar="YAML", help="Settings; without them, ./neyman-serve.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def _need_parts() -> None:
    """Say which extra is missing, before an import does it in other words."""
    from neyman.core.errors import require

    for library in ("sqlalchemy", "alembic", "msgspec", "onnxruntime", "prometheus_client", "uvicorn", "httptools"):
        require(library, job="serve")


@app.callback(invoke_without_command=True)
def serve(
    context: Context,
    *,
    model: Annotated[
        list[str] | None, typer.Option(metavar="[NAME=]FOLDER", help="An artefact to serve; may be repeated.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(metavar="YAML", help="Settings, instead of --model.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, instead of that of the settings; 0 for any.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Try everything that is needed, and start nothing.")] = False,
) -> None:
    """Serve until Ctrl-C."""
    given = bool(model or settings or check) or port is not None
    if context.invoked_subcommand is not None:
        if given:
            from neyman.core.errors import ConfigError

            raise ConfigError(
                f"options before '{context.invoked_subcommand}'",
                where="neyman serve",
                expected="options of a command behind it",
            )
        return
    _need_parts()
    from neyman.cli.serve_settings import chosen

    found = chosen(model or [], settings, port=port)
    if check:
        from neyman.cli.serve_steps import check_lines

        for line in check_lines(found):
            typer.echo(line)
        return
    from neyman.cli.serve_steps import serve_step

    serve_step(found, first_key=settings is None)


@app.command()
def worker(
    *,
    settings: Settings,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Jobs at a time, each in a process of its own.")] = 1,
) -> None:
    """Work on jobs until Ctrl-C.

    Any number of workers, on any number of computers that reach the same database and storage. One that is killed loses
    nothing: its job is taken up by another when its lease has ended.
    """
    _need_parts()
    from neyman.cli.serve_steps import worker_step
    from neyman.serve.settings import Settings

    worker_step(Settings.load(settings), jobs)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    *,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="score, batch (files), admin (jobs of others); may be repeated.")
    ] = None,
    settings: Database = None,
    json: Json = False,
) -> None:
    """Make a key, and show it once.

    The database keeps a hash. Without --scope the key is for `score` alone.
    """
    _need_parts()
    from neyman.cli.serve_keys import create_step

    scopes = [each.value for each in scope or [Scope.score]]
    typer.echo(create_step(name, scopes, settings, as_json=json))


@keys.command("list")
def list_keys(*, settings: Database = None, json: Json = False) -> None:
    """List keys; their secrets are nowhere."""
    _need_parts()
    from neyman.cli.serve_keys import list_step

    typer.echo(list_step(settings, as_json=json))


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="The middle part of ny_ID_SECRET.")],
    *,
    settings: Database = None,
) -> None:
    """Make a key useless, from the next second on."""
    _need_parts()
    from neyman.cli.serve_keys import revoke_step

    typer.echo(revoke_step(key, settings))


@app.command()
def schema(
    what: Annotated[Schema, typer.Argument(help="settings: of the file. openapi: of the HTTP interface.")] = (
        Schema.settings
    ),
    *,
    settings: Annotated[
        Path | None, typer.Option(metavar="YAML", help="Settings of the service whose models OpenAPI describes.")
    ] = None,
) -> None:
    """Print the JSON schema of the settings, or OpenAPI."""
    _need_parts()
    from neyman.cli.serve_steps import openapi_text, settings_schema

    typer.echo(settings_schema() if what is Schema.settings else openapi_text(settings))


@app.command()
def triton(
    *,
    settings: Settings,
    out: Annotated[Path, typer.Option(help="Folder of the model repository to write.")],
) -> None:
    """Write the models for a Triton server.

    Then `backend: {kind: triton, url: …}` in the settings lets it compute.
    """
    _need_parts()
    from neyman.cli.serve_steps import triton_step
    from neyman.serve.settings import Settings

    typer.echo(triton_step(Settings.load(settings), out))
