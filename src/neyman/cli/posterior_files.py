"""What the commands of `neyman posterior` read and write, without the libraries that draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError, InputError
from neyman.core.files import replacing
from neyman.events.columns import Schema
from neyman.events.events import Events
from neyman.events.parquet import read_columns, read_parquet
from neyman.simulation.reading import MANIFEST, SET, THETA


def read_observed(path: Path, schema: Schema, set_number: int | None) -> Events:
    """The events of a file; of one set, if the file numbers several in a column `set`.

    Raises:
        DataError: If the file cannot be used, has several sets and none was chosen, or lacks the one chosen.
    """
    numbers = read_columns(path, (SET,)).get(SET)
    events = read_parquet(path, schema)
    if numbers is None:
        if set_number is not None:
            raise DataError("no column 'set'", where=str(path), hint="leave --set out: the file is one set")
        return events
    present = np.unique(numbers)
    if set_number is None and len(present) > 1:
        raise DataError(
            f"{len(present)} sets of events", where=str(path), expected="one set", hint=f"--set {present[0]}"
        )
    chosen = present[0] if set_number is None else set_number
    if chosen not in present:
        raise DataError(f"no set {chosen}", where=str(path), expected=f"{present[0]} to {present[-1]}")
    return events.select(numbers == chosen)


def refuse_other_files(out: Path) -> None:
    """Make sure that a folder for a data set holds nothing else.

    A run that was killed may have left files of its own before the first manifest; whether a manifest fits is
    checked when the data set is generated.

    Raises:
        InputError: If it holds something else.
    """
    if not out.is_dir() or (out / MANIFEST).exists():
        return
    ours = {THETA, *(file.name for file in out.glob("shard-*.parquet"))}
    others = sorted(file.name for file in out.iterdir() if file.name not in ours and not file.name.startswith("."))
    if others:
        raise InputError(
            f"holds {others[0]}" + (f" and {len(others) - 1} more" if len(others) > 1 else ""),
            where=str(out),
            expected="an empty folder, or a data set of the same arguments, to resume",
            hint="another --out",
        )


def refuse_sizes(sizes: Sequence[int], serve: tuple[int, int]) -> None:
    """Make sure that a posterior was trained for sets of such sizes.

    Raises:
        InputError: If it was not.
    """
    low, high = serve
    for size in sizes:
        if not low <= size <= high:
            raise InputError(
                f"sets of {size} events",
                where="--size",
                expected=f"{low} to {high}, the sizes that this posterior was trained for",
            )


def write_samples(path: Path, parameters: tuple[str, ...], draws: Float[np.ndarray, "n d"]) -> None:
    """Draws from a posterior, one column per parameter."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(pa.table(dict(zip(parameters, draws.T, strict=True))), temporary)
