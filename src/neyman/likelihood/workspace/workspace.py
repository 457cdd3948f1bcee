"""A workspace: a document that was checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neyman.core.errors import WorkspaceError, near
from neyman.core.files import digest, read_json, write_json
from neyman.likelihood.workspace.arrays import ChannelArrays, read_channel
from neyman.likelihood.workspace.caveats import caveats
from neyman.likelihood.workspace.checking import check
from neyman.likelihood.workspace.document import Document, Measurement
from neyman.likelihood.workspace.moving import moved
from neyman.likelihood.workspace.patching import Patch
from neyman.likelihood.workspace.problems import error, listed, shown
from neyman.likelihood.workspace.reading import parse

if TYPE_CHECKING:
    import neyman.likelihood.model

Counts = Sequence[float] | np.ndarray


@dataclass(frozen=True, repr=False)
class Workspace:
    """Channels, samples, systematic uncertainties, observations and measurements, as plain data.

    Made by `load` and `from_dict`, which check it; what comes out of them is consistent. The arrays of unbinned
    channels stay in their files until `arrays` reads them.

    Attributes:
        document: The typed content.
        folder: Where relative paths of arrays start. Workspaces are equal if their documents are.

    Examples:
        >>> signal = {"name": "Z'", "data": [5, 2], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
        >>> workspace = Workspace.from_dict({
        ...     "channels": [{"name": "SR", "samples": [signal]}],
        ...     "observations": [{"name": "SR", "data": [6, 1]}],
        ...     "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
        ...     "version": "1.0.0",
        ... })
        >>> workspace
        Workspace(channels: SR; samples: Z'; measurements: search)
        >>> workspace.warnings()
        ["$.channels[0]: no events are expected in bins 0, 1, besides what 'mu' scales"]
    """

    document: Document
    folder: Path = field(default_factory=Path.cwd, compare=False)

    @classmethod
    def load(cls, path: Path | str, *, patches: Sequence[Patch | Path | str | Sequence[Any]] = ()) -> Workspace:
        """Read a JSON file, and change it by patches before it is checked.

        Relative paths of arrays start from the folder of the file, also those that a patch brings.

        Args:
            path: The file.
            patches: JSON patches, applied in order: files, lists of operations, or patches of a `PatchSet`, which
                are for this file or refused.

        Raises:
            InputError: If a file cannot be read.
            WorkspaceError: If it is no workspace or makes no sense, or a patch does not fit.
        """
        document = original = read_json(Path(path))
        for given in patches:
            patch = Patch.of(given)
            patch.verify(original, where=str(path))
            document = patch.apply(document)
        where = f"{path}, patched" if patches else str(path)
        return cls.from_dict(document, where=where, folder=Path(path).parent)

    @classmethod
    def from_dict(cls, data: object, where: str = "workspace", *, folder: Path | str = "") -> Workspace:
        """Check a document.

        Args:
            data: What a JSON file holds.
            where: What messages call it.
            folder: Where relative paths of arrays start; by default, from the current folder.

        Raises:
            WorkspaceError: If it is no workspace or makes no sense.
        """
        if isinstance(data, Mapping) and "patches" in data:
            raise WorkspaceError("this is a set of patches", where=where, expected="a workspace", hint="PatchSet.load")
        document = parse(Document, data, where=where)
        problems = check(document)
        if problems:
            raise error(problems, where=where)
        return cls(document, Path(folder).absolute())

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON holds it; a copy, equal to what it was made from."""
        return self.document.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def save(self, path: Path | str) -> None:
        """Write the JSON atomically; in another folder, with other paths to the same arrays."""
        write_json(Path(path), self.at(Path(path).parent).to_dict())

    def at(self, folder: Path | str) -> Workspace:
        """The same workspace with relative paths that start from another folder, and lead to the same arrays."""
        if not self.document.unbinned:
            return Workspace(self.document, Path(folder).absolute())
        return Workspace.from_dict(moved(self.to_dict(), self.folder, Path(folder)), folder=folder)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the JSON, whatever the order of its keys."""
        return digest(self.to_dict())

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in order."""
        return tuple(channel.name for channel in self.document.channels)

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples, each once, in the order in which the channels bring them."""
        return tuple(dict.fromkeys(sample.name for channel in self.document.channels for sample in channel.samples))

    @property
    def measurements(self) -> tuple[str, ...]:
        """Names of the measurements, in order."""
        return tuple(measurement.name for measurement in self.document.measurements)

    def measurement(self, name: str | None = None) -> Measurement:
        """A measurement; the first, if none is named.

        Raises:
            WorkspaceError: If there is none of that name.
        """
        if name is None:
            return self.document.measurements[0]
        require_names([name], self.measurements, what="measurement")
        return self.document.measurements[self.measurements.index(name)]

    def warnings(self) -> list[str]:
        """What is legal, and may still not be meant: a line for each, beginning with the JSON path."""
        return caveats(self.document)

    def arrays(self) -> dict[str, ChannelArrays]:
        """The arrays of the unbinned channels, by name of the channel.

        Raises:
            DataError: If a file is absent, changed, or holds something else than one number for each event.
        """
        return {each.name: read_channel(each, self.folder, where=path) for path, each in self.document.unbinned}

    def with_observations(self, observations: Mapping[str, Counts]) -> Workspace:
        """The same workspace with other observed counts.

        Args:
            observations: Counts in each bin of a binned channel, by its name; other channels stay as they are.

        Raises:
            WorkspaceError: For unknown or unbinned channels, wrong numbers of bins, or counts that are negative or not
                finite.
        """
        require_names(observations, self.channels, what="channel")
        for path, channel in self.document.unbinned:
            if channel.name in observations:
                raise WorkspaceError(
                    f"channel {shown(channel.name)} is unbinned, and has no counts",
                    expected="counts of binned channels alone",
                    hint=f"other arrays in {path}, also as its observed.weights",
                )
        counts = {name: _plain(values) for name, values in observations.items()}
        data = self.to_dict()
        for observation in data["observations"]:
            observation["data"] = counts.get(observation["name"], observation["data"])
        return Workspace.from_dict(data, where="workspace with new observations", folder=self.folder)

    def model(self, measurement: str | None = None, **options: Any) -> neyman.likelihood.model.Model:  # noqa: ANN401 - as Model.build says
        """Compile the likelihood of a measurement; the options are those of `Model.build`.

        JAX is loaded here and not before: who only reads workspaces does without.
        """
        from neyman.likelihood.model import Model

        return Model.build(self, measurement=measurement, **options)

    def __hash__(self) -> int:  # not of the document: powers of a polynomial are a dictionary
        return hash((self.channels, self.samples, self.measurements))

    def __repr__(self) -> str:
        parts = {"channels": self.channels, "samples": self.samples, "measurements": self.measurements}
        return f"Workspace({'; '.join(f'{what}: {listed(names)}' for what, names in parts.items())})"


def require_names(names: Iterable[str], known: Iterable[str], *, what: str) -> None:
    """Refuse names that are not there.

    Raises:
        WorkspaceError: With the first one, the known names and the nearest of them.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise WorkspaceError(
                f"no {what} {shown(name)}",
                expected=f"one of {listed(known)}" if known else "",
                hint=near(str(name), known),
            )


def _plain(values: Counts) -> Any:  # noqa: ANN401 - checked as any other document
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
