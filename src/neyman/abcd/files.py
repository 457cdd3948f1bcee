"""Signal and background in Parquet or ROOT files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neyman.abcd.config import FilesData
from neyman.abcd.sample import Sample, merged
from neyman.core.errors import DataError
from neyman.core.files import sha256
from neyman.events.columns import Column, Schema
from neyman.events.events import Events
from neyman.events.tables import Table, TableFile


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
            table = TableFile.open(path, job="abcd", tree=data.tree).read(wanted)
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
