"""Sets of patches, pyhf's format 1.0.0: the signals of a search, one patch for each point of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainValidator, StrictStr, model_validator

from neyman.core.errors import WorkspaceError, near
from neyman.core.files import read_json
from neyman.likelihood.workspace.nodes import Node, number
from neyman.likelihood.workspace.patching import Patch
from neyman.likelihood.workspace.problems import Problem, check_unique, error, listed, shown
from neyman.likelihood.workspace.reading import parse
from neyman.likelihood.workspace.workspace import Workspace

Word = Annotated[StrictStr, Field(pattern="^[a-zA-Z0-9_]+$")]


def _value(value: Any) -> int | float | str:  # noqa: ANN401 - whatever stands in the document
    return value if isinstance(value, str) else number(value)


class _Open(Node):
    model_config = ConfigDict(extra="allow")


class _References(Node):
    hepdata: Annotated[StrictStr, Field(pattern="^ins[0-9]{7}$")]


class _Digests(Node):
    md5: Annotated[StrictStr, Field(pattern="^[a-f0-9]{32}$")] = ""
    sha256: Annotated[StrictStr, Field(pattern="^[a-fA-F0-9]{64}$")] = ""

    @model_validator(mode="after")
    def _one_at_least(self) -> _Digests:
        if not self.model_fields_set:
            raise ValueError("md5, sha256 or both")
        return self


class _Metadata(_Open):
    references: _References
    digests: _Digests
    labels: Annotated[tuple[Word, ...], Field(min_length=1)]
    description: StrictStr


class _PatchMetadata(_Open):
    name: Word
    values: tuple[Annotated[int | float | str, PlainValidator(_value)], ...]


class _Entry(Node):
    metadata: _PatchMetadata
    patch: tuple[dict[str, Any], ...]


class _Set(Node):
    patches: Annotated[tuple[_Entry, ...], Field(min_length=1)]
    metadata: _Metadata
    version: Literal["1.0.0"]


@dataclass(frozen=True)
class PatchSet:
    """Patches for one background-only workspace.

    Attributes:
        patches: The patches, in order.
        labels: What the values of each patch mean, e.g. `("m_stop", "m_chi")`.
        description: What they are about.
        digests: Hashes of the workspace, by algorithm.
        hepdata: The record that they were published in, as `ins1748602`.
    """

    patches: tuple[Patch, ...]
    labels: tuple[str, ...]
    description: str
    digests: Mapping[str, str]
    hepdata: str

    @classmethod
    def load(cls, path: Path | str) -> PatchSet:
        """Read a JSON file.

        Raises:
            InputError: If the file cannot be read.
            WorkspaceError: If it is no set of patches.
        """
        return cls.from_dict(read_json(Path(path)), where=str(path))

    @classmethod
    def from_dict(cls, data: object, where: str = "patchset") -> PatchSet:
        """Check what a JSON file holds.

        Raises:
            WorkspaceError: If it is no set of patches.
        """
        content = parse(_Set, data, where=where)
        problems = _check(content)
        if problems:
            raise error(problems, where=where)
        digests = content.metadata.digests.model_dump(exclude_unset=True)
        return cls(
            tuple(
                Patch(
                    entry.patch,
                    where=f"{where}: $.patches[{index}].patch",
                    name=entry.metadata.name,
                    values=entry.metadata.values,
                    digests=digests,
                )
                for index, entry in enumerate(content.patches)
            ),
            content.metadata.labels,
            content.metadata.description,
            digests,
            content.metadata.references.hepdata,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the patches, in order."""
        return tuple(patch.name for patch in self.patches)

    def __getitem__(self, key: str | Sequence[int | float | str]) -> Patch:
        """A patch by its name, or by its values.

        Raises:
            WorkspaceError: If there is none.
        """
        for patch in self.patches:
            if key == patch.name if isinstance(key, str) else tuple(key) == patch.values:
                return patch
        if isinstance(key, str):
            hint = near(key, self.names)
            raise WorkspaceError(f"no patch {shown(key)}", expected=f"one of {listed(self.names)}", hint=hint)
        values = listed(str(list(patch.values)) for patch in self.patches)
        raise WorkspaceError(f"no patch at {listed(self.labels)} = {list(key)}", expected=f"one of {values}")

    def apply(self, workspace: Workspace | Mapping[str, Any], key: str | Sequence[int | float | str]) -> Workspace:
        """The workspace with one patch applied.

        Args:
            workspace: The background-only workspace, or its JSON: one without its signal may have no POI, and is
                no workspace before it is patched. `Workspace.load(path, patches=[patch_set[key]])` reads such a file.
            key: Name or values of the patch.

        Raises:
            WorkspaceError: If there is no such patch, or it is for another workspace, or does not fit.
        """
        document = workspace.to_dict() if isinstance(workspace, Workspace) else workspace
        folder = workspace.folder if isinstance(workspace, Workspace) else ""
        patch = self[key]
        patch.verify(document, where="workspace")
        return Workspace.from_dict(patch.apply(document), where=f"workspace patched by '{patch.name}'", folder=folder)


def _check(content: _Set) -> list[Problem]:
    metadata = [entry.metadata for entry in content.patches]
    problems = list(check_unique((each.name for each in metadata), "$.patches", "patch"))
    first: dict[tuple[int | float | str, ...], int] = {}
    for index, each in enumerate(metadata):
        path = f"$.patches[{index}].metadata.values"
        if len(each.values) != len(content.metadata.labels):
            expected = f"{len(content.metadata.labels)}, one for each of {listed(content.metadata.labels)}"
            problems.append(Problem(path, f"{len(each.values)} values", expected))
        elif each.values in first:
            other = content.patches[first[each.values]].metadata.name
            problems.append(Problem(path, f"the values of patch {shown(other)}", "each point once"))
        first.setdefault(each.values, index)
    return problems
