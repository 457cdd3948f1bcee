"""Signal and background in Parquet or ROOT files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neyman.abcd.config import FilesData
from neyman.abcd.sample import Sample, merged
from neyman.core.errors import DataError, near, require
from neyman.core.files import sha256
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.parquet import read_columns

PARQUET = (".parquet", ".pq")
_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")
Table = dict[str, np.ndarray]


def read_files(data: FilesData, names: Sequence[str]) -> Sample:
    """All events of a config's files.

    Args:
        data: Which files, and what tells the classes apart.
        names: The columns to read.

    Raises:
        DataError: If a file or a column is absent, or a value is not a finite number, or a label neither 0 nor 1.
    """
    wanted = list(names) + [name for name in (data.weight, data.label) if name and name not in names]
    parts = []
    for paths, label in ((data.signal, True), (data.background, False), (data.files, None)):
        for path in paths:
            table = _read(path, wanted, data.tree)
            parts.append(_sample(table, names, data, label, str(path)))
    return Sample(merged([part.events for part in parts]), np.concatenate([part.is_signal for part in parts]))


def digests(data: FilesData) -> dict[str, str]:
    """The SHA-256 of each file, by its name."""
    return {str(path): sha256(path) for path in (*data.signal, *data.background, *data.files)}


def _sample(table: Table, names: Sequence[str], data: FilesData, label: bool | None, where: str) -> Sample:  # noqa: FBT001 - the class of a file
    schema = Schema(tuple(Column(name=name) for name in names))
    weights = None if data.weight is None else table[data.weight]
    events = Events({name: table[name] for name in names}, schema, weights=weights, where=where)
    if len(events) == 0:
        raise DataError("no events in this file", where=where, expected="at least one row")
    if label is not None:
        return Sample(events, np.full(len(events), label))
    labels = np.asarray(table[data.label or ""])
    if not np.isin(labels, (0, 1)).all():
        other = labels[~np.isin(labels, (0, 1))][0]
        raise DataError(f"label '{data.label}' is {other}", where=where, expected="1 for signal, 0 for background")
    return Sample(events, labels.astype(bool))


def _read(path: Path, names: Sequence[str], tree: str | None) -> Table:
    if path.suffix.lower() in PARQUET:
        table = read_columns(path, tuple(names))
        _refuse_missing([name for name in names if name not in table], path, _parquet_names(path))
        return table
    return _read_root(path, names, tree)


def _parquet_names(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return list(pq.read_schema(path).names)


def _read_root(path: Path, names: Sequence[str], tree: str | None) -> Table:
    uproot = require("uproot", job="abcd")
    if not path.is_file():
        raise DataError("no such file", where=str(path), expected="a Parquet or ROOT file of events")
    try:
        with uproot.open(path) as file:
            trees = [name for name, kind in file.classnames(cycle=False).items() if kind in _TREES]
            chosen = tree or (trees[0] if len(trees) == 1 else None)
            if chosen not in trees:
                raise DataError(
                    f"no tree '{tree}'" if tree else f"{len(trees)} trees",
                    where=str(path),
                    expected=f"data.tree: one of {', '.join(trees[:8])}" if trees else "a file that holds a tree",
                )
            present = list(file[chosen].keys())
            _refuse_missing([name for name in names if name not in present], path, present)
            arrays: Table = file[chosen].arrays(list(names), library="np")
    except (OSError, ValueError, KeyError, uproot.DeserializationError) as error:
        reason = str(error).strip().splitlines()
        raise DataError(
            f"cannot be read: {reason[0][:100] if reason else type(error).__name__}",
            where=str(path),
            expected="a Parquet or ROOT file of events",
        ) from error
    return arrays


def _refuse_missing(missing: Sequence[str], path: Path, present: Sequence[str]) -> None:
    if missing:
        raise DataError(
            f"no column '{missing[0]}'" + (f", nor {len(missing) - 1} more" if len(missing) > 1 else ""),
            where=str(path),
            expected=f"one of {', '.join(present[:12])}",
            hint=near(missing[0], present),
        )
