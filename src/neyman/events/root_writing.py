"""Trees of ROOT files, written again with more columns."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neyman.core.errors import DataError, require
from neyman.events.root import Chunk, is_ntuple, opened_tree
from neyman.events.tables import Append, Table


@dataclass(frozen=True)
class Layout:
    """What a tree must be written with to be what it was.

    Attributes:
        tree: Its name, without a cycle.
        title: Its title.
        compression: The compression of the file.
        ntuple: Whether it is an RNTuple, of which a chunk says all that follows.
        types: Branches of a TTree, as NumPy types or Awkward datashapes, without those that count others.
        counters: The branch that counts the elements of a jagged one; it may count several.
    """

    tree: str
    title: str = ""
    compression: Any = None
    ntuple: bool = False
    types: Mapping[str, Any] = field(default_factory=dict)
    counters: Mapping[str, str] = field(default_factory=dict)


def layout_of(path: Path, tree: str, *, job: str) -> Layout:
    """The layout of a tree that is there.

    Raises:
        DataError: If it has branches that uproot can read, perhaps, but not write.
    """
    with opened_tree(path, tree, job=job) as found:
        name, compression = tree.partition(";")[0], found.file.compression
        if is_ntuple(found):
            return Layout(name, compression=compression, ntuple=True)
        counts = {branch.name: branch.count_branch for branch in found.branches}
        counters = {counted: count.name for counted, count in counts.items() if count is not None}
        types = {branch.name: _written_type(branch) for branch in found.branches}
        _refuse_unwritable([branch for branch in found.branches if types[branch.name] is None], path)
        kept = {branch: kind for branch, kind in types.items() if branch not in counters.values()}
        return Layout(name, found.title, compression, types=kept, counters=counters)


@contextlib.contextmanager
def tree_writer(path: Path, layout: Layout, *, chunks: int, job: str) -> Iterator[Append]:
    """Write a tree into a new file, which has nothing else.

    Args:
        path: The file.
        layout: The tree to write; with no types, the tree of the new columns alone.
        chunks: About how many there will be: so many baskets are provided for.
        job: The job that needs it.

    Yields:
        What writes a chunk; the tree is made with the first.

    Raises:
        DataError: If an RNTuple has fields that uproot can read, but not write.
    """
    uproot = require("uproot", job=job)
    with uproot.recreate(path, compression=layout.compression or uproot.ZLIB(1)) as file:
        tree = None

        def append(chunk: Chunk | None, new: Table) -> None:
            nonlocal tree
            columns = _columns(chunk, layout, new)
            if tree is None:
                tree = _new_ntuple(file, layout, columns) if layout.ntuple else _new_tree(file, layout, new, chunks)
            if len(next(iter(new.values()))):
                tree.extend(columns)

        yield append


def _columns(chunk: Chunk | None, layout: Layout, new: Table) -> dict[str, Any]:
    if chunk is None:
        return dict(new)
    names = chunk.fields if layout.ntuple else layout.types
    return {name: chunk[name] for name in names} | dict(new)


def _new_tree(file: Any, layout: Layout, new: Table, chunks: int) -> Any:  # noqa: ANN401 - uproot has no types
    types = {**layout.types, **{name: values.dtype for name, values in new.items()}}
    counters = {**layout.counters, **_new_counters(layout, types)}
    # Room for all baskets from the start: uproot writes the whole header again when it must make more.
    return file.mktree(
        layout.tree, types, layout.title, counter_name=lambda name: counters[name], initial_basket_capacity=chunks + 2
    )


def _new_counters(layout: Layout, taken: Collection[str]) -> dict[str, str]:
    """Counters for vectors: uproot writes them as lists of which another branch has the length."""
    made: dict[str, str] = {}
    for name, kind in layout.types.items():
        if isinstance(kind, str) and kind.startswith("var") and name not in layout.counters:
            counter = f"n{name}"
            while counter in {*taken, *made.values(), *layout.counters.values()}:
                counter = f"n{counter}"
            made[name] = counter
    return made


def _new_ntuple(file: Any, layout: Layout, columns: Mapping[str, Any]) -> Any:  # noqa: ANN401 - uproot has no types
    import awkward as ak

    form = ak.zip(dict(columns), depth_limit=1).layout.form
    try:
        return file.mkrntuple(layout.tree, form)
    except (AssertionError, NotImplementedError, TypeError, ValueError) as error:
        raise DataError(
            f"fields that cannot be written again, of type {str(form.type)[:200]}",
            where=layout.tree,
            hint="--only-new, and make the new table a friend of this one",
        ) from error


def _written_type(branch: Any) -> Any:  # noqa: ANN401 - uproot has no types
    """The type to write a branch with; None if uproot cannot write what it reads.

    Of lists of arrays, `x[n][3]`, uproot writes the length wrong.
    """
    import uproot

    kind = branch.interpretation
    if len(branch.branches):
        return None
    if isinstance(kind, uproot.AsStrings):
        return "string"
    if isinstance(kind, uproot.AsJagged):
        inner = _number(kind.content)
        return None if inner is None or inner.shape else f"var * {inner.name}"
    return _number(kind)


def _number(kind: Any) -> np.dtype[Any] | None:  # noqa: ANN401 - uproot has no types
    import uproot

    if not isinstance(kind, uproot.AsDtype | uproot.AsDouble32 | uproot.AsFloat16):
        return None
    dtype = np.dtype(kind.numpy_dtype)
    return dtype if dtype.base.kind in "iufb" else None


def _refuse_unwritable(branches: list[Any], path: Path) -> None:
    if branches:
        named = ", ".join(f"{branch.name} ({branch.typename})" for branch in branches[:3])
        raise DataError(
            f"branches that cannot be written again: {named}"
            + (f" and {len(branches) - 3} more" if len(branches) > 3 else ""),
            where=str(path),
            expected="numbers, text, arrays of fixed size, and lists of numbers",
            hint="--only-new, and make the new tree a friend of this one",
        )
