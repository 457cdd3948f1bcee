"""New workspaces from old ones: combined, pruned, renamed, sorted. The results are those of pyhf."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, get_args

from neyman.core.errors import WorkspaceError, near
from neyman.likelihood.workspace.modifiers import Modifier
from neyman.likelihood.workspace.problems import shown
from neyman.likelihood.workspace.uses import parameters
from neyman.likelihood.workspace.workspace import Workspace, require_names

Join = Literal["none", "outer", "left outer", "right outer"]
Item = dict[str, Any]
"""A part of a document with a `name`: a channel, a measurement, ..."""


def combine(left: Workspace, right: Workspace, join: Join = "none", *, merge_channels: bool = False) -> Workspace:
    """One workspace from two: parameters of the same name become one, and so fully correlated.

    Relative paths of arrays start from the folder of the left one; those of the right one are rewritten.

    Args:
        left: A workspace.
        right: Another.
        join: What happens to channels, observations and measurements of the same name. `none`: an error. `outer`:
            equal ones are taken once, different ones are an error; measurements with the same POI are merged.
            `left outer`, `right outer`: those of the left or right workspace win, without a word.
        merge_channels: Whether channels of the same name get the samples of both; a sample that both have is taken
            from the left, or for `right outer` from the right. Not for `none`.

    Raises:
        WorkspaceError: If they cannot be joined so, or the result makes no sense.
    """
    if join not in get_args(Join):
        joins = get_args(Join)
        raise WorkspaceError(f"join {shown(join)}", expected=f"one of {', '.join(joins)}", hint=near(str(join), joins))
    if merge_channels and join == "none":
        raise WorkspaceError("merge_channels with join 'none'", expected="join 'outer', 'left outer' or 'right outer'")
    ours, theirs = left.to_dict(), right.at(left.folder).to_dict()
    if join == "outer":
        measurements = _merged_measurements(ours["measurements"], theirs["measurements"])
    else:
        measurements = _joined(join, ours, theirs, "measurements")
    combined = {
        "channels": _joined(join, ours, theirs, "channels", merge=merge_channels),
        "measurements": measurements,
        "observations": _joined(join, ours, theirs, "observations"),
        "version": ours["version"],
    }
    return Workspace.from_dict(combined, where="combined workspace", folder=left.folder)


def _joined(join: Join, ours: Item, theirs: Item, what: str, *, merge: bool = False) -> list[Item]:
    first, second = (theirs[what], ours[what]) if join == "right outer" else (ours[what], theirs[what])
    items = {item["name"]: dict(item) for item in first}
    for item in second:
        same = items.get(item["name"])
        if same is None:
            items[item["name"]] = item
        elif merge:
            present = [sample["name"] for sample in same["samples"]]
            same["samples"] = same["samples"] + [each for each in item["samples"] if each["name"] not in present]
        elif join == "none" or (join == "outer" and item != same):
            how = "both workspaces have" if join == "none" else "the workspaces differ in"
            hint = "rename, or join 'outer'" if join == "none" else "rename, or join 'left outer' or 'right outer'"
            raise WorkspaceError(f"{how} {what[:-1]} {shown(item['name'])}", where="combine", hint=hint)
    return list(items.values())


def _merged_measurements(ours: list[Item], theirs: list[Item]) -> list[Item]:
    """Measurements of both; those of the same name become one, with the settings of both."""
    merged = {item["name"]: item for item in ours}
    for item in theirs:
        same = merged.get(item["name"])
        if same is None:
            merged[item["name"]] = item
            continue
        one, other = same["config"], item["config"]
        if one["poi"] != other["poi"]:
            raise WorkspaceError(
                f"measurement {shown(item['name'])} has POI {shown(one['poi'])} here and {shown(other['poi'])} there",
                where="combine",
                expected="the same POI",
                hint="rename one of the measurements",
            )
        merged[item["name"]] = {
            "name": item["name"],
            "config": {"poi": one["poi"], "parameters": _joined("outer", one, other, "parameters")},
        }
    return list(merged.values())


def prune(
    workspace: Workspace,
    *,
    channels: Collection[str] = (),
    samples: Collection[str] = (),
    modifiers: Collection[str] = (),
    modifier_types: Collection[str] = (),
    measurements: Collection[str] = (),
) -> Workspace:
    """The workspace without some of its parts; with a channel goes its observation, with a modifier its settings.

    Raises:
        WorkspaceError: For unknown names, or if what is left is no workspace: without samples, or without its POI.
    """
    _require(workspace, channels, samples, measurements)
    require_names(modifiers, (modifier.name for modifier in _modifiers(workspace)), what="modifier")
    require_names(modifier_types, dict.fromkeys(each.type for each in _modifiers(workspace)), what="modifier of type")
    data = workspace.to_dict()
    for what, gone in (("channels", channels), ("observations", channels), ("measurements", measurements)):
        data[what] = [item for item in data[what] if item["name"] not in gone]
    for channel in data["channels"]:
        channel["samples"] = [sample for sample in channel["samples"] if sample["name"] not in samples]
        for sample in channel["samples"]:
            sample["modifiers"] = [
                each
                for each in sample["modifiers"]
                if each["name"] not in modifiers and each["type"] not in modifier_types
            ]
    for measurement in data["measurements"]:
        config = measurement["config"]
        config["parameters"] = [each for each in config["parameters"] if each["name"] not in modifiers]
    return Workspace.from_dict(data, where="pruned workspace", folder=workspace.folder)


def rename(
    workspace: Workspace,
    *,
    channels: Mapping[str, str] | None = None,
    samples: Mapping[str, str] | None = None,
    modifiers: Mapping[str, str] | None = None,
    measurements: Mapping[str, str] | None = None,
) -> Workspace:
    """The workspace with other names; each mapping is from old to new.

    Modifiers are renamed with their parameters, in measurements too. The parameters of a polynomial are renamed under
    `modifiers` as well. Two modifiers that get the same name become correlated.

    Raises:
        WorkspaceError: For unknown names, or if two parts get the same name where each must have its own.
    """
    channels, samples, modifiers, measurements = channels or {}, samples or {}, modifiers or {}, measurements or {}
    _require(workspace, channels, samples, measurements)
    known = {**dict.fromkeys(modifier.name for modifier in _modifiers(workspace)), **parameters(workspace.document)}
    require_names(modifiers, known, what="modifier")
    data = workspace.to_dict()
    _rename(data["channels"], channels)
    _rename(data["observations"], channels)
    _rename(data["measurements"], measurements)
    for channel in data["channels"]:
        _rename(channel["samples"], samples)
        for sample in channel["samples"]:
            _rename(sample["modifiers"], modifiers)
            for modifier in sample["modifiers"]:
                if modifier["type"] == "polynomial":
                    _rename_polynomial(modifier["data"], modifiers)
    for measurement in data["measurements"]:
        config = measurement["config"]
        config["poi"] = modifiers.get(config["poi"], config["poi"])
        _rename(config["parameters"], modifiers)
    return Workspace.from_dict(data, where="renamed workspace", folder=workspace.folder)


def _rename(items: Iterable[Item], names: Mapping[str, str]) -> None:
    for item in items:
        item["name"] = names.get(item["name"], item["name"])


def _rename_polynomial(data: Item, names: Mapping[str, str]) -> None:
    data["parameters"] = [names.get(name, name) for name in data["parameters"]]
    for term in data["terms"]:
        term["powers"] = {names.get(name, name): power for name, power in term["powers"].items()}


def sorted_workspace(workspace: Workspace) -> Workspace:
    """The workspace with all lists in the order of names, so that equal models have equal digests.

    The first measurement is the default one, and may be another one afterwards.
    """
    data = workspace.to_dict()
    for what in ("channels", "measurements", "observations"):
        data[what].sort(key=_name)
    for channel in data["channels"]:
        channel["samples"].sort(key=_name)
        for sample in channel["samples"]:
            sample["modifiers"].sort(key=lambda modifier: (modifier["name"], modifier["type"]))
    for measurement in data["measurements"]:
        measurement["config"]["parameters"].sort(key=_name)
    return Workspace.from_dict(data, where="sorted workspace", folder=workspace.folder)


def _name(item: Item) -> str:
    return str(item["name"])


def _modifiers(workspace: Workspace) -> Iterator[Modifier]:
    for channel in workspace.document.channels:
        for sample in channel.samples:
            yield from sample.modifiers


def _require(
    workspace: Workspace, channels: Iterable[str], samples: Iterable[str], measurements: Iterable[str]
) -> None:
    require_names(channels, workspace.channels, what="channel")
    require_names(samples, workspace.samples, what="sample")
    require_names(measurements, workspace.measurements, what="measurement")
