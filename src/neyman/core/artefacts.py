"""Artefacts: trained networks on disk, as plain data that can be checked and never runs code.

An artefact is a folder of four files. `manifest.json` says what it is and holds the SHA-256 of the others:
`weights.safetensors`, `validation.safetensors` (inputs and the outputs that the network must give for them)
and `card.md` (what it is for, what it is not for). A job may add files of its own, such as an exported graph.
Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from neyman.core.errors import ArtefactError, InputError, NumericsError
from neyman.core.files import finite, read_json, replacing_folder, write_text
from neyman.core.provenance import provenance

FORMAT = "neyman-artefact"
SCHEMA_VERSION = 1
MANIFEST, WEIGHTS, VALIDATION, CARD = "manifest.json", "weights.safetensors", "validation.safetensors", "card.md"

Arrays = Mapping[str, np.ndarray]


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal["neyman-artefact"]
    schema_version: Literal[1]
    kind: str
    config: dict[str, Any]
    events: list[dict[str, Any]]
    parameters: tuple[str, ...]
    seeds: dict[str, int]
    inputs: dict[str, str]
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    files: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A trained network as it came from disk, after all checks.

    Attributes:
        path: The folder.
        kind: The job that it belongs to, e.g. `"posterior"`.
        config: What the network is built and was trained with.
        events: The columns of the events, as `Schema.from_json` takes them.
        parameters: The names of the parameters.
        seeds: The seeds that were used, by purpose.
        inputs: The digests of what it was trained on, by name.
        metrics: How well it did; not-a-number has become None.
        provenance: The program that made it.
        weights: The arrays of the network; read-only.
        validation: Inputs and expected outputs; read-only.
        card: What it is for and what it is not for, in Markdown.
        extra: Further files of the job, by name.
        digest: The SHA-256 of the manifest, which names all other files: the identity of the artefact.
    """

    path: Path
    kind: str
    config: dict[str, Any]
    events: list[dict[str, Any]]
    parameters: tuple[str, ...]
    seeds: dict[str, int]
    inputs: dict[str, str]
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    weights: Arrays
    validation: Arrays
    card: str
    extra: Mapping[str, bytes]
    digest: str


