"""Where in a YAML file a setting stands: errors found long after reading still name the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Places:
    """The lines of a config file; all are equal, so that they do not count when configs are compared."""

    path: Path | None = field(default=None, compare=False)
    root: yaml.Node | None = field(default=None, compare=False, repr=False)

    @classmethod
    def read(cls, path: Path) -> Places:
        """The places of a file that is known to be YAML."""
        return cls(path, yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader))

    def where(self, location: Sequence[int | str]) -> str:
        """A location as errors write it.

        Examples:
            >>> Places().where(("Samples", 0, "Tree"))
            'Samples.0.Tree'
        """
        key = ".".join(str(part) for part in location)
        return key if self.path is None else f"{self.path}:{self._line(location)}: {key}"

    def _line(self, location: Sequence[int | str]) -> int:
        node, line = self.root, 1
        for part in location:
            if isinstance(node, yaml.MappingNode):
                found = [pair for pair in node.value if pair[0].value == part]
                if not found:
                    break
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return line
