"""JSON patches (RFC 6902): small changes of a document, as a signal added to a background-only workspace."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neyman.core.errors import WorkspaceError, near, require
from neyman.core.files import read_json
from neyman.likelihood.workspace.problems import listed, shown

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


@dataclass(frozen=True)
class Patch:
    """Operations that change a document, and the document that they are meant for.

    Attributes:
        operations: The operations, in order.
        where: File and JSON path of the list, for messages.
        name: Its name in a set of patches.
        values: Its point in the space of the set's labels.
        digests: Hashes of the document that it is for, by algorithm; none if it is for any.

    Examples:
        >>> patch = Patch.of([{"op": "replace", "path": "/lumi", "value": 139.0}])
        >>> patch.apply({"lumi": 36.1})
        {'lumi': 139.0}
    """

    operations: tuple[Any, ...]
    where: str = "patch: $"
    name: str = ""
    values: tuple[int | float | str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Patch | Path | str | Sequence[Any]) -> Patch:
        """A patch from a file, or from a list of operations.

        Raises:
            InputError: If the file cannot be read.
            WorkspaceError: If it holds something else.
        """
        if isinstance(given, Patch):
            return given
        where = f"{given}: $" if isinstance(given, Path | str) else "patch: $"
        operations = read_json(Path(given)) if isinstance(given, Path | str) else given
        if isinstance(operations, Mapping) and "patches" in operations:
            hint = "PatchSet.load(path)[name]"
            raise WorkspaceError("this is a set of patches", where=where, expected="one of them", hint=hint)
        if not isinstance(operations, list | tuple):
            raise WorkspaceError(f"found {shown(operations)}", where=where, expected="a list of operations")
        return cls(tuple(operations), where)

    def verify(self, document: object, *, where: str) -> None:
        """Refuse a document that the patch was not made for.

        Args:
            document: What the file of the workspace holds, before any patch.
            where: What messages call it.

        Raises:
            WorkspaceError: If a digest differs.
        """
        for algorithm, expected in self.digests.items():
            found = document_digest(document, algorithm)
            if found != expected.lower():
                raise WorkspaceError(
                    f"{algorithm} {found[:16]}..., the patch '{self.name}' is for another workspace",
                    where=where,
                    expected=f"{algorithm} {expected[:16]}..., says {self.where.partition(': $')[0]}",
                    hint="the background-only workspace that was published with the patches, unchanged",
                )

    def apply(self, document: object) -> Any:  # noqa: ANN401 - whatever the operations make of it
        """The changed document; the given one stays as it is.

        Raises:
            WorkspaceError: If an operation is none, or what it is to change is not there.
            MissingDependencyError: If jsonpatch is not installed.
        """
        jsonpatch = require("jsonpatch", job="fit")
        failures = (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, ValueError)
        changed = copy.deepcopy(document)
        for index, operation in enumerate(self.operations):
            try:
                # One by one, as only then it is known which one fails; a copy, as what it adds may change later.
                changed = jsonpatch.JsonPatch([copy.deepcopy(operation)]).apply(changed, in_place=True)
            except failures as failure:  # perhaps half-way through, so the explanation starts afresh
                before = replace(self, operations=self.operations[:index]).apply(document)
                raise self._explain(index, before, failure) from None
        return changed

    def _explain(self, index: int, document: object, failure: Exception) -> WorkspaceError:
        operation = self.operations[index]
        where = f"{self.where}[{index}]"
        if not isinstance(operation, Mapping) or not isinstance(path := operation.get("path"), str):
            expected = "an object with keys op and path"
            return WorkspaceError(f"operation {index} is {shown(operation)}", where=where, expected=expected)
        name = operation.get("op")
        if name not in OPERATIONS:
            found, expected = f"operation {index} has op {shown(name)}", f"one of {', '.join(OPERATIONS)}"
            return WorkspaceError(found, where=where, expected=expected, hint=near(str(name), OPERATIONS))
        what = f"operation {index}, {name} {shown(path)}"
        adding = name in ("add", "move", "copy")
        for pointer, may_be_new in ((operation.get("from"), False), (path, adding)):
            absent = _absent(document, pointer, may_be_new=may_be_new) if isinstance(pointer, str) else None
            if absent:
                found, expected, hint = absent
                return WorkspaceError(f"{what}: {found}", where=where, expected=expected, hint=hint)
        return WorkspaceError(f"{what}: {' '.join(str(failure).split())[:150]}", where=where, expected="see RFC 6902")


def _absent(document: object, pointer: str, *, may_be_new: bool) -> tuple[str, str, str] | None:
    """Where a JSON pointer leaves the document: what is not there, what is, and what may have been meant."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    at, walked = document, ""
    for depth, token in enumerate(tokens):
        new = may_be_new and depth == len(tokens) - 1
        if isinstance(at, Mapping):
            if token not in at:
                found = f"{walked or 'the document'} has no key {shown(token)}"
                return None if new else (found, f"one of {listed(at)}" if at else "", near(token, at))
            at = at[token]
        elif isinstance(at, list):
            index = int(token) if token.isdecimal() and len(token) < 10 else None
            if index is None or index >= len(at):
                end = len(at) if new else len(at) - 1
                found = f"{walked or 'the document'} has no entry {shown(token)[1:-1]}"
                expected = f"0 to {end}" if end >= 0 else f"something else: {walked} is empty"
                return None if new and (token == "-" or index == len(at)) else (found, expected, "")  # noqa: S105
            at = at[index]
        else:
            return f"{walked or 'the document'} is {shown(at)} and has nothing inside", "an object or a list", ""
        walked = f"{walked}/{token}"[-80:]
    return None


def document_digest(document: object, algorithm: str) -> str:
    """The hash of a JSON document as pyhf computes it, by which sets of patches name their workspace.

    Examples:
        >>> document_digest({"b": 1, "a": 2.0}, "md5") == document_digest({"a": 2.0, "b": 1}, "md5")
        True
    """
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.new(algorithm, text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
