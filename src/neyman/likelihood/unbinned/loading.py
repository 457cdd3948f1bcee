"""From a workspace to the unbinned channels of a model: their arrays are read, and their bins made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neyman.likelihood.unbinned.channels import Events, UnbinnedChannel
from neyman.likelihood.unbinned.sums import Kernel
from neyman.likelihood.unbinned.templates import Storage, Templates
from neyman.likelihood.workspace import Workspace
from neyman.likelihood.workspace.arrays import ChannelArrays
from neyman.likelihood.workspace.unbinned import UnbinnedChannel as ChannelDocument


def as_bin(channel: Mapping[str, Any]) -> Mapping[str, Any]:
    """An unbinned channel as a bin that holds all its events, which is what the binned machinery sees of it.

    A binned channel stays as it is.
    """
    if channel.get("type") != "unbinned":
        return channel
    return {
        "name": channel["name"],
        "samples": [
            {
                "name": sample["name"],
                "data": [sample["yield"]],
                "modifiers": [_norm(modifier) for modifier in sample["modifiers"]],
            }
            for sample in channel["samples"]
        ],
    }


def _norm(modifier: Mapping[str, Any]) -> Mapping[str, Any]:
    if modifier["type"] != "normplusshape":
        return modifier
    data = {key: modifier["data"][key] for key in ("lo", "hi")}
    return {"name": modifier["name"], "type": "normsys", "data": data}


def load_channels(
    workspace: Workspace, places: Mapping[str, int], *, kernel: Kernel, storage: Storage
) -> tuple[tuple[UnbinnedChannel, Events], ...]:
    """Read the arrays of all unbinned channels.

    Args:
        workspace: The workspace.
        places: Number, in the model's tables, of each parameter that acts on whole samples.
        kernel: What computes the sums over events.
        storage: How density ratios are stored; sums are in double precision anyway.

    Returns:
        The channels sorted by name, each with its observed events.

    Raises:
        DataError: If a file is not what the workspace says, or arrays do not fit each other.
    """
    arrays = workspace.arrays()
    found = [
        _channel(document, arrays[document.name], places, kernel=kernel, storage=storage)
        for _, document in workspace.document.unbinned
    ]
    return tuple(sorted(found, key=lambda each: each[0].name))


def _channel(
    document: ChannelDocument, arrays: ChannelArrays, places: Mapping[str, int], *, kernel: Kernel, storage: Storage
) -> tuple[UnbinnedChannel, Events]:
    alphas = tuple(dict.fromkeys(shape.name for shape in arrays.shapes))
    observed = Events(_templates(arrays, alphas, "observed", storage), arrays.observed_weights)
    reference = None
    if arrays.reference_weights is not None:
        same = arrays.reference_is_observed
        templates = observed.templates if same else _templates(arrays, alphas, "reference", storage)
        reference = Events(templates, arrays.reference_weights)
    channel = UnbinnedChannel(
        name=document.name,
        samples=tuple(sample.name for sample in document.samples),
        alphas=alphas,
        places=np.array([places[name] for name in alphas], int),
        reference=reference,
        normalise=document.normalise,
        kernel=kernel,
        notes=tuple(arrays.notes),
    )
    return channel, observed


def _templates(arrays: ChannelArrays, alphas: Sequence[str], which: str, storage: Storage) -> Templates:
    shapes = [(shape, getattr(shape, which)) for shape in arrays.shapes]
    return Templates.build(
        [getattr(ratio, which) for ratio in arrays.log_ratio],
        [pair.hi for _, pair in shapes],
        [pair.lo for _, pair in shapes],
        [shape.sample for shape, _ in shapes],
        [alphas.index(shape.name) for shape, _ in shapes],
        parameters=len(alphas),
        dtype=storage,
    )