def save_artefact(
    path: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    parameters: Sequence[str],
    weights: Arrays,
    validation: Arrays,
    card: str,
    seeds: Mapping[str, int] | None = None,
    inputs: Mapping[str, str] | None = None,
    metrics: Mapping[str, Any] | None = None,
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write an artefact, whole or not at all.

    It may take the place of an artefact of the same kind, and of nothing else.

    Args:
        path: The folder to write.
        kind: The job that it belongs to, e.g. `"posterior"`.
        config: What the network is built and was trained with.
        events: The columns of the events, from `Schema.to_json`.
        parameters: The names of the parameters.
        weights: The arrays of the network, of any numeric type.
        validation: Inputs and the outputs that the network gives for them.
        card: What it is for and what it is not for, in Markdown.
        seeds: The seeds that were used, by purpose.
        inputs: The digests of what it was trained on, by name.
        metrics: How well it did.
        extra: Further files, by plain names.

    Raises:
        ArtefactError: If something else is at that path, or a further file has a name that is taken or not plain.
        NumericsError: If a weight is not a number.
    """
    for name, values in weights.items():
        if np.issubdtype(values.dtype, np.floating) and np.isnan(values).any():
            raise NumericsError(f"weight '{name}' is not a number", hint="a smaller learning rate; nothing was saved")
    path = path.resolve()
    check_place(path, kind=kind)
    contents = {
        WEIGHTS: _packed(weights),
        VALIDATION: _packed(validation),
        CARD: card.encode(),
    }
    for name, content in (extra or {}).items():
        if name in {MANIFEST, *contents} or not _is_plain(name):
            raise ArtefactError(f"a further file called {name!r}", where=str(path), expected="a plain name of its own")
        contents[name] = content
    manifest = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "config": dict(config),
        "events": [dict(column) for column in events],
        "parameters": list(parameters),
        "seeds": dict(seeds or {}),
        "inputs": dict(inputs or {}),
        "metrics": dict(metrics or {}),
        "provenance": provenance(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    with replacing_folder(path) as folder:
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        write_text(folder / MANIFEST, json.dumps(finite(manifest), indent=2, ensure_ascii=False) + "\n")


def load_artefact(path: Path, *, kind: str) -> Artefact:
    """Read an artefact and check it.

    Args:
        path: The folder.
        kind: The job that it must belong to.

    Raises:
        ArtefactError: If it is absent, foreign, of another kind, of a newer neyman, or has changed since it
            was written.
    """
    manifest = _read_manifest(path)
    if manifest.kind != kind:
        raise ArtefactError(f"an artefact for '{manifest.kind}'", where=str(path), expected=f"one for '{kind}'")
    contents = {name: _read_checked(path, name, sha) for name, sha in manifest.files.items()}
    absent = [name for name in (WEIGHTS, VALIDATION, CARD) if name not in contents]
    if absent:
        raise ArtefactError(f"the manifest names no {absent[0]}", where=str(path / MANIFEST))
    fields = manifest.model_dump(exclude={"format", "schema_version", "files"})
    return Artefact(
        path=path,
        weights=_parse(path / WEIGHTS, contents[WEIGHTS]),
        validation=_parse(path / VALIDATION, contents[VALIDATION]),
        card=contents[CARD].decode(errors="replace"),
        extra={name: content for name, content in contents.items() if name not in (WEIGHTS, VALIDATION, CARD)},
        digest=hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest(),
        **fields,
    )


def check_place(path: Path, *, kind: str) -> None:
    """Make sure that an artefact may be written to a place; to be asked before hours of training.

    Raises:
        ArtefactError: If something else than an artefact of the same kind is there.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        there = _read_manifest(path).kind
    except ArtefactError as error:
        raise ArtefactError(
            "something else is there, or an artefact that cannot be read",
            where=str(path),
            expected=f"nothing, or an artefact for '{kind}' to replace",
            hint="another place, or move it away",
        ) from error
    if there != kind:
        raise ArtefactError(f"an artefact for '{there}' is there", where=str(path), hint="another place")


def _read_manifest(path: Path) -> _Manifest:
    where = str(path / MANIFEST)
    if not path.is_dir():
        found = "this is a file" if path.exists() else "no such folder"
        raise ArtefactError(found, where=str(path), expected=f"the folder of an artefact, with its {MANIFEST}")
    if not (path / MANIFEST).is_file():
        raise ArtefactError(f"no {MANIFEST} in this folder", where=str(path), expected="the folder of an artefact")
    try:
        data = read_json(path / MANIFEST)
    except InputError as error:
        raise ArtefactError(error.found, where=error.where, expected="the manifest that neyman wrote") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        other = data.get("format") if isinstance(data, dict) else None
        raise ArtefactError(
            "not the manifest of an artefact" + (f", but of a {other}" if isinstance(other, str) else ""),
            where=where,
            expected=f'"format": "{FORMAT}"',
        )
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ArtefactError(
            f"schema version {version}, from a newer neyman",
            where=where,
            expected=f"at most {SCHEMA_VERSION}",
            hint="pip install --upgrade neyman",
        )
    try:
        return _Manifest.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in ("$", *detail["loc"]))
        raise ArtefactError(
            f"{place}: {detail['msg']}", where=where, expected="the manifest that neyman wrote"
        ) from error


def _read_checked(path: Path, name: str, sha: str) -> bytes:
    """The bytes that were hashed are the bytes that are used: nobody can swap the file in between."""
    file = path / name
    if not _is_plain(name) or not file.resolve().is_relative_to(path.resolve()):
        raise ArtefactError(
            f"file name {name!r} leaves the folder", where=str(path / MANIFEST), expected="a plain name"
        )
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ArtefactError("missing, although the manifest names it", where=str(file)) from None
    except OSError as error:
        raise ArtefactError(f"cannot be read: {error.strerror}", where=str(file)) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha:
        raise ArtefactError(
            f"changed since it was written: SHA-256 {found[:12]}…",
            where=str(file),
            expected=f"{sha[:12]}…",
            hint="copy or train the artefact again",
        )
    return content


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name and not {"\\", "\0"} & set(name)


def _packed(arrays: Arrays) -> bytes:
    from safetensors.numpy import save

    for name, values in arrays.items():
        if values.dtype.kind not in "biuf":
            raise ArtefactError(f"array '{name}' holds {values.dtype}", expected="plain numbers")
    content: bytes = save({name: np.asarray(values, order="C") for name, values in arrays.items()})
    return content


def _parse(file: Path, content: bytes) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    # Eight bytes of length, then a JSON object: a pickle or a zip of PyTorch begins otherwise.
    if content[8:9] != b"{":
        raise ArtefactError("not safetensors", where=str(file), expected="weights as plain numbers, never a pickle")
    try:
        arrays: dict[str, np.ndarray] = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise ArtefactError(f"broken safetensors: {reason}", where=str(file)) from error
    for name, values in arrays.items():
        if np.issubdtype(values.dtype, np.floating) and np.isnan(values).any():
            raise ArtefactError(f"array '{name}' has values that are not numbers", where=str(file))
        values.setflags(write=False)
    return arrays
