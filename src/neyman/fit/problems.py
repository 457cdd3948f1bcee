"""Problems of a config that pydantic does not find by itself, told with the key at which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_core import InitErrorDetails, PydanticCustomError

from neyman.core.errors import near
from neyman.fit.places import Location


def problem(found: object, expected: str, location: Location) -> InitErrorDetails:
    """A problem as pydantic reports it."""
    kind = PydanticCustomError("reference", "{expected}", {"expected": expected})
    return InitErrorDetails(type=kind, loc=location, input=found)


def names(
    names: Sequence[str] | None, known: Sequence[str], what: str, location: Location
) -> Iterator[InitErrorDetails]:
    """Names that are not known."""
    for number, name in enumerate(names or ()):
        yield from one(name, known, what, (*location, number))


def one(name: str, known: Sequence[str], what: str, location: Location) -> Iterator[InitErrorDetails]:
    """A name that is not known."""
    if name not in known:
        yield problem(name, one_of(name, known, what), location)


def one_of(name: str, known: Sequence[str], what: str) -> str:
    """What a name might have been: some of those that are known, and the nearest."""
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    hint = near(name, known)
    return f"{what} ({shown or 'there is none'})" + (f"; {hint}" if hint else "")
