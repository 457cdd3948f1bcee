"""Trees of ROOT files, TTree and RNTuple alike: which there are, and their columns, a chunk at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError, NeymanError, near, require

NTUPLE = "ROOT::RNTuple"
KINDS = ("TTree", "TNtuple", "TNtupleD", NTUPLE)
Chunk = Any
"""Rows of a tree: an awkward array of records, which has no types."""


@contextlib.contextmanager
def opened_tree(path: Path, tree: str, *, job: str) -> Iterator[Any]:
    """An open tree; of several cycles of its name, the newest, unless `tree` ends in one: `T;1`.

    Raises:
        DataError: If it cannot be read.
    """
    with contextlib.ExitStack() as stack:
        with damage(path):
            file = stack.enter_context(_opened(path, job))
            found = file[tree]
        yield found


def find_tree(path: Path, tree: str | None, *, job: str) -> tuple[str, tuple[str, ...]]:
    """The tree that is meant, and what else is in the file.

    Args:
        path: The file.
        tree: Its name, with its folders; None for the only one.
        job: The job that needs it.

    Returns:
        Name of the tree; names of the other objects, whatever they are.

    Raises:
        DataError: If the file cannot be read, has no such tree, or has none or several and none is named.
    """
    with damage(path), _opened(path, job) as file:
        kinds = file.classnames(cycle=False)
        cycles = file.keys(cycle=True)
    trees = [name for name, kind in kinds.items() if kind in KINDS]
    chosen = trees[0] if tree is None and len(trees) == 1 else tree
    name = (chosen or "").partition(";")[0]
    if name not in trees or (chosen != name and chosen not in cycles):
        raise DataError(
            f"{len(trees)} trees" if tree is None else f"no tree '{tree}'",
            where=str(path),
            expected=f"one of {', '.join(trees[:8])}" if trees else "a file that holds a tree",
            hint=near(name, trees) or (f"{path.name}:{trees[0]}, or tree: {trees[0]} in a config" if trees else ""),
        )
    others = tuple(other for other, kind in kinds.items() if other != name and not kind.startswith("TDirectory"))
    return str(chosen), others


def column_names(tree: Any) -> tuple[str, ...]:  # noqa: ANN401 - a TTree or an RNTuple
    """The columns of an open tree; of a TTree also the parts of split objects."""
    return tuple(tree.keys(recursive=not is_ntuple(tree)))


def is_ntuple(tree: Any) -> bool:  # noqa: ANN401 - a TTree or an RNTuple
    """Whether an open tree is an RNTuple."""
    return str(tree.classname) == NTUPLE


def tree_rows(path: Path, tree: str, names: Collection[str], start: int, stop: int, *, job: str) -> Chunk:
    """Some rows of some columns.

    Raises:
        DataError: If the file is damaged.
    """
    wanted = set(names)
    with opened_tree(path, tree, job=job) as found, damage(path):
        return found.arrays(filter_name=wanted.__contains__, entry_start=start, entry_stop=stop)


def tree_chunks(
    path: Path, tree: str, names: Collection[str] | None, size: int, *, job: str
) -> Generator[Chunk, None, None]:
    """A tree in its order, `size` rows at a time; one chunk of no rows if it has none.

    Args:
        path: The file.
        tree: Name of the tree.
        names: Columns to read; None for all.
        size: Rows in memory at a time.
        job: The job that needs it.

    Raises:
        DataError: If the file is damaged.
    """
    options: dict[str, Any] = {} if names is None else {"filter_name": set(names).__contains__}
    with opened_tree(path, tree, job=job) as found, damage(path):
        if found.num_entries == 0:
            yield found.arrays(entry_stop=0, **options)
        else:
            yield from found.iterate(step_size=size, **options)


def flat_column(chunk: Chunk, name: str, *, where: str) -> np.ndarray:
    """A column of a chunk of which each row is one number.

    Raises:
        DataError: If it is jagged, text or something else.
    """
    import awkward as ak

    layout = chunk[name].layout if name in chunk.fields else None
    if not isinstance(layout, ak.contents.NumpyArray) or layout.purelist_depth != 1 or layout.dtype.kind not in "iufb":
        kind = "objects" if layout is None else layout.form.type
        raise DataError(f"column '{name}' does not hold numbers, but {kind}", where=where, expected="one number a row")
    return np.asarray(layout.data)


@contextlib.contextmanager
def damage(path: Path) -> Iterator[None]:
    """What uproot raises for a file that is cut short or overwritten becomes a DataError."""
    try:
        yield
    except NeymanError:
        raise
    except Exception as error:  # zlib.error, cramjam.DecompressionError, StopIteration: wrong bytes may raise anything
        reason = " ".join(str(error).split())[:100]
        raise DataError(
            f"cannot be read: {reason or type(error).__name__}",
            where=str(path),
            expected="a Parquet or ROOT file of events",
        ) from error


def _opened(path: Path, job: str) -> Any:  # noqa: ANN401 - uproot has no types
    # A mapping, because uproot would take a colon in a plain path for the beginning of a tree's name.
    return require("uproot", job=job).open({str(path): None})
