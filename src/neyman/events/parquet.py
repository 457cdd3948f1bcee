"""Events in Parquet files."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError
from neyman.core.files import replacing
from neyman.events.columns import Schema
from neyman.events.events import Events

SCHEMA_KEY = b"neyman.schema"
WEIGHT = "weight"


def write_parquet(path: Path | str, events: Events, *, extra: Mapping[str, np.ndarray] | None = None) -> None:
    """Write events, their weights (column `weight`) and their schema (file metadata), atomically.

    Args:
        path: The file.
        events: The events.
        extra: More columns that belong to the file but not to the events, e.g. the number of the set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    columns = {name: events[name] for name in events.schema.names}
    if events.weights is not None:
        columns[WEIGHT] = events.weights
    extra = extra or {}
    both = sorted({*extra} & {*columns, WEIGHT}) or [name for name in events.schema.names if name == WEIGHT]
    if both:
        raise DataError(f"two columns would be called '{both[0]}'", where=str(path), expected="another name")
    table = pa.table({**extra, **columns})
    table = table.replace_schema_metadata({SCHEMA_KEY: json.dumps(events.schema.to_json())})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_parquet(path: Path | str, schema: Schema) -> Events:
    """Read the schema's columns of a Parquet file; other columns are ignored.

    Weights are in the column `weight`. One that looks like weights under another name is not ignored, but refused.

    Raises:
        DataError: If the file is absent, is no Parquet file, has no rows, lacks a column, has nulls, values
            outside the schema's ranges, weights under another name, or says that it is in other units.
    """
    path = Path(path)
    _refuse_other_names(path, schema)
    columns = read_columns(path, (*schema.names, WEIGHT))
    weights = columns.pop(WEIGHT, None)
    _refuse_other_units(path, schema)
    _refuse_other_weights(path, schema)
    events = Events(columns, schema, weights=weights, where=str(path))
    if len(events) == 0:
        raise DataError("no events in this file", where=str(path), expected="at least one row")
    return events


def read_schema(path: Path) -> Schema | None:
    """The schema that `write_parquet` left in the file; None if another program wrote the file.

    Raises:
        DataError: If the file cannot be read, or its schema is damaged.
    """
    with opened(path) as file:
        text = (file.schema_arrow.metadata or {}).get(SCHEMA_KEY)
    if text is None:
        return None
    try:
        columns = json.loads(text)
    except ValueError as error:
        raise DataError("the schema in its metadata is damaged", where=str(path)) from error
    return Schema.from_json(columns, where=str(path))


def _refuse_other_units(path: Path, schema: Schema) -> None:
    written = read_schema(path)
    for column in written.columns if written else ():
        if column.name in schema.names and column.unit != schema[column.name].unit:
            raise DataError(
                f"column '{column.name}' is in {column.unit}",
                where=str(path),
                expected=schema[column.name].unit,
                hint="convert it, and write the file again",
            )


def _refuse_other_names(path: Path, schema: Schema) -> None:
    with opened(path) as file:
        present = file.schema_arrow.names
    missing = [name for name in schema.names if name not in present]
    if not missing:
        return
    shown = ", ".join(present[:8]) + (f" and {len(present) - 8} more" if len(present) > 8 else "")
    plain = {name.lower().replace("_", ""): name for name in present if name not in schema.names}
    near = {name: difflib.get_close_matches(name.lower().replace("_", ""), plain, n=1) for name in missing}
    renames = [f"'{plain[found[0]]}' to '{name}'" for name, found in near.items() if found]
    raise DataError(
        f"missing {', '.join(missing)}; found {shown or 'no columns'}",
        where=str(path),
        expected=f"columns {', '.join(schema.names)}",
        hint=f"rename {', '.join(renames)}, if that is what they are" if renames else "",
    )


def _refuse_other_weights(path: Path, schema: Schema) -> None:
    with opened(path) as file:
        names = [name for name in file.schema_arrow.names if name not in (*schema.names, WEIGHT)]
    found = [name for name in names if WEIGHT in name.lower() or name.lower().endswith("_sw")]
    if found:
        raise DataError(
            f"column '{found[0]}' looks like weights",
            where=str(path),
            expected=f"weights in a column '{WEIGHT}', or none",
            hint=f"rename it to '{WEIGHT}' if they are to be used, remove it if not",
        )


def read_columns(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the named columns that the file has.

    Raises:
        DataError: If the file cannot be read, or a column has nulls or stands twice.
    """
    with opened(path) as file:
        present = file.schema_arrow.names
        twice = sorted({name for name in names if present.count(name) > 1})
        if twice:
            raise DataError(f"column '{twice[0]}' stands twice", where=str(path), expected="each column once")
        table = file.read(columns=[name for name in names if name in present])
    for name in table.column_names:
        nulls = table[name].null_count
        if nulls:
            raise DataError(f"column '{name}' is null in {nulls} rows", where=str(path), expected="a number in each")
    return {name: table[name].to_numpy() for name in table.column_names}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The open Parquet file.

    Raises:
        DataError: For all that goes wrong while it is open.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), expected="a Parquet file of events") from None
    except (pa.ArrowException, OSError) as error:
        reason, hint = what_it_is(path)
        raise DataError(
            f"cannot be read: {reason or str(error).splitlines()[0][:100]}",
            where=str(path),
            expected="a Parquet file of events",
            hint=hint,
        ) from error


def what_it_is(path: Path) -> tuple[str, str]:
    """What stands in place of a Parquet file, and what to do about it; empty if it is not one of the usual."""
    if path.is_dir():
        inside = sorted(path.glob("*.parquet"))
        return "this is a folder", f"a file in it, e.g. {inside[0].name}" if inside else ""
    try:
        with path.open("rb") as handle:
            start = handle.read(200)
    except OSError:
        return "", ""
    if start.startswith(b"root"):
        return "this is a ROOT file", "uproot.open(file)[tree].arrays(library='pd').to_parquet(...)"
    if start.startswith(b"\x89HDF"):
        return "this is an HDF5 file", "pandas.read_hdf(file).to_parquet(...)"
    if start.strip() and all(byte >= 32 or byte in b"\t\r\n" for byte in start) and not start.startswith(b"PAR1"):
        return "this is a text file", "pandas.read_csv(file).to_parquet(...)"
    return "", ""
