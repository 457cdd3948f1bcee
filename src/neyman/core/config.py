"""YAML configs: validated by pydantic, with the line of the file in every complaint."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from neyman.core.errors import ConfigError

Location = tuple[int | str, ...]


class Config(BaseModel):
    """Base of all configs: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


ConfigT = TypeVar("ConfigT", bound=BaseModel)


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
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"not valid YAML: {error.problem}", where=f"{path}:{line}") from error
    except yaml.YAMLError as error:
        raise ConfigError("not valid YAML", where=str(path)) from error
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


def _refuse_duplicates(node: yaml.Node | None, path: Path) -> None:
    """YAML keeps the last of two equal keys without a word; a physicist who wrote both wants to know."""
    if isinstance(node, yaml.MappingNode):
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
            _refuse_duplicates(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(item, path)


def _explain(error: ValidationError, model: type[BaseModel], path: Path, node: yaml.Node | None) -> ConfigError:
    details = error.errors(include_url=False)
    first = details[0]
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
    if first["type"] == "missing":
        return ConfigError(f"missing{more}", where=where, expected=f"a value for '{location[-1]}'")
    return ConfigError(f"found {_shown(first)}{more}", where=where, expected=_expected(first))


def _shown(detail: ErrorDetails) -> str:
    text = repr(detail["input"])
    return text if len(text) <= 60 else text[:57] + "..."


def _expected(detail: ErrorDetails) -> str:
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
    """The keys that the model at a location knows; empty where it is a free mapping or a union."""
    current: object = model
    for part in location:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        if part not in current.model_fields:
            continue
        current = current.model_fields[str(part)].annotation
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(current.model_fields)
    return []
