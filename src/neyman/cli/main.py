"""The `neyman` command: options for all jobs, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neyman._version import __version__
from neyman.cli import abcd, anomaly, calibration, demo, doctor, fit, posterior, serve

DEBUG = "--debug"
INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130
AGAIN = "interrupted; the same command again keeps what is finished and goes on"


class _Interrupted(Exception):  # noqa: N818 - not an error
    """Ctrl-C, under a name that typer leaves alone: it would end the program without a word."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the context's module differs between versions of typer
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Interrupted from None


app = typer.Typer(
    cls=_Group,
    name="neyman",
    help="Machine-learned statistical inference for particle physics, checked against independent truth.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,  # click's own messages are short; rich's boxes are not
    pretty_exceptions_enable=False,
)
app.add_typer(posterior.app, name="posterior")
app.add_typer(fit.app, name="fit")
app.add_typer(abcd.app, name="abcd")
app.add_typer(calibration.app, name="calibration")
app.add_typer(anomaly.app, name="anomaly")
app.add_typer(serve.app, name="serve")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def _version(value: bool) -> bool:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"neyman {__version__}")
        raise typer.Exit
    return value


@app.callback()
def _options(
    *,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error; may stand anywhere.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del debug, version  # `run` has seen the one, the callback the other


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors that neyman raises on purpose become a few lines and an exit code.

    Args:
        arguments: What stands behind `neyman`; None takes it from the shell.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in given or bool(os.environ.get("NEYMAN_DEBUG"))
    try:
        app([argument for argument in given if argument != DEBUG], prog_name="neyman")
    except (_Interrupted, KeyboardInterrupt):
        _end(AGAIN, INTERRUPTED)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # before the command began
            _end(AGAIN, INTERRUPTED)
        raise
    except Exception as error:
        from neyman.core.errors import InputError, NeymanError

        if debug or not isinstance(error, NeymanError | OSError | MemoryError):
            raise
        _end(_text(error), INPUT_ERROR if isinstance(error, InputError | _PLACES) else FAILURE)


_PLACES = FileNotFoundError | FileExistsError | NotADirectoryError | IsADirectoryError | PermissionError
"""Errors of the system that another path would have avoided."""


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    return str(error)


def _end(text: str, code: int) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"neyman: {text}\n")
    raise SystemExit(code)
