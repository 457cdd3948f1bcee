"""What all commands of a model are told: which model it is, and how to answer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_type_hints

import typer

WorkspaceFile = Annotated[Path, typer.Argument(metavar="WS", help="Workspace, a JSON file.")]
Patches = Annotated[
    list[str] | None,
    typer.Option("--patch", metavar="FILE", help="JSON patch, or patchset.json:NAME; may be repeated."),
]
Measurement = Annotated[str | None, typer.Option(help="Name of the measurement; default: the first.")]
Interpolation = Annotated[
    str | None,
    typer.Option(metavar="CODES", help="As normsys=code1,histosys=code0; default: code4 and code4p."),
]
Unblind = Annotated[bool, typer.Option("--unblind", help="Show what is blinded. It is recorded.")]
Out = Annotated[Path, typer.Option(help="The workspace to write; a file that is there is replaced.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of random numbers.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")]
Parameter = Annotated[str | None, typer.Option(help="The parameter; by default the one of interest.")]
Limits = Annotated[
    tuple[float, float] | None,
    typer.Option("--range", metavar="LOW HIGH", help="Default: three errors to both sides, within the bounds."),
]
At = Annotated[
    list[str] | None,
    typer.Option("--at", metavar="NAME=VALUE", help="A parameter, if not at its initial value; may be repeated."),
]


class MinimiserName(StrEnum):
    """What looks for minima."""

    newton = "newton"
    minuit = "minuit"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options that all commands of a model share; `of_model` makes them options of a command.

    Attributes:
        command: Name of the command.
    """

    command: str
    workspace: WorkspaceFile
    patch: Patches = None
    measurement: Measurement = None
    poi: Annotated[str | None, typer.Option(help="Parameter of interest; default: that of the measurement.")] = None
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Hold a parameter at a value; may be repeated."),
    ] = None
    interpolation: Interpolation = None
    minimiser: Annotated[
        MinimiserName, typer.Option(help="With minuit, Minuit must confirm what Newton's method finds.")
    ] = MinimiserName.newton
    unblind: Unblind = False
    json: AsJson = False
    all: Annotated[bool, typer.Option("--all", help="Show all parameters, not only the first 40.")] = False


def of_model(function: Callable[..., None]) -> Callable[..., None]:
    """A command with its own options and those of `Asked`, which it gets as its first argument."""
    signature = inspect.signature(function, eval_str=True)
    _, *own = signature.parameters.values()
    hints = get_type_hints(Asked, include_extras=True)
    shared = [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(Asked)
        if each.name != "command"
    ]

    @functools.wraps(function)
    def command(**given: object) -> None:
        chosen = {each.name: given.pop(each.name) for each in shared}
        function(Asked(command=function.__name__, **chosen), **given)  # type: ignore[arg-type]

    parameters = [shared[0], *own, *shared[1:]]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
