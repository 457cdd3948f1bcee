"""From JSON to a model: what does not fit is told with its JSON path, and with the key that may have been meant."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from neyman.core.errors import near
from neyman.likelihood.workspace.problems import Problem, error, json_path, listed, shown

ModelT = TypeVar("ModelT", bound=BaseModel)
Location = Sequence[int | str]

EXPECTED = {
    "string_type": "a text in quotation marks",
    "string_too_short": "a name",
    "string_unicode": "a text in Unicode",
    "tuple_type": "a list, as [1.0, 2.0]",
    "too_short": "one entry at least",
    "missing": "two numbers, [low, high]",  # of a pair; bounds are the only ones
    "too_long": "two numbers, [low, high]",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "none_required": "null",
    "greater_than_equal": "a whole number, zero or above",
    "recursion_loop": "a document that does not contain itself",
}
ELSEWHERE = {
    "normplusshape": 'it is for channels of "type": "unbinned"; a histosys varies a histogram',
    "histosys": "normplusshape: an unbinned sample has no bins",
    "shapesys": "leave it out: an unbinned sample has no bins",
    "staterror": "leave it out: an unbinned sample has no bins",
    "shapefactor": "leave it out: an unbinned sample has no bins",
}
"""What to do with a modifier that belongs to the other kind of channels."""
OF_UNBINNED = ("observed", "reference", "normalise", "yield", "log_ratio")
"""Keys that only unbinned channels have."""


def parse(model: type[ModelT], data: object, *, where: str) -> ModelT:
    """Read JSON into a model.

    Raises:
        WorkspaceError: If it does not fit; it names the first misfit and counts the others.
    """
    try:
        return model.model_validate(data)
    except ValidationError as misfit:
        details = misfit.errors(include_url=False)
        # A list of which no entry fits is called too short as well, which it is not.
        misfits = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
        details = [each for each in details if each["type"] != "too_short" or each["loc"] not in misfits]
        # A misspelt key is both unknown and missing, where the first says more and the second is no other mistake.
        # Of unknown keys the outermost says most: inside of what it would have named, all may be unknown.
        details.sort(key=lambda each: len(each["loc"]) if each["type"] == "extra_forbidden" else sys.maxsize)
        meant = {
            (*detail["loc"][:-1], _meant(model, detail["loc"], data))
            for detail in details
            if detail["type"] == "extra_forbidden"
        }
        problems = [_problem(model, detail, data) for detail in details if tuple(detail["loc"]) not in meant]
        raise error(problems, where=where) from None


def _problem(model: type[BaseModel], detail: ErrorDetails, data: object) -> Problem:
    location = detail["loc"]
    parts, value = _follow(data, location)
    path = json_path(parts)
    if detail["type"] == "extra_forbidden":
        meant = _meant(model, location, data)
        known = listed(_known(model, location[:-1]))
        forgotten = '"type": "unbinned" in the channel, if it is' if location[-1] in OF_UNBINNED else ""
        hint = f"did you mean '{meant}'?" if meant else forgotten
        return Problem(path, f"unknown key {shown(location[-1])}", f"one of {known}", hint)
    if detail["type"] == "missing" and isinstance(location[-1], str):
        return Problem(path, f"no key '{location[-1]}'", f"keys {listed(_known(model, location[:-1], required=True))}")
    if detail["type"] == "union_tag_not_found":
        return Problem(path, "no key 'type'", "keys name, type, data")
    if detail["type"] == "union_tag_invalid":
        types = re.findall(r"'([^']*)'", detail["ctx"]["expected_tags"])
        tag = value["type"] if isinstance(value, Mapping) else None
        hint = ELSEWHERE.get(str(tag)) or near(str(tag), types)
        return Problem(f"{path}.type", f"found {shown(tag)}", f"one of {', '.join(types)}", hint)
    return Problem(path, f"found {shown(value)}", _expected(model, detail))


def _expected(model: type[BaseModel], detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        known = _known(model, detail["loc"], required=True)
        return f"an object with keys {listed(known)}" if known else "an object"
    if kind == "literal_error":
        return str(detail["ctx"]["expected"])
    if kind == "string_pattern_mismatch":
        return f"a text of the form {detail['ctx']['pattern']}"
    return EXPECTED.get(kind) or detail["msg"].removeprefix("Value error, ").splitlines()[0]


def _follow(data: Any, location: Location) -> tuple[list[int | str], Any]:  # noqa: ANN401 - any JSON
    """The keys and indices of a location that are in the document, and the value that they lead to.

    What is left out is the tag of a union, or the key that is missing.
    """
    parts: list[int | str] = []
    for part in location:
        inside = (
            part in data
            if isinstance(data, Mapping)
            else isinstance(data, list | tuple | np.ndarray) and part in range(len(data))
        )
        if not inside:
            continue
        data = data[part]
        parts.append(part)
    return parts, data


def _meant(model: type[BaseModel], location: Location, data: object) -> str:
    """The key that may have been meant by one that is unknown; empty if none is near."""
    _, inside = _follow(data, location[:-1])
    present = inside if isinstance(inside, Mapping) else {}
    free = [key for key in _known(model, location[:-1]) if key not in present]
    return "".join(difflib.get_close_matches(str(location[-1]).lower(), free, n=1, cutoff=0.5))


def _known(model: type[BaseModel], location: Location, *, required: bool = False) -> list[str]:
    """The keys that the models at a location know; none where it is a free mapping."""
    current = [model]
    for part in location:
        if isinstance(part, int):
            continue
        fields = [field.annotation for each in current if (field := _fields(each).get(part))]
        if fields:
            current = [found for annotation in fields for found in _models(annotation)]
        else:
            current = [each for each in current if part in _tags(each)]
    found = (key for each in current for key, field in _fields(each).items() if field.is_required() or not required)
    return list(dict.fromkeys(found))


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the keys that they have in JSON."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field else ()


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in an annotation, e.g. `A` and `B` in `tuple[A | B, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
