"""The `neyman` command: options for all jobs, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from neyman._version import __version__
from neyman.cli import demo, doctor, posterior

app = typer.Typer(
    name="neyman",
    help="Machine-learned statistical inference for particle physics, checked against independent truth.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,  # click's own messages are short; rich's boxes are not
    pretty_exceptions_enable=False,
)
app.add_typer(posterior.app, name="posterior")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def _version(value: bool) -> None:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"neyman {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version
    if debug:
        os.environ["NEYMAN_DEBUG"] = "1"


def run() -> None:
    """Run the command line; errors that neyman raises on purpose become a few lines and an exit code."""
    try:
        app()
    except KeyboardInterrupt:
        _end("interrupted: the same command goes on where it stopped", INTERRUPTED)
    except Exception as error:
        from neyman.core.errors import InputError, NeymanError

        if os.environ.get("NEYMAN_DEBUG") or not isinstance(error, NeymanError | OSError):
            raise
        text = f"{error.filename or ''}: {error.strerror}" if isinstance(error, OSError) else str(error)
        _end(text, INPUT_ERROR if isinstance(error, InputError) else FAILURE)


def _end(text: str, code: int) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"neyman: {text}\n")
    raise SystemExit(code)
