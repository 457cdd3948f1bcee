"""Arrays of unbinned channels: read from the files that a workspace names, and named when they are written.

Arrays stay in their files as long as they can: what is read is mapped into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neyman.core.errors import DataError
from neyman.likelihood.workspace.array_files import file_hash, open_array, require_file, require_finite, require_hash
from neyman.likelihood.workspace.event_arrays import ArrayReference, EventArrays
from neyman.likelihood.workspace.relative import relative
from neyman.likelihood.workspace.unbinned import UnbinnedChannel, event_arrays, references


def read_array(
    reference: ArrayReference, folder: Path, *, where: str, may_be_empty: bool = False
) -> Float[np.ndarray, " n"]:
    """An array, checked; one in a `.npy` file is mapped, not copied.

    Args:
        reference: File, hash and column.
        folder: Where a relative path starts.
        where: JSON path, for errors.
        may_be_empty: Whether no events are events too.

    Returns:
        Finite numbers, shape (N,), in float32 or float64 as the file has them; whole numbers become float64.

    Raises:
        DataError: If the file is absent, a git-LFS pointer, changed, damaged, empty, or holds something else.
    """
    path = folder / reference.path
    require_file(path, where=where)
    if reference.sha256:
        require_hash(path, reference.sha256, where=where)
    values = open_array(reference, folder, where=where)
    if not len(values) and not may_be_empty:
        raise DataError("no events", where=f"{where}: {path}", expected="one event at least")
    require_finite(values, where=f"{where}: {path}")
    return values


def array_reference(path: Path | str, folder: Path | str, column: str | None = None) -> dict[str, str]:
    """How a workspace names a file, with its hash.

    Args:
        path: The file.
        folder: The folder of the workspace; the path of a file that is in it is relative to it, others are absolute.
        column: The column, of a Parquet file.

    Raises:
        DataError: If there is no such file.
    """
    require_file(Path(path), where="array")
    file, start = (_absolute(Path(each)) for each in (path, folder))
    name = file.relative_to(start) if file.is_relative_to(start) else file
    return {"path": name.as_posix(), "sha256": file_hash(file)} | ({} if column is None else {"column": column})


def _absolute(path: Path) -> Path:
    """Without the folders that `..` leads out of; else as it is: a folder that is a link may be meant to stay one."""
    return path.resolve() if ".." in path.parts else path.absolute()


class AtEvents(NamedTuple):
    """The values of a function.

    Attributes:
        observed: At the observed events, shape (N,).
        reference: At the reference events, shape (R,), if there are any.
    """

    observed: np.ndarray
    reference: np.ndarray | None


class Sides(NamedTuple):
    """How a systematic changes the density of a sample, at some events.

    Attributes:
        hi: ln p(x|+1)/p(x|0), shape (N,) or (R,).
        lo: ln p(x|-1)/p(x|0).
    """

    hi: np.ndarray
    lo: np.ndarray


class ShapeArrays(NamedTuple):
    """A systematic that changes the density of a sample: whatever the files hold, relative to its nominal density.

    Attributes:
        sample: Number of the sample in the channel.
        name: Name of the parameter.
        observed: At the observed events.
        reference: At the reference events, if there are any.
    """

    sample: int
    name: str
    observed: Sides
    reference: Sides | None


@dataclass(frozen=True, eq=False)
class ChannelArrays:
    """All arrays of an unbinned channel, with N observed and R reference events.

    Attributes:
        observed_weights: Shape (N,), in double precision; ones for data.
        reference_weights: Shape (R,), in double precision; None without reference events.
        log_ratio: ln p(x)/p_ref(x) of each sample.
        shapes: Of each systematic that changes the density of a sample, in the order of the document.
        reference_is_observed: Whether reference and observed events are the same, up to their weights.
        notes: A line for each thing that was found out, and is not in the document.
    """

    observed_weights: Float[np.ndarray, " n"]
    reference_weights: Float[np.ndarray, " r"] | None
    log_ratio: tuple[AtEvents, ...]
    shapes: tuple[ShapeArrays, ...]
    reference_is_observed: bool
    notes: list[str]


def read_channel(channel: UnbinnedChannel, folder: Path, *, where: str) -> ChannelArrays:
    """Read all arrays of a channel.

    Args:
        channel: The channel.
        folder: Where relative paths start.
        where: JSON path of the channel, as `$.channels[1]`.

    Raises:
        DataError: If a file cannot be used, lengths differ, weights do not have a sum above zero, or the two sides of
            a systematic seem to be relative to different densities.
    """
    found = _read(channel, folder, where)
    ratios = tuple(_both(found, f"{where}.samples[{s}].log_ratio") for s in range(len(channel.samples)))
    weights = _weights(found, f"{where}.observed.weights")
    reference = _weights(found, f"{where}.reference.weights")
    shapes, notes = [], []
    for s, (sample, ratio) in enumerate(zip(channel.samples, ratios, strict=True)):
        for m, modifier in enumerate(sample.modifiers):
            if modifier.type == "normplusshape" and modifier.data.hi_log_ratio:
                path = f"{where}.samples[{s}].modifiers[{m}].data"
                hi, lo = (_both(found, f"{path}.{key}") for key in ("hi_log_ratio", "lo_log_ratio"))
                to_reference = modifier.data.relative_to == "reference"
                if modifier.data.relative_to is None and reference is not None:
                    note = _note(path, reference, ratio, hi, lo)
                    to_reference = bool(note)
                    notes += note
                if to_reference:
                    hi, lo = _minus(hi, ratio), _minus(lo, ratio)
                shapes.append(_shape(s, modifier.name, hi, lo))
    return ChannelArrays(
        observed_weights=np.ones(len(ratios[0].observed)) if weights is None else weights,
        reference_weights=reference,
        log_ratio=ratios,
        shapes=tuple(shapes),
        reference_is_observed=all(_same(both, folder) for _, both in event_arrays(channel, where)),
        notes=notes,
    )


def _read(channel: UnbinnedChannel, folder: Path, where: str) -> dict[str, np.ndarray]:
    """All arrays by JSON path; those of the observed events have one length, those of the reference events another."""
    arrays: dict[tuple[ArrayReference, str], np.ndarray] = {}
    found: dict[str, np.ndarray] = {}
    first: dict[str, tuple[str, int]] = {}
    for path, events, reference in references(channel, where):
        key = reference, events
        if key not in arrays:
            arrays[key] = read_array(reference, folder, where=path, may_be_empty=events == "observed")
        found[path] = arrays[key]
        other, expected = first.setdefault(events, (path, len(found[path])))
        if len(found[path]) != expected:
            raise DataError(f"{len(found[path])} events", where=path, expected=f"{expected}, as {other}")
    return found


def _both(found: dict[str, np.ndarray], path: str) -> AtEvents:
    return AtEvents(found[f"{path}.observed"], found.get(f"{path}.reference"))


def _weights(found: dict[str, np.ndarray], path: str) -> np.ndarray | None:
    """Weights in double precision, in which they are summed; those of no events at all have no sum to check."""
    if path not in found:
        return None
    weights = np.asarray(found[path], np.float64)
    if len(weights) and not weights.sum() > 0:
        raise DataError(f"weights with a sum of {weights.sum():.6g}", where=path, expected="a sum above zero")
    return weights


def _note(path: str, weights: np.ndarray, ratio: AtEvents, hi: AtEvents, lo: AtEvents) -> list[str]:
    """A line if both sides are relative to the reference density; none if to the nominal one, as is the rule."""
    sides = [relative(weights, np.asarray(ratio.reference), np.asarray(each.reference)) for each in (hi, lo)]
    if sides[0].to_reference != sides[1].to_reference:
        other = "hi" if sides[0].to_reference else "lo"
        raise DataError(
            f"{other}_log_ratio seems to be relative to the reference density, the other one to the nominal density",
            where=path,
            expected="both relative to the same density",
            hint='"relative_to": "nominal", or "reference", to say so',
        )
    if not sides[0].to_reference:
        return []
    integrals = " and ".join(dict.fromkeys(f"{each.integral:.3f}" for each in sides))
    say = 'write "relative_to": "reference" to say so'
    return [f"{path}: read as relative to the reference density, where it integrates to {integrals}; {say}"]


def _minus(varied: AtEvents, nominal: AtEvents) -> AtEvents:
    observed = varied.observed - nominal.observed
    if varied.reference is None or nominal.reference is None:
        return AtEvents(observed, None)
    return AtEvents(observed, varied.reference - nominal.reference)


def _shape(sample: int, name: str, hi: AtEvents, lo: AtEvents) -> ShapeArrays:
    observed = Sides(hi.observed, lo.observed)
    if hi.reference is None or lo.reference is None:
        return ShapeArrays(sample, name, observed, None)
    return ShapeArrays(sample, name, observed, Sides(hi.reference, lo.reference))


def _same(both: EventArrays, folder: Path) -> bool:
    """Whether the values at reference events are those at observed events, and so the events the same."""
    here, there = both.observed, both.reference
    return there is not None and (folder / here.path, here.column) == (folder / there.path, there.column)
