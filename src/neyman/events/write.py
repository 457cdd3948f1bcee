"""Tables of numbers, written in the format that the name of the file asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from neyman.core.errors import DataError, InputError, require
from neyman.core.files import replacing
from neyman.events import hdf5, npz
from neyman.events.tables import Table

TREE = "events"
"""The name of the tree in a ROOT file."""


def write_table(path: Path | str, table: Mapping[str, np.ndarray], *, job: str) -> None:
    """Write columns of one number a row, atomically; `TableFile` reads them again, in CSV all as float64.

    | ending | format |
    |---|---|
    | `.parquet`, `.pq` | Parquet |
    | `.csv` | CSV, with a line of names |
    | `.h5`, `.hdf5` | HDF5, a dataset for each column |
    | `.npz` | NumPy, an array for each column |
    | `.root` | ROOT, a tree `events` |

    Args:
        path: The file; its ending decides about the format.
        table: Columns of equal length, of numbers or booleans.
        job: The job that writes it, whose extra brings h5py and uproot.

    Raises:
        DataError: If there is no column, or one is not one number a row, or of another length.
        InputError: If the ending is of no format.
        MissingDependencyError: If h5py or uproot is needed and not installed.
    """
    path = Path(path)
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise InputError(
            f"a name that ends in '{path.suffix}'", where=str(path), expected=f"one of {', '.join(WRITERS)}"
        )
    columns = _checked(table, path)
    with replacing(path) as temporary:
        write(temporary, columns, job)


def _checked(table: Mapping[str, np.ndarray], path: Path) -> Table:
    columns = {name: np.asarray(values) for name, values in table.items()}
    for name, values in columns.items():
        if values.ndim != 1 or values.dtype.kind not in "iufb":
            found = f"column '{name}' has shape {values.shape} and holds {values.dtype}"
            raise DataError(found, where=str(path), expected="one number a row")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        found = f"columns of different length: {lengths}" if lengths else "no columns"
        raise DataError(found, where=str(path), expected="columns of one length")
    return columns


def _parquet(path: Path, table: Table, job: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(table), path, compression="zstd")


def _csv(path: Path, table: Table, job: str) -> None:
    import pyarrow as pa
    import pyarrow.csv as pc

    # Whole numbers and booleans as numbers: `true` would not be read as one again.
    numbers = {name: values.astype(np.uint8) if values.dtype == bool else values for name, values in table.items()}
    pc.write_csv(pa.table(numbers), path)


def _hdf5(path: Path, table: Table, job: str) -> None:
    hdf5.write(path, table, job=job)


def _npz(path: Path, table: Table, job: str) -> None:
    npz.write(path, table)


def _root(path: Path, table: Table, job: str) -> None:
    with require("uproot", job=job).recreate(path) as file:
        file.mktree(TREE, {name: values.dtype for name, values in table.items()})
        if len(next(iter(table.values()))):
            file[TREE].extend(table)


WRITERS: Mapping[str, Callable[[Path, Table, str], None]] = {
    ".parquet": _parquet,
    ".pq": _parquet,
    ".csv": _csv,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".npz": _npz,
    ".root": _root,
}
