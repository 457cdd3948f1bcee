"""Workspaces whose observed events are those of the reference, with weights that make them what is expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.files import make_folder, replacing
from neyman.likelihood.workspace.arrays import array_reference
from neyman.likelihood.workspace.workspace import Workspace

Item = dict[str, Any]


def with_expected_events(
    workspace: Workspace, weights: Mapping[str, Float[np.ndarray, " r"]], folder: Path
) -> Workspace:
    """The workspace with weighted reference events for data.

    Args:
        workspace: The workspace.
        weights: Of the reference events of unbinned channels, by name of the channel.
        folder: Where the weights are written, one `.npy` file for each channel; made if it is not there.
    """
    document = workspace.to_dict()
    for channel in document["channels"]:
        if channel["name"] in weights:
            make_folder(folder)
            path = folder / f"{channel['name']}_weights.npy"
            with replacing(path) as temporary, temporary.open("wb") as handle:
                np.save(handle, np.asarray(weights[channel["name"]], float))
            channel["observed"] = {"weights": array_reference(path, workspace.folder)}
            for arrays in _pairs(channel):
                arrays["observed"] = arrays["reference"]
    return Workspace.from_dict(document, where="workspace with expected events", folder=workspace.folder)


def _pairs(channel: Item) -> Iterator[Item]:
    for sample in channel["samples"]:
        yield sample["log_ratio"]
        for modifier in sample["modifiers"]:
            if modifier["type"] == "normplusshape":
                data = modifier["data"]
                yield from (data[key] for key in ("hi_log_ratio", "lo_log_ratio") if key in data)
