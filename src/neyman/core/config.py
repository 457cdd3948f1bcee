"""YAML configs: validated by pydantic, with the line of the file in every complaint."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from neyman.core.descriptions import describe
from neyman.core.errors import ConfigError

Location = tuple[int | str, ...]


class Config(BaseModel):
    """Base of all configs: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, json_schema_extra=describe)


ConfigT = TypeVar("ConfigT", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 1e6 for a string, since it has neither a dot nor a sign in the exponent."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load_config(path: Path, model: type[ConfigT]) -> ConfigT:
    """Read a YAML file into a config model.

    Raises:
        ConfigError: If the file is absent, is not YAML, or does not fit the model; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("no such config file", where=str(path)) from None
    except (IsADirectoryError, UnicodeDecodeError):
        raise ConfigError("not a text file", where=str(path), expected="a YAML config") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not valid YAML: {error.problem}", where=f"{path}:{line}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # e.g. the date 2026-02-31
        raise ConfigError(f"not valid YAML: {str(error).splitlines()[0][:80]}", where=str(path)) from error
    if not isinstance(data, dict):
        raise ConfigError(
            "the file is empty" if data is None else f"found a {type(data).__name__}",
            where=str(path),
            expected="a mapping of keys to values",
        )
    _refuse_duplicates(node, path)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _explain(error, model, path, node) from error


def _refuse_duplicates(root: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys without a word; a physicist who wrote both wants to know."""
    pending, visited = [root], set()  # an anchor may be used many times, even inside itself
    while pending:
        node = pending.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ConfigError(
                    f"key '{key.value}' stands twice, first in line {seen[key.value]}",
                    where=f"{path}:{line}",
                    expected="each key once",
                )
            seen[key.value] = line
            pending.append(value)


def _explain(error: ValidationError, model: type[BaseModel], path: Path, node: yaml.Node | None) -> ConfigError:
    details = error.errors(include_url=False)
    # A misspelt key is often both unknown and missing; that it is unknown says more.
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    location = first["loc"]
    key = ".".join(str(part) for part in location) or "config"
    where = f"{path}:{_line(node, location)}: {key}"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        return ConfigError(
            f"unknown key{more}",
            where=where,
            expected=f"one of {', '.join(known)}" if known else "",
            hint=f"did you mean '{near[0]}'?" if near else "",
        )
    if first["type"] == "missing" and isinstance(location[-1], int):
        return ConfigError(f"found {_shown(first)}{more}", where=where, expected=f"{location[-1] + 1} values at least")
    if first["type"] == "missing":
        return ConfigError(f"missing{more}", where=where, expected=f"a value for '{location[-1]}'")
    near = []
    if first["type"] == "literal_error":
        options = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        near = difflib.get_close_matches(str(first["input"]), options, n=1, cutoff=0.5)
    return ConfigError(
        f"found {_shown(first)}{more}",
        where=where,
        expected=_expected(first),
        hint=f"did you mean '{near[0]}'?" if near else "",
    )


def _shown(detail: ErrorDetails) -> str:
    text = _Short().repr(detail["input"])
    return text if len(text) <= 60 else text[:57] + "..."


class _Short(reprlib.Repr):
    """Without what stands before the @ of an address: passwords do, and messages end up in logs."""

    def repr_str(self, text: str, level: int) -> str:
        return super().repr_str(re.sub(r"(?<=://).*@", "***@", text, flags=re.DOTALL), level)


def _expected(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in ("tuple_type", "list_type"):
        return "a list, as [1, 2]"
    if kind in ("dict_type", "model_type"):
        return "a mapping of keys to values"
    if kind == "too_long":
        return f"at most {detail['ctx']['max_length']} values, not {detail['ctx']['actual_length']}"
    message = detail["msg"].removeprefix("Value error, ")
    return message.removeprefix("Input should be ").splitlines()[0]


def _line(node: yaml.Node | None, location: Sequence[int | str]) -> int:
    """The line of the deepest node that the location reaches."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                continue
            key, node = pairs[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that the models at a location know; empty where it is a free mapping."""
    current = [model]
    for part in location:
        inside = [each.model_fields[str(part)].annotation for each in current if str(part) in each.model_fields]
        if inside:  # else the index of a list, or the tag of a union
            current = [found for annotation in inside for found in _models(annotation)]
    return sorted({key for each in current for key in each.model_fields})


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in an annotation, e.g. `A` and `B` in `list[A | B]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
