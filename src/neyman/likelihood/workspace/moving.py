"""Relative paths of arrays start from the folder of the workspace; in another folder they become others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]


def moved(document: Item, old: Path, new: Path) -> Item:
    """Rewrite relative paths, so that they lead to the same files.

    Args:
        document: The JSON of a workspace, which is changed.
        old: The folder that paths start from.
        new: The folder that they are to start from.

    Returns:
        The document.
    """
    if os.path.realpath(old) != os.path.realpath(new):
        for reference in _references(document):
            reference["path"] = _path(reference["path"], old, new)
    return document


def _path(path: str, old: Path, new: Path) -> str:
    if Path(path).is_absolute():
        return path
    # `..` leads out of where a link points to, not out of where it is; the file itself may be a link that is to stay.
    file = old / path
    return Path(os.path.relpath(Path(os.path.realpath(file.parent), file.name), os.path.realpath(new))).as_posix()


def _references(document: Item) -> Iterator[Item]:
    for channel in document["channels"]:
        if channel.get("type") == "unbinned":
            yield from channel["observed"].values()
            yield from channel.get("reference", {}).values()
            for sample in channel["samples"]:
                yield from sample["log_ratio"].values()
                for modifier in sample["modifiers"]:
                    if modifier["type"] == "normplusshape":
                        yield from modifier["data"].get("hi_log_ratio", {}).values()
                        yield from modifier["data"].get("lo_log_ratio", {}).values()
