"""What a report came from, in words: the artefact, the command, the config, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def footer(artefact: str, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, str]:
    """The entries of the footer of a page.

    Args:
        artefact: Digest of what was trained.
        config: The config of the run.
        provenance: From `neyman.core.provenance`.
    """
    versions = provenance.get("versions", {})
    return {
        "artefact": artefact,
        "command": " ".join(["neyman", *provenance.get("command", [])[1:]]),
        **{key: compact(value) for key, value in config.items()},
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "commit": str(provenance.get("commit") or "not a source checkout"),
    }


def compact(value: Any) -> str:  # noqa: ANN401 - whatever stands in a config
    """A value of a config in one line.

    Examples:
        >>> compact({"kind": "toy", "edges": [0.5, 1e-9], "tail": None})
        'kind toy, edges [0.5, 1e-09], tail none'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {compact(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(compact, value))}]"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
