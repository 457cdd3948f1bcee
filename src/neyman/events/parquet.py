"""Events in Parquet files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neyman.core.errors import DataError
from neyman.core.files import replacing
from neyman.events.columns import Schema
from neyman.events.events import Events

SCHEMA_KEY = b"neyman.schema"
WEIGHT = "weight"


def write_parquet(path: Path, events: Events, *, extra: Mapping[str, np.ndarray] | None = None) -> None:
    """Write events, their weights (column `weight`) and their schema (file metadata), atomically.

    Args:
        path: The file.
        events: The events.
        extra: More columns that belong to the file but not to the events, e.g. the number of the set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: events[name] for name in events.schema.names}
    if events.weights is not None:
        columns[WEIGHT] = events.weights
    table = pa.table({**(extra or {}), **columns})
    table = table.replace_schema_metadata({SCHEMA_KEY: json.dumps(events.schema.to_json())})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: Path, schema: Schema) -> Events:
    """Read the schema's columns of a Parquet file; other columns are ignored.

    Raises:
        DataError: If the file is absent, is no Parquet file, lacks a column, has nulls, or has values
            outside the schema's ranges.
    """
    columns = read_columns(path, (*schema.names, WEIGHT))
    weights = columns.pop(WEIGHT, None)
    return Events(columns, schema, weights=weights, where=str(path))


def read_columns(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named columns that the file has.

    Raises:
        DataError: If the file cannot be read, or a column has nulls or stands twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            present = file.schema_arrow.names
            twice = sorted({name for name in names if present.count(name) > 1})
            if twice:
                raise DataError(f"column '{twice[0]}' stands twice", where=str(path), expected="each column once")
            table = file.read(columns=[name for name in names if name in present])
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), expected="a Parquet file of events") from None
    except (pa.ArrowException, IsADirectoryError, OSError) as error:
        reason = str(error).splitlines()[0][:100]
        raise DataError(f"cannot be read: {reason}", where=str(path), expected="a Parquet file of events") from error
    for name in table.column_names:
        nulls = table[name].null_count
        if nulls:
            raise DataError(f"column '{name}' is null in {nulls} rows", where=str(path), expected="a number in each")
    return {name: table[name].to_numpy() for name in table.column_names}
